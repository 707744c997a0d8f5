/*
 * The fetch role: one request in, one answer out, then it is gone.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/intel/internal.h"
#include "agent/util/http.h"
#include "agent/util/json.h"
#include "agent/util/packet.h"

#define HEADERS_MAX 4

static bool pass_on(void *arg, const void *data, size_t len)
{
	const char *at = data;
	int error = 0;

	for (size_t done = 0; done < len && !error; done += PACKET_MAX)
		error = packet_send(arg, PACKET_DATA, at + done,
				    len - done < PACKET_MAX ? len - done : PACKET_MAX);
	return !error;
}

static int read_order(const struct exchange *exchange, struct packet *packet, struct json **out)
{
	char reason[128];
	int error = packet_receive(exchange, packet);

	if (!error && packet->kind != PACKET_HEAD)
		error = -EPROTO;
	return error ? error : json_parse((const char *)packet->data, packet->len, out, reason);
}

static int send_head(const struct exchange *exchange, const struct http_answer *answer)
{
	CLEANUP(json_free) struct json *head = json_new_object();
	size_t len;

	json_set_int(head, "status", answer->status);
	json_set_int(head, "retry_after_s", answer->retry_after_s);
	json_set_string(head, "etag", answer->etag);
	json_set_string(head, "last_modified", answer->last_modified);
	CLEANUP(free) char *text = json_print(head, &len);
	int error = text ? packet_send(exchange, PACKET_HEAD, text, len) : -ENOMEM;

	return error ? error : packet_send(exchange, PACKET_END, NULL, 0);
}

static int fetch(const struct exchange *exchange, const struct json *order)
{
	struct http_request request = {
		.url = "", .max_bytes = FEED_BYTES_MAX, .take = pass_on, .arg = (void *)exchange
	};
	struct http_answer answer;
	const char *headers[HEADERS_MAX + 1] = { NULL };
	const struct json *list = json_get(order, "headers");

	if (json_get_string(order, "url", &request.url))
		return -EPROTO;
	for (size_t i = 0; i < json_array_len(list) && i < HEADERS_MAX; i++)
		if (json_string(json_array_get(list, i), &headers[i]))
			return -EPROTO;
	(void)json_get_bool(order, "allow_private", &request.allow_private); /* absent: no */
	(void)json_get_bool(order, "is_secret", &request.is_secret);	     /* absent: no */
	request.headers = headers;
	if (http_fetch(&request, &answer))
		return packet_send(exchange, PACKET_ERROR, answer.error, strlen(answer.error));
	return send_head(exchange, &answer);
}

int intel_fetch(int fd)
{
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	CLEANUP(json_free) struct json *order = NULL;
	const struct exchange exchange = { .fd = fd };
	int error = packet ? read_order(&exchange, packet, &order) : -ENOMEM;

	if (error)
		return error;
	return json_get(order, "resolvers") ? reverse_serve(&exchange, order)
					    : fetch(&exchange, order);
}
