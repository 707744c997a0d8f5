/*
 * Findings become incidents. The list columns are in clear, everything that tells of people or
 * machines beyond them is sealed by the store from the first row on.
 */
#include "agent/incident/incident.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/incident/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

/* An hour from the incident's first moment, not the hour of the clock: a scan at 13:59:50 would
 * otherwise be two incidents. */
#define GROUP_MS (3600 * 1000LL)

int incident_service_new(const struct incident_options *options, struct incident_service **out)
{
	CLEANUP(incident_service_free) struct incident_service *service = NULL;
	int error;

	if (!options->store)
		return -EINVAL;
	service = calloc(1, sizeof(*service));
	if (!service)
		return -ENOMEM;
	service->options = *options;
	error = expected_load(service);
	if (!error)
		error = response_load(service);
	if (error)
		return error;
	*out = TAKE(service);
	return 0;
}

void incident_service_free(struct incident_service *service)
{
	if (service)
		expected_done(service);
	free(service);
}

bool incident_is_one(const struct addr *addr)
{
	static const struct addr many = { .bytes = { [10] = 0xff, [11] = 0xff },
					  .family = ADDR_IPV4 };

	return addr->family != ADDR_NONE && !addr_is_equal(addr, &many);
}

int64_t incident_now(const struct incident_service *service)
{
	return service->options.unix_ms ? service->options.unix_ms() : clock_unix_ms();
}

void incident_tick(struct incident_service *service)
{
	expected_tick(service);
}

void incident_tell(const struct incident_service *service, const struct incident *incident,
		   const char *reason, bool is_new)
{
	if (service->options.on_change)
		service->options.on_change(service->options.arg, incident, reason, is_new);
}

/* ---- findings ---------------------------------------------------------------------------------
 */

static bool is_possible(const struct finding *finding)
{
	return finding->detector < DETECTOR_COUNT && finding->severity <= SEVERITY_HIGH &&
	       isfinite(finding->score) && finding->score >= 0 && finding->score <= 1 &&
	       finding->src.family != ADDR_NONE && finding->feature_count <= FINDING_FEATURES_MAX &&
	       memchr(finding->reason, '\0', sizeof(finding->reason)) != NULL;
}

/* The columns that describe one finding; they change together with the details. */
static void describe(struct incident *incident, const struct finding *finding)
{
	incident->score = finding->score;
	incident->dst = finding->dst;
	incident->dst_port = finding->dst_port;
	incident->proto = finding->proto;
	incident->count = finding->count;
}

static int open_incident(struct incident_service *service, const struct finding *finding)
{
	CLEANUP(incident_details) struct incident_details details = { 0 };
	struct incident incident = {
		.detector = finding->detector,
		.severity = finding->severity,
		.state = INCIDENT_OPEN,
		.src = finding->src,
		.first_unix_ms = finding->first_unix_ms,
		.last_unix_ms = finding->last_unix_ms,
	};
	int error;

	describe(&incident, finding);
	memcpy(details.reason, finding->reason, sizeof(details.reason));
	details.evidence_json = encode_evidence(service, finding);
	details.features_json = encode_features(finding);
	if (!details.evidence_json || !details.features_json)
		return -ENOMEM;
	error = store_incident_insert(service->options.store, &incident, &details);
	if (error)
		return error;
	log_info("incident opened id=%" PRId64 " detector=%s severity=%s", incident.id,
		 incident_detector_name(incident.detector),
		 incident_severity_name(incident.severity));
	incident_tell(service, &incident, details.reason, true);
	response_act(service, &incident);
	return 0;
}

/* @details: as stored; they become the finding's, and the notes stay. */
static int refresh(struct incident_service *service, struct incident *incident,
		   struct incident_details *details, const struct finding *finding)
{
	CLEANUP(free) char *evidence = encode_evidence(service, finding);
	CLEANUP(free) char *features = encode_features(finding);

	if (!evidence || !features)
		return -ENOMEM;
	free(details->evidence_json);
	free(details->features_json);
	details->evidence_json = TAKE(evidence);
	details->features_json = TAKE(features);
	memcpy(details->reason, finding->reason, sizeof(details->reason));
	describe(incident, finding);
	return 0;
}

static int update_incident(struct incident_service *service, struct incident *incident,
			   const struct finding *finding)
{
	CLEANUP(incident_details) struct incident_details details = { 0 };
	struct store *store = service->options.store;
	/* Details that cannot be opened are left as they are; the row goes on without them. */
	bool has_details = !store_incident_get(store, incident->id, incident, &details);
	bool is_stronger = finding->count >= incident->count;
	int error = 0;

	if (finding->severity > incident->severity)
		incident->severity = finding->severity;
	if (finding->first_unix_ms < incident->first_unix_ms)
		incident->first_unix_ms = finding->first_unix_ms;
	if (finding->last_unix_ms > incident->last_unix_ms)
		incident->last_unix_ms = finding->last_unix_ms;
	if (is_stronger && has_details)
		error = refresh(service, incident, &details, finding);
	if (!error)
		error = store_incident_update(store, incident,
					      is_stronger && has_details ? &details : NULL);
	if (error)
		return error;
	incident_tell(service, incident, has_details ? details.reason : NULL, false);
	if (incident->state < INCIDENT_RESOLVED)
		response_act(service, incident);
	return 0;
}

int incident_report(struct incident_service *service, const struct finding *finding)
{
	struct incident incident;
	int error;

	if (!is_possible(finding))
		return -EINVAL;
	if (expected_silences(service, finding))
		return 0;
	error = store_incident_find(service->options.store, &finding->src, finding->detector,
				    finding->last_unix_ms - GROUP_MS + 1, &incident);
	/* one that was resolved as expected is over: what is expected no longer is a new one */
	if (error == -ENOENT || (!error && incident.expected_id))
		return open_incident(service, finding);
	return error ? error : update_incident(service, &incident, finding);
}
