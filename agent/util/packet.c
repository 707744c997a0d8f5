/*
 * Packets over a stream socket: kind, length, bytes.
 */
#include "agent/util/packet.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

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
	if (header[0] < PACKET_DATA || header[0] > PACKET_HEAD || header[1] > PACKET_MAX)
		return -EPROTO;
	packet->kind = header[0];
	packet->len = header[1];
	return receive_all(exchange, packet->data, packet->len);
}
