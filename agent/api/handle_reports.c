/*
 * Reports: ordered, listed, fetched, deleted; their schedules; and the original's paths.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/mail/mail.h"
#include "agent/report/report.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"

#define REPORTS_LIMIT_DEFAULT 50
#define REPORTS_LIMIT_MAX     500
#define MS_PER_HOUR	      3600000LL

/* ---- as JSON --------------------------------------------------------------------------------- */

static struct json *encode_report(const struct call *call, const struct report *report)
{
	struct json *item = json_new_object();

	json_set_int(item, "id", report->id);
	json_set_string(item, "kind", report_kind_name(report->kind));
	json_set_string(item, "title", report_kind_title(report->kind));
	json_set_string(item, "format", report_format_name(report->format));
	json_set_string(item, "state", report_state_name(report->state));
	json_set_int(item, "progress", report_progress(call->api->options.reports, report));
	json_set_time(item, "from", report->from_unix_ms);
	json_set_time(item, "to", report->to_unix_ms);
	json_set_string(item, "zone", report->zone);
	json_set_string(item, "author", report->author);
	json_set_time(item, "created", report->created_unix_ms);
	json_set_time(item, "finished", report->finished_unix_ms);
	json_set_int(item, "size", report->size_bytes);
	json_set_string(item, "sha256", *report->sha256 ? report->sha256 : NULL);
	if (report->schedule_id)
		json_set_int(item, "schedule_id", report->schedule_id);
	else
		json_set_null(item, "schedule_id");
	json_set_string(item, "error", *report->error ? report->error : NULL);
	return item;
}

static struct json *encode_schedule(const struct call *call, const struct report_schedule *schedule)
{
	struct json *item = json_new_object();
	char at[16];

	(void)snprintf(at, sizeof(at), "%02u:%02u", schedule->minute / 60U, schedule->minute % 60U);
	json_set_int(item, "id", schedule->id);
	json_set_string(item, "kind", report_kind_name(schedule->kind));
	json_set_string(item, "title", report_kind_title(schedule->kind));
	json_set_string(item, "format", report_format_name(schedule->format));
	json_set_string(item, "every", report_every_name(schedule->every));
	json_set_string(item, "at", at);
	json_set_string(item, "zone", schedule->zone);
	json_set_string(item, "author", schedule->author);
	json_set_string(item, "to", call->who.role < ROLE_ANALYST ? NULL : schedule->to);
	json_set_time(item, "created", schedule->created_unix_ms);
	json_set_time(item, "last_due", schedule->last_due_unix_ms);
	json_set_time(item, "next_due", report_schedule_next(schedule, clock_unix_ms()));
	return edit_tagged(EDITED_SCHEDULE, item);
}

static int audit(const struct call *call, const char *action, int64_t id)
{
	char target[24];
	const struct audit_entry entry = {
		.who = call->who.name, .peer = &call->who.peer, .action = action, .target = target
	};

	(void)snprintf(target, sizeof(target), "%" PRId64, id);
	return store_audit_write(call->api->options.store, &entry);
}

/* ---- orders ---------------------------------------------------------------------------------- */

static int bad(struct call *call, const char *field, const char *message)
{
	answer_error(call, 422, "invalid", field, message);
	return -EINVAL;
}

static int read_kind(struct call *call, const struct json *body, uint8_t *kind, uint8_t *format)
{
	const char *text;

	if (body_text(call, body, "kind", &text))
		return -EINVAL;
	if (report_kind_parse(text, kind))
		return bad(call, "kind",
			   "kind is general, incidents, traffic, anomaly or executive.");
	if (body_text(call, body, "format", &text))
		return -EINVAL;
	*format = REPORT_PDF;
	if (*text && report_format_parse(text, format))
		return bad(call, "format", "format is pdf, json or csv.");
	return 0;
}

static int read_zone(struct call *call, const struct json *body, char zone[static REPORT_ZONE_MAX])
{
	const char *text;

	if (body_text(call, body, "zone", &text))
		return -EINVAL;
	if (strlen(text) >= REPORT_ZONE_MAX)
		return bad(call, "zone", "zone is a name like Europe/Berlin.");
	(void)snprintf(zone, REPORT_ZONE_MAX, "%s", text);
	return 0;
}

static int read_moment(struct call *call, const struct json *body, const char *name,
		       int64_t *unix_ms)
{
	const char *text;

	if (body_text(call, body, name, &text))
		return -EINVAL;
	if (*text && flow_query_time(text, clock_unix_ms(), unix_ms))
		return bad(call, name,
			   "This is a time as 1h, 2d, today, 2026-11-24 or 2026-11-24T13:45:00Z.");
	return 0;
}

static void answer_made(struct call *call, const struct report *report, int error)
{
	if (!error)
		error = audit(call, "report.create", report->id);
	switch (error) {
	case 0:
		answer_json(call, 202, encode_report(call, report));
		return;
	case -EINVAL:
		(void)bad(call, "from", "The period is empty, or longer than two years.");
		return;
	case -ENOENT:
		(void)bad(call, "zone", "This host knows no such time zone.");
		return;
	case -EAGAIN:
		answer_throttled(call, 10, "Many reports wait to be made already. Try again soon.");
		return;
	default:
		answer_failure(call, error);
	}
}

/* The last 24 hours, the present one among them. */
static struct report last_day(const struct call *call)
{
	int64_t to = (clock_unix_ms() / MS_PER_HOUR + 1) * MS_PER_HOUR;
	struct report order = { .format = REPORT_PDF,
				.from_unix_ms = to - 24 * MS_PER_HOUR,
				.to_unix_ms = to };

	(void)snprintf(order.author, sizeof(order.author), "%s", call->who.name);
	return order;
}

void handle_report_create(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct report order = last_day(call), made = { 0 };

	if (body_json(call, &body) || read_kind(call, body, &order.kind, &order.format) ||
	    read_moment(call, body, "from", &order.from_unix_ms) ||
	    read_moment(call, body, "to", &order.to_unix_ms) || read_zone(call, body, order.zone))
		return;
	answer_made(call, &made, report_create(call->api->options.reports, &order, &made));
}

/* The fields of the original's form, and two more that may be left out. */
static int read_form(const struct call *call, struct report *order)
{
	const char *form = call->request->body;
	char kind[PARAM_MAX], format[PARAM_MAX], period[PARAM_MAX];
	int64_t seconds = 0;

	if (param_text(form, "report_type", kind) || report_kind_parse(kind, &order->kind) ||
	    param_text(form, "format", format) || param_text(form, "period", period) ||
	    (*format && report_format_parse(format, &order->format)) ||
	    (*period && (duration_parse(period, &seconds) || seconds <= 0)))
		return -EINVAL;
	if (seconds)
		order->from_unix_ms = order->to_unix_ms - seconds * 1000;
	return 0;
}

/* The original's form, and its page afterwards. */
void handle_form_report(struct call *call)
{
	struct report order = last_day(call), made = { 0 };
	int error = read_form(call, &order);

	if (!error)
		error = report_create(call->api->options.reports, &order, &made);
	if (!error)
		error = audit(call, "report.create", made.id);
	answer_redirect(call, error ? "/reports?refused=1" : "/reports", "");
}

/* ---- what is there --------------------------------------------------------------------------- */

void handle_reports(struct call *call)
{
	int64_t limit = REPORTS_LIMIT_DEFAULT, before = 0;
	CLEANUP(free) struct report *rows = NULL;
	struct json *items;
	int count;

	if (param_int(call, "limit", 1, REPORTS_LIMIT_MAX, &limit) ||
	    param_int(call, "before", 1, INT64_MAX, &before))
		return;
	rows = calloc((size_t)limit + 1, sizeof(*rows));
	count = rows ? store_report_list(call->api->options.store, before, rows, (size_t)limit + 1)
		     : -ENOMEM;
	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count && i < limit; i++)
		json_add(items, encode_report(call, &rows[i]));
	answer_list(call, items, count > limit ? rows[limit - 1].id : 0);
}

void handle_report(struct call *call)
{
	struct report report;
	int64_t id;
	int error;

	if (part_id(call, &id))
		return;
	error = store_report_get(call->api->options.store, id, &report);
	if (error)
		answer_failure(call, error);
	else
		answer_json(call, 200, encode_report(call, &report));
}

void handle_report_delete(struct call *call)
{
	int64_t id;
	int error;

	if (part_id(call, &id))
		return;
	error = report_delete(call->api->options.reports, id);
	if (!error)
		error = audit(call, "report.delete", id);
	if (error)
		answer_failure(call, error);
	else
		answer_empty(call, 204);
}

/* ---- the file -------------------------------------------------------------------------------- */

static void answer_file(struct call *call, const struct report *report, int64_t offset)
{
	static const char *const types[REPORT_FORMAT_COUNT] = { [REPORT_PDF] = "application/pdf",
								[REPORT_JSON] = "application/json",
								[REPORT_CSV] =
									"text/csv; charset=utf-8" };
	CLEANUP(buffer_done) struct buffer body;
	struct report_part bytes = { .offset = offset, .max = EXPORT_PART_MAX };
	char disposition[96], next[CURSOR_TEXT_MAX] = "";
	int error;

	buffer_init(&body, EXPORT_PART_MAX + 1);
	error = report_read(call->api->options.reports, report->id, &bytes, &body);
	if (error == -EAGAIN) {
		answer_error(call, 409, "not_finished", NULL, "This report is still being made.");
		return;
	}
	if (error) {
		answer_failure(call, error);
		return;
	}
	if (!bytes.is_last)
		cursor_format(0, offset + (int64_t)body.len, next);
	(void)snprintf(disposition, sizeof(disposition),
		       "attachment; filename=\"sluice-%s-%" PRId64 ".%s\"",
		       report_kind_name(report->kind), report->id,
		       report_format_name(report->format));
	answer_part(call, &(struct part){ .type = types[report->format],
					  .disposition = disposition,
					  .next = next,
					  .body = &body });
}

static void answer_file_of(struct call *call, int64_t id)
{
	char text[PARAM_MAX];
	int64_t hour = 0, offset = 0;
	struct report report;
	int error;

	if (!param_text(call->request->query, "after", text) && *text &&
	    (cursor_parse(text, &hour, &offset) || hour)) {
		(void)bad(call, "after",
			  "after is what an earlier answer gave as next, or nothing.");
		return;
	}
	error = store_report_get(call->api->options.store, id, &report);
	if (!error && report.format >= REPORT_FORMAT_COUNT)
		error = -ENOENT;
	if (!error && !offset) /* once per download, not per part */
		error = audit(call, "report.download", id);
	if (error)
		answer_failure(call, error);
	else
		answer_file(call, &report, offset);
}

void handle_report_file(struct call *call)
{
	int64_t id;

	if (!part_id(call, &id))
		answer_file_of(call, id);
}

/* The original's path names a file: the number is what counts, "12.pdf" or the whole name that a
 * download has. */
void handle_report_download(struct call *call)
{
	size_t len = strcspn(call->part, ".");
	const char *dash;
	char *end;
	int64_t id;

	call->part[len] = '\0';
	dash = strrchr(call->part, '-');
	id = strtoll(dash ? dash + 1 : call->part, &end, 10);
	if (*end || id <= 0)
		answer_error(call, 404, "not_found", NULL, "There is no such report.");
	else
		answer_file_of(call, id);
}

/* ---- schedules ------------------------------------------------------------------------------- */

void handle_report_schedules(struct call *call)
{
	struct report_schedule rows[REPORT_SCHEDULES_MAX];
	struct json *items;
	int count =
		store_report_schedule_list(call->api->options.store, rows, REPORT_SCHEDULES_MAX);

	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_schedule(call, &rows[i]));
	answer_list(call, items, 0);
}

/* Whom this host writes to is an admin's to say. */
static int read_recipients(struct call *call, const struct json *body,
			   char to[static REPORT_TO_MAX])
{
	const char *text;

	if (body_text(call, body, "to", &text))
		return -EINVAL;
	if (!*text)
		return 0;
	if (call->who.role < ROLE_ADMIN) {
		answer_error(call, 403, "forbidden", "to", "Only admins say who gets a report.");
		return -EACCES;
	}
	if (strlen(text) >= REPORT_TO_MAX || mail_check_addresses(text))
		return bad(call, "to", "to is 1 to 20 mail addresses, comma separated.");
	if (!mail_state(call->api->options.mail, &(struct mail_state){ 0 }))
		return bad(call, "to", "No mail server is set: [Mail] url in the configuration.");
	(void)snprintf(to, REPORT_TO_MAX, "%s", text);
	return 0;
}

static int read_schedule(struct call *call, const struct json *body,
			 struct report_schedule *schedule)
{
	const char *text;

	if (read_kind(call, body, &schedule->kind, &schedule->format) ||
	    read_zone(call, body, schedule->zone) || body_text(call, body, "every", &text))
		return -EINVAL;
	if (report_every_parse(text, &schedule->every))
		return bad(call, "every", "every is daily, weekly or monthly.");
	if (body_text(call, body, "at", &text))
		return -EINVAL;
	if (*text && report_minute_parse(text, &schedule->minute))
		return bad(call, "at", "at is a time of day like 07:30.");
	return read_recipients(call, body, schedule->to);
}

void handle_report_schedule_add(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct report_schedule schedule = { .minute = 6 * 60 };
	int error;

	if (body_json(call, &body) || read_schedule(call, body, &schedule))
		return;
	(void)snprintf(schedule.author, sizeof(schedule.author), "%s", call->who.name);
	error = report_schedule_add(call->api->options.reports, &schedule);
	if (error == -ENOENT)
		(void)bad(call, "zone", "This host knows no such time zone.");
	else if (error == -ENOSPC)
		answer_error(call, 409, "full", NULL,
			     "There are as many schedules as there may be. Delete one first.");
	else if (error || (error = audit(call, "report.schedule", schedule.id)))
		answer_failure(call, error);
	else
		answer_json(call, 201, encode_schedule(call, &schedule));
}

/* The schedule of the path is as who asks saw it. */
static bool is_as_seen(struct call *call, int64_t id)
{
	struct report_schedule rows[REPORT_SCHEDULES_MAX];
	int count =
		store_report_schedule_list(call->api->options.store, rows, REPORT_SCHEDULES_MAX);

	for (int i = 0; i < count; i++)
		if (rows[i].id == id)
			return edit_goes_on(call, EDITED_SCHEDULE, encode_schedule(call, &rows[i]),
					    call->part);
	return count < 0 || edit_goes_on(call, EDITED_SCHEDULE, NULL, call->part);
}

void handle_report_schedule_delete(struct call *call)
{
	int64_t id;
	int error;

	if (part_id(call, &id) || !is_as_seen(call, id))
		return;
	error = store_report_schedule_delete(call->api->options.store, id);
	if (!error)
		error = audit(call, "report.unschedule", id);
	if (error)
		answer_failure(call, error);
	else
		answer_empty(call, 204);
}
