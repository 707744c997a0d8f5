/*
 * One report's document: totals, series and tops from the hourly sums, incidents and blocks from
 * main.db. Nothing sealed is opened: reasons and evidence stay in the vault, so a report on a desk
 * shows list columns only.
 */
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/report/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/proto.h"
#include "include/device.h"
#include "include/history.h"

#define SERIES_STEPS  240 /* points across a page, less than 1 mm apart */
#define STACK_STEPS   48
#define STACK_NAMES   6 /* colours that people tell apart; the rest are "others" */
#define TOP_ROWS      20
#define BLOCKS_MAX    200
#define CHANGE_STEP_S 900 /* clocks change at quarters of an hour of UTC */
#define HEAT_HOURS    (2 * 366 * 24)

unsigned int report_sections(uint8_t kind)
{
	static const unsigned int of[REPORT_KIND_COUNT] = {
		[REPORT_GENERAL] = SECTION_SERIES | SECTION_PROTOCOLS | SECTION_HEAT |
				   SECTION_TOPS | SECTION_INCIDENTS | SECTION_LIST | SECTION_BLOCKS,
		[REPORT_INCIDENTS] = SECTION_INCIDENTS | SECTION_LIST | SECTION_BLOCKS,
		[REPORT_TRAFFIC] = SECTION_SERIES | SECTION_PROTOCOLS | SECTION_HEAT | SECTION_TOPS,
		[REPORT_ANOMALY] = SECTION_INCIDENTS | SECTION_SCORES | SECTION_LIST,
		[REPORT_EXECUTIVE] = SECTION_SERIES | SECTION_INCIDENTS | SECTION_PROTOCOLS,
	};

	return kind < REPORT_KIND_COUNT ? of[kind] : 0;
}

int64_t gather_step_s(const struct report *report, int64_t max, bool is_hours)
{
	static const int64_t steps[] = { 60,	300,   600,   1800,   3600,   7200,   10800,
					 21600, 43200, 86400, 172800, 604800, 1209600 };
	int64_t period_s = (report->to_unix_ms - report->from_unix_ms) / MS_PER_S;
	size_t i = 0;

	while (i + 1 < sizeof(steps) / sizeof(steps[0]) &&
	       ((is_hours && steps[i] < S_PER_HOUR) || period_s / steps[i] >= max))
		i++;
	return steps[i];
}

static void tell(const struct gather *gather, unsigned int percent)
{
	atomic_store(gather->percent, percent);
}

/* ---- totals ---------------------------------------------------------------------------------- */

static struct json *encode_totals(const struct totals *totals)
{
	struct json *item = json_new_object();

	json_set_uint(item, "packets_in", totals->packets_in);
	json_set_uint(item, "bytes_in", totals->bytes_in);
	json_set_uint(item, "packets_out", totals->packets_out);
	json_set_uint(item, "bytes_out", totals->bytes_out);
	json_set_uint(item, "dropped_packets", totals->dropped_packets);
	json_set_uint(item, "dropped_bytes", totals->dropped_bytes);
	json_set_uint(item, "new_flows", totals->new_flows);
	return item;
}

/* @shift_ms: 0, or one period back. */
static int add_totals(const struct gather *gather, struct json *document, const char *key,
		      int64_t shift_ms)
{
	const struct totals_range range = {
		.from_unix_s = (gather->report->from_unix_ms - shift_ms) / MS_PER_S,
		.to_unix_s = (gather->report->to_unix_ms - shift_ms) / MS_PER_S,
		.step_s = (gather->report->to_unix_ms - gather->report->from_unix_ms) / MS_PER_S
	};
	struct totals totals = { 0 };
	int count = range.from_unix_s < 0 ? 0 : store_totals_sum(gather->store, &range, &totals, 1);

	if (count >= 0)
		json_set(document, key, encode_totals(&totals));
	return count < 0 ? count : 0;
}

static int add_series(const struct gather *gather, struct json *document)
{
	const struct totals_range range = { .from_unix_s = gather->report->from_unix_ms / MS_PER_S,
					    .to_unix_s = gather->report->to_unix_ms / MS_PER_S,
					    .step_s = gather_step_s(gather->report, SERIES_STEPS,
								    false) };
	CLEANUP(free) struct totals *rows = calloc(SERIES_STEPS + 1, sizeof(*rows));
	int count =
		rows ? store_totals_sum(gather->store, &range, rows, SERIES_STEPS + 1) : -ENOMEM;

	if (count < 0)
		return count;
	struct json *series = json_new_object(), *items = json_new_array();
	json_set_int(series, "step_s", range.step_s);
	for (int i = 0; i < count; i++) {
		struct json *item = encode_totals(&rows[i]);

		json_set_time(item, "time", (range.from_unix_s + i * range.step_s) * MS_PER_S);
		json_add(items, item);
	}
	json_set(series, "items", items);
	json_set(document, "series", series);
	return 0;
}

/* Bytes per weekday and hour of the zone's wall clock. */
static int add_heat(const struct gather *gather, struct json *document)
{
	const struct totals_range range = { .from_unix_s = gather->report->from_unix_ms / MS_PER_S,
					    .to_unix_s = gather->report->to_unix_ms / MS_PER_S,
					    .step_s = S_PER_HOUR };
	CLEANUP(free) struct totals *rows = calloc(HEAT_HOURS + 1, sizeof(*rows));
	uint64_t cells[7][24] = { { 0 } };
	int count = rows ? store_totals_sum(gather->store, &range, rows, HEAT_HOURS + 1) : -ENOMEM;

	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		struct zone_time local;

		zone_local(gather->zone, range.from_unix_s + (int64_t)i * S_PER_HOUR, &local);
		cells[local.weekday][local.hour] += rows[i].bytes_in + rows[i].bytes_out;
	}
	struct json *heat = json_new_array();
	for (int day = 0; day < 7; day++) {
		struct json *hours = json_new_array();

		for (int hour = 0; hour < 24; hour++)
			json_add_int(hours, (int64_t)cells[day][hour]);
		json_add(heat, hours);
	}
	json_set(document, "heat", heat);
	return 0;
}

/* ---- addresses ---- */

static void set_fact(struct json *item, const char *prefix, const char *key, const char *text)
{
	char name[32];

	(void)snprintf(name, sizeof(name), "%s%s", prefix, key);
	if (*text)
		json_set_string(item, name, text);
}

void gather_facts(const struct gather *gather, const struct addr *addr, const char *prefix,
		  struct json *item)
{
	struct addr_facts facts = { .source = 0 };
	char number[16] = "";

	if (!gather->facts)
		return;
	gather->facts(gather->arg, addr, &facts);
	if (facts.place.asn)
		(void)snprintf(number, sizeof(number), "AS%u", facts.place.asn);
	set_fact(item, prefix, "name", facts.name);
	set_fact(item, prefix, "country", facts.place.country);
	set_fact(item, prefix, "as", number);
	set_fact(item, prefix, "as_owner", facts.place.owner);
}

/* ---- hourly sums ----------------------------------------------------------------------------- */

static bool address_of(enum top_by by, const struct top_row *row, struct addr *out)
{
	if ((by != TOP_SOURCE && by != TOP_DESTINATION) || row->is_others ||
	    (row->len != 4 && row->len != 16))
		return false;
	*out = row->len == 4 ? addr_from_ipv4(row->key) : addr_from_ipv6(row->key);
	return true;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static const char *format_key(enum top_by by, const struct top_row *row, char *text, size_t size)
{
	char proto[PROTO_TEXT_MAX], addr_text[ADDR_TEXT_MAX];
	struct addr addr;

	(void)snprintf(text, size, by == TOP_DOMAIN ? "(no name)" : "(unknown)");
	if (address_of(by, row, &addr)) {
		(void)snprintf(text, size, "%s", addr_format(&addr, addr_text));
	} else if (by == TOP_PORT && row->len == 3 && has_ports(row->key[0])) {
		(void)snprintf(text, size, "%s/%u", proto_format(row->key[0], proto),
			       (unsigned int)(row->key[1] << 8 | row->key[2]));
	} else if ((by == TOP_PORT && row->len == 3) || (by == TOP_PROTOCOL && row->len == 1)) {
		(void)snprintf(text, size, "%s", proto_format(row->key[0], proto));
	} else if (by == TOP_DOMAIN && row->len) {
		(void)snprintf(text, size, "%.*s", (int)row->len, (const char *)row->key);
	}
	return text;
}

static uint64_t row_bytes(const struct top_row *row)
{
	return row->sums.bytes_in + row->sums.bytes_out;
}

static int read_top(const struct gather *gather, enum top_by by, struct top_row *rows, size_t max)
{
	const struct top_query query = { .from_unix_ms = gather->report->from_unix_ms,
					 .to_unix_ms = gather->report->to_unix_ms,
					 .by = by };

	return store_top(gather->store, &query, rows, max);
}

static int add_top(const struct gather *gather, struct json *tops, const char *name, enum top_by by)
{
	CLEANUP(free) struct top_row *rows = calloc(TOP_ROWS + 1, sizeof(*rows));
	int count = rows ? read_top(gather, by, rows, TOP_ROWS + 1) : -ENOMEM;

	if (count < 0)
		return count;
	struct json *items = json_new_array();
	for (int i = 0; i < count; i++) {
		struct json *item = json_new_object();
		char text[TOP_KEY_MAX + 16];
		struct addr addr;

		json_set_string(item, "key",
				rows[i].is_others ? "(others)"
						  : format_key(by, &rows[i], text, sizeof(text)));
		json_set_bool(item, "is_others", rows[i].is_others);
		if (address_of(by, &rows[i], &addr))
			gather_facts(gather, &addr, "", item);
		json_set_uint(item, "flows", rows[i].sums.records);
		json_set_uint(item, "packets", rows[i].sums.packets_in + rows[i].sums.packets_out);
		json_set_uint(item, "bytes", row_bytes(&rows[i]));
		json_set_uint(item, "bytes_out", rows[i].sums.bytes_out);
		json_set_uint(item, "bytes_in", rows[i].sums.bytes_in);
		json_add(items, item);
	}
	json_set(tops, name, items);
	return 0;
}

static int add_tops(const struct gather *gather, struct json *document)
{
	static const struct {
		const char *name;
		enum top_by by;
	} kinds[] = { { "sources", TOP_SOURCE },
		      { "destinations", TOP_DESTINATION },
		      { "ports", TOP_PORT },
		      { "protocols", TOP_PROTOCOL },
		      { "domains", TOP_DOMAIN } };
	struct json *tops = json_new_object();
	int error = 0;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !error; i++)
		error = add_top(gather, tops, kinds[i].name, kinds[i].by);
	json_set(document, "tops", tops);
	return error;
}

/* Bytes of one step by the protocols of @names, what is none of them last. */
static int add_step(const struct gather *gather, const struct top_row *names, int name_count,
		    const struct top_query *query, struct json *items)
{
	struct top_row rows[64];
	uint64_t bytes[STACK_NAMES + 1] = { 0 };
	int count = store_top(gather->store, query, rows, sizeof(rows) / sizeof(rows[0]));

	if (count < 0)
		return count;
	for (int i = 0; i < count; i++) {
		int at = 0;

		while (at < name_count && (rows[i].is_others || rows[i].len != 1 ||
					   rows[i].key[0] != names[at].key[0]))
			at++;
		bytes[at < name_count ? at : STACK_NAMES] += row_bytes(&rows[i]);
	}
	struct json *item = json_new_object(), *values = json_new_array();
	json_set_time(item, "time", query->from_unix_ms);
	for (int i = 0; i < name_count; i++)
		json_add_int(values, (int64_t)bytes[i]);
	json_add_int(values, (int64_t)bytes[STACK_NAMES]);
	json_set(item, "bytes", values);
	json_add(items, item);
	return 0;
}

static int add_steps(const struct gather *gather, const struct top_row *names, int name_count,
		     struct json *stack)
{
	int64_t step_ms = gather_step_s(gather->report, STACK_STEPS, true) * MS_PER_S;
	struct json *items = json_new_array();
	int error = 0;

	json_set_int(stack, "step_s", step_ms / MS_PER_S);
	for (int64_t at = gather->report->from_unix_ms; at < gather->report->to_unix_ms && !error;
	     at += step_ms) {
		int64_t end = at + step_ms;
		const struct top_query query = { .from_unix_ms = at,
						 .to_unix_ms = end < gather->report->to_unix_ms
								       ? end
								       : gather->report->to_unix_ms,
						 .by = TOP_PROTOCOL };

		error = atomic_load(gather->is_cancelled)
				? -ECANCELED
				: add_step(gather, names, name_count, &query, items);
	}
	json_set(stack, "items", items);
	return error;
}

static int add_protocols(const struct gather *gather, struct json *document)
{
	struct top_row names[STACK_NAMES + 1];
	int count = read_top(gather, TOP_PROTOCOL, names, STACK_NAMES + 1);

	if (count < 0)
		return count;
	if (count && names[count - 1].is_others)
		count--;
	struct json *stack = json_new_object(), *list = json_new_array();
	for (int i = 0; i < count; i++) {
		char text[TOP_KEY_MAX + 16];

		json_add_string(list, format_key(TOP_PROTOCOL, &names[i], text, sizeof(text)));
	}
	json_add_string(list, "others");
	json_set(stack, "names", list);
	int error = add_steps(gather, names, count, stack);
	json_set(document, "protocols", stack);
	return error;
}

/* ---- blocks ---------------------------------------------------------------------------------- */

static const char *block_value(const struct block *block, char *text)
{
	if (*block->list)
		return block->list;
	return *block->domain ? block->domain : prefix_format(&block->target, text);
}

/* In force now; hits are of their whole life. */
static int add_blocks(const struct gather *gather, struct json *document)
{
	CLEANUP(free) struct block *rows = calloc(BLOCKS_MAX, sizeof(*rows));
	int count = rows ? store_block_list(gather->store, true, 0, rows, BLOCKS_MAX) : -ENOMEM;
	struct json *items;

	if (count < 0)
		return count;
	items = json_new_array();
	for (int i = 0; i < count; i++) {
		struct json *item = json_new_object();
		char text[PREFIX_TEXT_MAX];

		json_set_int(item, "id", rows[i].id);
		json_set_string(item, "value", block_value(&rows[i], text));
		json_set_string(item, "reason", rows[i].reason);
		json_set_string(item, "author", rows[i].author);
		json_set_time(item, "created", rows[i].created_unix_ms);
		json_set_time(item, "expires", rows[i].expires_unix_ms);
		json_set_uint(item, "hits", rows[i].hits.packets);
		json_set_uint(item, "hit_bytes", rows[i].hits.bytes);
		json_add(items, item);
	}
	json_set(document, "blocks", items);
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* When its clocks were put forward or back in the period: {"at", "offset_s"}. */
static struct json *encode_changes(const struct gather *gather)
{
	int64_t at = gather->report->from_unix_ms / MS_PER_S;
	int32_t offset_s = zone_offset_s(gather->zone, at);
	struct json *items = json_new_array();

	for (; at < gather->report->to_unix_ms / MS_PER_S; at += CHANGE_STEP_S) {
		int32_t now_s = zone_offset_s(gather->zone, at);
		struct json *item;

		if (now_s == offset_s)
			continue;
		item = json_new_object();
		json_set_time(item, "at", at * MS_PER_S);
		json_set_int(item, "offset_s", now_s);
		json_add(items, item);
		offset_s = now_s;
	}
	return items;
}

static void add_head(const struct gather *gather, struct json *document)
{
	const struct report *report = gather->report;
	char host[HOST_NAME_MAX + 1] = "";
	char version[64];

	(void)gethostname(host, sizeof(host) - 1); /* "" when it fails */
	(void)snprintf(version, sizeof(version), "sluice %s", gather->version);
	json_set_int(document, "format", DOCUMENT_VERSION);
	json_set_string(document, "kind", report_kind_name(report->kind));
	json_set_string(document, "title", report_kind_title(report->kind));
	json_set_time(document, "from", report->from_unix_ms);
	json_set_time(document, "to", report->to_unix_ms);
	json_set_string(document, "zone", report->zone);
	json_set_int(document, "zone_offset_s",
		     zone_offset_s(gather->zone, report->from_unix_ms / MS_PER_S));
	json_set(document, "zone_changes", encode_changes(gather));
	json_set_string(document, "host", host);
	json_set_string(document, "product", version);
	json_set_bool(document, "demo", gather->is_demo);
}

int report_gather(const struct gather *gather, struct json **out)
{
	static const struct {
		unsigned int section;
		int (*add)(const struct gather *gather, struct json *document);
	} steps[] = { { SECTION_SERIES, add_series },
		      { SECTION_PROTOCOLS, add_protocols },
		      { SECTION_HEAT, add_heat },
		      { SECTION_TOPS, add_tops },
		      { SECTION_INCIDENTS, gather_incidents },
		      { SECTION_BLOCKS, add_blocks } };
	unsigned int sections = report_sections(gather->report->kind);
	const struct report *report = gather->report;
	CLEANUP(json_free) struct json *document = json_new_object();

	add_head(gather, document);
	int error = add_totals(gather, document, "summary", 0);
	if (!error)
		error = add_totals(gather, document, "previous",
				   report->to_unix_ms - report->from_unix_ms);
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !error; i++) {
		tell(gather, (unsigned int)(5 + i * 7));
		if (sections & steps[i].section)
			error = steps[i].add(gather, document);
		if (atomic_load(gather->is_cancelled))
			error = -ECANCELED;
	}
	if (error)
		return error;
	gather_findings(document);
	tell(gather, 50);
	*out = TAKE(document);
	return 0;
}
