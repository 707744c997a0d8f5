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

#define MS_PER_MIN   60000LL
#define HOURS_MAX    (31LL * 24)
#define STEP_MAX_MIN (24LL * 60)
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

/* What the timeline counts by. */
struct course {
	int64_t first_ms, step_ms, zone_ms;
	size_t steps;
};

/* Whole steps of the zone, the present one last. Answers 422 itself. */
static int read_course(struct call *call, struct course *course)
{
	int64_t hours = 24, step_min = 60, zone_min = 0, now_ms;

	if (param_int(call, "hours", 1, HOURS_MAX, &hours) ||
	    param_int(call, "step", 1, STEP_MAX_MIN, &step_min) ||
	    param_int(call, "tz", -ZONE_MAX_MIN, ZONE_MAX_MIN, &zone_min))
		return -EINVAL;
	if (hours * 60 < step_min || hours * 60 / step_min > HOURS_MAX) {
		answer_error(call, 422, "invalid", "step", "hours are 1 to 744 steps.");
		return -EINVAL;
	}
	*course = (struct course){ .step_ms = step_min * MS_PER_MIN,
				   .zone_ms = zone_min * MS_PER_MIN,
				   .steps = (size_t)(hours * 60 / step_min) };
	now_ms = clock_unix_ms() + course->zone_ms;
	course->first_ms = now_ms / course->step_ms * course->step_ms - course->zone_ms -
			   ((int64_t)course->steps - 1) * course->step_ms;
	return 0;
}

void handle_stats_timeline(struct call *call)
{
	uint64_t counts[HOURS_MAX];
	struct json *labels, *data;
	struct course course;
	int error;

	if (read_course(call, &course))
		return;
	error = store_incident_course(call->api->options.store, course.first_ms, course.step_ms,
				      counts, course.steps);
	if (error) {
		answer_failure(call, error);
		return;
	}
	labels = json_new_array();
	data = json_new_array();
	for (size_t i = 0; i < course.steps; i++) {
		int64_t at_min = (course.first_ms + course.zone_ms + (int64_t)i * course.step_ms) /
				 MS_PER_MIN;
		char label[16];

		(void)snprintf(label, sizeof(label), "%02d:%02d", (int)(at_min / 60 % 24),
			       (int)(at_min % 60));
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
