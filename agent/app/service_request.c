/*
 * Requests in, answers out: front and the command line speak the same frames, and both end in
 * api_handle.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/api/api.h"
#include "agent/app/service_internal.h"
#include "agent/util/log.h"
#include "agent/util/message.h"

/* What an answer needs to find its way back, also when it comes later. */
struct call {
	struct service *service;
	uint64_t link_id;
	uint64_t frame_id;
};

struct link *service_find_link(struct service *service, uint64_t id)
{
	if (service->front.fd >= 0 && service->front.id == id)
		return &service->front;
	for (int i = 0; i < CONTROL_CLIENTS_MAX; i++)
		if (service->clients[i].fd >= 0 && service->clients[i].id == id)
			return &service->clients[i];
	return NULL;
}

static void send_response(struct service *service, struct link *link, uint64_t frame_id,
			  const struct response *response)
{
	CLEANUP(buffer_done) struct buffer body;

	buffer_init(&body, FRAME_BODY_MAX);
	message_encode_response(&body, response);
	if (body.error) {
		static const char text[] =
			"{\"error\":{\"code\":\"too_large\",\"message\":\"The answer "
			"is too large; ask for fewer with limit.\","
			"\"field\":\"limit\",\"request_id\":null}}";
		const struct response large = { .status = 422,
						.content_type = "application/json",
						.location = "",
						.set_session = "",
						.body = text,
						.body_len = sizeof(text) - 1 };

		buffer_done(&body);
		buffer_init(&body, FRAME_BODY_MAX);
		message_encode_response(&body, &large);
	}
	if (link_send(link, service->epoll, FRAME_RESPONSE, frame_id, &body) && link->is_front)
		log_warn("the link to front broke while answering");
}

static void reply(void *arg, const struct response *response)
{
	struct call *call = arg;
	struct link *link = service_find_link(call->service, call->link_id);

	if (link)
		send_response(call->service, link, call->frame_id, response);
	free(call);
}

static void handle_request(struct service *service, struct link *link, const struct frame *frame)
{
	struct request request;
	struct call *call;
	bool is_front = link->is_front;

	if (message_decode_request(frame->body, frame->len, &request)) {
		log_warn("a request that cannot be read closed its link front=%d", is_front);
		link_close(link);
		return;
	}
	call = malloc(sizeof(*call));
	if (!call) {
		link_close(link);
		return;
	}
	*call = (struct call){ .service = service, .link_id = link->id, .frame_id = frame->id };
	api_handle(service->api, &request, is_front ? NULL : &link->principal, reply, call);
}

void service_serve_link(struct service *service, struct link *link)
{
	int got = frame_reader_fill(&link->reader, link->fd);
	struct frame frame;

	if (got == -EAGAIN)
		return;
	if (got <= 0) {
		if (link->is_front)
			log_debug("front closed its link");
		link_close(link);
		return;
	}
	while (link->fd >= 0 && (got = frame_reader_next(&link->reader, &frame)) > 0) {
		if (frame.type != FRAME_REQUEST) {
			got = -EPROTO;
			break;
		}
		handle_request(service, link, &frame);
	}
	if (got < 0 && link->fd >= 0) {
		log_warn("a malformed frame closed its link front=%d", link->is_front);
		link_close(link);
	}
}

void service_accept(struct service *service)
{
	int fd =
		accept4(service->options.app->control_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct link *link = NULL;
	struct principal principal;

	if (fd < 0)
		return;
	for (int i = 0; i < CONTROL_CLIENTS_MAX && !link; i++)
		if (service->clients[i].fd < 0)
			link = &service->clients[i];
	if (!link || link_identify(fd, service->group, service->group_role, &principal)) {
		/* the client sees the end of the stream and says "refused" */
		close(fd);
		return;
	}
	if (link_open(link, service->epoll, fd, service->next_link_id++))
		return;
	link->principal = principal;
}

int service_learning(void *arg, struct learning *out)
{
	const struct service *service = arg;

	return anomaly_desk_status(&service->desk, out);
}

int service_learning_host(void *arg, const struct addr *addr, struct learning_host *out)
{
	const struct service *service = arg;

	return anomaly_desk_host(&service->desk, addr, out);
}
