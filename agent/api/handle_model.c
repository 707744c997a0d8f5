/*
 * What the anomaly model has learned, how well people found its alarms, and one host beside what is
 * normal.
 */
#include <errno.h>

#include "agent/api/internal.h"
#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/learning.h"

#define VERDICT_DAYS 30

static const char *const places[] = { "own", "local", "remote" };
static const char *const roles[] = { "client", "server" };

/* ---- all of it ----------------------------------------------------------------------------------
 */

static const char *kind_state(const struct learning_kind *kind)
{
	if (kind->models)
		return "active";
	return kind->learned + kind->gated ? "learning" : "idle";
}

static struct json *encode_kind(const struct learning *learning, unsigned int w, unsigned int c)
{
	const struct learning_kind *kind = &learning->kinds[w][c];
	struct json *item = json_new_object();

	json_set_uint(item, "window_s", learning->length_s[w]);
	json_set_string(item, "place", places[c / 2]);
	json_set_string(item, "role", roles[c % 2]);
	json_set_string(item, "state", kind_state(kind));
	json_set_uint(item, "learned", kind->learned);
	json_set_uint(item, "kept_out", kind->gated);
	json_set_uint(item, "wanted", kind->wanted);
	json_set_uint(item, "models", kind->models);
	json_set_uint(item, "promoted", kind->promoted);
	json_set_uint(item, "refused", kind->refused);
	json_set_uint(item, "alarms", kind->alarms);
	json_set_time(item, "trained", kind->trained_unix_ms);
	json_set_uint(item, "trained_rows", kind->trained_rows);
	json_set_uint(item, "trained_hosts", kind->trained_hosts);
	if (kind->models)
		json_set_double(item, "threshold", kind->threshold);
	else
		json_set_null(item, "threshold");
	json_set_double(item, "allowed_rate", kind->allowed_rate);
	return item;
}

static const char *whole_state(const struct learning *learning)
{
	if (learning->settle_s)
		return "settling";
	for (unsigned int w = 0; w < LEARNING_WINDOWS; w++)
		for (unsigned int c = 0; c < LEARNING_CLASSES; c++)
			if (learning->kinds[w][c].models)
				return "active";
	return "learning";
}

/* Of the incidents that somebody judged: how many were false. */
static int encode_verdicts(const struct call *call, struct json *body)
{
	uint64_t counts[4], judged;
	int64_t since_ms = clock_unix_ms() - VERDICT_DAYS * 24LL * 3600 * 1000;
	int error =
		store_incident_verdicts(call->api->options.store,
					incident_detector_name(DETECTOR_ANOMALY), since_ms, counts);
	struct json *verdicts;

	if (error)
		return error;
	verdicts = json_new_object();
	judged = counts[INCIDENT_RESOLVED] + counts[INCIDENT_FALSE_POSITIVE];
	json_set_int(verdicts, "days", VERDICT_DAYS);
	for (uint8_t state = 0; state < 4; state++)
		json_set_uint(verdicts, incident_state_name(state), counts[state]);
	if (judged)
		json_set_double(verdicts, "false_rate",
				(double)counts[INCIDENT_FALSE_POSITIVE] / (double)judged);
	else
		json_set_null(verdicts, "false_rate");
	json_set(body, "verdicts", verdicts);
	return 0;
}

static void answer_whole(struct call *call)
{
	const struct api_options *options = &call->api->options;
	CLEANUP(json_free) struct json *body = json_new_object();
	struct json *kinds = json_new_array();
	struct learning learning;
	int error = options->learning(options->arg, &learning);

	json_set(body, "kinds", kinds);
	if (!error)
		error = encode_verdicts(call, body);
	if (error) {
		answer_failure(call, error);
		return;
	}
	json_set_string(body, "state", whole_state(&learning));
	json_set_uint(body, "settle_s", learning.settle_s);
	json_set_double(body, "alerts_per_day", learning.alerts_per_day);
	json_set_uint(body, "hosts", learning.hosts);
	json_set_uint(body, "hosts_max", learning.hosts_max);
	json_set_uint(body, "full", learning.full);
	json_set_uint(body, "alarms", learning.alarms);
	json_set_uint(body, "withheld", learning.withheld);
	json_set_double(body, "budget", learning.budget);
	for (unsigned int w = 0; w < LEARNING_WINDOWS; w++)
		for (unsigned int c = 0; c < LEARNING_CLASSES; c++)
			json_add(kinds, encode_kind(&learning, w, c));
	answer_json(call, 200, TAKE(body));
}

/* ---- one host -----------------------------------------------------------------------------------
 */

static struct json *encode_features(const struct learning_window *window)
{
	struct json *list = json_new_array();

	for (unsigned int i = 0; i < window->feature_count; i++) {
		const struct learning_feature *feature = &window->features[i];
		struct json *item = json_new_object();

		json_set_string(item, "name", feature->name);
		json_set_string(item, "unit", feature->unit);
		json_set_double(item, "value", feature->value);
		if (window->has_model) {
			json_set_double(item, "low", feature->low);
			json_set_double(item, "middle", feature->middle);
			json_set_double(item, "high", feature->high);
			json_set_double(item, "rarity", feature->rarity);
		}
		json_add(list, item);
	}
	return list;
}

static struct json *encode_window(const struct learning *learning, unsigned int w,
				  const struct learning_window *window)
{
	struct json *item = json_new_object();

	json_set_uint(item, "window_s", learning->length_s[w]);
	json_set_bool(item, "open", window->is_open);
	json_set_double(item, "since_s", window->since_s);
	json_set_uint(item, "flows", window->flows);
	json_set_string(item, "role", roles[window->class % 2]);
	if (window->has_model) {
		json_set_double(item, "score", window->score);
		json_set_double(item, "threshold", window->threshold);
		json_set_bool(item, "unusual", window->score > window->threshold);
	} else {
		json_set_null(item, "score");
		json_set_null(item, "threshold");
		json_set_null(item, "unusual");
	}
	json_set(item, "features", encode_features(window));
	return item;
}

static void answer_one(struct call *call, const struct addr *addr)
{
	const struct api_options *options = &call->api->options;
	struct learning learning;
	struct learning_host host;
	struct json *body, *windows;
	int error = options->learning(options->arg, &learning);

	if (!error)
		error = options->learning_host(options->arg, addr, &host);
	if (error == -ENOENT) {
		answer_error(call, 404, "not_found", "ip", "The model does not watch this host.");
		return;
	}
	if (error) {
		answer_failure(call, error);
		return;
	}
	body = json_new_object();
	windows = json_new_array();
	encode_addr(body, "ip", addr);
	json_set_string(body, "place", places[host.place]);
	json_set_bool(body, "flagged", host.is_flagged);
	json_set_bool(body, "open_incident", host.is_open);
	json_set_double(body, "known_s", host.known_s);
	for (unsigned int w = 0; w < LEARNING_WINDOWS; w++)
		json_add(windows, encode_window(&learning, w, &host.windows[w]));
	json_set(body, "windows", windows);
	answer_json(call, 200, body);
}

void handle_model(struct call *call)
{
	char text[PARAM_MAX];
	struct addr addr;

	if (param_text(call->request->query, "ip", text) || (*text && addr_parse(text, &addr)))
		answer_error(call, 422, "invalid", "ip", "ip is one IPv4 or IPv6 address.");
	else if (*text)
		answer_one(call, &addr);
	else
		answer_whole(call);
}
