/*
 * Lists of incidents: filters, a search for words, several changed at once; and the original's two
 * endpoints.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/proto.h"

#define INCIDENTS_LIMIT_DEFAULT 100
#define INCIDENTS_LIMIT_MAX	1000
#define RECENT_MAX		10
#define BULK_MAX		500
/* A search for words opens the sealed reasons one by one: so many take about 0.1 s (measured: 3.3
 * us a record, store/details.h). */
#define SEARCH_ROWS_MAX 20000
#define SEARCH_BATCH	256

/* The reason is sealed: opened only for who may read it; "" when the record cannot be opened. */
static int read_reason(const struct api *api, int64_t id, char reason[static FINDING_REASON_MAX])
{
	struct incident_details details = { 0 };
	struct incident incident;
	int error = store_incident_get(api->options.store, id, &incident, &details);

	if (!error)
		memcpy(reason, details.reason, FINDING_REASON_MAX);
	store_incident_details_done(&details);
	return error;
}

typedef struct json *(*encode_incident_fn)(const struct incident *incident, const char *reason);

static struct json *encode_rows(const struct call *call, const struct incident *rows, int count,
				encode_incident_fn encode)
{
	struct json *items = json_new_array();

	for (int i = 0; i < count; i++) {
		char reason[FINDING_REASON_MAX];
		bool shows = sees_details(call) && !read_reason(call->api, rows[i].id, reason);

		json_add(items, encode(&rows[i], shows ? reason : NULL));
	}
	return items;
}

/* ---- the list ----------------------------------------------------------------------------------
 */

/* What is wanted of it, and how far it came. */
struct page {
	struct incident_filter filter;
	char words[PARAM_MAX]; /* "" = all */
	struct incident *rows; /* @limit and one more */
	size_t limit, count;
	bool is_cut; /* SEARCH_ROWS_MAX were looked at */
};

static bool has_words(const struct call *call, const struct incident *incident, const char *words)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], id[24], reason[FINDING_REASON_MAX];
	const char *const texts[] = { incident_detector_title(incident->detector),
				      incident_detector_name(incident->detector),
				      incident_detector_technique(incident->detector),
				      addr_format(&incident->src, src),
				      addr_format(&incident->dst, dst),
				      id };

	(void)snprintf(id, sizeof(id), "#%lld", (long long)incident->id);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (strcasestr(texts[i], words))
			return true;
	return sees_details(call) && !read_reason(call->api, incident->id, reason) &&
	       strcasestr(reason, words);
}

/* A prefix among the words is looked for in both addresses. */
static bool is_wanted(const struct call *call, const struct incident *incident, const char *words,
		      const struct prefix *prefix)
{
	if (prefix->addr.family != ADDR_NONE)
		return prefix_has_addr(prefix, &incident->src) ||
		       prefix_has_addr(prefix, &incident->dst);
	return has_words(call, incident, words);
}

static int search_rows(const struct call *call, struct page *page)
{
	CLEANUP(free) struct incident *batch = calloc(SEARCH_BATCH, sizeof(*batch));
	struct prefix prefix = { 0 };
	int count = batch ? SEARCH_BATCH : -ENOMEM;

	(void)read_prefix(page->words, &prefix); /* words, else */
	for (size_t looked = 0; count == SEARCH_BATCH; looked += SEARCH_BATCH) {
		page->is_cut = looked >= SEARCH_ROWS_MAX;
		if (page->is_cut)
			return 0;
		count = store_incident_list(call->api->options.store, &page->filter, batch,
					    SEARCH_BATCH);
		page->filter.offset += SEARCH_BATCH;
		for (int i = 0; i < count; i++) {
			if (!is_wanted(call, &batch[i], page->words, &prefix))
				continue;
			page->rows[page->count++] = batch[i];
			if (page->count > page->limit)
				return 0;
		}
	}
	return count < 0 ? count : 0;
}

static int list_rows(const struct call *call, struct page *page)
{
	int count;

	if (*page->words)
		return search_rows(call, page);
	count = store_incident_list(call->api->options.store, &page->filter, page->rows,
				    page->limit + 1);
	page->count = count < 0 ? 0 : (size_t)count;
	return count < 0 ? count : 0;
}

/* limit and the original's per_page and page. */
static int read_page(struct call *call, struct page *page)
{
	int64_t limit = INCIDENTS_LIMIT_DEFAULT, number = 1;

	if (read_incident_filter(call, &page->filter) ||
	    param_int(call, "limit", 1, INCIDENTS_LIMIT_MAX, &limit) ||
	    param_int(call, "per_page", 1, INCIDENTS_LIMIT_MAX, &limit) ||
	    param_int(call, "page", 1, 1000000, &number))
		return -EINVAL;
	if (param_text(call->request->query, "q", page->words)) {
		answer_error(call, 422, "invalid", "q", "These words cannot be read.");
		return -EINVAL;
	}
	page->limit = (size_t)limit;
	page->filter.offset = (size_t)(number - 1) * (size_t)limit;
	page->rows = calloc(page->limit + 1, sizeof(*page->rows));
	if (!page->rows)
		answer_failure(call, -ENOMEM);
	return page->rows ? 0 : -ENOMEM;
}

/* How many wait for somebody, whatever was asked for: navigation shows it on every page. */
static struct json *encode_open(const struct call *call)
{
	struct json *open = json_new_object();
	uint64_t severities[3] = { 0 }, protos[256];

	(void)store_incident_counts(call->api->options.store, severities, protos); /* else 0 */
	for (int i = SEVERITY_HIGH; i >= SEVERITY_LOW; i--)
		json_set_uint(open, incident_severity_name((uint8_t)i), severities[i]);
	return open;
}

static void answer_page(struct call *call, const struct page *page)
{
	bool has_more = page->count > page->limit;
	size_t count = has_more ? page->limit : page->count;
	struct json *body = json_new_object();
	uint64_t total = 0;

	json_set(body, "items", encode_rows(call, page->rows, (int)count, incident_to_json));
	/* only the order of numbers has a place to go on from; others have pages */
	if (has_more && page->filter.sort == INCIDENTS_NEWEST)
		json_set_int(body, "next", page->rows[count - 1].id);
	else
		json_set_null(body, "next");
	if (!*page->words && !store_incident_count(call->api->options.store, &page->filter, &total))
		json_set_uint(body, "total", total);
	else
		json_set_null(body, "total");
	json_set(body, "open", encode_open(call));
	json_set_bool(body, "complete", !page->is_cut);
	answer_json(call, 200, body);
}

void handle_incidents(struct call *call)
{
	struct page page = { 0 };
	int error;

	if (read_page(call, &page))
		return;
	error = list_rows(call, &page);
	if (error)
		answer_failure(call, error);
	else
		answer_page(call, &page);
	free(page.rows);
}

/* ---- several at once ---------------------------------------------------------------------------
 */

static const char *bulk_problem(int error)
{
	return error == -ENOENT	  ? "There is no such incident any more."
	       : error == -ENOSPC ? "The disk is full."
				  : "This could not be stored.";
}

/* Each is a change of its own: what cannot be done does not hold up the others. */
static void change_all(struct call *call, const struct json *ids, enum incident_state state)
{
	struct json *body = json_new_object(), *changed = json_new_array(),
		    *failed = json_new_array();

	for (size_t i = 0; i < json_array_len(ids); i++) {
		struct incident_target target = { .version = -1 };
		int error = json_int(json_array_get(ids, i), &target.id);

		if (!error)
			error = incident_set_state(call->api->options.incident, &call->who, &target,
						   state);
		if (!error) {
			json_add_int(changed, target.id);
			continue;
		}
		struct json *problem = json_new_object();

		json_set_int(problem, "id", target.id);
		json_set_string(problem, "message", bulk_problem(error));
		json_add(failed, problem);
	}
	json_set(body, "changed", changed);
	json_set(body, "failed", failed);
	answer_json(call, 200, body);
}

void handle_incidents_bulk(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const struct json *ids;
	const char *text;
	uint8_t state;

	if (body_json(call, &body) || body_text(call, body, "state", &text))
		return;
	ids = json_get(body, "ids");
	if (!ids || !json_is_array(ids) || !json_array_len(ids) || json_array_len(ids) > BULK_MAX)
		answer_error(call, 422, "invalid", "ids", "ids are 1 to 500 numbers of incidents.");
	else if (incident_state_parse(text, &state))
		answer_error(call, 422, "invalid", "state",
			     "state is open, acknowledged, resolved or false_positive.");
	else
		change_all(call, ids, (enum incident_state)state);
}

/* ---- the original's endpoints ---------------------------------------------------------------- */

void handle_recent_incidents(struct call *call)
{
	const struct incident_filter filter = { .severity = -1, .state = -1, .detector = -1 };
	int64_t limit = RECENT_MAX;
	CLEANUP(free) struct incident *rows = NULL;
	int count;

	if (param_int(call, "limit", 1, INCIDENTS_LIMIT_MAX, &limit))
		return;
	rows = calloc((size_t)limit, sizeof(*rows));
	count = rows ? store_incident_list(call->api->options.store, &filter, rows, (size_t)limit)
		     : -ENOMEM;
	if (count < 0)
		answer_failure(call, count);
	else
		answer_json(call, 200, encode_rows(call, rows, count, incident_to_legacy_json));
}

static void chart_incidents(struct call *call)
{
	uint64_t severities[3], counts[256];
	struct json *body, *labels, *data;
	int error = store_incident_counts(call->api->options.store, severities, counts);

	if (error) {
		answer_failure(call, error);
		return;
	}
	body = json_new_object();
	labels = json_new_array();
	data = json_new_array();
	for (;;) {
		char name[PROTO_TEXT_MAX];
		int most = 0;

		for (int i = 1; i < 256; i++)
			if (counts[i] > counts[most])
				most = i;
		if (!counts[most])
			break;
		json_add_string(labels, proto_format((uint8_t)most, name));
		json_add_int(data, (int64_t)counts[most]);
		counts[most] = 0;
	}
	json_set(body, "labels", labels);
	json_set(body, "data", data);
	answer_json(call, 200, body);
}

void handle_stats_protocols(struct call *call)
{
	static const struct {
		const char *word;
		enum history_order order;
	} traffic[] = { { "packets", HISTORY_BY_PACKETS },
			{ "bytes", HISTORY_BY_BYTES },
			{ "flows", HISTORY_BY_RECORDS } };
	char of[PARAM_MAX];

	if (param_text(call->request->query, "of", of))
		of[0] = '?';
	if (!*of || !strcmp(of, "incidents")) {
		chart_incidents(call);
		return;
	}
	for (size_t i = 0; i < sizeof(traffic) / sizeof(traffic[0]); i++)
		if (!strcmp(of, traffic[i].word)) {
			answer_protocol_chart(call, traffic[i].order);
			return;
		}
	answer_error(call, 422, "invalid", "of", "of is incidents, packets, bytes or flows.");
}
