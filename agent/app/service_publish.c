/*
 * Live events: made once here, sent once to front, which fans them out to browsers.
 */
#include <stdlib.h>

#include "agent/api/api.h"
#include "agent/app/cell.h"
#include "agent/app/service_internal.h"
#include "agent/incident/incident.h"
#include "agent/util/cleanup.h"
#include "agent/util/json.h"
#include "agent/util/message.h"

/* One event of a snapshot with every list full is below 64 KiB; names cannot make it larger. */
#define EVENT_BODY_MAX (256U << 10)

void service_publish(struct service *service, const char *name, enum role min_role, bool is_sticky,
		     const char *data)
{
	const struct event event = { .id = service->next_event_id,
				     .min_role = (uint8_t)min_role,
				     .is_sticky = is_sticky,
				     .name = name,
				     .data = data };
	CLEANUP(buffer_done) struct buffer body;

	if (!data || service->front.fd < 0)
		return;
	service->next_event_id++;
	buffer_init(&body, EVENT_BODY_MAX);
	message_encode_event(&body, &event);
	if (!body.error)
		(void)link_send(&service->front, service->epoll, FRAME_EVENT, event.id, &body);
}

void service_publish_status(struct service *service)
{
	CLEANUP(free) char *data = api_encode_status(service->api);

	service_publish(service, "analyzer_status", ROLE_VIEWER, true, data);
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
	snapshot_release(snapshot);
	service_publish(service, "snapshot", ROLE_VIEWER, true, live);
	service_publish(service, "statistics_update", ROLE_VIEWER, true, statistics);
	if (service->incidents_changed) {
		CLEANUP(free) char *recent = api_encode_incidents(service->api);

		service_publish(service, "incidents_update", ROLE_VIEWER, true, recent);
		service->incidents_changed = false;
	}
}

void service_on_incident(void *arg, const struct incident *incident, const char *reason,
			 bool is_new)
{
	struct service *service = arg;
	CLEANUP(free) char *data = api_encode_incident(service->api, incident, reason, is_new);

	service_publish(service, is_new ? "new_incident" : "incident", ROLE_VIEWER, false, data);
	service->incidents_changed = true;
}

void service_on_block(void *arg, const struct block *block)
{
	struct service *service = arg;
	CLEANUP(free) char *data = api_encode_block(service->api, block);

	service_publish(service, "block", ROLE_VIEWER, false, data);
}

void service_on_session_end(void *arg, uint64_t session_tag)
{
	struct service *service = arg;
	CLEANUP(buffer_done) struct buffer body;

	if (service->front.fd < 0)
		return;
	buffer_init(&body, sizeof(session_tag) + 1);
	buffer_append(&body, &session_tag, sizeof(session_tag));
	(void)link_send(&service->front, service->epoll, FRAME_SESSION_END, 0, &body);
}
