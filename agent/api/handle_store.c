/*
 * The history as a whole: its budget and how long that lasts, its sums made anew.
 */
#include <errno.h>

#include "agent/api/search.h"
#include "agent/util/clock.h"

/* Less than a caller waits for an answer; the rest is asked for with next. */
#define REBUILD_LIMIT_NS (2 * NS_PER_S)

static void set_or_null(struct json *body, const char *key, int64_t value)
{
	if (value < 0)
		json_set_null(body, key);
	else
		json_set_int(body, key, value);
}

void handle_store(struct call *call)
{
	struct store *store = call->api->options.store;
	struct store_history_facts facts;
	struct json *body, *flows;
	int error = store_history_facts(store, clock_unix_ms() / 1000, &facts);

	if (error) {
		answer_failure(call, error);
		return;
	}
	body = json_new_object();
	flows = json_new_object();
	json_set_uint(body, "db_bytes", store_db_bytes(store));
	json_set_uint(body, "rows_lost", store_rows_lost(store));
	json_set_uint(flows, "max_bytes", facts.max_bytes);
	json_set_int(flows, "max_age_s", facts.max_age_s);
	json_set_uint(flows, "used_bytes", facts.used_bytes);
	json_set_uint(flows, "file_bytes", facts.file_bytes);
	json_set_uint(flows, "records", facts.records);
	if (facts.oldest_unix_s < 0)
		json_set_null(flows, "oldest");
	else
		json_set_time(flows, "oldest", facts.oldest_unix_s * 1000);
	set_or_null(flows, "bytes_per_day", facts.bytes_per_day);
	set_or_null(flows, "holds_s", facts.holds_s);
	json_set(body, "flows", flows);
	answer_json(call, 200, body);
}

static int rebuild(struct search_job *job)
{
	struct store_rebuilt rebuilt;
	int error = store_rebuild_sums(job->call.api->options.store, job->limit,
				       clock_monotonic_ns() + REBUILD_LIMIT_NS, &rebuilt);

	if (error)
		return error;
	buffer_append_format(&job->body, "{\"hours\":%llu,\"records\":%llu,\"changed\":%llu,",
			     (unsigned long long)rebuilt.hours, (unsigned long long)rebuilt.records,
			     (unsigned long long)rebuilt.changed);
	if (rebuilt.next_hour < 0)
		buffer_append_text(&job->body, "\"next\":null}");
	else
		buffer_append_format(&job->body, "\"next\":%lld}", (long long)rebuilt.next_hour);
	return 0;
}

void handle_store_rebuild(struct call *call)
{
	struct search_job *job;
	int64_t from_hour = 0;

	if (param_int(call, "after", 0, INT32_MAX, &from_hour))
		return;
	job = search_job_bare(call);
	if (!job)
		return;
	job->limit = from_hour;
	search_job_start(job, rebuild);
}
