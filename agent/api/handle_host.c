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
#define GROUPS_ROOM	 (1U << 14) /* told apart of each kind: 1 MiB if there are so many */
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

static void append_now(struct buffer *out, const struct call *call, const struct addr *addr)
{
	char text[ADDR_TEXT_MAX];

	(void)addr_format(addr, text);
	buffer_append_format(out, "{\"ip\":\"%s\"", text);
	append_member(out, "facts", encode_facts(call->api, addr));
	append_member(out, "live", live_total(call->api, addr));
	append_member(out, "safe", safe_entry_of(call->api, addr));
	append_member(out, "block", deciding_block(call->api, text));
	append_member(out, "incidents", incidents_of(call, addr));
}

/* Without the history: at once, however long that is. */
static void answer_now(struct call *call, const struct addr *addr)
{
	CLEANUP(buffer_done) struct buffer body;

	buffer_init(&body, SEARCH_BODY_MAX);
	append_now(&body, call, addr);
	buffer_append_text(&body, "}");
	if (body.error)
		answer_failure(call, body.error);
	else
		answer_text(call, 200, (const char *)body.data, body.len);
}

/* ---- then: on the search's thread -------------------------------------------------------------
 */

/* What passed in one step; in and out as the host sees it. */
struct point {
	uint64_t packets_in, bytes_in, packets_out, bytes_out, records;
};

/* Who it talked to, on which ports, by which names; and who talked to it. */
#define SIDES 2
#define TOPS  3

/* All that one pass over the host's records gathers: the first and last of them over all of the
 * history, the rest of the range that was asked for. */
struct past {
	struct addr addr;
	int64_t from_unix_ms, to_unix_ms, step_ms;
	struct point points[POINTS + 1];
	struct history_groups *groups[SIDES][TOPS];
	uint64_t records;
	int64_t first_unix_ms, last_unix_ms;
	int error;
};

static const struct {
	const char *name;
	enum flow_group groups[TOPS];
} sides[SIDES] = {
	{ "as_source", { FLOW_GROUP_DST, FLOW_GROUP_DPORT, FLOW_GROUP_DOMAIN } },
	{ "as_destination", { FLOW_GROUP_SRC, FLOW_GROUP_DPORT, FLOW_GROUP_DOMAIN } },
};
static const char *const top_names[TOPS] = { "peers", "ports", "names" };

static void past_free(struct past *past)
{
	for (int i = 0; past && i < SIDES * TOPS; i++)
		history_groups_free(past->groups[i / TOPS][i % TOPS]);
	free(past);
}
DEFINE_CLEANUP(past_free, struct past)

static int past_new(const struct search_job *job, struct past **out)
{
	CLEANUP(past_free) struct past *past = calloc(1, sizeof(*past));
	int64_t range = job->search.to_unix_ms - job->search.from_unix_ms;
	int error = past ? 0 : -ENOMEM;

	for (int i = 0; !error && i < SIDES * TOPS; i++) {
		const struct history_grouping grouping = {
			.group = (int)sides[i / TOPS].groups[i % TOPS],
			.max = TOP_MAX,
			.room = GROUPS_ROOM
		};

		error = history_groups_new(&grouping, &past->groups[i / TOPS][i % TOPS]);
	}
	if (error)
		return error;
	past->addr = job->indicators[0].prefix.addr;
	past->from_unix_ms = job->search.from_unix_ms;
	past->to_unix_ms = job->search.to_unix_ms;
	past->step_ms = range / POINTS > STEP_MIN_MS ? range / POINTS : STEP_MIN_MS;
	*out = TAKE(past);
	return 0;
}

static void add_point(struct past *past, const struct flow_record *record, bool is_source)
{
	int64_t at = (record->end_unix_ms - past->from_unix_ms) / past->step_ms;
	struct point *point;

	if (at > POINTS)
		return;
	point = &past->points[at];
	point->records++;
	point->packets_out += is_source ? record->packets_out : record->packets_in;
	point->bytes_out += is_source ? record->bytes_out : record->bytes_in;
	point->packets_in += is_source ? record->packets_in : record->packets_out;
	point->bytes_in += is_source ? record->bytes_in : record->bytes_out;
}

/* Records come newest first. */
static bool add_record(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	struct past *past = arg;
	const bool is_side[SIDES] = { addr_is_equal(&record->tuple.src, &past->addr),
				      addr_is_equal(&record->tuple.dst, &past->addr) };

	if (!past->records++)
		past->last_unix_ms = record->end_unix_ms;
	past->first_unix_ms = record->end_unix_ms;
	if (record->end_unix_ms < past->from_unix_ms || record->end_unix_ms >= past->to_unix_ms)
		return true;
	add_point(past, record, is_side[0]);
	for (int i = 0; !past->error && i < SIDES * TOPS; i++)
		if (is_side[i / TOPS])
			past->error =
				history_groups_add(past->groups[i / TOPS][i % TOPS], record, texts);
	return !past->error;
}

static int look_back(struct search_job *job, struct past *past, struct history_reach *reach)
{
	char text[INDICATOR_TEXT_MAX + 8];
	struct flow_query_error ignored;
	struct history_search search = job->search;

	flow_query_free(job->query);
	job->query = NULL;
	(void)snprintf(text, sizeof(text), "ip:%s", job->indicators[0].text);
	int error = flow_query_parse(text, clock_unix_ms(), &job->query, &ignored);

	if (error)
		return error;
	search.query = job->query;
	search.from_unix_ms = 0;
	search.to_unix_ms = INT64_MAX;
	search.needs = FLOW_NEED_ADDRS | FLOW_NEED_PORTS | FLOW_NEED_PROTO | FLOW_NEED_BYTES |
		       FLOW_NEED_PACKETS | FLOW_NEED_NAMES;
	error = store_search(job->call.api->options.store, &search, add_record, past, reach);
	return error ? error : past->error;
}

static void append_seen(struct buffer *out, const struct past *past)
{
	buffer_append_text(out, ",\"first_seen\":");
	append_time(out, past->first_unix_ms, "\"");
	buffer_append_text(out, ",\"last_seen\":");
	append_time(out, past->last_unix_ms, "\"");
	buffer_append_format(out, ",\"records\":%llu", (unsigned long long)past->records);
}

static void append_course(struct buffer *out, const struct past *past)
{
	int64_t range = past->to_unix_ms - past->from_unix_ms;

	buffer_append_format(out, ",\"step\":%lld,\"series\":[", (long long)past->step_ms / 1000);
	for (int64_t i = 0; i <= POINTS && i * past->step_ms < range; i++) {
		const struct point *p = &past->points[i];

		buffer_append_text(out, i ? ",{\"time\":" : "{\"time\":");
		append_time(out, past->from_unix_ms + i * past->step_ms, "\"");
		buffer_append_format(
			out,
			",\"packets_in\":%llu,\"bytes_in\":%llu,\"packets_out\":%llu,"
			"\"bytes_out\":%llu,\"records\":%llu}",
			(unsigned long long)p->packets_in, (unsigned long long)p->bytes_in,
			(unsigned long long)p->packets_out, (unsigned long long)p->bytes_out,
			(unsigned long long)p->records);
	}
	buffer_append_text(out, "]");
}

static int append_top(struct buffer *out, struct history_groups *groups, enum flow_group group,
		      const char *key)
{
	struct history_top top;
	int error = history_groups_take(groups, &top);

	if (error)
		return error;
	buffer_append_format(out, "\"%s\":[", key);
	for (size_t i = 0; i < top.count; i++) {
		const struct history_sums *sums = &top.groups[i].sums;
		char text[FLOW_GROUP_KEY_MAX + 1];

		buffer_append_text(out, i ? ",{\"key\":" : "{\"key\":");
		append_json_text(out, flow_group_format(group, top.groups[i].key,
							top.groups[i].key_len, text));
		buffer_append_format(out, ",\"records\":%llu,\"packets\":%llu,\"bytes\":%llu,",
				     (unsigned long long)sums->records,
				     (unsigned long long)sums->packets,
				     (unsigned long long)sums->bytes);
		buffer_append_text(out, "\"last_seen\":");
		append_time(out, sums->last_unix_ms, "\"");
		buffer_append_text(out, "}");
	}
	buffer_append_format(out, "],\"%s_distinct\":%llu", key, (unsigned long long)top.distinct);
	free(top.groups);
	return 0;
}

static int append_side(struct buffer *out, const struct past *past, int side)
{
	int error = 0;

	buffer_append_format(out, ",\"%s\":{", sides[side].name);
	for (int i = 0; !error && i < TOPS; i++) {
		buffer_append_text(out, i ? "," : "");
		error = append_top(out, past->groups[side][i], sides[side].groups[i], top_names[i]);
	}
	buffer_append_text(out, "}");
	return error;
}

static int tell_host(struct search_job *job)
{
	CLEANUP(past_free) struct past *past = NULL;
	struct history_reach reach;
	int error = past_new(job, &past);

	if (!error)
		error = look_back(job, past, &reach);
	if (error)
		return error;
	append_seen(&job->body, past);
	append_course(&job->body, past);
	for (int i = 0; !error && i < SIDES; i++)
		error = append_side(&job->body, past, i);
	buffer_append_text(&job->body, ",\"from\":");
	append_time(&job->body, past->from_unix_ms, "\"");
	buffer_append_text(&job->body, ",\"to\":");
	append_time(&job->body, past->to_unix_ms, "\"");
	buffer_append_format(&job->body, ",\"complete\":%s}", reach.is_complete ? "true" : "false");
	return error;
}

void handle_host(struct call *call)
{
	CLEANUP(search_job_free) struct search_job *job = NULL;
	struct addr addr;
	int64_t now_ms = clock_unix_ms(), with_history = 1;

	if (addr_parse(call->part, &addr)) {
		answer_error(call, 422, "invalid", "ip", "A host is an IPv4 or IPv6 address.");
		return;
	}
	if (param_int(call, "history", 0, 1, &with_history))
		return;
	if (!with_history) {
		answer_now(call, &addr);
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
	append_now(&job->body, call, &addr);
	search_job_start(TAKE(job), tell_host);
}
