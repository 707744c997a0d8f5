/*
 * An alarm of the model as a finding: one sentence with numbers and normal ranges, severity, and
 * the flows that show it. Pure, but for the snapshot it reads.
 */
#ifndef SLUICE_APP_ANOMALY_SAY_H
#define SLUICE_APP_ANOMALY_SAY_H

#include <stdint.h>

struct finding;
struct model_alarm;
struct snapshot;

/* The same moment on both clocks. */
struct anomaly_moment {
	uint64_t now_ns;
	int64_t unix_ms;
};

/* @snapshot: NULL for no evidence. */
void anomaly_say(const struct model_alarm *alarm, const struct snapshot *snapshot,
		 const struct anomaly_moment *moment, struct finding *finding);

#endif
