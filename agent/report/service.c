/*
 * The queue of reports: one is made at a time, on a thread that has nothing else to do. Files
 * appear under their name only when they are whole.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/report/service_internal.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/digest.h"
#include "agent/util/file.h"
#include "agent/util/log.h"

#define READ_NS		(10 * NS_PER_S) /* a read for a report: 90 days of a loaded machine */
#define RENDER_START_NS (10 * NS_PER_S) /* a fork takes milliseconds, also on a loaded machine */

int report_path(const struct report_service *service, int64_t id, const char *format, char *path)
{
	int length = snprintf(path, PATH_MAX, "%s/%" PRId64 ".%s", service->dir, id, format);

	return length < PATH_MAX ? 0 : -ENAMETOOLONG;
}

/* ---- on the jobs thread ------------------------------------------------------------------------
 */

static int make_bytes(struct work *work, const struct json *document, struct buffer *out)
{
	const struct exchange exchange = { work->render, &work->is_cancelled };

	if (work->report.format == REPORT_PDF)
		return wire_draw(&exchange, document, &work->percent, out);
	if (work->report.format == REPORT_CSV) {
		report_csv(document, out);
	} else {
		CLEANUP(free) char *text = json_print_pretty(document, NULL);

		if (!text)
			return -ENOMEM;
		buffer_append_text(out, text);
		buffer_append_text(out, "\n");
	}
	return out->error;
}

static int keep_file(struct work *work, const struct buffer *bytes)
{
	CLEANUP(digest_free) struct digest *digest = NULL;
	char path[PATH_MAX];
	int error = report_path(work->service, work->report.id,
				report_format_name(work->report.format), path);

	if (!error)
		error = digest_new(DIGEST_SHA256, &digest);
	if (error)
		return error;
	digest_add(digest, bytes->data, bytes->len);
	error = digest_finish(digest, work->report.sha256);
	if (!error)
		error = file_write(path, bytes->data, bytes->len, 0600);
	work->report.size_bytes = (int64_t)bytes->len;
	return error;
}

static int make(struct work *work)
{
	CLEANUP(zone_free) struct zone *zone = NULL;
	CLEANUP(json_free) struct json *document = NULL;
	CLEANUP(buffer_done) struct buffer bytes;
	const struct report_options *options = &work->service->options;
	struct gather gather = { .store = options->store,
				 .report = &work->report,
				 .version = options->version,
				 .is_demo = options->is_demo,
				 .facts = options->facts,
				 .arg = options->arg,
				 .percent = &work->percent,
				 .is_cancelled = &work->is_cancelled };

	buffer_init(&bytes, PDF_MAX);
	work->report.state = REPORT_MAKING;
	int error = store_report_update(options->store, &work->report);
	if (!error)
		error = zone_load(work->report.zone, &zone);
	gather.zone = zone;
	if (!error)
		error = report_gather(&gather, &document);
	if (!error)
		error = make_bytes(work, document, &bytes);
	return error ? error : keep_file(work, &bytes);
}

static void work_report(void *arg)
{
	struct work *work = arg;

	store_set_patience(READ_NS);
	work->error = make(work);
	store_set_patience(0);
	if (work->render >= 0)
		close(work->render);
	work->render = -1;
}

/* ---- on the service thread ---------------------------------------------------------------------
 */

static const char *failure_text(int error)
{
	switch (error) {
	case -ENOSPC:
		return "The disk is full.";
	case -ETIMEDOUT:
		return "The history did not answer in time. Try a shorter period.";
	case -EPIPE:
	case -EPROTO:
		return "The process that draws ended before it was done.";
	case -E2BIG:
		return "The report is too large. Try a shorter period.";
	case -EAGAIN:
		return "No process to draw it could be started.";
	case -ECANCELED:
		return "The service ended while it was made.";
	default:
		return "It could not be made. The log has the details.";
	}
}

static void finish(struct report_service *service, int error)
{
	struct work *work = service->work;
	struct report *report = &work->report;

	service->work = NULL;
	report->state = error ? REPORT_FAILED : REPORT_DONE;
	report->finished_unix_ms = clock_unix_ms();
	if (error) {
		report->size_bytes = 0;
		report->sha256[0] = '\0';
		(void)snprintf(report->error, sizeof(report->error), "%s", failure_text(error));
		log_error("a report could not be made id=%" PRId64 " error=%s", report->id,
			  strerror(-error));
	} else {
		log_info("report made id=%" PRId64 " kind=%s bytes=%" PRId64, report->id,
			 report_kind_name(report->kind), report->size_bytes);
	}
	if (work->is_deleted)
		(void)report_remove(service, report); /* its row may be gone already */
	else if (store_report_update(service->options.store, report))
		log_error("the state of a report could not be stored id=%" PRId64, report->id);
	if (!error && !work->is_deleted && service->options.on_made)
		service->options.on_made(service->options.arg, report);
	if (work->render >= 0)
		close(work->render);
	free(work);
}

static void done_report(void *arg)
{
	struct work *work = arg;
	struct report_service *service = work->service;

	finish(service, work->error);
	report_pump(service);
}

static void start_work(struct report_service *service)
{
	struct work *work = service->work;
	int error = service->options.run(service->options.arg, work_report, done_report, work);

	service->is_asking = false;
	if (error)
		finish(service, error);
}

/* Begin the next one, when none is under way. */
void report_pump(struct report_service *service)
{
	while (!service->work && service->waiting_count && !service->is_stopping) {
		struct work *work = calloc(1, sizeof(*work));

		if (!work)
			return; /* the next tick tries again */
		work->service = service;
		work->report = service->waiting[0];
		work->render = -1;
		service->waiting_count--;
		memmove(&service->waiting[0], &service->waiting[1],
			service->waiting_count * sizeof(service->waiting[0]));
		service->work = work;
		if (work->report.format != REPORT_PDF) {
			start_work(service);
			continue;
		}
		service->is_asking = true;
		service->asked_ns = clock_monotonic_ns();
		if (service->options.ask_render(service->options.arg))
			report_service_take_render(service, -1);
	}
}

void report_service_take_render(struct report_service *service, int fd)
{
	if (!service->work || !service->is_asking) {
		if (fd >= 0)
			close(fd); /* came too late: its report has failed */
		return;
	}
	service->work->render = fd;
	if (fd >= 0) {
		start_work(service);
		return;
	}
	service->is_asking = false;
	finish(service, -EAGAIN);
}

void report_check_render(struct report_service *service)
{
	if (service->is_asking && clock_monotonic_ns() - service->asked_ns > RENDER_START_NS)
		report_service_take_render(service, -1);
	report_pump(service);
}

/* ---- orders ------------------------------------------------------------------------------------
 */

static int check_order(struct report *report)
{
	CLEANUP(zone_free) struct zone *zone = NULL;
	int64_t from = report->from_unix_ms, to = report->to_unix_ms;

	if (report->kind >= REPORT_KIND_COUNT || report->format >= REPORT_FORMAT_COUNT ||
	    from < 0 || to <= from || to - from > REPORT_PERIOD_MAX_MS)
		return -EINVAL;
	report->from_unix_ms = from / MS_PER_HOUR * MS_PER_HOUR;
	report->to_unix_ms = (to + MS_PER_HOUR - 1) / MS_PER_HOUR * MS_PER_HOUR;
	return zone_load(report->zone, &zone) == -ENOMEM ? -ENOMEM : zone ? 0 : -ENOENT;
}

int report_create(struct report_service *service, const struct report *order, struct report *out)
{
	struct report report = *order;
	int error = check_order(&report);

	if (!error && service->waiting_count == REPORT_WAITING_MAX)
		error = -EAGAIN;
	if (error)
		return error;
	report.state = REPORT_QUEUED;
	report.created_unix_ms = clock_unix_ms();
	error = store_report_insert(service->options.store, &report);
	if (error)
		return error;
	service->waiting[service->waiting_count++] = report;
	*out = report;
	report_pump(service);
	return 0;
}

int report_progress(const struct report_service *service, const struct report *report)
{
	if (service->work && service->work->report.id == report->id)
		return (int)atomic_load(&service->work->percent);
	return report->state == REPORT_DONE || report->state == REPORT_FAILED ? 100 : 0;
}

int report_remove(struct report_service *service, const struct report *report)
{
	char path[PATH_MAX];
	int error = report_path(service, report->id, report_format_name(report->format), path);

	if (!error && unlink(path) && errno != ENOENT)
		error = -errno;
	return error ? error : store_report_delete(service->options.store, report->id);
}

int report_delete(struct report_service *service, int64_t id)
{
	struct report report;
	int error;

	for (size_t i = 0; i < service->waiting_count; i++)
		if (service->waiting[i].id == id) {
			service->waiting_count--;
			memmove(&service->waiting[i], &service->waiting[i + 1],
				(service->waiting_count - i) * sizeof(service->waiting[0]));
			return store_report_delete(service->options.store, id);
		}
	if (service->work && service->work->report.id == id) {
		service->work->is_deleted = true; /* its row and file go when its thread is done */
		atomic_store(&service->work->is_cancelled, true);
		return store_report_delete(service->options.store, id);
	}
	error = store_report_get(service->options.store, id, &report);
	return error ? error : report_remove(service, &report);
}

int report_read(struct report_service *service, int64_t id, struct report_part *part,
		struct buffer *out)
{
	CLEANUP(free) char *chunk = malloc(part->max);
	CLEANUP(close) int fd = -1;
	struct report report;
	char path[PATH_MAX];
	ssize_t got;
	int error = store_report_get(service->options.store, id, &report);

	if (!error && report.state != REPORT_DONE)
		error = report.state == REPORT_FAILED ? -ENOENT : -EAGAIN;
	if (!error)
		error = report_path(service, id, report_format_name(report.format), path);
	if (error || !chunk)
		return error ? error : -ENOMEM;
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	got = fd < 0 ? -1 : pread(fd, chunk, part->max, part->offset);
	if (got < 0)
		return -errno;
	buffer_append(out, chunk, (size_t)got);
	part->is_last = part->offset + got >= report.size_bytes || !got;
	return out->error;
}
