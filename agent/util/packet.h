/*
 * Packets between core and a helper process on a stream socket: kind, length, bytes, in host order
 * (same machine). Each side bounds what the other may send, and neither waits for ever. One thread
 * per socket.
 */
#ifndef SLUICE_UTIL_PACKET_H
#define SLUICE_UTIL_PACKET_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

enum packet_kind {
	PACKET_DATA = 1,     /* bytes of what goes over */
	PACKET_END = 2,	     /* of it; empty */
	PACKET_PROGRESS = 3, /* one byte, percent */
	PACKET_ERROR = 4,    /* a sentence, instead of an end */
	PACKET_HEAD = 5,     /* JSON about what follows */
};

#define PACKET_MAX (64U << 10)

struct packet {
	uint32_t kind, len;
	uint8_t data[PACKET_MAX];
};

/* What a long exchange may end: the flag, and a whole minute in which nothing moves. */
struct exchange {
	int fd;
	const atomic_bool *is_cancelled; /* NULL = never */
};

/* All wait for the other side. 0 or -errno: -EPIPE it is gone, -ETIMEDOUT, -ECANCELED, -EPROTO. */
int packet_send(const struct exchange *exchange, enum packet_kind kind, const void *data,
		size_t len);
int packet_receive(const struct exchange *exchange, struct packet *packet);

#endif
