/*
 * Frames on stream sockets. Everything read is checked before it is handed out: the other end may
 * be a role that was taken over.
 */
#include "agent/util/frame.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "agent/util/clock.h"

/* One whole frame and what a read may bring after it. */
#define READER_MAX (sizeof(struct frame_header) + FRAME_BODY_MAX + FRAME_READ_BYTES)
/* An idle reader gives back a buffer that a large frame made grow beyond this. */
#define READER_KEEP (256U << 10)

_Static_assert(sizeof(struct frame_header) == 16, "the header has no holes");

static struct frame_header make_header(uint16_t type, uint64_t id, size_t len)
{
	return (struct frame_header){ .length = (uint32_t)len, .type = type, .id = id };
}

/* Waits until @fd takes bytes. Returns 0, -ETIMEDOUT past @deadline_ns, or the error. */
static int wait_writable(int fd, uint64_t deadline_ns)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLOUT };
	uint64_t now_ns = clock_monotonic_ns();
	uint64_t left_ms = now_ns < deadline_ns ? (deadline_ns - now_ns) / NS_PER_MS + 1 : 0;
	int ready = left_ms > 0 ? poll(&pollfd, 1, (int)left_ms) : 0;

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready == 0 ? -ETIMEDOUT : 0; /* an error condition is reported by the next send */
}

/* Drop the first @len bytes of what is still to be sent. */
static void advance(struct msghdr *message, size_t len)
{
	while (message->msg_iovlen > 0 && len >= message->msg_iov[0].iov_len) {
		len -= message->msg_iov[0].iov_len;
		message->msg_iov++;
		message->msg_iovlen--;
	}
	if (message->msg_iovlen > 0) {
		message->msg_iov[0].iov_base = (uint8_t *)message->msg_iov[0].iov_base + len;
		message->msg_iov[0].iov_len -= len;
	}
}

int frame_send(int fd, const struct frame *frame, int timeout_ms)
{
	uint64_t deadline_ns = clock_monotonic_ns() + (uint64_t)timeout_ms * NS_PER_MS;
	struct frame_header header = make_header(frame->type, frame->id, frame->len);
	struct iovec parts[2] = {
		{ .iov_base = &header, .iov_len = sizeof(header) },
		{ .iov_base = (void *)frame->body, /* sendmsg only reads it */
		  .iov_len = frame->len },
	};
	struct msghdr message = { .msg_iov = parts, .msg_iovlen = frame->len > 0 ? 2 : 1 };

	if (frame->len > FRAME_BODY_MAX)
		return -EMSGSIZE;
	while (message.msg_iovlen > 0) {
		ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
		int err;

		if (sent >= 0) {
			advance(&message, (size_t)sent);
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		err = wait_writable(fd, deadline_ns);
		if (err)
			return err;
	}
	return 0;
}

int frame_append(struct buffer *out, enum frame_type type, uint64_t id, const void *body,
		 size_t len)
{
	struct frame_header header = make_header((uint16_t)type, id, len);
	size_t before = out->len;

	if (len > FRAME_BODY_MAX)
		return -EMSGSIZE;
	buffer_append(out, &header, sizeof(header));
	buffer_append(out, body, len);
	if (out->error && out->len > before) { /* no half frame may stay */
		out->len = before;
		out->data[before] = '\0';
	}
	return out->error;
}

void frame_reader_init(struct frame_reader *reader)
{
	buffer_init(&reader->in, READER_MAX);
	reader->consumed = 0;
}

void frame_reader_done(struct frame_reader *reader)
{
	buffer_done(&reader->in);
	reader->consumed = 0;
}

static void drop_consumed(struct frame_reader *reader)
{
	buffer_consume(&reader->in, reader->consumed);
	reader->consumed = 0;
	if (reader->in.len == 0 && reader->in.capacity > READER_KEEP)
		buffer_done(&reader->in);
}

int frame_reader_fill(struct frame_reader *reader, int fd)
{
	uint8_t chunk[FRAME_READ_BYTES];
	ssize_t len;

	drop_consumed(reader);
	do {
		len = read(fd, chunk, sizeof(chunk));
	} while (len < 0 && errno == EINTR);
	if (len < 0)
		return -errno;
	buffer_append(&reader->in, chunk, (size_t)len);
	return reader->in.error ? reader->in.error : (int)len;
}

static bool is_header_valid(const struct frame_header *header)
{
	return header->length <= FRAME_BODY_MAX && header->type >= FRAME_REQUEST &&
	       header->type < FRAME_TYPE_COUNT && header->reserved == 0;
}

int frame_reader_next(struct frame_reader *reader, struct frame *frame)
{
	size_t left = reader->in.len - reader->consumed;
	struct frame_header header;
	const uint8_t *at;

	if (left < sizeof(header))
		return 0;
	at = reader->in.data + reader->consumed;
	memcpy(&header, at, sizeof(header)); /* frames are not aligned */
	if (!is_header_valid(&header))
		return -EPROTO;
	if (left - sizeof(header) < header.length)
		return 0;
	*frame = (struct frame){
		.type = header.type,
		.id = header.id,
		.body = at + sizeof(header),
		.len = header.length,
	};
	reader->consumed += sizeof(header) + header.length;
	return 1;
}
