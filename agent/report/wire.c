/*
 * Packets between core and the render role over a stream socket: kind, length, bytes, host order
 * (same machine). Each side bounds what the other may send.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/report/internal.h"

#define POLL_MS	     200
#define IDLE_POLLS   300 /* a minute without a byte: the other side stands still */
#define HEADER_BYTES 8

static int wait_for(const struct exchange *exchange, short events)
{
	struct pollfd watched = { .fd = exchange->fd, .events = events };

	for (int i = 0; i < IDLE_POLLS; i++) {
		int ready = poll(&watched, 1, POLL_MS);

		if (exchange->is_cancelled && atomic_load(exchange->is_cancelled))
			return -ECANCELED;
		if (ready < 0 && errno != EINTR)
			return -errno;
		if (ready > 0)
			return 0;
	}
	return -ETIMEDOUT;
}

static int send_all(const struct exchange *exchange, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t sent = send(exchange->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		int error = 0;

		if (sent > 0) {
			at += sent;
			len -= (size_t)sent;
		} else if (errno == EAGAIN || errno == EINTR) {
			error = wait_for(exchange, POLLOUT);
		} else {
			error = -EPIPE;
		}
		if (error)
			return error;
	}
	return 0;
}

static int receive_all(const struct exchange *exchange, void *data, size_t len)
{
	char *at = data;

	while (len) {
		ssize_t got = recv(exchange->fd, at, len, MSG_DONTWAIT);
		int error = 0;

		if (got > 0) {
			at += got;
			len -= (size_t)got;
		} else if (got < 0 && (errno == EAGAIN || errno == EINTR)) {
			error = wait_for(exchange, POLLIN);
		} else {
			error = -EPIPE;
		}
		if (error)
			return error;
	}
	return 0;
}

int packet_send(const struct exchange *exchange, enum packet_kind kind, const void *data,
		size_t len)
{
	const uint32_t header[2] = { (uint32_t)kind, (uint32_t)len };
	int error = send_all(exchange, header, HEADER_BYTES);

	return error || !len ? error : send_all(exchange, data, len);
}

int packet_receive(const struct exchange *exchange, struct packet *packet)
{
	uint32_t header[2];
	int error = receive_all(exchange, header, HEADER_BYTES);

	if (error)
		return error;
	if (header[0] < PACKET_DATA || header[0] > PACKET_ERROR || header[1] > PACKET_MAX)
		return -EPROTO;
	packet->kind = header[0];
	packet->len = header[1];
	return receive_all(exchange, packet->data, packet->len);
}

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
