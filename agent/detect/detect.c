/*
 * The table of detectors, each fed with every flow that changed and asked once a second.
 */
#include "agent/detect/detect.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/detect/detector.h"
#include "agent/util/clock.h"

static const struct detector_ops *const detectors[DETECTOR_COUNT] = {
	[DETECTOR_PORT_SCAN] = &port_scan_detector,
	[DETECTOR_COVERAGE] = &coverage_detector,
};

static const uint8_t severities[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity) [DETECTOR_##id] = (severity),
#include "include/detectors.def"
#undef DETECTOR
};

struct detect {
	struct detect_options options;
	void *state[DETECTOR_COUNT];
};

int detect_new(const struct detect_options *options, struct detect **out)
{
	CLEANUP(detect_free) struct detect *detect = NULL;

	if (!options->hosts_max || !options->on_finding)
		return -EINVAL;
	detect = calloc(1, sizeof(*detect));
	if (!detect)
		return -ENOMEM;
	detect->options = *options;
	for (int i = 0; i < DETECTOR_COUNT; i++) {
		int error = detectors[i]->open(options->hosts_max, &detect->state[i]);

		if (error)
			return error;
	}
	*out = TAKE(detect);
	return 0;
}

void detect_free(struct detect *detect)
{
	if (!detect)
		return;
	for (int i = 0; i < DETECTOR_COUNT; i++)
		detectors[i]->close(detect->state[i]);
	free(detect);
}

void detect_flow(struct detect *detect, const struct flow *flow, bool is_new, uint64_t now_ns)
{
	(void)is_new; /* the initiator may still turn round: each change is looked at as it is */
	(void)now_ns; /* ports are dated by their flow's first packet */
	for (int i = 0; i < DETECTOR_COUNT; i++)
		detectors[i]->flow(detect->state[i], flow);
}

static struct detect_moment moment_of(const struct detect *detect, uint64_t now_ns, int64_t unix_ms)
{
	return (struct detect_moment){
		.now_ns = now_ns,
		.unix_ms = unix_ms,
		.on_finding = detect->options.on_finding,
		.arg = detect->options.arg,
	};
}

void detect_coverage(struct detect *detect, const struct coverage *coverage, uint64_t now_ns,
		     int64_t unix_ms)
{
	const struct detect_moment moment = moment_of(detect, now_ns, unix_ms);

	coverage_watch(detect->state[DETECTOR_COVERAGE], coverage, &moment);
}

void detect_tick(struct detect *detect, uint64_t now_ns, int64_t unix_ms)
{
	const struct detect_moment moment = moment_of(detect, now_ns, unix_ms);

	for (int i = 0; i < DETECTOR_COUNT; i++)
		detectors[i]->tick(detect->state[i], &moment);
}

uint64_t detect_full_count(const struct detect *detect)
{
	uint64_t full = 0;

	for (int i = 0; i < DETECTOR_COUNT; i++)
		full += detectors[i]->full(detect->state[i]);
	return full;
}

int64_t detect_unix_ms(const struct detect_moment *moment, uint64_t at_ns)
{
	if (at_ns >= moment->now_ns)
		return moment->unix_ms;
	return moment->unix_ms - (int64_t)((moment->now_ns - at_ns) / NS_PER_MS);
}

uint8_t detect_severity(enum detector detector)
{
	return severities[detector];
}
