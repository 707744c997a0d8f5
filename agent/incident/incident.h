/*
 * Findings become incidents: one per source, cause and hour; details sealed from the first row.
 * Owned by the service thread.
 */
#ifndef SLUICE_INCIDENT_INCIDENT_H
#define SLUICE_INCIDENT_INCIDENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/incident.h"
#include "include/user.h"

struct json;
struct store;
struct incident_filter;
struct incident_service;

struct incident_options {
	struct store *store;
	/* opened (@is_new) or updated: a live event */
	void (*on_change)(void *arg, const struct incident *incident, const char *reason,
			  bool is_new);
	void *arg;
};

int incident_service_new(const struct incident_options *options, struct incident_service **out);
void incident_service_free(struct incident_service *service);
DEFINE_CLEANUP(incident_service_free, struct incident_service)

/* incident_report - open, or update the open one of the same source, detector and hour. */
int incident_report(struct incident_service *service, const struct finding *finding);
int incident_set_state(struct incident_service *service, const struct principal *who, int64_t id,
		       enum incident_state state);
/* incident_add_note - appended with author and time. -EINVAL: empty or over 4 KiB. */
int incident_add_note(struct incident_service *service, const struct principal *who, int64_t id,
		      const char *text);

const char *incident_detector_name(uint8_t detector);
const char *incident_detector_title(uint8_t detector);
const char *incident_detector_technique(uint8_t detector);
const char *incident_severity_name(uint8_t severity);
const char *incident_state_name(uint8_t state);
int incident_severity_parse(const char *text, uint8_t *severity);
int incident_state_parse(const char *text, uint8_t *state);

/* incident_to_json - the contract's fields; @reason NULL leaves it out. Caller owns the result. */
struct json *incident_to_json(const struct incident *incident, const char *reason);
/* incident_to_legacy_json - id,timestamp,src_ip,dst_ip,protocol,details,severity,resolved. */
struct json *incident_to_legacy_json(const struct incident *incident, const char *reason);

#endif
