/*
 * What the files of the event fan-out share: sse.c is the hub, who stands where and whose turn it
 * is; sse_out.c is what one stream sends.
 */
#ifndef SLUICE_FRONT_SSE_INTERNAL_H
#define SLUICE_FRONT_SSE_INTERNAL_H

#include <sys/queue.h>

#include "agent/front/blob.h"
#include "agent/front/sse.h"

struct sticky {
	char name[SSE_NAME_MAX];
	struct blob *blob;
};

struct sse_stream {
	struct sse_hub *hub;
	TAILQ_ENTRY(sse_stream) all; /* in the order in which sessions are to be confirmed */
	TAILQ_ENTRY(sse_stream) due; /* asleep, and its turn will come */
	uint64_t id;
	struct sse_owner owner;
	struct sse_sleeper sleeper;
	uint64_t next_seq;		    /* in the ring, after @first */
	struct blob *first[SSE_STICKY_MAX]; /* sticky events still to send, oldest first */
	unsigned int first_at, first_count;
	struct blob *current; /* being sent */
	size_t offset;
	struct gzip_sum sum; /* of what was sent whole */
	uint64_t beat_due_ns, check_due_ns;
	size_t pushed; /* of @current's chunk, past the HTTP library (sse_push) */
	bool is_gzip, is_asleep, is_due, is_over, is_broken, has_beat;
};

TAILQ_HEAD(stream_list, sse_stream);

struct sse_hub {
	struct blob *ring[SSE_RING_EVENTS];
	uint64_t oldest_seq, next_seq; /* the ring holds [oldest, next) */
	size_t ring_bytes;
	struct sticky sticky[SSE_STICKY_MAX];
	unsigned int sticky_count;
	struct blob *begin, *beat; /* what every stream begins with; what shows that it lives */
	struct stream_list streams;
	struct stream_list due; /* those to wake, longest waiting first */
	uint64_t next_stream_id;
	bool is_closed;
	struct sse_counts counts;
};

/* sse_may_see - is @blob for the role of @stream? */
bool sse_may_see(const struct sse_stream *stream, const struct blob *blob);

/*
 * sse_push - what waits for a sleeping stream straight into its socket, whole chunks in one system
 * call. True: it goes on sleeping, and what the socket did not take follows with the next event.
 * False: it must be woken, for its end or because it may only be read.
 */
bool sse_push(struct sse_stream *stream);

#endif
