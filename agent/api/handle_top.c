/*
 * The busiest: hosts and protocols of the last minute, some fields by the hourly sums, and any
 * field over any search of the history.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"
#include "include/history.h"

#define TOP_LIMIT_DEFAULT 20
#define TOP_LIMIT_MAX	  1000
#define DEFAULT_RANGE_MS  (24LL * 3600 * 1000)
#define PROTOCOLS	  256 /* of an IP header */

static void append_sums(struct buffer *out, const struct history_sums *sums)
{
	buffer_append_format(out,
			     "\"records\":%llu,\"packets\":%llu,\"bytes\":%llu,\"bytes_out\":%llu,"
			     "\"bytes_in\":%llu,\"first_seen\":",
			     (unsigned long long)sums->records, (unsigned long long)sums->packets,
			     (unsigned long long)sums->bytes, (unsigned long long)sums->bytes_out,
			     (unsigned long long)sums->bytes_in);
	append_time(out, sums->first_unix_ms, "\"");
	buffer_append_text(out, ",\"last_seen\":");
	append_time(out, sums->last_unix_ms, "\"");
}

static void append_groups(struct search_job *job, const struct history_top *top)
{
	enum flow_group by = (enum flow_group)job->grouping.group;
	struct buffer *body = &job->body;

	buffer_append_format(body, "{\"by\":\"%s\",\"items\":[", flow_group_name(by));
	for (size_t i = 0; i < top->count; i++) {
		char text[FLOW_GROUP_KEY_MAX + 1];

		buffer_append_text(body, i ? ",{\"key\":" : "{\"key\":");
		append_json_text(body, flow_group_format(by, top->groups[i].key,
							 top->groups[i].key_len, text));
		buffer_append_text(body, ",");
		append_sums(body, &top->groups[i].sums);
		buffer_append_text(body, "}");
	}
	buffer_append_text(body, "],\"next\":null,\"others\":{");
	append_sums(body, &top->others);
	buffer_append_format(body, "},\"distinct\":%llu,\"exact\":%s",
			     (unsigned long long)top->distinct, top->is_exact ? "true" : "false");
}

static int sum_groups(struct search_job *job)
{
	struct history_top top;
	struct history_reach reach;
	int error = store_search_top(job->call.api->options.store, &job->search, &job->grouping,
				     &top, &reach);

	if (error)
		return error;
	append_groups(job, &top);
	free(top.groups);
	buffer_append_text(&job->body, ",\"from\":");
	append_time(&job->body, job->search.from_unix_ms, "\"");
	append_reach(&job->body, &reach, reach.is_complete);
	buffer_append_text(&job->body, "}");
	return 0;
}

static int read_top_order(struct call *call, enum history_order *order)
{
	static const char *const names[] = { [HISTORY_BY_BYTES] = "bytes",
					     [HISTORY_BY_PACKETS] = "packets",
					     [HISTORY_BY_RECORDS] = "records" };
	char text[PARAM_MAX];

	*order = HISTORY_BY_BYTES;
	if (!param_text(call->request->query, "order", text) && !*text)
		return 0;
	for (int i = 0; i < 3; i++)
		if (!strcmp(text, names[i])) {
			*order = (enum history_order)i;
			return 0;
		}
	answer_error(call, 422, "invalid", "order", "order is bytes, packets or records.");
	return -EINVAL;
}

static void answer_groups(struct call *call, enum flow_group by)
{
	int64_t limit = TOP_LIMIT_DEFAULT;
	struct history_grouping grouping = { .group = (int)by };
	struct search_job *job;

	if (param_int(call, "limit", 1, TOP_LIMIT_MAX, &limit))
		return;
	if (read_top_order(call, &grouping.order))
		return;
	job = search_job_new(call);
	if (!job)
		return;
	grouping.max = (size_t)limit;
	job->grouping = grouping;
	if (!job->search.from_unix_ms && !flow_query_plan(job->query)->has_time)
		job->search.from_unix_ms = clock_unix_ms() - DEFAULT_RANGE_MS;
	search_job_start(job, sum_groups);
}

/* ---- by the hourly sums: what dashboards ask for -----------------------------------------------
 */

#define HOURS_MAX   (2LL * 366 * 24) /* as long as hourly sums are kept */
#define MS_PER_HOUR 3600000LL

static int find_sums(enum flow_group group, enum top_by *by)
{
	static const struct {
		enum flow_group group;
		enum top_by by;
	} kept[] = { { FLOW_GROUP_SRC, TOP_SOURCE },	{ FLOW_GROUP_DST, TOP_DESTINATION },
		     { FLOW_GROUP_DPORT, TOP_PORT },	{ FLOW_GROUP_PROTO, TOP_PROTOCOL },
		     { FLOW_GROUP_DOMAIN, TOP_DOMAIN }, { FLOW_GROUP_JA4, TOP_JA4 } };

	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++)
		if (kept[i].group == group) {
			*by = kept[i].by;
			return 0;
		}
	return -EINVAL;
}

static void append_top_key(struct buffer *out, enum flow_group group, const struct top_row *row)
{
	char text[FLOW_GROUP_KEY_MAX + 1] = "", proto[PROTO_TEXT_MAX];
	uint8_t key[FLOW_GROUP_KEY_MAX];

	memcpy(key, row->key, row->len < sizeof(key) ? row->len : sizeof(key));
	if (group == FLOW_GROUP_PROTO && row->len)
		(void)snprintf(text, sizeof(text), "%s", proto_format(key[0], proto));
	else if (group == FLOW_GROUP_DPORT && row->len == 3)
		(void)snprintf(text, sizeof(text), "%s/%u", proto_format(key[0], proto),
			       (unsigned int)(key[1] << 8 | key[2]));
	else if (group != FLOW_GROUP_DPORT)
		(void)flow_group_format(group, key, row->len, text);
	append_json_text(out, text);
}

static void append_top_sums(struct buffer *out, const struct top_sums *sums)
{
	buffer_append_format(out,
			     "\"records\":%llu,\"packets\":%llu,\"bytes\":%llu,\"bytes_out\":%llu,"
			     "\"bytes_in\":%llu",
			     (unsigned long long)sums->records,
			     (unsigned long long)sums->packets_out + sums->packets_in,
			     (unsigned long long)sums->bytes_out + sums->bytes_in,
			     (unsigned long long)sums->bytes_out,
			     (unsigned long long)sums->bytes_in);
}

static int sum_hours(struct search_job *job)
{
	const struct top_query query = { .from_unix_ms = job->search.from_unix_ms,
					 .to_unix_ms = job->search.to_unix_ms,
					 .by = job->sums_by };
	CLEANUP(free) struct top_row *rows = calloc((size_t)job->limit + 1, sizeof(*rows));
	enum flow_group group = (enum flow_group)job->grouping.group;
	struct top_sums others = { 0 };
	const char *comma = "";
	int count =
		rows ? store_top(job->call.api->options.store, &query, rows, (size_t)job->limit + 1)
		     : -ENOMEM;

	if (count < 0)
		return count;
	buffer_append_format(&job->body, "{\"by\":\"%s\",\"items\":[", flow_group_name(group));
	for (int i = 0; i < count; i++) {
		if (rows[i].is_others) {
			others = rows[i].sums;
			continue;
		}
		buffer_append_format(&job->body, "%s{\"key\":", comma);
		append_top_key(&job->body, group, &rows[i]);
		buffer_append_text(&job->body, ",");
		append_top_sums(&job->body, &rows[i].sums);
		buffer_append_text(&job->body, "}");
		comma = ",";
	}
	buffer_append_text(&job->body, "],\"next\":null,\"others\":{");
	append_top_sums(&job->body, &others);
	buffer_append_text(&job->body, "},\"from\":");
	append_time(&job->body, query.from_unix_ms, "\"");
	buffer_append_text(&job->body, "}");
	return 0;
}

static void answer_hours(struct call *call, enum flow_group group, int64_t hours)
{
	int64_t limit = TOP_LIMIT_DEFAULT, now_ms = clock_unix_ms();
	struct search_job *job;
	enum top_by by;

	if (find_sums(group, &by)) {
		answer_error(call, 422, "invalid", "by",
			     "Hourly sums are by src, dst, dport, proto, domain or ja4.");
		return;
	}
	if (param_int(call, "limit", 1, TOP_LIMIT_MAX, &limit))
		return;
	job = search_job_new(call);
	if (!job)
		return;
	job->limit = limit;
	job->grouping.group = (int)group;
	job->sums_by = by;
	job->search.to_unix_ms = now_ms;
	/* whole hours, the present one among them */
	job->search.from_unix_ms = (now_ms / MS_PER_HOUR + 1 - hours) * MS_PER_HOUR;
	search_job_start(job, sum_hours);
}

/* ---- the original's chart of protocols, of traffic ---------------------------------------------
 */

static uint64_t chart_value(const struct top_row *row, enum history_order of)
{
	if (of == HISTORY_BY_BYTES)
		return row->sums.bytes_out + row->sums.bytes_in;
	return of == HISTORY_BY_PACKETS ? row->sums.packets_out + row->sums.packets_in
					: row->sums.records;
}

/* The row with the most of it; NULL: none is left. */
static struct top_row *most_of(struct top_row *rows, int count, enum history_order of)
{
	struct top_row *most = NULL;

	for (int i = 0; i < count; i++)
		if (rows[i].len && !rows[i].is_others &&
		    (!most || chart_value(&rows[i], of) > chart_value(most, of)))
			most = &rows[i];
	return most;
}

static int chart_protocols(struct search_job *job)
{
	const struct top_query query = { .from_unix_ms = job->search.from_unix_ms,
					 .to_unix_ms = job->search.to_unix_ms,
					 .by = TOP_PROTOCOL };
	CLEANUP(free) struct top_row *rows = calloc(PROTOCOLS + 1, sizeof(*rows));
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(free) char *text = NULL;
	struct json *labels = json_new_array(), *data = json_new_array();
	char name[PROTO_TEXT_MAX];
	int count = rows ? store_top(job->call.api->options.store, &query, rows, PROTOCOLS + 1)
			 : -ENOMEM;

	for (struct top_row *row; (row = most_of(rows, count, job->grouping.order)); row->len = 0) {
		json_add_string(labels, proto_format(row->key[0], name));
		json_add_int(data, (int64_t)chart_value(row, job->grouping.order));
	}
	json_set(body, "labels", labels);
	json_set(body, "data", data);
	text = json_print(body, NULL);
	if (count < 0 || !text)
		return count < 0 ? count : -ENOMEM;
	buffer_append_text(&job->body, text);
	return 0;
}

void answer_protocol_chart(struct call *call, enum history_order of)
{
	struct search_job *job = search_job_new(call);
	int64_t now_ms = clock_unix_ms();
	struct history_search *search;

	if (!job)
		return;
	job->grouping.order = of;
	search = &job->search;
	if (!search->to_unix_ms || search->to_unix_ms > now_ms)
		search->to_unix_ms = now_ms;
	if (!search->from_unix_ms)
		search->from_unix_ms = search->to_unix_ms - DEFAULT_RANGE_MS;
	else if (search->from_unix_ms > search->to_unix_ms)
		search->from_unix_ms = search->to_unix_ms;
	search_job_start(job, chart_protocols);
}

void handle_top(struct call *call)
{
	char by[PARAM_MAX];
	enum flow_group group;
	int64_t hours = 0;

	if (param_text(call->request->query, "by", by))
		by[0] = '?';
	if (!strcmp(by, "protocols"))
		answer_live_protos(call);
	else if (!*by || !strcmp(by, "hosts"))
		answer_live_hosts(call);
	else if (!flow_group_parse(by, &group) && !param_int(call, "hours", 1, HOURS_MAX, &hours))
		hours ? answer_hours(call, group, hours) : answer_groups(call, group);
	else if (flow_group_parse(by, &group))
		answer_error(call, 422, "invalid", "by",
			     "by is hosts or protocols (the last minute), or src, dst, sport, "
			     "dport, proto, sni, dns, domain, ja4, iface, vlan, state, verdict, "
			     "rule, dir, proc, unit, country or asn (the history).");
}
