/*
 * Reputation of one address or name: what is known, and asking for it.
 */
#include <errno.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/intel/intel.h"
#include "agent/store/store.h"

static struct json *encode(const struct reputation *row)
{
	struct json *item = json_new_object();
	char link[400];

	json_set_string(item, "provider", reputation_provider_name(row->provider));
	json_set_string(item, "verdict", reputation_verdict_name(row->verdict));
	if (row->provider == REPUTATION_VIRUSTOTAL) {
		json_set_int(item, "malicious", row->malicious);
		json_set_int(item, "suspicious", row->suspicious);
		json_set_int(item, "harmless", row->harmless);
		json_set_int(item, "undetected", row->undetected);
	} else {
		json_set_int(item, "reports", row->reports);
	}
	json_set_int(item, "score", row->score);
	json_set_string(item, "owner", *row->owner ? row->owner : NULL);
	json_set_string(item, "country", *row->country ? row->country : NULL);
	json_set_time(item, "analysed", row->analysed_unix_ms);
	json_set_time(item, "fetched", row->fetched_unix_ms);
	json_set_time(item, "expires", row->expires_unix_ms);
	json_set_string(item, "link", reputation_link(row, link));
	return item;
}

static void answer_known(struct call *call, int status, const char *value)
{
	const struct reputation_service *service = call->api->options.reputation;
	struct reputation rows[REPUTATION_PROVIDER_COUNT];
	struct reputation_state states[REPUTATION_PROVIDER_COUNT];
	struct json *body, *items, *providers;
	int count = store_reputation_get(call->api->options.store, value, rows,
					 REPUTATION_PROVIDER_COUNT);

	if (count < 0) {
		answer_failure(call, count);
		return;
	}
	body = json_new_object();
	items = json_new_array();
	providers = json_new_array();
	for (int i = 0; i < count; i++)
		json_add(items, encode(&rows[i]));
	reputation_state(service, states);
	for (unsigned int i = 0; i < REPUTATION_PROVIDER_COUNT; i++) {
		struct json *provider = json_new_object();

		json_set_string(provider, "provider", reputation_provider_name((uint8_t)i));
		json_set_bool(provider, "on", states[i].is_on);
		json_set_int(provider, "left_today", states[i].left_today);
		json_set_string(provider, "error", *states[i].error ? states[i].error : NULL);
		json_add(providers, provider);
	}
	json_set_string(body, "value", value);
	json_set_bool(body, "queued", reputation_is_queued(service, value));
	json_set(body, "items", items);
	json_set(body, "providers", providers);
	answer_json(call, status, body);
}

void handle_reputation(struct call *call)
{
	char value[PARAM_MAX];

	if (param_text(call->request->query, "value", value) || !*value)
		answer_error(call, 422, "invalid", "value", "value is an address or a name.");
	else
		answer_known(call, 200, value);
}

void handle_reputation_ask(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *value;
	int error;

	if (body_json(call, &body) || body_text(call, body, "value", &value))
		return;
	error = reputation_ask(call->api->options.reputation, value, REPUTATION_CLICK);
	if (error == -ENODATA)
		answer_error(call, 409, "not_configured", NULL,
			     "No key is set: [API] virustotal_key or abuseipdb_key.");
	else if (error == -EPERM)
		answer_error(call, 422, "private", "value",
			     "This is private, reserved, yours or safe: it is never told to "
			     "others.");
	else if (error == -EINVAL)
		answer_error(call, 422, "invalid", "value", "value is an address or a name.");
	else if (error == -EAGAIN)
		answer_throttled(call, 60, "Many wait to be asked already. Try again later.");
	else if (error < 0)
		answer_failure(call, error);
	else
		answer_known(call, error ? 202 : 200, value);
}
