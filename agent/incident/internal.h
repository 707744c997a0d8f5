/*
 * The parts of the incident service. Only agent/incident includes it.
 *   incident.c  findings into incidents, states, notes
 *   names.c     names of detectors, severities and states
 *   encode.c    incidents and their evidence as JSON
 */
#ifndef SLUICE_INCIDENT_INTERNAL_H
#define SLUICE_INCIDENT_INTERNAL_H

#include "agent/incident/incident.h"

struct incident_service {
	struct incident_options options;
};

/* encode_evidence - the finding's flows as text, an array of the contract's flow objects. Caller
 * frees; NULL without memory. */
char *encode_evidence(const struct incident_service *service, const struct finding *finding);

#endif
