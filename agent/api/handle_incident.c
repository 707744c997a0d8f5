/*
 * One incident: its sealed details, what belongs to it, what to do; and what people do with it.
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

#define RELATED_MAX	 12
#define RELATED_EACH	 6
#define RELATED_MS	 (3600 * 1000LL)
#define BLOCKS_LOOKED_AT 1024

bool sees_details(const struct call *call)
{
	return call->who.role >= ROLE_ANALYST;
}

/* ---- what belongs to it ------------------------------------------------------------------------
 */

struct related {
	struct json *items;
	int64_t seen[RELATED_MAX + 1];
	size_t count;
};

static bool was_seen(const struct related *related, int64_t id)
{
	for (size_t i = 0; i < related->count; i++)
		if (related->seen[i] == id)
			return true;
	return related->count > RELATED_MAX;
}

static void add_related(const struct call *call, struct related *related,
			const struct incident_filter *filter, const char *why)
{
	struct incident rows[RELATED_EACH];
	int count = store_incident_list(call->api->options.store, filter, rows, RELATED_EACH);

	for (int i = 0; i < count; i++) {
		struct json *item;

		if (was_seen(related, rows[i].id))
			continue;
		related->seen[related->count++] = rows[i].id;
		item = incident_to_json(&rows[i], NULL);
		json_set_string(item, "relation", why);
		json_add(related->items, item);
	}
}

/* The same source at any time; the same destination or cause within an hour of it. */
static struct json *encode_related(const struct call *call, const struct incident *incident)
{
	struct related related = { json_new_array(), { incident->id }, 1 };
	struct incident_filter filter = { .severity = -1, .state = -1, .detector = -1 };

	if (incident->src.family != ADDR_NONE) {
		filter.src = prefix_from_addr(&incident->src);
		add_related(call, &related, &filter, "source");
	}
	filter.src = (struct prefix){ 0 };
	filter.from_unix_ms = incident->first_unix_ms - RELATED_MS;
	filter.to_unix_ms = incident->last_unix_ms + RELATED_MS;
	if (incident->dst.family != ADDR_NONE) {
		filter.dst = prefix_from_addr(&incident->dst);
		add_related(call, &related, &filter, "destination");
	}
	filter.dst = (struct prefix){ 0 };
	filter.detector = incident->detector;
	add_related(call, &related, &filter, "cause");
	return related.items;
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

/* What an analyst would say is expected, and what a block of it would hold. */
static void set_scopes(const struct call *call, const struct incident *incident, struct json *body)
{
	const struct incident_service *service = call->api->options.incident;
	const struct response_policy policy = incident_response_policy(service, incident->detector);
	struct expected scope = incident_expected_scope(incident);
	struct json *response = json_new_object();
	char text[PREFIX_TEXT_MAX];
	struct prefix target;
	bool has_target = incident_response_target(service, incident, &target);

	json_set(body, "expected_scope", incident_expected_json(&scope));
	if (incident->expected_id)
		json_set_int(body, "expected_id", incident->expected_id);
	else
		json_set_null(body, "expected_id");
	json_set_string(response, "policy", incident_response_name(policy.kind));
	json_set_int(response, "ttl_s", policy.ttl_s);
	json_set_string(response, "target", has_target ? prefix_format(&target, text) : NULL);
	json_set_bool(response, "dry_run", incident_response_is_dry(service));
	json_set(body, "response", response);
	json_set(body, "src_facts", encode_facts(call->api, &incident->src));
	json_set(body, "dst_facts", encode_facts(call->api, &incident->dst));
	json_set_string(body, "src_place",
			incident_place_name(incident_place_of(service, &incident->src)));
	json_set_string(body, "dst_place",
			incident_place_name(incident_place_of(service, &incident->dst)));
}

/* ---- its details -------------------------------------------------------------------------------
 */

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

static void set_details(const struct call *call, const struct incident *incident,
			const struct incident_details *details, struct json *body)
{
	static const char *const sealed[] = { "features", "evidence", "notes", "history" };

	for (size_t i = 0; !sees_details(call) && i < sizeof(sealed) / sizeof(sealed[0]); i++)
		json_set_null(body, sealed[i]);
	if (!sees_details(call))
		return;
	set_parsed(body, "features", details->features_json);
	set_parsed(body, "evidence", details->evidence_json);
	set_parsed(body, "notes", details->notes);
	json_set(body, "history", incident_history_json(call->api->options.incident, incident));
}

void answer_incident(struct call *call, int64_t id)
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
	json_set(body, "actions",
		 incident_advice(options->incident, &incident, details.features_json,
				 block != NULL));
	set_or_null(body, "block", block);
	json_set(body, "related", encode_related(call, &incident));
	set_scopes(call, &incident, body);
	set_details(call, &incident, &details, body);
	store_incident_details_done(&details);
	(void)snprintf(call->version, sizeof(call->version), "v%u", incident.version);
	answer_json(call, 200, body);
}

void handle_incident(struct call *call)
{
	int64_t id;

	if (!part_id(call, &id))
		answer_incident(call, id);
}

/* ---- what people do ----------------------------------------------------------------------------
 */

static void answer_stale(struct call *call, int64_t id)
{
	struct incident_event last = { 0 };
	char message[256];
	int64_t seen;

	if (incident_last_change(call->api->options.incident, id, &last))
		(void)snprintf(message, sizeof(message),
			       "Somebody changed this incident meanwhile. Look at it again.");
	else if (*last.after)
		(void)snprintf(message, sizeof(message),
			       "%s changed this incident meanwhile: it is %s now.", last.who,
			       last.after);
	else
		(void)snprintf(message, sizeof(message),
			       "%s added a note to this incident meanwhile.", last.who);
	if (tag_version(call, &seen) != -ENOENT)
		answer_error(call, 412, "changed_meanwhile", "If-Match", message);
	else
		answer_error(call, 409, "changed_meanwhile", "version", message);
}

/* The number of the path, and the version the person saw, when the body or If-Match names one. */
static int read_target(struct call *call, struct json **body, struct incident_target *target)
{
	int error;

	target->version = -1;
	if (part_id(call, &target->id) || body_json(call, body))
		return -EINVAL;
	error = json_get_int(*body, "version", &target->version);
	if (error != -EINVAL && (error || target->version >= 0)) {
		error = tag_version(call, &target->version);
		if (error != -ESTALE)
			return 0;
		answer_stale(call, target->id);
		return error;
	}
	answer_error(call, 422, "invalid", "version", "version is the number the incident had.");
	return -EINVAL;
}

static void answer_change(struct call *call, int64_t id, int error)
{
	if (error == -ESTALE)
		answer_stale(call, id);
	else if (error)
		answer_failure(call, error);
	else
		answer_incident(call, id);
}

void handle_incident_state(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct incident_target target;
	const char *text;
	uint8_t state;

	if (read_target(call, &body, &target) || body_text(call, body, "state", &text))
		return;
	if (incident_state_parse(text, &state)) {
		answer_error(call, 422, "invalid", "state",
			     "state is open, acknowledged, resolved or false_positive.");
		return;
	}
	answer_change(call, target.id,
		      incident_set_state(call->api->options.incident, &call->who, &target,
					 (enum incident_state)state));
}

void handle_incident_note(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct incident_target target;
	const char *text;
	int error;

	if (read_target(call, &body, &target) || body_text(call, body, "text", &text))
		return;
	error = incident_add_note(call->api->options.incident, &call->who, &target, text);
	if (error == -EINVAL)
		answer_error(call, 422, "invalid", "text", "A note has 1 to 4096 bytes of text.");
	else
		answer_change(call, target.id, error);
}
