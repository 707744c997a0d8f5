/*
 * The parts of the incident service. Only agent/incident includes it.
 *   incident.c  findings into incidents
 *   people.c    states, notes, history
 *   expected.c  what people expect, and what it silences
 *   response.c  what is done by itself, or asked, or would have been done
 *   advice.c    what a person should do next
 *   names.c     names of detectors, severities and states
 *   encode.c    incidents and their evidence as JSON
 */
#ifndef SLUICE_INCIDENT_INTERNAL_H
#define SLUICE_INCIDENT_INTERNAL_H

#include "agent/incident/incident.h"
#include "agent/store/store.h"

struct incident_service {
	struct incident_options options;
	struct expected *expected; /* EXPECTED_MAX */
	size_t expected_count;
	uint32_t *expected_unsaved; /* findings silenced since its counter was kept, beside each */
	struct response_policy policies[DETECTOR_COUNT];
	bool is_live; /* responses act; false: dry run */
};

static inline void incident_details_cleanup(struct incident_details *details)
{
	store_incident_details_done(details);
}

/* incident_is_one - an address; 0.0.0.0 stands for made-up sources, ADDR_NONE for several. */
bool incident_is_one(const struct addr *addr);
int64_t incident_now(const struct incident_service *service);
/* incident_tell - a live event. */
void incident_tell(const struct incident_service *service, const struct incident *incident,
		   const char *reason, bool is_new);

/* encode_evidence, encode_features - the finding's flows and numbers as text, arrays of objects.
 * Caller frees; NULL without memory. */
char *encode_evidence(const struct incident_service *service, const struct finding *finding);
char *encode_features(const struct finding *finding);

/* people_audit - takes @detail. @what: "incident.state". */
void people_audit(struct incident_service *service, const struct principal *who, const char *what,
		  int64_t id, struct json *detail);
/* people_remember - one line of the incident's history; time and incident are filled in. */
void people_remember(struct incident_service *service, int64_t incident_id,
		     const struct incident_event *event);
/* people_resolve - as a person's change of state, with an expectation named. */
int people_resolve(struct incident_service *service, const struct principal *who,
		   const struct expected *expected);

int expected_load(struct incident_service *service);
void expected_done(struct incident_service *service);
/* expected_silences - counted when it does. */
bool expected_silences(struct incident_service *service, const struct finding *finding);
void expected_tick(struct incident_service *service);

int response_load(struct incident_service *service);
/* response_act - what the detector's policy asks for, once until it ends; @incident is changed and
 * stored. */
void response_act(struct incident_service *service, struct incident *incident);

#endif
