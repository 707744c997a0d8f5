/*
 * One host: what is known of an address at this moment, and what the history tells of it. The first
 * half is written on the service thread, the second by a search.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/block/block.h"
#include "agent/incident/incident.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"

#define RANGE_DEFAULT_MS (7LL * 24 * 3600 * 1000)
#define POINTS		 168	       /* of the default range an hour each */
#define STEP_MIN_MS	 (60 * 1000LL) /* a long flow has a record a minute */
#define TOP_MAX		 20
#define INCIDENTS_MAX	 10
#define SAFE_MAX	 4096

/* ---- now: on the service thread ---------------------------------------------------------------
 */

static void append_member(struct buffer *out, const char *key, struct json *value)
{
	CLEANUP(json_free) struct json *owned = value;
	CLEANUP(free) char *text = owned ? json_print(owned, NULL) : NULL;

	buffer_append_format(out, ",\"%s\":%s", key, text ? text : "null");
}

static struct json *live_total(const struct api *api, const struct addr *addr)
{
	CLEANUP(snapshot_unref) struct snapshot *snapshot = api_snapshot(api);

	for (unsigned int i = 0; snapshot && i < snapshot->host_count; i++)
		if (addr_is_equal(&snapshot->hosts[i].addr, addr))
			return encode_host(api, &snapshot->hosts[i]);
	return NULL;
}

static struct json *safe_entry_of(const struct api *api, const struct addr *addr)
{
	CLEANUP(free) struct safe_entry *entries = calloc(SAFE_MAX, sizeof(*entries));
	int count = entries ? block_safe_list(api->options.block, entries, SAFE_MAX) : 0;

	for (int i = 0; i < count; i++) {
		char text[PREFIX_TEXT_MAX];
		struct json *item;

		if (!prefix_has_addr(&entries[i].prefix, addr))
			continue;
		item = json_new_object();
		json_set_string(item, "prefix", prefix_format(&entries[i].prefix, text));
		json_set_string(item, "kind", block_safe_kind_name(entries[i].kind));
		json_set_string(item, "note", entries[i].note);
		return item;
	}
	return NULL;
}

static struct json *deciding_block(const struct api *api, const char *text)
{
	CLEANUP(free) struct block_verdict *verdict = calloc(1, sizeof(*verdict));
	const struct block_question question = { .value = text, .direction = "", .proto = "" };

	if (!verdict || block_test(api->options.block, &question, verdict) || verdict->decides < 0)
		return NULL;
	return encode_block(&verdict->matches[verdict->decides].block);
}

static struct json *incidents_of(const struct call *call, const struct addr *addr)
{
	struct store *store = call->api->options.store;
	const struct incident_filter filter = {
		.severity = -1, .state = -1, .detector = -1, .src = prefix_from_addr(addr)
	};
	struct incident rows[INCIDENTS_MAX];
	struct json *items = json_new_array();
	int count = store_incident_list(store, &filter, rows, INCIDENTS_MAX);

	for (int i = 0; i < count; i++) {
		struct incident_details details = { 0 };
		struct incident row;
		/* sealed: opened only for who may read it */
		bool shows = call->who.role >= ROLE_ANALYST &&
			     !store_incident_get(store, rows[i].id, &row, &details);

		json_add(items, incident_to_json(&rows[i], shows ? details.reason : NULL));
		store_incident_details_done(&details);
	}
	return items;
}

static void append_now(struct search_job *job, const struct call *call, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	(void)addr_format(addr, text);
	buffer_append_format(&job->body, "{\"ip\":\"%s\"", text);
	append_member(&job->body, "facts", encode_facts(call->api, addr));
	append_member(&job->body, "live", live_total(call->api, addr));
	append_member(&job->body, "safe", safe_entry_of(call->api, addr));
	append_member(&job->body, "block", deciding_block(call->api, text));
	append_member(&job->body, "incidents", incidents_of(call, addr));
}

/* ---- then: on the search's thread -------------------------------------------------------------
 */

/* What passed in one step; in and out as the host sees it. */
struct point {
	uint64_t packets_in, bytes_in, packets_out, bytes_out, records;
};

struct course {
	struct addr addr;
	int64_t from_unix_ms, step_ms;
	struct point points[POINTS + 1];
};

static bool add_record(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	struct course *course = arg;
	int64_t at = (record->end_unix_ms - course->from_unix_ms) / course->step_ms;
	bool is_source = addr_is_equal(&record->tuple.src, &course->addr);
	struct point *point;

	(void)texts;
	if (at < 0 || at > POINTS)
		return true;
	point = &course->points[at];
	point->records++;
	point->packets_out += is_source ? record->packets_out : record->packets_in;
	point->bytes_out += is_source ? record->bytes_out : record->bytes_in;
	point->packets_in += is_source ? record->packets_in : record->packets_out;
	point->bytes_in += is_source ? record->bytes_in : record->bytes_out;
	return true;
}

/* Puts a query on one end, or both, in the job's place. */
static int aim(struct search_job *job, const char *field)
{
	char text[INDICATOR_TEXT_MAX + 8];
	struct flow_query_error ignored;

	flow_query_free(job->query);
	job->query = NULL;
	(void)snprintf(text, sizeof(text), "%s:%s", field, job->indicators[0].text);
	int error = flow_query_parse(text, clock_unix_ms(), &job->query, &ignored);
	job->search.query = job->query;
	return error;
}

static int append_course(struct search_job *job, bool *is_complete)
{
	CLEANUP(free) struct course *course = calloc(1, sizeof(*course));
	int64_t range = job->search.to_unix_ms - job->search.from_unix_ms;
	struct history_reach reach;
	int error = course ? aim(job, "ip") : -ENOMEM;

	if (error)
		return error;
	course->addr = job->indicators[0].prefix.addr;
	course->from_unix_ms = job->search.from_unix_ms;
	course->step_ms = range / POINTS > STEP_MIN_MS ? range / POINTS : STEP_MIN_MS;
	error = store_search(job->call.api->options.store, &job->search, add_record, course,
			     &reach);
	if (error)
		return error;
	*is_complete &= reach.is_complete;
	buffer_append_format(&job->body, ",\"step\":%lld,\"series\":[",
			     (long long)course->step_ms / 1000);
	for (int64_t i = 0; i <= POINTS && i * course->step_ms < range; i++) {
		const struct point *p = &course->points[i];

		buffer_append_text(&job->body, i ? ",{\"time\":" : "{\"time\":");
		append_time(&job->body, course->from_unix_ms + i * course->step_ms, "\"");
		buffer_append_format(
			&job->body,
			",\"packets_in\":%llu,\"bytes_in\":%llu,\"packets_out\":%llu,"
			"\"bytes_out\":%llu,\"records\":%llu}",
			(unsigned long long)p->packets_in, (unsigned long long)p->bytes_in,
			(unsigned long long)p->packets_out, (unsigned long long)p->bytes_out,
			(unsigned long long)p->records);
	}
	buffer_append_text(&job->body, "]");
	return 0;
}

static int append_top(struct search_job *job, enum flow_group group, const char *key,
		      bool *is_complete)
{
	const struct history_grouping grouping = { .group = (int)group, .max = TOP_MAX };
	struct history_top top;
	struct history_reach reach;
	int error = store_search_top(job->call.api->options.store, &job->search, &grouping, &top,
				     &reach);

	if (error)
		return error;
	*is_complete &= reach.is_complete;
	buffer_append_format(&job->body, "\"%s\":[", key);
	for (size_t i = 0; i < top.count; i++) {
		const struct history_sums *sums = &top.groups[i].sums;
		char text[FLOW_GROUP_KEY_MAX + 1];

		buffer_append_text(&job->body, i ? ",{\"key\":" : "{\"key\":");
		append_json_text(&job->body, flow_group_format(group, top.groups[i].key,
							       top.groups[i].key_len, text));
		buffer_append_format(
			&job->body, ",\"records\":%llu,\"packets\":%llu,\"bytes\":%llu,",
			(unsigned long long)sums->records, (unsigned long long)sums->packets,
			(unsigned long long)sums->bytes);
		buffer_append_text(&job->body, "\"last_seen\":");
		append_time(&job->body, sums->last_unix_ms, "\"");
		buffer_append_text(&job->body, "}");
	}
	buffer_append_format(&job->body, "],\"%s_distinct\":%llu", key,
			     (unsigned long long)top.distinct);
	free(top.groups);
	return 0;
}

/* Who it talked to, or who talked to it; on which ports; by which names. */
static int append_side(struct search_job *job, bool is_source, bool *is_complete)
{
	int error = aim(job, is_source ? "src" : "dst");

	buffer_append_format(&job->body, ",\"%s\":{", is_source ? "as_source" : "as_destination");
	if (!error)
		error = append_top(job, is_source ? FLOW_GROUP_DST : FLOW_GROUP_SRC, "peers",
				   is_complete);
	buffer_append_text(&job->body, ",");
	if (!error)
		error = append_top(job, FLOW_GROUP_DPORT, "ports", is_complete);
	buffer_append_text(&job->body, ",");
	if (!error)
		error = append_top(job, FLOW_GROUP_DOMAIN, "names", is_complete);
	buffer_append_text(&job->body, "}");
	return error;
}

/* First and last time over all of the history, whatever the range. */
static int append_seen(struct search_job *job, bool *is_complete)
{
	CLEANUP(indicator_set_free) struct indicator_set *set = NULL;
	CLEANUP(free) struct history_sighting *sighting = calloc(1, sizeof(*sighting));
	struct history_search search = job->search;
	struct history_reach reach;
	int error = sighting ? indicator_set_new(job->indicators, 1, &set) : -ENOMEM;

	search.query = NULL;
	search.from_unix_ms = 0;
	search.to_unix_ms = INT64_MAX;
	if (!error)
		error = store_hunt(job->call.api->options.store, &search, set, sighting, &reach);
	if (error)
		return error;
	*is_complete &= reach.is_complete;
	buffer_append_text(&job->body, ",\"first_seen\":");
	append_time(&job->body, sighting->first_unix_ms, "\"");
	buffer_append_text(&job->body, ",\"last_seen\":");
	append_time(&job->body, sighting->last_unix_ms, "\"");
	buffer_append_format(&job->body, ",\"records\":%llu", (unsigned long long)sighting->count);
	return 0;
}

static int tell_host(struct search_job *job)
{
	bool is_complete = true;
	int error = append_seen(job, &is_complete);

	if (!error)
		error = append_course(job, &is_complete);
	if (!error)
		error = append_side(job, true, &is_complete);
	if (!error)
		error = append_side(job, false, &is_complete);
	buffer_append_text(&job->body, ",\"from\":");
	append_time(&job->body, job->search.from_unix_ms, "\"");
	buffer_append_text(&job->body, ",\"to\":");
	append_time(&job->body, job->search.to_unix_ms, "\"");
	buffer_append_format(&job->body, ",\"complete\":%s}", is_complete ? "true" : "false");
	return error;
}

void handle_host(struct call *call)
{
	CLEANUP(search_job_free) struct search_job *job = NULL;
	struct addr addr;
	int64_t now_ms = clock_unix_ms();

	if (addr_parse(call->part, &addr)) {
		answer_error(call, 422, "invalid", "ip", "A host is an IPv4 or IPv6 address.");
		return;
	}
	job = search_job_new(call);
	if (!job)
		return;
	job->indicators = calloc(1, sizeof(*job->indicators));
	if (!job->indicators) {
		answer_failure(call, -ENOMEM);
		return;
	}
	job->indicators[0].kind = INDICATOR_ADDRESS;
	job->indicators[0].prefix = prefix_from_addr(&addr);
	(void)addr_format(&addr, job->indicators[0].text);
	job->indicator_count = 1;
	if (job->search.to_unix_ms > now_ms)
		job->search.to_unix_ms = now_ms + 1;
	if (!job->search.from_unix_ms)
		job->search.from_unix_ms = job->search.to_unix_ms - RANGE_DEFAULT_MS;
	if (job->search.from_unix_ms >= job->search.to_unix_ms) {
		answer_error(call, 422, "invalid", "from", "from is before to.");
		return;
	}
	append_now(job, call, &addr);
	search_job_start(TAKE(job), tell_host);
}
