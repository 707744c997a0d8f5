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
#define FINDING_FEATURES_MAX 5

/* One number behind a finding, and what it normally is. */
struct finding_feature {
	char name[40]; /* for people: "hosts contacted" */
	char unit[16]; /* "", "bytes", "s", "per s" */
	double value, normal_low, normal_high;
};

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
	struct finding_feature features[FINDING_FEATURES_MAX]; /* the most telling first */
	unsigned int feature_count;
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
	uint32_t version;		/* grows with each change by a person, not with traffic */
	int64_t expected_id;		/* the expectation that resolved it; 0 = none */
	int64_t response_until_unix_ms; /* an automatic response, or its dry run, ends then */
};

#define INCIDENT_TEXT_MAX   256 /* a sentence of the history, a note of an expectation */
#define INCIDENT_AUTHOR_MAX 73	/* a principal's name */

/* Who did what to an incident. */
struct incident_event {
	int64_t id, incident_id, time_unix_ms;
	char who[INCIDENT_AUTHOR_MAX];
	char action[16];	    /* "state", "note", "expected", "response" */
	char before[16], after[16]; /* of "state" */
	char text[INCIDENT_TEXT_MAX];
};

/* What a person said is no incident here: findings that match it are counted and silenced. */
struct expected {
	int64_t id;
	int detector;		/* -1 = any */
	struct prefix src, dst; /* ADDR_NONE = any */
	uint16_t dst_port;	/* 0 = any */
	char note[INCIDENT_TEXT_MAX];
	char author[INCIDENT_AUTHOR_MAX];
	int64_t created_unix_ms;
	int64_t expires_unix_ms; /* 0 = never */
	int64_t incident_id;	 /* it was said of; 0 = none */
	uint64_t silenced;	 /* findings */
	int64_t last_unix_ms;	 /* of these; 0 = none */
};

enum response_kind {
	RESPONSE_NONE = 0,
	RESPONSE_ASK = 1,
	RESPONSE_BLOCK = 2,
};

/* What may be done by itself when a detector opens an incident. */
struct response_policy {
	uint8_t kind; /* enum response_kind */
	int64_t ttl_s;
	char author[INCIDENT_AUTHOR_MAX]; /* "" = nobody chose it: the configuration's default */
	int64_t changed_unix_ms;
};

#endif
