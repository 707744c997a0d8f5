/*
 * Exports: flow records and incidents as CSV or one JSON object per line, in parts of at most
 * EXPORT_PART_MAX, so that any size passes in the same memory. An answer's "next" leads to the part
 * behind it; each part is a search of its own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/api/search.h"
#include "agent/incident/incident.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"
#include "include/history.h"

static void set_form(struct search_job *job, enum record_form form, bool is_flows)
{
	job->form = form;
	if (form == RECORD_CSV) {
		job->content_type = "text/csv; charset=utf-8; header=present"; /* RFC 4180 3 */
		job->disposition = is_flows ? "attachment; filename=\"flows.csv\""
					    : "attachment; filename=\"incidents.csv\"";
	} else {
		job->content_type = "application/x-ndjson";
		job->disposition = is_flows ? "attachment; filename=\"flows.ndjson\""
					    : "attachment; filename=\"incidents.ndjson\"";
	}
}

/* Who took what is in the audit log, once per export. */
static int note_export(struct call *call, const char *target)
{
	const struct audit_entry entry = {
		.who = call->who.name, .peer = &call->who.peer, .action = "export", .target = target
	};
	int error = store_audit_write(call->api->options.store, &entry);

	if (error)
		answer_failure(call, error);
	return error;
}

/* ---- flows ----------------------------------------------------------------------------------- */

static bool append_record(void *arg, const struct flow_record *record,
			  const struct flow_texts *texts)
{
	struct search_job *job = arg;

	if (job->form == RECORD_CSV) {
		record_append_csv(&job->body, record, texts);
	} else {
		record_append_json(&job->body, record, texts);
		buffer_append_text(&job->body, "\n");
	}
	return job->body.len < EXPORT_PART_MAX;
}

/* A part that found nothing in its time is empty and leads on. */
static int export_part(struct search_job *job)
{
	struct history_reach reach;
	int error;

	if (job->form == RECORD_CSV && !job->search.after_row)
		record_append_csv_head(&job->body);
	error = store_search(job->call.api->options.store, &job->search, append_record, job,
			     &reach);
	if (!error && !reach.is_complete)
		cursor_format(reach.hour, reach.row, job->next);
	return error;
}

static void export_flows(struct call *call, enum record_form form)
{
	CLEANUP(search_job_free) struct search_job *job = search_job_new(call);

	if (!job || (!job->search.after_row && note_export(call, "flows")))
		return;
	set_form(job, form, true);
	search_job_start(TAKE(job), export_part);
}

void handle_flows_csv(struct call *call)
{
	export_flows(call, RECORD_CSV);
}

void handle_flows_ndjson(struct call *call)
{
	export_flows(call, RECORD_JSON);
}

/* ---- incidents ------------------------------------------------------------------------------- */

/* Newest first; the reason is sealed, so only who may read it gets it. */
#define INCIDENTS_PART 200

static void append_incident_csv(struct buffer *out, const struct incident *incident,
				const char *reason)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX];

	buffer_append_format(out, "%lld,%s,%s,%s,%.3f,", (long long)incident->id,
			     incident_detector_name((uint8_t)incident->detector),
			     incident_severity_name((uint8_t)incident->severity),
			     incident_state_name((uint8_t)incident->state), incident->score);
	buffer_append_format(out, "%s,%s,%u,%s,", addr_format(&incident->src, src),
			     addr_format(&incident->dst, dst), incident->dst_port,
			     incident->proto ? proto_format(incident->proto, proto) : "");
	append_time(out, incident->first_unix_ms, "");
	buffer_append_text(out, ",");
	append_time(out, incident->last_unix_ms, "");
	buffer_append_format(out, ",%llu,", (unsigned long long)incident->count);
	append_csv_text(out, reason);
	buffer_append_text(out, "\r\n");
}

static int append_incident(struct search_job *job, const struct incident *incident)
{
	struct incident_details details = { 0 };
	bool shows = job->call.who.role >= ROLE_ANALYST;
	struct incident same;
	int error = 0;

	if (shows)
		error = store_incident_get(job->call.api->options.store, incident->id, &same,
					   &details);
	shows = shows && !error;
	if (job->form == RECORD_CSV) {
		append_incident_csv(&job->body, incident, shows ? details.reason : NULL);
	} else {
		struct json *json = incident_to_json(incident, shows ? details.reason : NULL);
		CLEANUP(free) char *text = json ? json_print(json, NULL) : NULL;

		json_free(json);
		buffer_append_text(&job->body, text ? text : "");
		buffer_append_text(&job->body, "\n");
		error = text ? 0 : -ENOMEM;
	}
	store_incident_details_done(&details);
	return error == -ENOMEM ? error : 0; /* one that cannot be opened comes without it */
}

static int export_incidents_part(struct search_job *job)
{
	CLEANUP(free) struct incident *rows = calloc(INCIDENTS_PART, sizeof(*rows));
	const struct incident_filter filter = {
		.before_id = job->search.after_row, .severity = -1, .state = -1, .detector = -1
	};
	int count = rows ? store_incident_list(job->call.api->options.store, &filter, rows,
					       INCIDENTS_PART)
			 : -ENOMEM;

	if (count < 0)
		return count;
	if (job->form == RECORD_CSV && !job->search.after_row)
		buffer_append_text(&job->body,
				   "id,detector,severity,state,score,src_ip,dst_ip,dst_port,proto,"
				   "first_seen,last_seen,count,reason\r\n");
	for (int i = 0; i < count; i++) {
		int error = append_incident(job, &rows[i]);

		if (error)
			return error;
	}
	if (count == INCIDENTS_PART)
		cursor_format(0, rows[count - 1].id, job->next);
	return 0;
}

static void export_incidents(struct call *call, enum record_form form)
{
	CLEANUP(search_job_free) struct search_job *job = search_job_new(call);

	if (!job || (!job->search.after_row && note_export(call, "incidents")))
		return;
	set_form(job, form, false);
	search_job_start(TAKE(job), export_incidents_part);
}

void handle_incidents_csv(struct call *call)
{
	export_incidents(call, RECORD_CSV);
}

void handle_incidents_ndjson(struct call *call)
{
	export_incidents(call, RECORD_JSON);
}

/* ---- the original's export (ORIGINAL.md 4.3) ---------------------------------------------------
 */

#define ZONE_MAX_MIN (14LL * 60)

/* What its parts share. */
struct original {
	struct incident_filter filter;
	int64_t zone_ms;
};

static void append_original_time(struct buffer *out, int64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm tm;
	char text[32];

	if (gmtime_r(&seconds, &tm) && strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S", &tm))
		buffer_append_text(out, text);
}

static void append_original_csv(struct search_job *job, const struct incident *incident,
				const char *reason)
{
	const struct original *original = job->more;
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX];

	buffer_append_format(&job->body, "%lld,", (long long)incident->id);
	append_original_time(&job->body, incident->first_unix_ms + original->zone_ms);
	buffer_append_format(&job->body, ",%s,%s,%s,%s,", addr_format(&incident->src, src),
			     addr_format(&incident->dst, dst), proto_format(incident->proto, proto),
			     incident_severity_name(incident->severity));
	append_csv_text(&job->body, reason);
	buffer_append_text(&job->body,
			   incident->state >= INCIDENT_RESOLVED ? ",Yes\r\n" : ",No\r\n");
}

static int append_original(struct search_job *job, const struct incident *incident, bool is_first)
{
	bool shows = job->call.who.role >= ROLE_ANALYST;
	struct incident_details details = { 0 };
	struct incident same;

	if (shows &&
	    store_incident_get(job->call.api->options.store, incident->id, &same, &details))
		shows = false; /* one that cannot be opened comes without it */
	if (job->form == RECORD_CSV) {
		append_original_csv(job, incident, shows ? details.reason : NULL);
	} else {
		CLEANUP(json_free)
		struct json *json =
			incident_to_legacy_json(incident, shows ? details.reason : NULL);
		CLEANUP(free) char *text = json ? json_print(json, NULL) : NULL;

		buffer_append_text(&job->body, is_first ? "" : ",");
		buffer_append_text(&job->body, text ? text : "null");
	}
	store_incident_details_done(&details);
	return job->body.error;
}

static int export_original_part(struct search_job *job)
{
	CLEANUP(free) struct incident *rows = calloc(INCIDENTS_PART, sizeof(*rows));
	struct original *original = job->more;
	bool is_begin = !job->search.after_row;
	int count, error = 0;

	original->filter.before_id = job->search.after_row;
	count = rows ? store_incident_list(job->call.api->options.store, &original->filter, rows,
					   INCIDENTS_PART)
		     : -ENOMEM;
	if (count < 0)
		return count;
	if (is_begin)
		buffer_append_text(&job->body,
				   job->form == RECORD_CSV
					   ? "ID,Timestamp,Source IP,Destination IP,Protocol,"
					     "Severity,Details,Resolved\r\n"
					   : "[");
	for (int i = 0; i < count && !error; i++)
		error = append_original(job, &rows[i], is_begin && i == 0);
	if (count == INCIDENTS_PART)
		cursor_format(0, rows[count - 1].id, job->next);
	else if (job->form == RECORD_JSON)
		buffer_append_text(&job->body, "]");
	return error;
}

/* csv unless the query says json. Answers itself. */
static int read_form(struct call *call, struct search_job *job)
{
	char format[PARAM_MAX];

	if (param_text(call->request->query, "format", format))
		format[0] = '?';
	set_form(job, RECORD_CSV, false);
	if (!*format || !strcmp(format, "csv"))
		return 0;
	job->form = RECORD_JSON;
	job->content_type = "application/json";
	job->disposition = "attachment; filename=\"incidents.json\"";
	if (!strcmp(format, "json"))
		return 0;
	answer_error(call, 422, "invalid", "format", "format is csv or json.");
	return -EINVAL;
}

void handle_export_original(struct call *call)
{
	CLEANUP(search_job_free) struct search_job *job = search_job_new(call);
	int64_t zone_min = 0;
	struct original *original;

	if (!job || read_form(call, job) ||
	    param_int(call, "tz", -ZONE_MAX_MIN, ZONE_MAX_MIN, &zone_min))
		return;
	job->more = original = calloc(1, sizeof(*original));
	if (!original) {
		answer_failure(call, -ENOMEM);
		return;
	}
	if (read_incident_filter(call, &original->filter) ||
	    (!job->search.after_row && note_export(call, "incidents")))
		return;
	original->filter.sort = INCIDENTS_NEWEST; /* newest first: parts go on behind an id */
	original->zone_ms = zone_min * 60000;
	search_job_start(TAKE(job), export_original_part);
}
