/*
 * Incidents of a period: counts by severity, detector and state, over time, by hour of the week
 * and by score, and each of them as a row. And the sentences that page 1 begins with.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/proto.h"
#include "agent/util/units.h"
#include "include/incident.h"

#define STEPS_MAX  49
#define SCORE_BINS 10
#define STATES	   4
#define FIRST_MAX  6   /* to look at first: as many as page 1 has room for */
#define WHOLE_FROM 0.9 /* what is still on its way into the history is less than the rest */

static const struct {
	const char *name, *title, *technique;
} detectors[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) \
	[DETECTOR_##id] = { name, title, technique },
#include "include/detectors.def"
#undef DETECTOR
};

static const char *const severity_names[SEVERITIES] = { "low", "medium", "high" };
static const char *const state_names[STATES] = { "open", "acknowledged", "resolved",
						 "false_positive" };

struct tally {
	const struct gather *gather;
	int64_t step_ms;
	uint64_t total, by_severity[SEVERITIES], by_state[STATES], by_detector[DETECTOR_COUNT];
	uint64_t steps[STEPS_MAX][SEVERITIES];
	uint64_t heat[7][24];
	uint64_t scores[SCORE_BINS];
	struct json *list;
	struct incident first[SEVERITIES][FIRST_MAX]; /* the newest unsettled ones of each */
	size_t first_count[SEVERITIES];
};

static const char *severity_name(const struct incident *incident)
{
	return severity_names[incident->severity < SEVERITIES ? incident->severity : 0];
}

static const char *state_name(const struct incident *incident)
{
	return state_names[incident->state < STATES ? incident->state : 0];
}

/* "" where there is none: many sources, or nobody in particular. */
static bool set_address(struct json *item, const char *key, const struct addr *addr)
{
	static const struct addr unspecified = { 0 };
	char text[ADDR_TEXT_MAX];
	bool is_none = addr->family == ADDR_NONE ||
		       !memcmp(addr->bytes + (addr->family == ADDR_IPV4 ? 12 : 0),
			       unspecified.bytes, addr->family == ADDR_IPV4 ? 4 : 16);

	json_set_string(item, key, is_none ? "" : addr_format(addr, text));
	return !is_none;
}

static struct json *encode(const struct gather *gather, const struct incident *incident)
{
	char proto[PROTO_TEXT_MAX];
	struct json *item = json_new_object();

	json_set_int(item, "id", incident->id);
	json_set_string(item, "detector", detectors[incident->detector].name);
	json_set_string(item, "title", detectors[incident->detector].title);
	json_set_string(item, "technique", detectors[incident->detector].technique);
	json_set_string(item, "severity", severity_name(incident));
	json_set_string(item, "state", state_name(incident));
	json_set_double(item, "score", incident->score);
	if (set_address(item, "src_ip", &incident->src))
		gather_facts(gather, &incident->src, "src_", item);
	if (set_address(item, "dst_ip", &incident->dst))
		gather_facts(gather, &incident->dst, "dst_", item);
	json_set_int(item, "dst_port", incident->dst_port);
	json_set_string(item, "proto", incident->proto ? proto_format(incident->proto, proto) : "");
	json_set_time(item, "first_seen", incident->first_unix_ms);
	json_set_time(item, "last_seen", incident->last_unix_ms);
	json_set_uint(item, "count", incident->count);
	return item;
}

static bool take(void *arg, const struct incident *incident)
{
	struct tally *tally = arg;
	const struct report *report = tally->gather->report;
	size_t severity = incident->severity < SEVERITIES ? incident->severity : 0;
	size_t step = (size_t)((incident->first_unix_ms - report->from_unix_ms) / tally->step_ms);
	int bin = (int)(incident->score * SCORE_BINS);
	struct zone_time local;

	tally->total++;
	tally->by_severity[severity]++;
	tally->by_state[incident->state < STATES ? incident->state : 0]++;
	tally->by_detector[incident->detector]++;
	if (step < STEPS_MAX)
		tally->steps[step][severity]++;
	zone_local(tally->gather->zone, incident->first_unix_ms / MS_PER_S, &local);
	tally->heat[local.weekday][local.hour]++;
	tally->scores[bin < 0 ? 0 : bin < SCORE_BINS ? bin : SCORE_BINS - 1]++;
	if (incident->state <= INCIDENT_ACKNOWLEDGED && tally->first_count[severity] < FIRST_MAX)
		tally->first[severity][tally->first_count[severity]++] = *incident;
	if (tally->list && tally->total <= INCIDENTS_LISTED_MAX)
		json_add(tally->list, encode(tally->gather, incident));
	return !atomic_load(tally->gather->is_cancelled);
}

static struct json *encode_counts(const char *const *names, const uint64_t *counts, size_t count)
{
	struct json *object = json_new_object();

	for (size_t i = 0; i < count; i++)
		json_set_uint(object, names[i], counts[i]);
	return object;
}

struct ranked {
	size_t detector;
	uint64_t count;
};

static int by_count(const void *a, const void *b)
{
	const struct ranked *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	return x->detector < y->detector ? -1 : 1;
}

static struct json *encode_detectors(const struct tally *tally)
{
	struct ranked order[DETECTOR_COUNT];
	struct json *items = json_new_array();

	for (size_t i = 0; i < DETECTOR_COUNT; i++)
		order[i] = (struct ranked){ i, tally->by_detector[i] };
	qsort(order, DETECTOR_COUNT, sizeof(order[0]), by_count);
	for (size_t i = 0; i < DETECTOR_COUNT && order[i].count; i++) {
		struct json *item = json_new_object();

		json_set_string(item, "detector", detectors[order[i].detector].name);
		json_set_string(item, "title", detectors[order[i].detector].title);
		json_set_string(item, "technique", detectors[order[i].detector].technique);
		json_set_uint(item, "count", order[i].count);
		json_add(items, item);
	}
	return items;
}

static struct json *encode_steps(const struct tally *tally)
{
	const struct report *report = tally->gather->report;
	struct json *steps = json_new_object(), *items = json_new_array();

	json_set_int(steps, "step_s", tally->step_ms / MS_PER_S);
	for (size_t i = 0; i < STEPS_MAX; i++) {
		int64_t at = report->from_unix_ms + (int64_t)i * tally->step_ms;
		struct json *item;

		if (at >= report->to_unix_ms)
			break;
		item = encode_counts(severity_names, tally->steps[i], SEVERITIES);
		json_set_time(item, "time", at);
		json_add(items, item);
	}
	json_set(steps, "items", items);
	return steps;
}

static struct json *encode_heat(const struct tally *tally)
{
	struct json *heat = json_new_array();

	for (int day = 0; day < 7; day++) {
		struct json *hours = json_new_array();

		for (int hour = 0; hour < 24; hour++)
			json_add_int(hours, (int64_t)tally->heat[day][hour]);
		json_add(heat, hours);
	}
	return heat;
}

/* The gravest first, the newest first among those. */
static void set_attention(const struct tally *tally, struct json *document)
{
	struct json *items = json_new_array();

	for (int severity = SEVERITIES - 1; severity >= 0; severity--)
		for (size_t i = 0;
		     i < tally->first_count[severity] && json_array_len(items) < FIRST_MAX; i++)
			json_add(items, encode(tally->gather, &tally->first[severity][i]));
	json_set(document, "attention", items);
}

int gather_incidents(const struct gather *gather, struct json *document)
{
	unsigned int sections = report_sections(gather->report->kind);
	const struct incident_period period = { gather->report->from_unix_ms,
						gather->report->to_unix_ms };
	CLEANUP(free) struct tally *tally = calloc(1, sizeof(*tally));
	struct json *counts = json_new_object(), *scores = json_new_array();

	json_set(document, "incident_counts", counts);
	if (!tally) {
		json_free(scores);
		return -ENOMEM;
	}
	tally->gather = gather;
	tally->step_ms = gather_step_s(gather->report, STEPS_MAX - 1, true) * MS_PER_S;
	tally->list = sections & SECTION_LIST ? json_new_array() : NULL;
	int error = store_incident_visit(gather->store, &period, take, tally);
	set_attention(tally, document);
	json_set_uint(counts, "total", tally->total);
	json_set(counts, "by_severity",
		 encode_counts(severity_names, tally->by_severity, SEVERITIES));
	json_set(counts, "by_state", encode_counts(state_names, tally->by_state, STATES));
	json_set(counts, "by_detector", encode_detectors(tally));
	json_set(document, "incident_series", encode_steps(tally));
	for (size_t i = 0; i < SCORE_BINS; i++)
		json_add_int(scores, (int64_t)tally->scores[i]);
	if (sections & SECTION_SCORES) {
		json_set(document, "scores", scores);
		json_set(document, "incident_heat", encode_heat(tally));
	} else {
		json_free(scores);
	}
	if (tally->list)
		json_set(document, "incidents", tally->list);
	return error;
}

/* ---- sentences ------------------------------------------------------------------------------- */

static uint64_t number(const struct json *object, const char *key)
{
	int64_t value = 0;

	(void)json_get_int(object, key, &value); /* absent: 0 */
	return (uint64_t)value;
}

/* "+12 %" against the period before; "" where there was nothing to compare with. */
static void compare(uint64_t now, uint64_t before, char text[static 48])
{
	double change = before ? ((double)now - (double)before) * 100.0 / (double)before : 0;

	text[0] = '\0';
	if (before && change >= 200)
		(void)snprintf(text, 48, ", %.0f times the period before", change / 100 + 1);
	else if (before && change >= 0.5)
		(void)snprintf(text, 48, ", %.0f %% more than the period before", change);
	else if (before && change <= -0.5)
		(void)snprintf(text, 48, ", %.0f %% less than the period before", -change);
	else if (before)
		(void)snprintf(text, 48, ", as in the period before");
}

static void say_traffic(const struct json *document, struct json *findings)
{
	const struct json *now = json_get(document, "summary");
	const struct json *before = json_get(document, "previous");
	char in[24], out[24], dropped[24], change[48], text[256];

	if (!number(now, "packets_in") && !number(now, "packets_out")) {
		json_add_string(findings, "No traffic was recorded in this period.");
		return;
	}
	units_format_bytes(number(now, "bytes_in"), in, sizeof(in));
	units_format_bytes(number(now, "bytes_out"), out, sizeof(out));
	compare(number(now, "bytes_in") + number(now, "bytes_out"),
		number(before, "bytes_in") + number(before, "bytes_out"), change);
	(void)snprintf(text, sizeof(text), "%s came in and %s went out%s.", in, out, change);
	json_add_string(findings, text);
	units_format_bytes(number(now, "dropped_bytes"), dropped, sizeof(dropped));
	if (number(now, "dropped_packets"))
		(void)snprintf(text, sizeof(text),
			       "%" PRIu64 " packets (%s) were dropped by blocks.",
			       number(now, "dropped_packets"), dropped);
	else
		(void)snprintf(text, sizeof(text), "No packet was dropped.");
	json_add_string(findings, text);
}

static void say_incidents(const struct json *document, struct json *findings)
{
	const struct json *counts = json_get(document, "incident_counts");
	const struct json *severities = json_get(counts, "by_severity");
	const struct json *first = json_array_get(json_get(counts, "by_detector"), 0);
	uint64_t total = number(counts, "total"), high = number(severities, "high");
	const struct json *states = json_get(counts, "by_state");
	uint64_t open = number(states, "open") + number(states, "acknowledged");
	const char *title;
	char text[256];

	if (!counts)
		return;
	if (!total) {
		json_add_string(findings, "No incident began in this period.");
		return;
	}
	(void)snprintf(text, sizeof(text),
		       "%" PRIu64 " incident%s began, %" PRIu64 " of high severity; %" PRIu64
		       " %s not settled yet.",
		       total, total == 1 ? "" : "s", high, open, open == 1 ? "is" : "are");
	json_add_string(findings, text);
	if (first && !json_get_string(first, "title", &title)) {
		(void)snprintf(text, sizeof(text), "Most often: %s (%" PRIu64 ").", title,
			       number(first, "count"));
		json_add_string(findings, text);
	}
}

/* Minutes are kept for longer than flows are: what ranks them may be of a part of the whole. */
static void say_part(const struct json *document, uint64_t in_flows, struct json *findings)
{
	const struct json *now = json_get(document, "summary");
	uint64_t counted = number(now, "bytes_in") + number(now, "bytes_out");
	char text[256], part[24], whole[24];

	if ((double)in_flows >= WHOLE_FROM * (double)counted)
		return;
	units_format_bytes(in_flows, part, sizeof(part));
	units_format_bytes(counted, whole, sizeof(whole));
	(void)snprintf(text, sizeof(text),
		       "Flows in the history hold %s of these %s, %.0f %%: sources, destinations, "
		       "ports, protocols and names are of them alone.",
		       part, whole, (double)in_flows * 100.0 / (double)counted);
	json_add_string(findings, text);
}

static void say_busiest(const struct json *document, struct json *findings)
{
	const struct json *rows = json_get(json_get(document, "tops"), "sources");
	const struct json *first = rows ? json_array_get(rows, 0) : NULL;
	char text[512], bytes[24];
	uint64_t all = 0;
	const char *key;

	for (size_t i = 0; rows && i < json_array_len(rows); i++)
		all += number(json_array_get(rows, i), "bytes");
	if (rows)
		say_part(document, all, findings);
	if (!first || !all || json_get_string(first, "key", &key))
		return;
	units_format_bytes(number(first, "bytes"), bytes, sizeof(bytes));
	(void)snprintf(text, sizeof(text),
		       "The busiest source was %s with %s, %.0f %% of all bytes in flows.", key,
		       bytes, (double)number(first, "bytes") * 100.0 / (double)all);
	json_add_string(findings, text);
}

void gather_findings(struct json *document)
{
	struct json *findings = json_new_array();

	say_incidents(document, findings);
	say_traffic(document, findings);
	say_busiest(document, findings);
	json_set(document, "findings", findings);
}
