/*
 * The fan-out of live events: a ring of the newest, and streams that each stand somewhere in it. A
 * stream that has read everything sleeps and is woken after the next event, a few hundred in one
 * turn, so that ten thousand of them never stand between a request and its answer; one that falls
 * out of the ring is ended, and its browser comes back with Last-Event-ID. Knows no HTTP library:
 * sleeping and waking are callbacks. One thread.
 */
#ifndef SLUICE_FRONT_SSE_H
#define SLUICE_FRONT_SSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "agent/front/cookie.h"
#include "agent/util/cleanup.h"
#include "include/addr.h"
#include "include/request.h"

#define SSE_RING_EVENTS 512 /* docs/api.md: Last-Event-ID resumes from these */
/* All texts in the ring, plain and compressed: 512 events of 8 KiB, more than twice what a snapshot
 * takes with ten hosts. */
#define SSE_RING_BYTES_MAX  (4U << 20)
#define SSE_EVENT_BYTES_MAX (256U << 10)
#define SSE_STICKY_MAX	    16
#define SSE_STREAMS_MAX	    10000 /* as many as connections (facts: 10 KiB each) */
#define SSE_SESSION_MAX	    16	  /* browsers one person leaves open; each needs one */
#define SSE_HEARTBEAT_S	    15	  /* docs/api.md */
#define SSE_CHECK_S	    30	  /* a session that ended unnoticed keeps its stream this long */
#define SSE_BEARER_MAX	    129
/* Streams served in one turn, and the time between turns: 10,000 get an event within 0.5 s, and a
 * turn keeps the loop busy for 2 ms (measured: 10 us to write to a stream, 15 to wake it). */
#define SSE_TURN_STREAMS 128
#define SSE_TURN_MS	 5

/* Whose stream it is: what core is asked again to confirm the session. */
struct sse_owner {
	uint64_t session_tag;
	uint8_t role;
	bool tls;
	struct addr peer;
	char session[COOKIE_VALUE_MAX];
	char bearer[SSE_BEARER_MAX];
};

/* What its browser asked for. */
struct sse_wish {
	const char *last_event_id; /* borrowed for the call; NULL when there is none */
	bool is_gzip;		   /* the stream is a member of gzip (gzip_piece.h) */
};

struct sse_hub;
struct sse_stream;

/* Called from within the hub: they must not call it. */
struct sse_sleeper {
	void (*sleep)(void *arg); /* from sse_read, when there is nothing */
	void (*wake)(void *arg);
	/* while it sleeps: bytes straight to the browser, whole chunks (RFC 9112 7.1). Returns how
	 * many were taken, or -errno. NULL: always woken, and asked by sse_read */
	ssize_t (*send)(void *arg, const struct iovec *parts, int count);
	/* with @send, from sse_read: half a chunk is out or the browser is gone, so that nothing
	 * may follow any more */
	void (*cut)(void *arg);
	void *arg;
};

int sse_hub_new(struct sse_hub **out);
/* sse_hub_free - every stream must be closed before. Accepts NULL. */
void sse_hub_free(struct sse_hub *hub);
DEFINE_CLEANUP(sse_hub_free, struct sse_hub)

/*
 * sse_open - a new stream; it first gets the events after @wish->last_event_id when that is digits
 * and the ring still holds them, else the newest of each sticky name.
 * Returns 0, -EAGAIN (the session has SSE_SESSION_MAX), -ENOSPC (all of them are taken), -ENOMEM.
 */
int sse_open(struct sse_hub *hub, const struct sse_owner *owner, const struct sse_sleeper *sleeper,
	     const struct sse_wish *wish, struct sse_stream **out);
/* sse_close - ends and frees; the sleeper is not called any more after the return. */
void sse_close(struct sse_stream *stream);
DEFINE_CLEANUP(sse_close, struct sse_stream)

/*
 * sse_read - up to @max bytes of the stream. Returns the number of bytes, 0 after sleeper.sleep was
 * called, -EPIPE when the stream is over, cut (sleeper.cut) when it broke off.
 */
ssize_t sse_read(struct sse_stream *stream, char *buf, size_t max);

/* sse_publish - one event to all whose role may see it, each in its turn. Too long, or not one
 * line: counted, lost. */
void sse_publish(struct sse_hub *hub, const struct event *event);
/* sse_end_session - streams of that tag are over. */
void sse_end_session(struct sse_hub *hub, uint64_t session_tag);
/* sse_end_all - every stream is over and no new one is taken: before the HTTP side stops. */
void sse_end_all(struct sse_hub *hub);
/* sse_tick - heartbeats that are due. */
void sse_tick(struct sse_hub *hub, uint64_t now_ns);
/* sse_take_turn - serves the next SSE_TURN_STREAMS of those that have something to read, in the
 * order they were called. True when more wait: again after SSE_TURN_MS. */
bool sse_take_turn(struct sse_hub *hub);

/* sse_next_check - a stream whose session is to be confirmed, taken off until the next round. */
bool sse_next_check(struct sse_hub *hub, uint64_t now_ns, uint64_t *id, struct sse_owner *owner);
/* sse_checked - what core said; the stream may have gone meanwhile. */
void sse_checked(struct sse_hub *hub, uint64_t id, bool is_allowed, uint8_t role);

struct sse_counts {
	unsigned int streams;
	uint64_t published, refused_events, ended_slow, refused_streams;
};
void sse_counts(struct sse_hub *hub, struct sse_counts *out);

#endif
