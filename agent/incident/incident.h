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
	/* name of an interface index, for the evidence; NULL: not known. May be absent. */
	const char *(*iface_name)(void *arg, uint8_t iface);
	void *arg;
};

int incident_service_new(const struct incident_options *options, struct incident_service **out);
void incident_service_free(struct incident_service *service);
DEFINE_CLEANUP(incident_service_free, struct incident_service)

/*
 * incident_report - open an incident, or update the one of the same source and detector that began
 * less than 60 minutes before. The row and its details describe the strongest finding (by count);
 * the last time and the severity only grow. A resolved or false one stays so and takes what the
 * rest of its hour brings; the next hour opens a new one.
 * Returns 0, -EINVAL for a finding that cannot be, or the store's error.
 */
int incident_report(struct incident_service *service, const struct finding *finding);
/*
 * incident_set_state - audited. Returns 0 (also when it has that state), -EACCES below analyst,
 * -ENOENT, -EINVAL for no such state, or the store's error.
 */
int incident_set_state(struct incident_service *service, const struct principal *who, int64_t id,
		       enum incident_state state);
/*
 * incident_add_note - appended with author and time to the sealed notes, a JSON array of
 * {"time","author","text"}, oldest first; audited without its text.
 * Returns 0, -EACCES below analyst, -ENOENT, -EINVAL: blank or over 4 KiB, -ENOSPC: 512 KiB of
 * notes are there, or the store's error.
 */
int incident_add_note(struct incident_service *service, const struct principal *who, int64_t id,
		      const char *text);

/* Names are static; "" for a number that is none. */
const char *incident_detector_name(uint8_t detector);
const char *incident_detector_title(uint8_t detector);
const char *incident_detector_technique(uint8_t detector);
const char *incident_severity_name(uint8_t severity);
const char *incident_state_name(uint8_t state);
/* Returns 0 or -EINVAL. */
int incident_severity_parse(const char *text, uint8_t *severity);
int incident_state_parse(const char *text, uint8_t *state);

/* incident_to_json - the contract's fields; @reason NULL is null. Caller owns the result. */
struct json *incident_to_json(const struct incident *incident, const char *reason);
/* incident_to_legacy_json - id,timestamp,src_ip,dst_ip,protocol,details,severity,resolved, as the
 * original's /api/recent_incidents; @reason NULL is null. Caller owns the result. */
struct json *incident_to_legacy_json(const struct incident *incident, const char *reason);

#endif
