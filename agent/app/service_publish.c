/*
 * Live events: made once here, sent once to front, which fans them out to browsers.
 */
#include <stdlib.h>

#include "agent/api/api.h"
#include "agent/app/cell.h"
#include "agent/app/service_internal.h"
#include "agent/incident/incident.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/message.h"
#include "agent/util/snapshot.h"

/* What was over before is listed and not announced: the demo's day before its start. */
#define PAST_MS 90000

/* One event of a snapshot with every list full is below 64 KiB; names cannot make it larger. */
#define EVENT_BODY_MAX (256U << 10)

void service_publish(struct service *service, const struct event *event)
{
	CLEANUP(buffer_done) struct buffer body;
	struct event numbered = *event;

	buffer_init(&body, EVENT_BODY_MAX);
	if (!event->data || service->front.fd < 0)
		return;
	numbered.id = service->next_event_id++;
	message_encode_event(&body, &numbered);
	if (!body.error)
		(void)link_send(&service->front, service->epoll, FRAME_EVENT, numbered.id, &body);
}

/* To everyone; @is_sticky: new streams begin with it. */
static void publish_to_all(struct service *service, const char *name, bool is_sticky,
			   const char *data)
{
	const struct event event = {
		.min_role = ROLE_VIEWER, .is_sticky = is_sticky, .name = name, .data = data
	};

	service_publish(service, &event);
}

void service_publish_status(struct service *service)
{
	CLEANUP(free) char *data = api_encode_status(service->api);

	publish_to_all(service, "analyzer_status", true, data);
}

void service_publish_second(struct service *service)
{
	struct snapshot *snapshot = cell_get(service->options.cell);
	CLEANUP(free) char *live = NULL;
	CLEANUP(free) char *statistics = NULL;

	if (!snapshot)
		return;
	live = api_encode_live(service->api, snapshot);
	statistics = api_encode_statistics(service->api, snapshot);
	snapshot_unref(snapshot);
	publish_to_all(service, "snapshot", true, live);
	publish_to_all(service, "statistics_update", true, statistics);
	if (service->incidents_changed) {
		CLEANUP(free) char *recent = api_encode_incidents(service->api);

		publish_to_all(service, "incidents_update", true, recent);
		service->incidents_changed = false;
	}
}

/* The reason is sealed: viewers get the incident without it, analysts and admins with it. */
static void publish_new_incident(struct service *service, const struct incident *incident,
				 const char *reason)
{
	CLEANUP(free) char *open = api_encode_incident(service->api, incident, NULL, true);
	CLEANUP(free) char *full = api_encode_incident(service->api, incident, reason, true);
	const struct event viewers = { .min_role = ROLE_VIEWER,
				       .max_role = ROLE_VIEWER,
				       .name = "new_incident",
				       .data = open };
	const struct event analysts = { .min_role = ROLE_ANALYST,
					.name = "new_incident",
					.data = full };

	service_publish(service, &viewers);
	service_publish(service, &analysts);
}

void service_on_incident(void *arg, const struct incident *incident, const char *reason,
			 bool is_new)
{
	struct service *service = arg;
	bool is_past = incident->last_unix_ms + PAST_MS < clock_unix_ms();

	if (is_new && !is_past) {
		publish_new_incident(service, incident, reason);
		service_outputs_incident(service, incident, reason);
		service_reputation_incident(service, incident);
	} else if (!is_new) {
		CLEANUP(free) char *data = api_encode_incident(service->api, incident, NULL, false);

		publish_to_all(service, "incident", false, data);
	}
	service->incidents_changed = true;
}

void service_on_block(void *arg, const struct block *block)
{
	struct service *service = arg;
	CLEANUP(free) char *data = api_encode_block(service->api, block);

	publish_to_all(service, "block", false, data);
}

void service_on_session_end(void *arg, uint64_t session_tag)
{
	struct service *service = arg;
	CLEANUP(buffer_done) struct buffer body;

	buffer_init(&body, sizeof(session_tag) + 1);
	if (service->front.fd < 0)
		return;
	buffer_append(&body, &session_tag, sizeof(session_tag));
	(void)link_send(&service->front, service->epoll, FRAME_SESSION_END, 0, &body);
}
