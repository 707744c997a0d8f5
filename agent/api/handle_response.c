/*
 * What detectors may do by themselves.
 */
#include <errno.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/incident/incident.h"
#include "agent/util/cleanup.h"

static struct json *encode_policy(const struct call *call, uint8_t detector)
{
	const struct response_policy policy =
		incident_response_policy(call->api->options.incident, detector);
	struct json *item = json_new_object();

	json_set_string(item, "detector", incident_detector_name(detector));
	json_set_string(item, "title", incident_detector_title(detector));
	json_set_string(item, "response", incident_response_name(policy.kind));
	json_set_int(item, "ttl_s", policy.ttl_s);
	json_set_bool(item, "is_default", !*policy.author);
	json_set_string(item, "author", *policy.author ? policy.author : NULL);
	json_set_time(item, "changed", policy.changed_unix_ms);
	return edit_tagged(EDITED_RESPONSE, item);
}

static void answer_policies(struct call *call)
{
	struct json *body = json_new_object(), *items = json_new_array();

	for (int i = 0; i < DETECTOR_COUNT; i++)
		json_add(items, encode_policy(call, (uint8_t)i));
	json_set_bool(body, "dry_run", incident_response_is_dry(call->api->options.incident));
	json_set(body, "items", items);
	json_set_null(body, "next");
	answer_json(call, 200, body);
}

void handle_response(struct call *call)
{
	answer_policies(call);
}

void handle_response_dry_run(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	bool is_dry;
	int error;

	if (body_json(call, &body))
		return;
	if (json_get_bool(body, "dry_run", &is_dry)) {
		answer_error(call, 422, "invalid", "dry_run", "dry_run is true or false.");
		return;
	}
	error = incident_response_set_dry(call->api->options.incident, &call->who, is_dry);
	if (error)
		answer_failure(call, error);
	else
		answer_policies(call);
}

/* @policy: out; @is_default: there is none of its own. Answers 422 itself. */
static int read_policy(struct call *call, const struct json *body, struct response_policy *policy,
		       bool *is_default)
{
	const char *text;

	*policy = (struct response_policy){ 0 };
	if (body_text(call, body, "response", &text) || read_ttl(call, body, &policy->ttl_s))
		return -EINVAL;
	if (policy->ttl_s == -1)
		policy->ttl_s = RESPONSE_TTL_DEFAULT_S;
	*is_default = !strcmp(text, "default");
	if (!*is_default && incident_response_parse(text, &policy->kind)) {
		answer_error(call, 422, "invalid", "response",
			     "response is none, ask, block or default.");
		return -EINVAL;
	}
	if (policy->ttl_s >= 1 && policy->ttl_s <= RESPONSE_TTL_MAX_S)
		return 0;
	answer_error(call, 422, "invalid", "ttl", "An automatic block lasts 1 second to 30 days.");
	return -EINVAL;
}

void handle_response_set(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct response_policy policy;
	uint8_t detector;
	bool is_default;
	int error;

	if (incident_detector_parse(call->part, &detector)) {
		answer_error(call, 404, "not_found", NULL, "There is no such detector.");
		return;
	}
	if (body_json(call, &body) || read_policy(call, body, &policy, &is_default) ||
	    !edit_goes_on(call, EDITED_RESPONSE, encode_policy(call, detector), call->part))
		return;
	error = incident_response_set(call->api->options.incident, &call->who, detector,
				      is_default ? NULL : &policy);
	if (error)
		answer_failure(call, error);
	else
		answer_json(call, 200, encode_policy(call, detector));
}
