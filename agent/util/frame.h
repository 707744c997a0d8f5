/*
 * The framed messages that roles and the command line exchange over stream sockets:
 * length, type, id, body. A wrong length or type is fatal to the sender: the reader returns
 * -EPROTO and its owner closes the socket. Header fields are host order (same machine).
 * A reader belongs to one thread; frame_send may be called by several if the caller serialises.
 */
#ifndef SLUICE_UTIL_FRAME_H
#define SLUICE_UTIL_FRAME_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/buffer.h"

enum frame_type {
	FRAME_REQUEST = 1,     /* body: util/message request */
	FRAME_RESPONSE = 2,    /* body: util/message response; id of the request */
	FRAME_EVENT = 3,       /* body: util/message event; core to front */
	FRAME_SESSION_END = 4, /* body: u64 session tag; core to front: close its streams */
	FRAME_SUPERVISE = 5,   /* body: struct supervise_message; loader and its children */
	FRAME_TYPE_COUNT
};

struct frame_header {
	uint32_t length; /* of the body */
	uint16_t type;
	uint16_t reserved; /* 0 */
	uint64_t id;
};

/* Largest body: one page of a list with every field at its longest. */
#define FRAME_BODY_MAX (8U << 20)

struct frame {
	uint16_t type;
	uint64_t id;
	const void *body; /* when read: borrowed from the reader until its next fill */
	size_t len;
};

/*
 * frame_send - whole frame, waiting up to @timeout_ms when the socket is full.
 * Returns 0, -EMSGSIZE, -ETIMEDOUT (the stream is then unusable), or the socket's error.
 */
int frame_send(int fd, const struct frame *frame, int timeout_ms);
/* frame_append - the frame at the end of @out, for writers that do not wait. */
int frame_append(struct buffer *out, enum frame_type type, uint64_t id, const void *body,
		 size_t len);

struct frame_reader {
	struct buffer in;
	size_t consumed; /* bytes handed out since the last fill */
};

void frame_reader_init(struct frame_reader *reader);
void frame_reader_done(struct frame_reader *reader);
/* What one read asks for; fewer bytes mean that there are no more for now. */
#define FRAME_READ_BYTES 16384
/* frame_reader_fill - one read(2). Returns bytes, 0 at the end, -EAGAIN, or the error. */
int frame_reader_fill(struct frame_reader *reader, int fd);
/* frame_reader_next - Returns 1 with @frame, 0 when more bytes are needed, -EPROTO. */
int frame_reader_next(struct frame_reader *reader, struct frame *frame);

#endif
