/*
 * "Expected here": what people said is no incident; listed, made and taken back.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"

#define TTL_MAX_S (3650LL * 86400) /* as of blocks; longer is "never", said plainly */

static int refuse(struct call *call, const char *field, const char *message)
{
	answer_error(call, 422, "invalid", field, message);
	return -EINVAL;
}

/* A member that is absent leaves @prefix as it is; null, "" and "any" make it any. */
static int read_member_prefix(struct call *call, const struct json *body, const char *name,
			      struct prefix *prefix)
{
	const struct json *value = json_get(body, name);
	const char *text;

	if (!value)
		return 0;
	if (json_is_null(value) ||
	    (!json_string(value, &text) && (!*text || !strcmp(text, "any")))) {
		*prefix = (struct prefix){ 0 };
		return 0;
	}
	if (!json_string(value, &text) && !read_prefix(text, prefix))
		return 0;
	return refuse(call, name, "This is an address or a prefix, or nothing for any.");
}

static int read_detector(struct call *call, const struct json *body, struct expected *expected)
{
	const struct json *value = json_get(body, "detector");
	const char *text;
	uint8_t detector;

	if (!value)
		return 0;
	if (json_is_null(value) ||
	    (!json_string(value, &text) && (!*text || !strcmp(text, "any")))) {
		expected->detector = -1;
		return 0;
	}
	if (json_string(value, &text) || incident_detector_parse(text, &detector))
		return refuse(call, "detector", "There is no such detector.");
	expected->detector = detector;
	return 0;
}

static int read_port(struct call *call, const struct json *body, struct expected *expected)
{
	const struct json *value = json_get(body, "port");
	int64_t port = 0;

	if (!value)
		return 0;
	if (!json_is_null(value) && (json_int(value, &port) || port < 0 || port > UINT16_MAX))
		return refuse(call, "port", "A port is a number up to 65535, or nothing for any.");
	expected->dst_port = (uint16_t)port;
	return 0;
}

static int read_rest(struct call *call, const struct json *body, struct expected *expected)
{
	const char *note;
	int64_t ttl_s;

	if (body_text(call, body, "note", &note) || read_ttl(call, body, &ttl_s))
		return -EINVAL;
	if (strlen(note) >= sizeof(expected->note))
		return refuse(call, "note", "A note has at most 255 bytes, on one line.");
	if (ttl_s > TTL_MAX_S)
		return refuse(call, "ttl", "The lifetime is at most 10 years, or never.");
	memcpy(expected->note, note, strlen(note) + 1);
	expected->expires_unix_ms = ttl_s > 0 ? clock_unix_ms() + ttl_s * 1000 : 0;
	return 0;
}

static struct json *encode_expected(const struct expected *expected)
{
	return edit_tagged(EDITED_EXPECTED, incident_expected_json(expected));
}

static void answer_added(struct call *call, const struct expected *expected, int error)
{
	if (!error)
		answer_json(call, 201, encode_expected(expected));
	else if (error == -EEXIST)
		answer_error(call, 409, "already_expected", NULL,
			     "Exactly this is expected already.");
	else if (error == -ENOSPC)
		answer_error(call, 422, "too_many", NULL,
			     "1024 expectations are there. Remove some, or widen one.");
	else if (error == -EINVAL)
		answer_error(
			call, 422, "invalid", "src",
			"Name at least one of detector, source, destination and port; the note "
			"is one line.");
	else
		answer_failure(call, error);
}

static void add(struct call *call, const struct json *body, struct expected *expected)
{
	if (read_detector(call, body, expected) ||
	    read_member_prefix(call, body, "src", &expected->src) ||
	    read_member_prefix(call, body, "dst", &expected->dst) ||
	    read_port(call, body, expected) || read_rest(call, body, expected))
		return;
	answer_added(call, expected,
		     incident_expected_add(call->api->options.incident, &call->who, expected));
}

void handle_expected_add(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct expected expected = { .detector = -1 };

	if (!body_json(call, &body))
		add(call, body, &expected);
}

/* The scope is the incident's, but for what the body says. */
void handle_incident_expected(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct incident incident;
	struct expected expected;
	int64_t id, seen;
	int error;

	if (part_id(call, &id) || body_json(call, &body))
		return;
	error = store_incident_get(call->api->options.store, id, &incident, NULL);
	if (error) {
		answer_failure(call, error);
		return;
	}
	error = tag_version(call, &seen);
	if (error == -ESTALE || (!error && seen != incident.version)) {
		answer_error(call, 412, "changed_meanwhile", "If-Match",
			     "Somebody changed this incident meanwhile. Look at it again.");
		return;
	}
	expected = incident_expected_scope(&incident);
	add(call, body, &expected);
}

void handle_expected(struct call *call)
{
	struct json *items = json_new_array();
	const struct expected *list;
	size_t count;

	list = incident_expected_list(call->api->options.incident, &count);
	for (size_t i = count; i-- > 0;)
		json_add(items, encode_expected(&list[i]));
	answer_list(call, items, 0);
}

/* The expectation of the path is as who asks saw it. */
static bool is_as_seen(struct call *call, int64_t id)
{
	size_t count;
	const struct expected *list = incident_expected_list(call->api->options.incident, &count);

	for (size_t i = 0; i < count; i++)
		if (list[i].id == id)
			return edit_goes_on(call, EDITED_EXPECTED, encode_expected(&list[i]),
					    call->part);
	return edit_goes_on(call, EDITED_EXPECTED, NULL, call->part);
}

void handle_expected_remove(struct call *call)
{
	struct expected gone;
	int64_t id;
	int error;

	if (part_id(call, &id) || !is_as_seen(call, id))
		return;
	error = incident_expected_remove(call->api->options.incident, &call->who, id, &gone);
	if (error)
		answer_failure(call, error);
	else
		answer_json(call, 200, encode_expected(&gone));
}
