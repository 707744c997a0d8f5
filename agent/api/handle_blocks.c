/*
 * Blocks and the safe list: every order goes to the one block service.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/block/block.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"

#define BLOCKS_LIMIT_DEFAULT 200
#define BLOCKS_LIMIT_MAX     10000
#define SAFE_MAX	     4096

void answer_outcome(struct call *call, int status, const struct block_outcome *outcome)
{
	switch (outcome->error) {
	case 0:
		answer_json(call, status, encode_block(&outcome->block));
		return;
	case -EPERM:
		answer_error(call, 422, "safe_address", outcome->field, outcome->message);
		return;
	case -EEXIST:
		answer_error(call, 409, "already_blocked", outcome->field, outcome->message);
		return;
	case -EBUSY:
		answer_error(call, 409, "blocked_now", outcome->field, outcome->message);
		return;
	case -ETIME:
		answer_error(call, 409, "too_late", outcome->field, outcome->message);
		return;
	case -ENOSPC:
	case -E2BIG:
		answer_error(call, 422, "too_many", outcome->field, outcome->message);
		return;
	case -EINVAL:
		answer_error(call, 422, "invalid", outcome->field, outcome->message);
		return;
	default:
		if (*outcome->message && outcome->error == -ENOENT)
			answer_error(call, 404, "not_found", NULL, outcome->message);
		else
			answer_failure(call, outcome->error);
	}
}

void handle_blocks(struct call *call)
{
	int64_t limit = BLOCKS_LIMIT_DEFAULT, before = 0, active = 0;
	CLEANUP(free) struct block *blocks = NULL;
	struct json *items;
	int count;

	if (param_int(call, "limit", 1, BLOCKS_LIMIT_MAX, &limit) ||
	    param_int(call, "before", 1, INT64_MAX, &before) ||
	    param_int(call, "active", 0, 1, &active))
		return;
	blocks = calloc((size_t)limit + 1, sizeof(*blocks));
	count = blocks ? block_list(call->api->options.block, active != 0, before, blocks,
				    (size_t)limit + 1)
		       : -ENOMEM;
	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count && i < limit; i++)
		json_add(items, encode_block(&blocks[i]));
	answer_list(call, items, count > limit ? blocks[limit - 1].id : 0);
}

void handle_block(struct call *call)
{
	struct block block;
	struct json *item;
	int64_t id;
	int error;

	if (part_id(call, &id))
		return;
	error = block_get(call->api->options.block, id, &block);

	if (error) {
		answer_failure(call, error);
		return;
	}
	item = encode_block(&block);
	edit_show(call, EDITED_BLOCK, item);
	json_set_bool(item, "applying",
		      block.list[0] && block_list_is_busy(call->api->options.block));
	answer_json(call, 200, item);
}

int read_ttl(struct call *call, const struct json *body, int64_t *ttl_s)
{
	const struct json *value = json_get(body, "ttl");
	const char *text;

	*ttl_s = -1;
	if (!value || json_is_null(value))
		return 0;
	if (!json_int(value, ttl_s) && *ttl_s >= 0)
		return 0;
	if (!json_string(value, &text)) {
		if (!*text)
			return 0;
		*ttl_s = 0;
		if (!strcmp(text, "never") || (!duration_parse(text, ttl_s) && *ttl_s > 0))
			return 0;
	}
	answer_error(call, 422, "invalid", "ttl",
		     "A lifetime is a number with s, m, h, d or w, such as 4h, or never.");
	return -EINVAL;
}

static int read_number(struct call *call, const struct json *body, const char *name, int64_t *value)
{
	int error = json_get_int(body, name, value);

	if (error == -ENOENT)
		*value = 0;
	else if (error || *value < 0) {
		answer_error(call, 422, "invalid", name, "This must be a whole number.");
		return -EINVAL;
	}
	return 0;
}

int read_order(struct call *call, const struct json *body, struct block_request *request)
{
	if (body_text(call, body, "action", &request->action) ||
	    body_text(call, body, "direction", &request->direction) ||
	    body_text(call, body, "proto", &request->proto) ||
	    body_text(call, body, "reason", &request->reason) ||
	    read_number(call, body, "port", &request->port) ||
	    read_number(call, body, "incident_id", &request->incident_id))
		return -EINVAL;
	return read_ttl(call, body, &request->ttl_s);
}

static int read_switch(struct call *call, const struct json *body, const char *name, bool *out)
{
	*out = false;
	if (json_get_bool(body, name, out) != -EINVAL)
		return 0;
	answer_error(call, 422, "invalid", name, "This is true or false.");
	return -EINVAL;
}

/* A name's addresses: how many were blocked beside it, and why others were not. */
static void answer_added(struct call *call, const struct block_outcome *outcome,
			 const struct block_notes *notes)
{
	struct json *block = encode_block(&outcome->block);
	struct json *texts = json_new_array();

	for (size_t i = 0; i < notes->count && i < BLOCK_NOTES_MAX; i++)
		json_add_string(texts, notes->text[i]);
	json_set_uint(block, "addresses_blocked", notes->added);
	json_set(block, "notes", texts);
	answer_json(call, 201, block);
}

void handle_block_add(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	CLEANUP(free) struct block_notes *notes = calloc(1, sizeof(*notes));
	struct block_request request = { .notes = notes };
	struct block_outcome outcome;
	struct incident incident;

	if (body_json(call, &body) || body_text(call, body, "value", &request.value) ||
	    read_order(call, body, &request) ||
	    read_switch(call, body, "addresses", &request.with_addresses))
		return;
	if (request.incident_id &&
	    store_incident_get(call->api->options.store, request.incident_id, &incident, NULL)) {
		answer_error(call, 422, "invalid", "incident_id", "There is no such incident.");
		return;
	}
	if (!block_add(call->api->options.block, &call->who, &request, &outcome) && notes)
		answer_added(call, &outcome, notes);
	else
		answer_outcome(call, 201, &outcome);
}

/* The block of the path is as who asks saw it; one that never was is the order's own error. */
static bool is_as_seen(struct call *call, int64_t id)
{
	struct block block;
	CLEANUP(json_free) struct json *item = NULL;
	const char *value = "";

	if (block_get(call->api->options.block, id, &block))
		return true;
	item = encode_block(&block);
	(void)json_get_string(item, "value", &value);
	return edit_goes_on(call, EDITED_BLOCK, encode_block(&block), value);
}

void handle_block_confirm(struct call *call)
{
	struct block_outcome outcome;
	int64_t id;

	if (part_id(call, &id) || !is_as_seen(call, id))
		return;
	(void)block_confirm(call->api->options.block, &call->who, id, &outcome);
	answer_outcome(call, 200, &outcome);
}

static void turn(struct call *call, bool off)
{
	struct block_outcome outcome;
	int64_t id;

	if (part_id(call, &id) || !is_as_seen(call, id))
		return;
	(void)block_set_off(call->api->options.block, &call->who, id, off, &outcome);
	answer_outcome(call, 200, &outcome);
}

void handle_block_on(struct call *call)
{
	turn(call, false);
}

void handle_block_off(struct call *call)
{
	turn(call, true);
}

void handle_block_remove(struct call *call)
{
	struct block_outcome outcome;
	int64_t id;

	if (part_id(call, &id) || !is_as_seen(call, id))
		return;
	(void)block_remove(call->api->options.block, &call->who, id, &outcome);
	answer_outcome(call, 200, &outcome);
}

/* The emergency stop of a service without pins; with pins `sluice panic` needs no service. */
void handle_panic(struct call *call)
{
	const struct api_options *options = &call->api->options;
	CLEANUP(json_free) struct json *body = NULL;
	struct audit_entry entry = { .who = call->who.name, .peer = &call->who.peer };
	struct json *answer;
	bool on;
	int error;

	if (body_json(call, &body))
		return;
	if (json_get_bool(body, "on", &on)) {
		answer_error(call, 422, "invalid", "on", "on is true or false.");
		return;
	}
	entry.action = on ? "panic.on" : "panic.off";
	error = options->panic(options->arg, on);
	if (!error)
		error = store_audit_write(options->store, &entry);
	if (error) {
		answer_failure(call, error);
		return;
	}
	answer = json_new_object();
	json_set_bool(answer, "panic", on);
	answer_json(call, 200, answer);
}

/* ---- safe list --------------------------------------------------------------------------------
 */

static struct json *encode_safe(const struct safe_entry *entry)
{
	char text[PREFIX_TEXT_MAX];
	struct json *item = json_new_object();

	if (entry->id)
		json_set_int(item, "id", entry->id);
	else
		json_set_null(item, "id");
	json_set_string(item, "prefix", prefix_format(&entry->prefix, text));
	json_set_string(item, "kind", block_safe_kind_name(entry->kind));
	json_set_string(item, "note", entry->note);
	return edit_tagged(EDITED_SAFE, item);
}

void handle_safe(struct call *call)
{
	CLEANUP(free) struct safe_entry *entries = calloc(SAFE_MAX, sizeof(*entries));
	struct json *items;
	int count =
		entries ? block_safe_list(call->api->options.block, entries, SAFE_MAX) : -ENOMEM;

	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	items = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode_safe(&entries[i]));
	answer_list(call, items, 0);
}

/* The entry just added is found again by its prefix: the list holds it with its number. */
static void answer_safe(struct call *call, const char *text)
{
	CLEANUP(free) struct safe_entry *entries = calloc(SAFE_MAX, sizeof(*entries));
	struct prefix prefix;
	int count = entries ? block_safe_list(call->api->options.block, entries, SAFE_MAX) : 0;

	for (int i = 0; !prefix_parse(text, true, &prefix) && i < count; i++)
		if (entries[i].id && prefix_is_equal(&entries[i].prefix, &prefix)) {
			answer_json(call, 201, encode_safe(&entries[i]));
			return;
		}
	answer_failure(call, -ENOENT);
}

void handle_safe_add(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *prefix, *note;
	struct block_outcome outcome;

	if (body_json(call, &body) || body_text(call, body, "prefix", &prefix) ||
	    body_text(call, body, "note", &note))
		return;
	if (!block_safe_add(call->api->options.block, &call->who, prefix, note, &outcome))
		answer_safe(call, prefix);
	else if (outcome.error == -EEXIST)
		answer_error(call, 409, "already_safe", "prefix", outcome.message);
	else
		answer_outcome(call, 201, &outcome);
}

/* The entry of the path is as who asks saw it. */
static bool is_safe_as_seen(struct call *call, int64_t id)
{
	CLEANUP(free) struct safe_entry *entries = calloc(SAFE_MAX, sizeof(*entries));
	char text[PREFIX_TEXT_MAX];
	int count =
		entries ? block_safe_list(call->api->options.block, entries, SAFE_MAX) : -ENOMEM;

	for (int i = 0; i < count; i++)
		if (entries[i].id == id)
			return edit_goes_on(call, EDITED_SAFE, encode_safe(&entries[i]),
					    prefix_format(&entries[i].prefix, text));
	return count < 0 || edit_goes_on(call, EDITED_SAFE, NULL, call->part);
}

void handle_safe_remove(struct call *call)
{
	struct block_outcome outcome;
	int64_t id;

	if (part_id(call, &id) || !is_safe_as_seen(call, id))
		return;
	if (!block_safe_remove(call->api->options.block, &call->who, id, &outcome))
		answer_empty(call, 204);
	else
		answer_outcome(call, 200, &outcome);
}
