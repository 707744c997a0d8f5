/*
 * Incidents: list, one with its sealed details, state, notes; and the original's two endpoints.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/block/block.h"
#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/proto.h"

#define INCIDENTS_LIMIT_DEFAULT 100
#define INCIDENTS_LIMIT_MAX	1000
#define RELATED_MAX		5
#define RECENT_MAX		10
#define BLOCKS_LOOKED_AT	1024

static bool sees_details(const struct call *call)
{
	return call->who.role >= ROLE_ANALYST;
}

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

static int bad_filter(struct call *call, const char *name, const char *message)
{
	answer_error(call, 422, "invalid", name, message);
	return -EINVAL;
}

static int read_filter(struct call *call, struct incident_filter *filter)
{
	const char *query = call->request->query;
	char text[PARAM_MAX];
	uint8_t value;

	*filter = (struct incident_filter){ .severity = -1, .state = -1, .detector = -1 };
	if (param_int(call, "before", 1, INT64_MAX, &filter->before_id))
		return -EINVAL;
	if (param_text(query, "severity", text) || (*text && incident_severity_parse(text, &value)))
		return bad_filter(call, "severity", "severity is low, medium or high.");
	if (*text)
		filter->severity = value;
	if (param_text(query, "state", text) || (*text && incident_state_parse(text, &value)))
		return bad_filter(call, "state",
				  "state is open, acknowledged, resolved or false_positive.");
	if (*text)
		filter->state = value;
	if (param_text(query, "src_ip", text) || (*text && addr_parse(text, &filter->src)))
		return bad_filter(call, "src_ip", "src_ip is an IPv4 or IPv6 address.");
	if (param_text(query, "detector", text))
		return bad_filter(call, "detector", "There is no such detector.");
	for (int i = 0; *text && i < DETECTOR_COUNT; i++)
		if (!strcmp(text, incident_detector_name((uint8_t)i)))
			filter->detector = i;
	if (*text && filter->detector < 0)
		return bad_filter(call, "detector", "There is no such detector.");
	return 0;
}

void handle_incidents(struct call *call)
{
	int64_t limit = INCIDENTS_LIMIT_DEFAULT;
	struct incident_filter filter;
	CLEANUP(free) struct incident *rows = NULL;
	int count;

	if (read_filter(call, &filter) || param_int(call, "limit", 1, INCIDENTS_LIMIT_MAX, &limit))
		return;
	rows = calloc((size_t)limit + 1, sizeof(*rows));
	if (!rows) {
		answer_failure(call, -ENOMEM);
		return;
	}
	count = store_incident_list(call->api->options.store, &filter, rows, (size_t)limit + 1);
	if (count < 0)
		answer_failure(call, count);
	else if (count > limit)
		answer_list(call, encode_rows(call, rows, (int)limit, incident_to_json),
			    rows[limit - 1].id);
	else
		answer_list(call, encode_rows(call, rows, count, incident_to_json), 0);
}

/* ---- one incident ------------------------------------------------------------------------------
 */

static struct json *related(const struct call *call, const struct incident *incident)
{
	struct incident_filter filter = {
		.severity = -1, .state = -1, .detector = -1, .src = incident->src
	};
	struct incident rows[RELATED_MAX + 1];
	int count = store_incident_list(call->api->options.store, &filter, rows, RELATED_MAX + 1);
	struct json *items = json_new_array();

	for (int i = 0; i < count; i++)
		if (rows[i].id != incident->id)
			json_add(items, incident_to_json(&rows[i], NULL));
	return items;
}

/* The active block that holds the source, or null. */
static struct json *source_block(const struct call *call, const struct incident *incident)
{
	CLEANUP(free) struct block *blocks = calloc(BLOCKS_LOOKED_AT, sizeof(*blocks));
	int count = blocks ? block_list(call->api->options.block, true, 0, blocks, BLOCKS_LOOKED_AT)
			   : 0;

	for (int i = 0; i < count; i++)
		if (blocks[i].target.addr.family != ADDR_NONE && blocks[i].state != BLOCK_OFF &&
		    prefix_has_addr(&blocks[i].target, &incident->src))
			return encode_block(&blocks[i]);
	return NULL;
}

static struct json *recommended(const struct incident *incident, bool is_blocked)
{
	struct json *actions = json_new_array();
	char source[ADDR_TEXT_MAX], text[192];

	addr_format(&incident->src, source);
	if (is_blocked)
		json_add_string(actions,
				"The source is blocked. Watch whether it keeps trying, and "
				"resolve this when it stops.");
	else if (incident->severity >= SEVERITY_MEDIUM) {
		(void)snprintf(text, sizeof(text), "Block %s if it is not one of yours.", source);
		json_add_string(actions, text);
	}
	(void)snprintf(text, sizeof(text), "Look at all flows of %s: what did it reach?", source);
	json_add_string(actions, text);
	json_add_string(actions, "Close ports that need not be open, and check the services that "
				 "answered.");
	return actions;
}

static void set_or_null(struct json *body, const char *key, struct json *value)
{
	if (value)
		json_set(body, key, value);
	else
		json_set_null(body, key);
}

static void set_parsed(struct json *body, const char *key, const char *text)
{
	char reason[128];
	struct json *value = NULL;

	if (!text || json_parse(text, strlen(text), &value, reason))
		value = json_new_array();
	json_set(body, key, value);
}

static void answer_incident(struct call *call, int64_t id)
{
	const struct api_options *options = &call->api->options;
	struct incident_details details = { 0 };
	struct incident incident;
	struct json *body, *block;
	int error = store_incident_get(options->store, id, &incident,
				       sees_details(call) ? &details : NULL);

	if (error) {
		answer_failure(call, error);
		return;
	}
	body = incident_to_json(&incident, sees_details(call) ? details.reason : NULL);
	block = source_block(call, &incident);
	json_set(body, "actions", recommended(&incident, block != NULL));
	set_or_null(body, "block", block);
	json_set(body, "related", related(call, &incident));
	if (sees_details(call)) {
		set_parsed(body, "evidence", details.evidence_json);
		set_parsed(body, "notes", details.notes);
	} else {
		json_set_null(body, "evidence");
		json_set_null(body, "notes");
	}
	store_incident_details_done(&details);
	answer_json(call, 200, body);
}

void handle_incident(struct call *call)
{
	int64_t id;

	if (!part_id(call, &id))
		answer_incident(call, id);
}

void handle_incident_state(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *text;
	uint8_t state;
	int64_t id;
	int error;

	if (part_id(call, &id) || body_json(call, &body) || body_text(call, body, "state", &text))
		return;
	if (incident_state_parse(text, &state)) {
		(void)bad_filter(call, "state",
				 "state is open, acknowledged, resolved or false_positive.");
		return;
	}
	error = incident_set_state(call->api->options.incident, &call->who, id,
				   (enum incident_state)state);
	if (error)
		answer_failure(call, error);
	else
		answer_incident(call, id);
}

void handle_incident_note(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *text;
	int64_t id;
	int error;

	if (part_id(call, &id) || body_json(call, &body) || body_text(call, body, "text", &text))
		return;
	error = incident_add_note(call->api->options.incident, &call->who, id, text);
	if (error == -EINVAL)
		answer_error(call, 422, "invalid", "text", "A note has 1 to 4096 bytes of text.");
	else if (error)
		answer_failure(call, error);
	else
		answer_incident(call, id);
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

void handle_stats_protocols(struct call *call)
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
