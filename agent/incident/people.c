/*
 * What people do with incidents: states and notes, each in the history of the incident and in the
 * audit log, refused when somebody else was faster.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/incident/internal.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

#define NOTE_MAX      4096
#define NOTES_MAX     (512U << 10) /* of the 1 MiB the store seals for one incident */
#define NOTE_BLANKS   " \t\r\n"
#define ID_TEXT_MAX   24
#define JSON_TEXT_MAX 128 /* json_parse's error */

/* ---- what every change ends with -------------------------------------------------------------
 */

/* The order is carried out already: a line that cannot be written is a person's matter. */
void people_audit(struct incident_service *service, const struct principal *who, const char *what,
		  int64_t id, struct json *detail)
{
	CLEANUP(json_free) struct json *owned = detail;
	CLEANUP(free) char *text = owned ? json_print(owned, NULL) : NULL;
	char target[ID_TEXT_MAX];
	const struct audit_entry entry = { .who = who->name,
					   .peer = &who->peer,
					   .action = what,
					   .target = target,
					   .detail = text };
	int error;

	(void)snprintf(target, sizeof(target), "%" PRId64, id); /* 20 digits fit */
	error = store_audit_write(service->options.store, &entry);
	if (error)
		log_error("audit line not written action=%s target=%s: %s", what, target,
			  strerror(-error));
}

void people_remember(struct incident_service *service, int64_t incident_id,
		     const struct incident_event *event)
{
	struct incident_event line = *event;
	int error;

	line.incident_id = incident_id;
	line.time_unix_ms = incident_now(service);
	error = store_incident_event_add(service->options.store, &line);
	if (error)
		log_error("a line of an incident's history is not written id=%" PRId64 ": %s",
			  incident_id, strerror(-error));
}

static struct incident_event event_of(const struct principal *who, const char *action)
{
	struct incident_event event = { 0 };

	(void)snprintf(event.who, sizeof(event.who), "%s", who->name);	  /* fits */
	(void)snprintf(event.action, sizeof(event.action), "%s", action); /* fits */
	return event;
}

/* The incident as it is now, when the person may change what they saw. */
static int open_target(struct incident_service *service, const struct principal *who,
		       const struct incident_target *target, struct incident *incident)
{
	int error;

	if (who->role < ROLE_ANALYST)
		return -EACCES;
	error = store_incident_get(service->options.store, target->id, incident, NULL);
	if (!error && target->version >= 0 && target->version != (int64_t)incident->version)
		error = -ESTALE;
	return error;
}

static void tell_change(struct incident_service *service, int64_t id)
{
	CLEANUP(incident_details) struct incident_details details = { 0 };
	struct incident incident;
	struct store *store = service->options.store;
	int error = store_incident_get(store, id, &incident, &details);
	const char *reason = error ? NULL : details.reason;

	/* details that cannot be opened: the row alone is told of */
	if (error)
		error = store_incident_get(store, id, &incident, NULL);
	if (!error)
		incident_tell(service, &incident, reason, false);
}

/* ---- states ------------------------------------------------------------------------------------
 */

static int store_state(struct incident_service *service, const struct principal *who,
		       struct incident *incident, enum incident_state state, const char *why)
{
	struct incident_event event = event_of(who, incident->expected_id ? "expected" : "state");
	const char *from = incident_state_name(incident->state);
	const char *to = incident_state_name((uint8_t)state);
	struct json *detail;
	int error;

	incident->state = (uint8_t)state;
	incident->version++;
	error = store_incident_update(service->options.store, incident, NULL);
	if (error)
		return error;
	(void)snprintf(event.before, sizeof(event.before), "%s", from); /* fits */
	(void)snprintf(event.after, sizeof(event.after), "%s", to);	/* fits */
	(void)snprintf(event.text, sizeof(event.text), "%s", why);	/* may cut a note */
	people_remember(service, incident->id, &event);
	detail = json_new_object();
	json_set_string(detail, "from", from);
	json_set_string(detail, "to", to);
	people_audit(service, who, "incident.state", incident->id, detail);
	tell_change(service, incident->id);
	return 0;
}

int incident_set_state(struct incident_service *service, const struct principal *who,
		       const struct incident_target *target, enum incident_state state)
{
	struct incident incident;
	int error = open_target(service, who, target, &incident);

	if (error)
		return error;
	if ((unsigned int)state > UINT8_MAX || !*incident_state_name((uint8_t)state))
		return -EINVAL;
	if (incident.state == state)
		return 0;
	incident.expected_id = 0; /* a person's word about this incident itself goes first */
	return store_state(service, who, &incident, state, "");
}

int people_resolve(struct incident_service *service, const struct principal *who,
		   const struct expected *expected)
{
	const struct incident_target target = { expected->incident_id, -1 };
	struct incident incident;
	int error = open_target(service, who, &target, &incident);

	if (error)
		return error;
	incident.expected_id = expected->id;
	return store_state(service, who, &incident, INCIDENT_RESOLVED, expected->note);
}

/* ---- notes -------------------------------------------------------------------------------------
 */

/* @notes: the array so far, or NULL. @note: taken. @out: with the new one; caller frees. */
static int append_note(const char *notes, struct json *note, char **out)
{
	CLEANUP(json_free) struct json *owned = note;
	CLEANUP(json_free) struct json *list = NULL;
	CLEANUP(free) char *printed = NULL;
	char reason[JSON_TEXT_MAX];
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
	json_add(list, TAKE(owned));
	printed = json_print(list, &len);
	if (!printed)
		return -ENOMEM;
	if (len > NOTES_MAX)
		return -ENOSPC;
	*out = TAKE(printed);
	return 0;
}

static struct json *new_note(const struct incident_service *service, const struct principal *who,
			     const char *text)
{
	struct json *note = json_new_object();

	json_set_time(note, "time", incident_now(service));
	json_set_string(note, "author", who->name);
	json_set_string(note, "text", text);
	return note;
}

int incident_add_note(struct incident_service *service, const struct principal *who,
		      const struct incident_target *target, const char *text)
{
	CLEANUP(incident_details) struct incident_details details = { 0 };
	struct incident_event event = event_of(who, "note");
	struct store *store = service->options.store;
	struct incident incident;
	char *notes = NULL;
	int error = open_target(service, who, target, &incident);

	if (!error && (strnlen(text, NOTE_MAX + 1) > NOTE_MAX || !text[strspn(text, NOTE_BLANKS)]))
		error = -EINVAL;
	if (!error)
		error = store_incident_get(store, target->id, &incident, &details);
	if (!error)
		error = append_note(details.notes, new_note(service, who, text), &notes);
	if (error)
		return error;
	free(details.notes);
	details.notes = notes;
	incident.version++;
	error = store_incident_update(store, &incident, &details);
	if (error)
		return error;
	people_remember(service, target->id, &event);
	people_audit(service, who, "incident.note", target->id, json_new_object());
	incident_tell(service, &incident, details.reason, false);
	return 0;
}

/* ---- history -----------------------------------------------------------------------------------
 */

static int read_history(struct incident_service *service, int64_t id, struct incident_event **out)
{
	CLEANUP(free)
	struct incident_event *events = calloc(STORE_INCIDENT_HISTORY_MAX, sizeof(*events));
	int count = events ? store_incident_event_list(service->options.store, id, events,
						       STORE_INCIDENT_HISTORY_MAX)
			   : -ENOMEM;

	if (count >= 0)
		*out = TAKE(events);
	return count;
}

int incident_last_change(struct incident_service *service, int64_t id, struct incident_event *out)
{
	CLEANUP(free) struct incident_event *events = NULL;
	int count = read_history(service, id, &events);

	for (int i = count; i-- > 0;)
		if (strcmp(events[i].action, "response") != 0) {
			*out = events[i];
			return 0;
		}
	return count < 0 ? count : -ENOENT;
}

static void set_text(struct json *item, const char *key, const char *text)
{
	json_set_string(item, key, *text ? text : NULL);
}

static struct json *encode_event(const struct incident_event *event)
{
	struct json *item = json_new_object();

	json_set_time(item, "time", event->time_unix_ms);
	json_set_string(item, "who", event->who);
	json_set_string(item, "action", event->action);
	set_text(item, "from", event->before);
	set_text(item, "to", event->after);
	set_text(item, "text", event->text);
	return item;
}

struct json *incident_history_json(struct incident_service *service,
				   const struct incident *incident)
{
	const struct incident_event opened = { .time_unix_ms = incident->first_unix_ms,
					       .who = "sluice",
					       .action = "opened" };
	CLEANUP(free) struct incident_event *events = NULL;
	struct json *list = json_new_array();
	int count = read_history(service, incident->id, &events);

	json_add(list, encode_event(&opened));
	for (int i = 0; i < count; i++)
		json_add(list, encode_event(&events[i]));
	return list;
}
