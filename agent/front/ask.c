/* Between the HTTP side and core, over one stream socket of frames. */
#include "agent/front/ask.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/frame.h"
#include "agent/util/log.h"
#include "agent/util/message.h"

/* Frames read before the loop looks at other things again. */
#define READS_PER_TURN 16

struct pending {
	ask_done_fn done; /* NULL = free */
	void *arg;
	uint64_t id, deadline_ns;
};

struct ask {
	int epoll_fd; /* of the one descriptor, which comes and goes */
	int core_fd;
	bool is_closed, waits_for_room;
	struct ask_events events;
	struct frame_reader reader;
	struct buffer out;
	struct pending pending[ASK_PENDING_MAX];
	unsigned int pending_count, next_slot;
	uint64_t next_serial;
};

void ask_reply_done(struct ask_reply *reply)
{
	free(reply->memory);
	memset(reply, 0, sizeof(*reply));
}

int ask_new(int core_fd, const struct ask_events *events, struct ask **out)
{
	CLEANUP(ask_free) struct ask *ask = calloc(1, sizeof(*ask));

	if (!ask)
		return -ENOMEM;
	ask->core_fd = ask->epoll_fd = -1;
	ask->events = *events;
	buffer_init(&ask->out, ASK_OUT_MAX);
	frame_reader_init(&ask->reader);
	ask->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (ask->epoll_fd < 0)
		return -errno;
	if (core_fd >= 0)
		ask_set_core(ask, core_fd);
	*out = TAKE(ask);
	return 0;
}

void ask_free(struct ask *ask)
{
	if (!ask)
		return;
	if (ask->core_fd >= 0)
		(void)close(ask->core_fd); /* nothing to do about a failing close */
	if (ask->epoll_fd >= 0)
		(void)close(ask->epoll_fd);
	buffer_done(&ask->out);
	frame_reader_done(&ask->reader);
	free(ask);
}

int ask_fd(const struct ask *ask)
{
	return ask->epoll_fd;
}

/* ---- out ------------------------------------------------------------------------------------- */

/* What the socket takes now. Returns 0, or the error that ends the link. */
static int send_out(struct ask *ask)
{
	while (ask->out.len) {
		ssize_t sent = send(ask->core_fd, ask->out.data, ask->out.len,
				    MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return errno == EAGAIN ? 0 : -errno;
		buffer_consume(&ask->out, (size_t)sent);
	}
	return 0;
}

/* A free slot; there is one, since pending_count is below the table's size. */
static struct pending *take_slot(struct ask *ask, unsigned int *index)
{
	while (ask->pending[ask->next_slot % ASK_PENDING_MAX].done)
		ask->next_slot++;
	*index = ask->next_slot++ % ASK_PENDING_MAX;
	ask->pending_count++;
	return &ask->pending[*index];
}

static int enqueue(struct ask *ask, const struct buffer *body, ask_done_fn done, void *arg)
{
	struct pending *pending;
	unsigned int index;
	uint64_t id;

	if (ask->is_closed || ask->core_fd < 0)
		return -ENOTCONN;
	if (ask->pending_count == ASK_PENDING_MAX ||
	    ask->out.len + sizeof(struct frame_header) + body->len > ASK_OUT_MAX)
		return -EAGAIN;
	pending = take_slot(ask, &index);
	/* the slot in the low bits finds it; the serial above tells late answers apart */
	id = ++ask->next_serial * ASK_PENDING_MAX + index;
	if (frame_append(&ask->out, FRAME_REQUEST, id, body->data, body->len)) {
		ask->pending_count--;
		return -EAGAIN;
	}
	*pending =
		(struct pending){ done, arg, id, clock_monotonic_ns() + ASK_TIMEOUT_S * NS_PER_S };
	return 0;
}

int ask_send(struct ask *ask, const struct request *request, ask_done_fn done, void *arg)
{
	struct buffer body;
	int error;

	buffer_init(&body, FRAME_BODY_MAX);
	message_encode_request(&body, request);
	error = body.error;
	if (!error) {
		error = enqueue(ask, &body, done, arg);
		crypto_wipe(body.data, body.len); /* passwords and session ids pass here */
	}
	buffer_done(&body);
	return error;
}

/* ---- in -------------------------------------------------------------------------------------- */

/* The waiting request of @id, out of the table; false when it has timed out or never was. */
static bool take_pending(struct ask *ask, uint64_t id, struct pending *out)
{
	struct pending *pending = &ask->pending[id % ASK_PENDING_MAX];

	if (!pending->done || pending->id != id)
		return false;
	*out = *pending;
	pending->done = NULL;
	ask->pending_count--;
	return true;
}

static void finish(const struct pending *pending, struct ask_reply *reply)
{
	pending->done(pending->arg, reply);
	ask_reply_done(reply);
}

static int handle_response(struct ask *ask, const struct frame *frame)
{
	CLEANUP(free) uint8_t *memory = NULL;
	struct ask_reply reply = { .error = -ENOMEM };
	struct pending pending;
	int error;

	if (!take_pending(ask, frame->id, &pending))
		return 0; /* too late */
	/* the frame is borrowed until the next one; the HTTP side sends from its own copy */
	memory = malloc(frame->len + 1);
	if (memory) {
		memcpy(memory, frame->body, frame->len);
		reply.error = message_decode_response(memory, frame->len, &reply.response);
		reply.memory = TAKE(memory);
	}
	error = reply.error;
	finish(&pending, &reply);
	return error == -EPROTO ? -EPROTO : 0;
}

static int handle_frame(struct ask *ask, const struct frame *frame)
{
	struct event event;
	uint64_t tag;

	switch (frame->type) {
	case FRAME_RESPONSE:
		return handle_response(ask, frame);
	case FRAME_EVENT:
		if (message_decode_event(frame->body, frame->len, &event))
			return -EPROTO;
		ask->events.on_event(ask->events.arg, &event);
		return 0;
	case FRAME_SESSION_END:
		if (frame->len != sizeof(tag))
			return -EPROTO;
		memcpy(&tag, frame->body, sizeof(tag));
		if (tag)
			ask->events.on_session_end(ask->events.arg, tag);
		return 0;
	default:
		return -EPROTO;
	}
}

/* Fail what waits; with @now_ns only what waited too long, with 0 all of it. */
static void fail_pending(struct ask *ask, uint64_t now_ns, int error)
{
	for (unsigned int i = 0; i < ASK_PENDING_MAX; i++) {
		struct ask_reply reply = { .error = error };
		struct pending one = ask->pending[i];

		if (!one.done || (now_ns && now_ns < one.deadline_ns))
			continue;
		ask->pending[i].done = NULL;
		ask->pending_count--;
		finish(&one, &reply);
	}
}

static void lose_core(struct ask *ask)
{
	int fd = ask->core_fd;

	ask->core_fd = -1;
	ask->waits_for_room = false;
	if (ask->out.len)
		crypto_wipe(ask->out.data, ask->out.len);
	buffer_consume(&ask->out, ask->out.len);
	if (fd < 0)
		return;
	/* by hand, for a copy of the descriptor elsewhere would keep it in the set */
	if (epoll_ctl(ask->epoll_fd, EPOLL_CTL_DEL, fd, NULL))
		log_error("cannot forget the old link to core error=%d", errno);
	(void)close(fd); /* nothing to do about a failing close */
	frame_reader_done(&ask->reader);
	frame_reader_init(&ask->reader);
	fail_pending(ask, 0, -ENOTCONN);
}

/* Returns 0 when there is no more for now, or the error that ends the link. */
static int read_core(struct ask *ask)
{
	for (int turn = 0; turn < READS_PER_TURN; turn++) {
		struct frame frame;
		int len = frame_reader_fill(&ask->reader, ask->core_fd), got = len;

		if (got == -EAGAIN || got == -EINTR)
			return 0;
		if (got <= 0)
			return got ? got : -ENOTCONN;
		while ((got = frame_reader_next(&ask->reader, &frame)) > 0) {
			got = handle_frame(ask, &frame);
			if (got)
				return got;
		}
		if (got < 0)
			return got;
		if (len < FRAME_READ_BYTES)
			return 0;
	}
	return 0;
}

/* Whether room in the socket is to be told. */
static int watch_room(struct ask *ask, bool wanted)
{
	struct epoll_event event = { .events = EPOLLIN | (wanted ? EPOLLOUT : 0U),
				     .data.fd = ask->core_fd };

	if (ask->waits_for_room == wanted)
		return 0;
	if (epoll_ctl(ask->epoll_fd, EPOLL_CTL_MOD, ask->core_fd, &event))
		return -errno;
	ask->waits_for_room = wanted;
	return 0;
}

static void end_link(struct ask *ask, int error)
{
	/* at a stop this is the order of things; else the supervisor says why */
	log_info("the link to core ended reason=\"%s\"", strerror(-error));
	lose_core(ask);
}

void ask_flush(struct ask *ask)
{
	int error;

	if (ask->core_fd < 0 || (!ask->out.len && !ask->waits_for_room))
		return;
	error = send_out(ask);
	if (!error)
		error = watch_room(ask, ask->out.len > 0);
	if (error)
		end_link(ask, error);
}

/* The socket is read without asking what it is ready for: nearly always that is an answer. */
void ask_handle(struct ask *ask)
{
	int error = ask->core_fd < 0 ? 0 : read_core(ask);

	if (error)
		end_link(ask, error);
}

void ask_tick(struct ask *ask, uint64_t now_ns)
{
	fail_pending(ask, now_ns, -ETIMEDOUT);
}

void ask_set_core(struct ask *ask, int core_fd)
{
	struct epoll_event event = { .events = EPOLLIN, .data.fd = core_fd };
	int flags = fcntl(core_fd, F_GETFL);

	lose_core(ask);
	if (flags < 0 || fcntl(core_fd, F_SETFL, flags | O_NONBLOCK) ||
	    epoll_ctl(ask->epoll_fd, EPOLL_CTL_ADD, core_fd, &event)) {
		log_error("the new link to core is unusable error=%d", errno);
		(void)close(core_fd);
		return;
	}
	ask->core_fd = core_fd;
}

void ask_fail_all(struct ask *ask)
{
	ask->is_closed = true;
	lose_core(ask);
	fail_pending(ask, 0, -ENOTCONN);
}
