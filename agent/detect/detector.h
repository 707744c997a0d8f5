/*
 * What one named detector is to the module: a row of functions over a state of its own. Only
 * agent/detect includes it. A new detector is one file, one line in include/detectors.def and one
 * in detect.c.
 */
#ifndef SLUICE_DETECT_DETECTOR_H
#define SLUICE_DETECT_DETECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/detect/detect.h"

/* The moment of a tick and where findings go. */
struct detect_moment {
	uint64_t now_ns;
	int64_t unix_ms; /* the same moment */
	detect_finding_fn on_finding;
	void *arg;
};

struct detector_ops {
	int (*open)(unsigned int hosts_max, void **state);
	void (*close)(void *state); /* accepts NULL */
	void (*flow)(void *state, const struct flow *flow);
	void (*tick)(void *state, const struct detect_moment *moment);
	uint64_t (*full)(const void *state);
};

extern const struct detector_ops port_scan_detector;
extern const struct detector_ops coverage_detector;

/* coverage_watch - the coverage detector's own food. @state: of its open. */
void coverage_watch(void *state, const struct coverage *coverage,
		    const struct detect_moment *moment);

/* detect_unix_ms - wall time of @at_ns, which lies before the moment. */
int64_t detect_unix_ms(const struct detect_moment *moment, uint64_t at_ns);
uint8_t detect_severity(enum detector detector);

#endif
