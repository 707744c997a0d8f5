/*
 * The audit log, for admins: a page of it, and the proof that it is whole.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"

#define AUDIT_PAGE_MAX	   500
#define AUDIT_PAGE_DEFAULT 100

static struct json *encode_record(const struct audit_record *record)
{
	struct json *item = json_new_object();
	struct json *detail = NULL;
	char reason[128];

	json_set_int(item, "id", record->id);
	json_set_time(item, "time", record->time_unix_ms);
	json_set_string(item, "who", record->who);
	encode_addr(item, "peer", &record->peer);
	json_set_string(item, "action", record->action);
	json_set_string(item, "target", record->target);
	/* What does not parse was not written by sluice: then as text. */
	if (json_parse(record->detail, strlen(record->detail), &detail, reason))
		json_set_string(item, "detail", record->detail);
	else
		json_set(item, "detail", detail);
	return item;
}

void handle_audit(struct call *call)
{
	struct audit_record *records;
	char who[PARAM_MAX], action[PARAM_MAX];
	struct audit_filter filter = { .who = who, .action = action };
	int64_t limit = AUDIT_PAGE_DEFAULT;

	if (param_int(call, "limit", 1, AUDIT_PAGE_MAX, &limit) ||
	    param_int(call, "before", 1, INT64_MAX, &filter.before_id))
		return;
	if (param_text(call->request->query, "who", who) ||
	    param_text(call->request->query, "action", action)) {
		answer_error(call, 422, "invalid", "who", "who and action are plain text.");
		return;
	}
	records = calloc((size_t)limit, sizeof(*records));
	int count = records ? store_audit_list(call->api->options.store, &filter, records,
					       (size_t)limit)
			    : -ENOMEM;
	if (count < 0) {
		free(records);
		answer_failure(call, count);
		return;
	}
	struct json *items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_record(&records[i]));
	int64_t next = count == limit ? records[count - 1].id : 0;
	store_audit_records_done(records, (size_t)count);
	free(records);
	answer_list(call, items, next);
}

/* ---- the proof ------------------------------------------------------------------------------- */

struct audit_job {
	struct call call;
	struct request request;
	char path[160], request_id[64];
	struct audit_verdict verdict;
	int error;
};

static void check_work(void *arg)
{
	struct audit_job *job = arg;

	job->error = store_audit_check(job->call.api->options.store, &job->verdict);
}

static void encode_hash(struct json *body, const uint8_t hash[32])
{
	char text[65];

	for (int i = 0; i < 32; i++)
		(void)snprintf(text + (ptrdiff_t)2 * i, 3, "%02x", hash[i]);
	json_set_string(body, "head_hash", text);
}

static struct json *encode_verdict(const struct audit_verdict *verdict)
{
	struct json *body = json_new_object();
	struct json *problems = json_new_array();

	json_set_bool(body, "ok", !verdict->problems_found);
	json_set_uint(body, "rows", verdict->rows);
	json_set_int(body, "head", verdict->head);
	encode_hash(body, verdict->head_hash);
	json_set_int(body, "sealed_from", verdict->sealed_from);
	json_set_uint(body, "problems_found", verdict->problems_found);
	json_set(body, "problems", problems);
	for (unsigned int i = 0; i < verdict->problem_count; i++) {
		struct json *item = json_new_object();

		json_set_int(item, "row", verdict->problems[i].row);
		json_set_string(item, "text", verdict->problems[i].text);
		json_add(problems, item);
	}
	return body;
}

static void check_done(void *arg)
{
	struct audit_job *job = arg;

	if (job->error)
		answer_failure(&job->call, job->error);
	else
		answer_json(&job->call, 200, encode_verdict(&job->verdict));
	free(job);
}

void handle_audit_check(struct call *call)
{
	const struct api_options *options = &call->api->options;
	struct audit_job *job = calloc(1, sizeof(*job));
	int error = job ? 0 : -ENOMEM;

	if (!error) {
		/* The call outlives its request: what answers need is copied. */
		job->call = *call;
		(void)snprintf(job->path, sizeof(job->path), "%s", call->request->path);
		(void)snprintf(job->request_id, sizeof(job->request_id), "%s",
			       call->request->request_id);
		job->request = (struct request){ .path = job->path, .request_id = job->request_id };
		job->call.request = &job->request;
		error = options->run(options->arg, check_work, check_done, job);
	}
	if (!error)
		return;
	free(job);
	if (error == -EAGAIN)
		answer_throttled(call, 1, "Too many searches wait. Try again in a second.");
	else
		answer_failure(call, error);
}
