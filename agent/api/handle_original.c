/*
 * The original's statistics and its two buttons (ORIGINAL.md 4.3), with its shapes.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/api/internal.h"
#include "agent/incident/incident.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define MS_PER_HOUR  3600000LL
#define HOURS_MAX    (31LL * 24)
#define ZONE_MAX_MIN (14LL * 60) /* of what clocks show on earth */

static void answer_chart(struct call *call, struct json *labels, struct json *data)
{
	struct json *body = json_new_object();

	json_set(body, "labels", labels);
	json_set(body, "data", data);
	answer_json(call, 200, body);
}

void handle_stats_severity(struct call *call)
{
	static const uint8_t order[] = { SEVERITY_HIGH, SEVERITY_LOW, SEVERITY_MEDIUM };
	uint64_t counts[3];
	struct json *labels, *data;
	int error = store_incident_severities(call->api->options.store, counts);

	if (error) {
		answer_failure(call, error);
		return;
	}
	labels = json_new_array();
	data = json_new_array();
	for (size_t i = 0; i < sizeof(order); i++) {
		json_add_string(labels, incident_severity_name(order[i]));
		json_add_int(data, (int64_t)counts[order[i]]);
	}
	answer_chart(call, labels, data);
}

/* Whole hours of the zone, the present one last. */
void handle_stats_timeline(struct call *call)
{
	int64_t hours = 24, zone_min = 0, first_ms, zone_ms;
	uint64_t counts[HOURS_MAX];
	struct json *labels, *data;
	int error;

	if (param_int(call, "hours", 1, HOURS_MAX, &hours) ||
	    param_int(call, "tz", -ZONE_MAX_MIN, ZONE_MAX_MIN, &zone_min))
		return;
	zone_ms = zone_min * 60000;
	first_ms = (clock_unix_ms() + zone_ms) / MS_PER_HOUR * MS_PER_HOUR - zone_ms -
		   (hours - 1) * MS_PER_HOUR;
	error = store_incident_course(call->api->options.store, first_ms, MS_PER_HOUR, counts,
				      (size_t)hours);
	if (error) {
		answer_failure(call, error);
		return;
	}
	labels = json_new_array();
	data = json_new_array();
	for (int64_t i = 0; i < hours; i++) {
		int64_t hour = (first_ms + zone_ms) / MS_PER_HOUR + i;
		char label[16];

		(void)snprintf(label, sizeof(label), "%02lld:00", (long long)(hour % 24));
		json_add_string(labels, label);
		json_add_int(data, (int64_t)counts[i]);
	}
	answer_chart(call, labels, data);
}

/* ---- start and stop ---------------------------------------------------------------------------
 */

/* What shall become of blocks while it stands. Answers itself. */
static int read_enforcement(struct call *call, bool *releases)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *text;

	*releases = false;
	if (!call->request->body_len)
		return 0;
	if (body_json(call, &body) || body_text(call, body, "enforcement", &text))
		return -EINVAL;
	*releases = !strcmp(text, "release");
	if (*releases || !*text || !strcmp(text, "keep"))
		return 0;
	answer_error(call, 422, "invalid", "enforcement", "enforcement is keep or release.");
	return -EINVAL;
}

static void note(const struct call *call, const char *action, const char *target)
{
	const struct audit_entry entry = {
		.who = call->who.name, .peer = &call->who.peer, .action = action, .target = target
	};
	int error = store_audit_write(call->api->options.store, &entry);

	if (error)
		log_error("audit line not written action=%s: %s", action, strerror(-error));
}

static void answer_analyzer(struct call *call, const char *status, const char *message)
{
	struct json *body = json_new_object();

	json_set_string(body, "status", status);
	json_set_string(body, "message", message);
	answer_json(call, 200, body);
}

void handle_stop_analyzer(struct call *call)
{
	const struct api_options *options = &call->api->options;
	bool releases;
	int error;

	if (read_enforcement(call, &releases))
		return;
	if (options->is_paused(options->arg)) {
		answer_analyzer(call, "stopped", "Analyzer is stopped already");
		return;
	}
	error = releases ? options->panic(options->arg, true) : 0;
	if (error) {
		answer_failure(call, error);
		return;
	}
	call->api->has_released = releases;
	options->pause(options->arg, true);
	note(call, "analyzer.stop", releases ? "blocks released" : "blocks go on");
	answer_analyzer(call, "stopped", "Analyzer stopped successfully");
}

void handle_start_analyzer(struct call *call)
{
	const struct api_options *options = &call->api->options;
	int error;

	if (!options->is_paused(options->arg)) {
		answer_analyzer(call, "running", "Analyzer is running already");
		return;
	}
	error = call->api->has_released ? options->panic(options->arg, false) : 0;
	if (error) {
		answer_failure(call, error);
		return;
	}
	call->api->has_released = false;
	options->pause(options->arg, false);
	note(call, "analyzer.start", NULL);
	answer_analyzer(call, "running", "Analyzer started successfully");
}
