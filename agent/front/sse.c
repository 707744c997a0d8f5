/* Events from core on their way to browsers; stream.c is the side of libmicrohttpd. */
#include "agent/front/sse_internal.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/crypto.h"

int sse_hub_new(struct sse_hub **out)
{
	struct sse_hub *hub = calloc(1, sizeof(*hub));

	if (!hub)
		return -ENOMEM;
	hub->begin = blob_new_first("retry: 2000\n\n"); /* core is back in under 2 s */
	hub->beat = blob_new_text(":\n\n");
	if (!hub->begin || !hub->beat) {
		blob_unref(hub->begin);
		blob_unref(hub->beat);
		free(hub);
		return -ENOMEM;
	}
	TAILQ_INIT(&hub->streams);
	TAILQ_INIT(&hub->due);
	*out = hub;
	return 0;
}

static void ring_drop_oldest(struct sse_hub *hub)
{
	struct blob **slot = &hub->ring[hub->oldest_seq++ % SSE_RING_EVENTS];

	hub->ring_bytes -= blob_size(*slot);
	blob_unref(*slot);
	*slot = NULL;
}

void sse_hub_free(struct sse_hub *hub)
{
	if (!hub)
		return;
	while (hub->oldest_seq < hub->next_seq)
		ring_drop_oldest(hub);
	for (unsigned int i = 0; i < hub->sticky_count; i++)
		blob_unref(hub->sticky[i].blob);
	blob_unref(hub->begin);
	blob_unref(hub->beat);
	free(hub);
}

/* ---- publishing ------------------------------------------------------------------------------ */

static void keep_sticky(struct sse_hub *hub, const struct event *event, struct blob *blob)
{
	struct sticky *slot = NULL;

	for (unsigned int i = 0; i < hub->sticky_count && !slot; i++)
		if (strcmp(hub->sticky[i].name, event->name) == 0 &&
		    hub->sticky[i].blob->min_role == event->min_role &&
		    hub->sticky[i].blob->max_role == event->max_role)
			slot = &hub->sticky[i];
	if (!slot) {
		if (hub->sticky_count == SSE_STICKY_MAX)
			return; /* core has four names; more are live events only */
		slot = &hub->sticky[hub->sticky_count++];
		(void)snprintf(slot->name, sizeof(slot->name), "%s", event->name);
	}
	blob_unref(slot->blob);
	slot->blob = blob_ref(blob);
}

/* Its turn comes, and with it everything that was published until then. */
static void call(struct sse_stream *stream)
{
	if (!stream->is_asleep || stream->is_due)
		return;
	stream->is_due = true;
	TAILQ_INSERT_TAIL(&stream->hub->due, stream, due);
}

static void not_due(struct sse_stream *stream)
{
	if (!stream->is_due)
		return;
	stream->is_due = false;
	TAILQ_REMOVE(&stream->hub->due, stream, due);
}

/* Serves the first @max, past the HTTP library where that goes; true when more wait. */
static bool wake_due(struct sse_hub *hub, unsigned int max)
{
	struct sse_stream *stream;

	for (; max && (stream = TAILQ_FIRST(&hub->due)); max--) {
		not_due(stream);
		if (sse_push(stream))
			continue;
		stream->is_asleep = false;
		stream->sleeper.wake(stream->sleeper.arg);
	}
	return !TAILQ_EMPTY(&hub->due);
}

bool sse_take_turn(struct sse_hub *hub)
{
	return wake_due(hub, SSE_TURN_STREAMS);
}

/* A core that started anew counts from elsewhere: what the old one sent cannot be resumed. */
static void forget_other_core(struct sse_hub *hub, uint64_t id)
{
	if (hub->oldest_seq == hub->next_seq)
		return;
	if (hub->ring[(hub->next_seq - 1) % SSE_RING_EVENTS]->id <= id)
		return; /* equal: the same news for another role */
	for (uint64_t seq = hub->oldest_seq; seq < hub->next_seq; seq++)
		hub->ring[seq % SSE_RING_EVENTS]->id = 0;
}

void sse_publish(struct sse_hub *hub, const struct event *event)
{
	struct blob *blob = blob_new(event);
	struct sse_stream *s;

	if (!blob) {
		hub->counts.refused_events++;
		return;
	}
	forget_other_core(hub, blob->id);
	while (hub->next_seq - hub->oldest_seq == SSE_RING_EVENTS ||
	       (hub->ring_bytes + blob_size(blob) > SSE_RING_BYTES_MAX &&
		hub->oldest_seq < hub->next_seq))
		ring_drop_oldest(hub);
	blob->seq = hub->next_seq;
	hub->ring[hub->next_seq++ % SSE_RING_EVENTS] = blob;
	hub->ring_bytes += blob_size(blob);
	hub->counts.published++;
	if (event->is_sticky)
		keep_sticky(hub, event, blob);
	TAILQ_FOREACH(s, &hub->streams, all)
	if (sse_may_see(s, blob))
		call(s);
}

/* ---- streams --------------------------------------------------------------------------------- */

static bool parse_id(const char *text, uint64_t *id)
{
	size_t len = text ? strlen(text) : 0;

	if (!len || len > 19 || strspn(text, "0123456789") != len)
		return false;
	*id = strtoull(text, NULL, 10);
	return *id > 0;
}

/* Stand after event @id when the ring shows that nothing after it is lost. */
static bool resume(struct sse_stream *stream, uint64_t id)
{
	struct sse_hub *hub = stream->hub;

	for (uint64_t seq = hub->next_seq; seq > hub->oldest_seq; seq--) {
		if (hub->ring[(seq - 1) % SSE_RING_EVENTS]->id == id) {
			stream->next_seq = seq;
			return true;
		}
	}
	return false;
}

static void begin_with_sticky(struct sse_stream *stream)
{
	struct sse_hub *hub = stream->hub;
	struct blob **list = stream->first;
	unsigned int count = 0;

	for (unsigned int i = 0; i < hub->sticky_count; i++) {
		struct blob *blob = hub->sticky[i].blob;
		unsigned int at = count;

		if (!sse_may_see(stream, blob))
			continue;
		/* insertion sort of at most 16: the last id sent must be the newest */
		for (; at > 0 && list[at - 1]->seq > blob->seq; at--)
			list[at] = list[at - 1];
		list[at] = blob_ref(blob);
		count++;
	}
	stream->first_count = count;
	stream->next_seq = hub->next_seq;
}

/* Room for one more of this session? */
static int check_room(struct sse_hub *hub, uint64_t session_tag)
{
	const struct sse_stream *s;
	unsigned int same = 0;

	if (hub->is_closed || hub->counts.streams >= SSE_STREAMS_MAX)
		return -ENOSPC;
	TAILQ_FOREACH(s, &hub->streams, all)
	same += s->owner.session_tag == session_tag;
	return same >= SSE_SESSION_MAX ? -EAGAIN : 0;
}

int sse_open(struct sse_hub *hub, const struct sse_owner *owner, const struct sse_sleeper *sleeper,
	     const struct sse_wish *wish, struct sse_stream **out)
{
	struct sse_stream *stream = calloc(1, sizeof(*stream));
	uint64_t id, now = clock_monotonic_ns();
	int error;

	if (!stream)
		return -ENOMEM;
	stream->hub = hub;
	stream->owner = *owner;
	stream->sleeper = *sleeper;
	stream->is_gzip = wish->is_gzip;
	stream->beat_due_ns = now + SSE_HEARTBEAT_S * NS_PER_S;
	stream->check_due_ns = now + SSE_CHECK_S * NS_PER_S;
	error = check_room(hub, owner->session_tag);
	if (error) {
		hub->counts.refused_streams++;
		free(stream);
		return error;
	}
	if (!parse_id(wish->last_event_id, &id) || !resume(stream, id))
		begin_with_sticky(stream);
	stream->current = blob_ref(hub->begin);
	TAILQ_INSERT_TAIL(&hub->streams, stream, all);
	stream->id = ++hub->next_stream_id;
	hub->counts.streams++;
	*out = stream;
	return 0;
}

void sse_close(struct sse_stream *stream)
{
	struct sse_hub *hub;

	if (!stream)
		return;
	hub = stream->hub;
	TAILQ_REMOVE(&hub->streams, stream, all);
	not_due(stream);
	hub->counts.streams--;
	blob_unref(stream->current);
	for (; stream->first_at < stream->first_count; stream->first_at++)
		blob_unref(stream->first[stream->first_at]);
	crypto_wipe(&stream->owner, sizeof(stream->owner));
	free(stream);
}

static void end_stream(struct sse_stream *stream)
{
	stream->is_over = true;
	call(stream);
}

void sse_end_session(struct sse_hub *hub, uint64_t session_tag)
{
	struct sse_stream *s;

	TAILQ_FOREACH(s, &hub->streams, all)
	{
		if (s->owner.session_tag == session_tag)
			end_stream(s);
	}
}

void sse_end_all(struct sse_hub *hub)
{
	struct sse_stream *s;

	hub->is_closed = true;
	TAILQ_FOREACH(s, &hub->streams, all)
	{
		end_stream(s);
	}
	while (wake_due(hub, SSE_TURN_STREAMS))
		;
}

void sse_tick(struct sse_hub *hub, uint64_t now_ns)
{
	struct sse_stream *s;

	TAILQ_FOREACH(s, &hub->streams, all)
	{
		if (now_ns < s->beat_due_ns)
			continue;
		s->beat_due_ns = now_ns + SSE_HEARTBEAT_S * NS_PER_S;
		s->has_beat = true;
		call(s);
	}
}

bool sse_next_check(struct sse_hub *hub, uint64_t now_ns, uint64_t *id, struct sse_owner *owner)
{
	struct sse_stream *s;
	bool has_one = false;

	while (!has_one && (s = TAILQ_FIRST(&hub->streams)) && now_ns >= s->check_due_ns) {
		s->check_due_ns = now_ns + SSE_CHECK_S * NS_PER_S;
		TAILQ_REMOVE(&hub->streams, s, all);
		TAILQ_INSERT_TAIL(&hub->streams, s, all);
		if (s->is_over)
			continue;
		*id = s->id;
		*owner = s->owner;
		has_one = true;
	}
	return has_one;
}

void sse_checked(struct sse_hub *hub, uint64_t id, bool is_allowed, uint8_t role)
{
	struct sse_stream *s;

	/* it was put last when it was asked about, so it is near the end */
	TAILQ_FOREACH_REVERSE(s, &hub->streams, stream_list, all)
	{
		if (s->id != id)
			continue;
		s->owner.role = role;
		if (!is_allowed)
			end_stream(s);
		break;
	}
}

void sse_counts(struct sse_hub *hub, struct sse_counts *out)
{
	*out = hub->counts;
}
