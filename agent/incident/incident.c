/*
 * Findings become incidents; people work on them. The list columns are in clear, everything that
 * tells of people or machines beyond them is sealed by the store from the first row on.
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
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

/* An hour from the incident's first moment, not the hour of the clock: a scan at 13:59:50 would
 * otherwise be two incidents. */
#define GROUP_MS (3600 * 1000LL)

#define NOTE_MAX      4096
#define NOTES_MAX     (512U << 10) /* of the 1 MiB the store seals for one incident */
#define NOTE_BLANKS   " \t\r\n"
#define ID_TEXT_MAX   24
#define JSON_TEXT_MAX 128 /* json_parse's error */

static void details_done_cleanup(struct incident_details *details)
{
	store_incident_details_done(details);
}

int incident_service_new(const struct incident_options *options, struct incident_service **out)
{
	struct incident_service *service;

	if (!options->store)
		return -EINVAL;
	service = calloc(1, sizeof(*service));
	if (!service)
		return -ENOMEM;
	service->options = *options;
	*out = service;
	return 0;
}

void incident_service_free(struct incident_service *service)
{
	free(service);
}

static void tell(const struct incident_service *service, const struct incident *incident,
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
	       finding->src.family != ADDR_NONE &&
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
	CLEANUP(details_done) struct incident_details details = { 0 };
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
	if (!details.evidence_json)
		return -ENOMEM;
	error = store_incident_insert(service->options.store, &incident, &details);
	if (error)
		return error;
	log_info("incident opened id=%" PRId64 " detector=%s severity=%s", incident.id,
		 incident_detector_name(incident.detector),
		 incident_severity_name(incident.severity));
	tell(service, &incident, details.reason, true);
	return 0;
}

/* @details: as stored; they become the finding's, and the notes stay. */
static int refresh(struct incident_service *service, struct incident *incident,
		   struct incident_details *details, const struct finding *finding)
{
	char *evidence = encode_evidence(service, finding);

	if (!evidence)
		return -ENOMEM;
	free(details->evidence_json);
	details->evidence_json = evidence;
	memcpy(details->reason, finding->reason, sizeof(details->reason));
	describe(incident, finding);
	return 0;
}

static int update_incident(struct incident_service *service, struct incident *incident,
			   const struct finding *finding)
{
	CLEANUP(details_done) struct incident_details details = { 0 };
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
	if (!error)
		tell(service, incident, has_details ? details.reason : NULL, false);
	return error;
}

int incident_report(struct incident_service *service, const struct finding *finding)
{
	struct incident incident;
	int error;

	if (!is_possible(finding))
		return -EINVAL;
	error = store_incident_find(service->options.store, &finding->src, finding->detector,
				    finding->last_unix_ms - GROUP_MS + 1, &incident);
	if (error == -ENOENT)
		return open_incident(service, finding);
	return error ? error : update_incident(service, &incident, finding);
}

/* ---- what people do ---------------------------------------------------------------------------
 */

/* The order is carried out already: a line that cannot be written is a person's matter. */
static void audit(struct incident_service *service, const struct principal *who, const char *action,
		  int64_t id, struct json *detail)
{
	CLEANUP(json_free) struct json *owned = detail;
	CLEANUP(free) char *text = json_print(owned, NULL);
	char target[ID_TEXT_MAX];
	const struct audit_entry entry = { .who = who->name,
					   .peer = &who->peer,
					   .action = action,
					   .target = target,
					   .detail = text };
	int error;

	(void)snprintf(target, sizeof(target), "%" PRId64, id); /* 20 digits fit */
	error = store_audit_write(service->options.store, &entry);
	if (error)
		log_error("audit line not written action=%s target=%s: %s", action, target,
			  strerror(-error));
}

int incident_set_state(struct incident_service *service, const struct principal *who, int64_t id,
		       enum incident_state state)
{
	CLEANUP(details_done) struct incident_details details = { 0 };
	struct incident incident;
	struct json *detail;
	uint8_t before;
	int error;

	if (who->role < ROLE_ANALYST)
		return -EACCES;
	if ((unsigned int)state > UINT8_MAX || !*incident_state_name((uint8_t)state))
		return -EINVAL;
	error = store_incident_get(service->options.store, id, &incident, NULL);
	if (error || incident.state == state)
		return error;
	before = incident.state;
	incident.state = (uint8_t)state;
	error = store_incident_update(service->options.store, &incident, NULL);
	if (error)
		return error;
	detail = json_new_object();
	json_set_string(detail, "from", incident_state_name(before));
	json_set_string(detail, "to", incident_state_name(incident.state));
	audit(service, who, "incident.state", id, detail);
	error = store_incident_get(service->options.store, id, &incident, &details);
	tell(service, &incident, error ? NULL : details.reason, false);
	return 0;
}

/* @notes: the array so far, or NULL. @out: with the new one; caller frees. */
static int append_note(const char *notes, const struct principal *who, const char *text, char **out)
{
	CLEANUP(json_free) struct json *list = NULL;
	CLEANUP(free) char *printed = NULL;
	char reason[JSON_TEXT_MAX];
	struct json *note;
	size_t len = 0;
	int error = 0;

	if (notes)
		error = json_parse(notes, strlen(notes), &list, reason);
	else
		list = json_new_array();
	if (error == -ENOMEM || (!error && !list))
		return -ENOMEM;
	if (error || !json_is_array(list))
		return -EBADMSG;
	note = json_new_object();
	json_set_time(note, "time", clock_unix_ms());
	json_set_string(note, "author", who->name);
	json_set_string(note, "text", text);
	json_add(list, note);
	printed = json_print(list, &len);
	if (!printed)
		return -ENOMEM;
	if (len > NOTES_MAX)
		return -ENOSPC;
	*out = TAKE(printed);
	return 0;
}

int incident_add_note(struct incident_service *service, const struct principal *who, int64_t id,
		      const char *text)
{
	CLEANUP(details_done) struct incident_details details = { 0 };
	struct store *store = service->options.store;
	struct incident incident;
	char *notes = NULL;
	int error;

	if (who->role < ROLE_ANALYST)
		return -EACCES;
	if (strnlen(text, NOTE_MAX + 1) > NOTE_MAX || !text[strspn(text, NOTE_BLANKS)])
		return -EINVAL;
	error = store_incident_get(store, id, &incident, &details);
	if (!error)
		error = append_note(details.notes, who, text, &notes);
	if (error)
		return error;
	free(details.notes);
	details.notes = notes;
	error = store_incident_update(store, &incident, &details);
	if (error)
		return error;
	audit(service, who, "incident.note", id, json_new_object());
	tell(service, &incident, details.reason, false);
	return 0;
}
