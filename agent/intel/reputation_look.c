/*
 * One question on its way, on a jobs thread: an order to the fetch process, its answer back.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "agent/intel/reputation_internal.h"
#include "agent/util/json.h"
#include "agent/util/packet.h"

static int send_order(struct lookup *lookup, const struct exchange *exchange)
{
	CLEANUP(json_free) struct json *order = json_new_object();
	struct json *headers = json_new_array();
	size_t len;

	json_add_string(headers, lookup->key_header);
	json_add_string(headers, "Accept: application/json");
	json_set(order, "headers", headers);
	json_set_string(order, "url", lookup->url);
	json_set_bool(order, "allow_private", lookup->is_test);
	json_set_bool(order, "is_secret", true); /* the key is theirs alone: no redirect gets it */
	CLEANUP(free) char *text = json_print(order, &len);
	return text ? packet_send(exchange, PACKET_HEAD, text, len) : -ENOMEM;
}

static int take_packet(struct lookup *lookup, const struct packet *packet)
{
	CLEANUP(json_free) struct json *head = NULL;
	char reason[128];
	int64_t status = 0;

	if (packet->kind == PACKET_DATA) {
		buffer_append(&lookup->body, packet->data, packet->len);
		return lookup->body.error;
	}
	if (packet->kind == PACKET_ERROR) {
		(void)snprintf(lookup->reason, sizeof(lookup->reason), "%.*s",
			       packet->len < 150 ? (int)packet->len : 150,
			       (const char *)packet->data);
		return -EIO;
	}
	if (packet->kind == PACKET_END)
		return 1;
	if (json_parse((const char *)packet->data, packet->len, &head, reason) ||
	    json_get_int(head, "status", &status))
		return -EPROTO;
	(void)json_get_int(head, "retry_after_s", &lookup->retry_after_s); /* absent: none */
	lookup->status = (long)status;
	return 0;
}

void reputation_look_up(void *arg)
{
	struct lookup *lookup = arg;
	const struct exchange exchange = { lookup->fetch, &lookup->is_cancelled };
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	int error = packet ? send_order(lookup, &exchange) : -ENOMEM;

	while (!error) {
		error = packet_receive(&exchange, packet);
		if (!error)
			error = take_packet(lookup, packet);
	}
	lookup->error = error == 1 ? 0 : error;
	close(lookup->fetch);
	lookup->fetch = -1;
}
