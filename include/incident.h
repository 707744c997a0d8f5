/*
 * Nouns of detection: a finding is what a detector says once; an incident is what people work on,
 * one per source, cause and hour.
 */
#ifndef SLUICE_INCLUDE_INCIDENT_H
#define SLUICE_INCLUDE_INCIDENT_H

#include <stdint.h>

#include "include/flow.h"

enum severity {
	SEVERITY_LOW = 0,
	SEVERITY_MEDIUM = 1,
	SEVERITY_HIGH = 2,
};

enum incident_state {
	INCIDENT_OPEN = 0,
	INCIDENT_ACKNOWLEDGED = 1,
	INCIDENT_RESOLVED = 2,
	INCIDENT_FALSE_POSITIVE = 3,
};

enum detector {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) DETECTOR_##id,
#include "include/detectors.def"
#undef DETECTOR
	DETECTOR_COUNT
};

#define FINDING_REASON_MAX   512
#define FINDING_EVIDENCE_MAX 8

struct finding {
	uint8_t detector; /* enum detector */
	uint8_t severity; /* enum severity */
	double score;	  /* 0..1 */
	struct addr src, dst;
	uint16_t dst_port; /* 0 = several */
	uint8_t proto;
	int64_t first_unix_ms, last_unix_ms;
	uint64_t count;			 /* what the detector counts: ports, attempts, packets */
	char reason[FINDING_REASON_MAX]; /* one sentence with numbers and the normal range */
	struct flow evidence[FINDING_EVIDENCE_MAX];
	unsigned int evidence_count;
};

/* One row of the incident list; the details (reason, evidence, notes) are sealed and apart. */
struct incident {
	int64_t id;
	uint8_t detector, severity, state, proto;
	struct addr src, dst;
	uint16_t dst_port;
	double score;
	int64_t first_unix_ms, last_unix_ms;
	uint64_t count;
};

#endif
