/*
 * A document to the render role, progress and its PDF back. What comes is bounded.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/report/internal.h"

static int send_document(const struct exchange *exchange, const struct json *document)
{
	size_t len = 0;
	CLEANUP(free) char *text = json_print(document, &len);
	int error = text ? 0 : -ENOMEM;

	for (size_t at = 0; at < len && !error; at += PACKET_MAX)
		error = packet_send(exchange, PACKET_DATA, text + at,
				    len - at < PACKET_MAX ? len - at : PACKET_MAX);
	return error ? error : packet_send(exchange, PACKET_END, NULL, 0);
}

static int take_packet(const struct packet *packet, atomic_uint *percent, struct buffer *pdf)
{
	switch (packet->kind) {
	case PACKET_DATA:
		buffer_append(pdf, packet->data, packet->len);
		return pdf->error;
	case PACKET_PROGRESS:
		if (packet->len == 1 && packet->data[0] <= 100) /* the second half of the work */
			atomic_store(percent, 50U + packet->data[0] / 2U);
		return 0;
	case PACKET_END:
		return pdf->len ? 1 : -EPROTO;
	default:
		return -EPROTO;
	}
}

int wire_draw(const struct exchange *exchange, const struct json *document, atomic_uint *percent,
	      struct buffer *pdf)
{
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	int error = packet ? send_document(exchange, document) : -ENOMEM;

	while (!error) {
		error = packet_receive(exchange, packet);
		if (!error)
			error = take_packet(packet, percent, pdf);
	}
	return error == 1 ? 0 : error;
}
