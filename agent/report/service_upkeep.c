/*
 * What reports do by themselves: begin tidy, come due, go when they are old.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/report/service_internal.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define LIST_MAX	   256
#define SCHEDULES_EVERY_NS (60 * NS_PER_S)
#define RETENTION_EVERY_NS (3600 * NS_PER_S)

/* ---- start ----------------------------------------------------------------------------------- */

/* Rows of a run that ended in the middle. */
static int fail_unfinished(struct report_service *service)
{
	CLEANUP(free) struct report *rows = calloc(LIST_MAX, sizeof(*rows));
	int64_t before = 0;
	int count;

	if (!rows)
		return -ENOMEM;
	while ((count = store_report_list(service->options.store, before, rows, LIST_MAX)) > 0) {
		for (int i = 0; i < count; i++) {
			if (rows[i].state == REPORT_DONE || rows[i].state == REPORT_FAILED)
				continue;
			rows[i].state = REPORT_FAILED;
			rows[i].finished_unix_ms = clock_unix_ms();
			(void)snprintf(rows[i].error, sizeof(rows[i].error),
				       "The service ended while it was made.");
			int error = store_report_update(service->options.store, &rows[i]);
			if (error)
				return error;
		}
		before = rows[count - 1].id;
	}
	return count;
}

/* Files that no finished report has: pieces of one that was being written. */
static void remove_strays(struct report_service *service)
{
	DIR *dir = opendir(service->dir);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		char name[64], path[PATH_MAX];
		struct report report;
		int64_t id = strtoll(entry->d_name, NULL, 10);

		if (*entry->d_name == '.' && strspn(entry->d_name, ".") == strlen(entry->d_name))
			continue;
		if (id > 0 && !store_report_get(service->options.store, id, &report) &&
		    report.state == REPORT_DONE) {
			(void)snprintf(name, sizeof(name), "%" PRId64 ".%s", id,
				       report_format_name(report.format));
			if (!strcmp(name, entry->d_name))
				continue;
		}
		if (snprintf(path, sizeof(path), "%s/%s", service->dir, entry->d_name) <
		    (int)sizeof(path))
			(void)unlink(path); /* the next start tries again */
	}
	if (dir)
		(void)closedir(dir); /* read only */
}

int report_service_new(const struct report_options *options, struct report_service **out)
{
	CLEANUP(report_service_free) struct report_service *service = calloc(1, sizeof(*service));
	int error;

	if (!service)
		return -ENOMEM;
	service->options = *options;
	if (snprintf(service->dir, sizeof(service->dir), "%s/reports", options->dir) >=
	    (int)sizeof(service->dir))
		return -ENAMETOOLONG;
	/* not file_make_dir: core may not change modes */
	if (mkdir(service->dir, 0700) && errno != EEXIST)
		return -errno;
	error = fail_unfinished(service);
	if (error)
		return error;
	remove_strays(service);
	*out = TAKE(service);
	return 0;
}

void report_service_stop(struct report_service *service)
{
	if (!service)
		return;
	service->is_stopping = true;
	if (service->work)
		atomic_store(&service->work->is_cancelled, true);
}

void report_service_free(struct report_service *service)
{
	if (!service)
		return;
	if (service->work && service->work->render >= 0)
		close(service->work->render);
	free(service->work);
	free(service);
}

/* ---- schedules ------------------------------------------------------------------------------- */

int report_schedule_add(struct report_service *service, struct report_schedule *schedule)
{
	CLEANUP(zone_free) struct zone *zone = NULL;
	struct report_schedule rows[REPORT_SCHEDULES_MAX];
	int count = store_report_schedule_list(service->options.store, rows, REPORT_SCHEDULES_MAX);
	int error = zone_load(schedule->zone, &zone);

	if (schedule->kind >= REPORT_KIND_COUNT || schedule->format >= REPORT_FORMAT_COUNT ||
	    schedule->every >= REPORT_EVERY_COUNT || schedule->minute >= 24 * 60)
		return -EINVAL;
	if (count < 0 || count == REPORT_SCHEDULES_MAX)
		return count < 0 ? count : -ENOSPC;
	if (error)
		return error == -ENOMEM ? error : -ENOENT;
	schedule->created_unix_ms = clock_unix_ms();
	schedule->last_due_unix_ms = 0;
	return store_report_schedule_insert(service->options.store, schedule);
}

/* However many were missed while the service was down, the newest one is made, once. */
static void begin_due(struct report_service *service, const struct report_schedule *schedule,
		      int64_t now_unix_ms)
{
	CLEANUP(zone_free) struct zone *zone = NULL;
	struct report order = { .kind = schedule->kind,
				.format = schedule->format,
				.schedule_id = schedule->id };
	struct report made;
	struct due due;
	int error;

	(void)zone_load(schedule->zone, &zone); /* gone from the system: UTC */
	schedule_due(schedule, zone, now_unix_ms, &due);
	if (due.at_unix_ms <= schedule->last_due_unix_ms ||
	    due.at_unix_ms <= schedule->created_unix_ms)
		return;
	order.from_unix_ms = due.from_unix_ms;
	order.to_unix_ms = due.to_unix_ms;
	memcpy(order.author, schedule->author, sizeof(order.author));
	memcpy(order.zone, schedule->zone, sizeof(order.zone));
	error = report_create(service, &order, &made);
	if (!error) /* in this order: a crash between them makes one twice, never none */
		error = store_report_schedule_touch(service->options.store, schedule->id,
						    due.at_unix_ms);
	if (error)
		log_warn("a report is due and could not begin schedule=%" PRId64 " error=%s",
			 schedule->id, strerror(-error));
}

static void look_at_schedules(struct report_service *service)
{
	struct report_schedule rows[REPORT_SCHEDULES_MAX];
	int count = store_report_schedule_list(service->options.store, rows, REPORT_SCHEDULES_MAX);

	for (int i = 0; i < count; i++)
		begin_due(service, &rows[i], clock_unix_ms());
}

/* ---- retention ------------------------------------------------------------------------------- */

static bool is_over(const struct report_service *service, const struct report *report,
		    uint64_t newer_bytes)
{
	const struct report_options *options = &service->options;

	if (report->state != REPORT_DONE && report->state != REPORT_FAILED)
		return false;
	if (options->keep_s &&
	    clock_unix_ms() - report->created_unix_ms > options->keep_s * MS_PER_S)
		return true;
	return options->max_bytes && newer_bytes > options->max_bytes;
}

static void drop_old(struct report_service *service)
{
	CLEANUP(free) struct report *rows = calloc(LIST_MAX, sizeof(*rows));
	uint64_t bytes = 0;
	int64_t before = 0;
	int count = 0;

	while (rows &&
	       (count = store_report_list(service->options.store, before, rows, LIST_MAX)) > 0) {
		for (int i = 0; i < count; i++) {
			bytes += (uint64_t)rows[i].size_bytes;
			if (is_over(service, &rows[i], bytes) && report_remove(service, &rows[i]))
				log_warn("an old report could not be removed id=%" PRId64,
					 rows[i].id);
		}
		before = rows[count - 1].id;
	}
}

void report_service_tick(struct report_service *service)
{
	uint64_t now_ns = clock_monotonic_ns();

	report_check_render(service);
	if (now_ns >= service->schedules_ns) {
		service->schedules_ns = now_ns + SCHEDULES_EVERY_NS;
		look_at_schedules(service);
	}
	if (now_ns >= service->retention_ns) {
		service->retention_ns = now_ns + RETENTION_EVERY_NS;
		drop_old(service);
	}
}
