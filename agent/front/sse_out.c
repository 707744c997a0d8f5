/*
 * What one stream sends: through the HTTP library, which asks for bytes until there are none, and
 * past it while the stream sleeps. Measured with 10,000 streams: waking, asking and suspending
 * again are three system calls and 13 us for each event, the write alone is one.
 */
#include <errno.h>
#include <string.h>
#include <sys/uio.h>

#include "agent/front/sse_internal.h"

/* Events written at once: more than core says in a second. */
#define BATCH_MAX 16

bool sse_may_see(const struct sse_stream *stream, const struct blob *blob)
{
	uint8_t role = stream->owner.role;

	return role >= blob->min_role && (!blob->max_role || role <= blob->max_role);
}

/* The next event this role may see, or a sign of life; NULL when there is none, or the stream fell
 * out of the ring. */
static struct blob *next_blob(struct sse_stream *stream)
{
	struct sse_hub *hub = stream->hub;

	if (stream->has_beat) {
		stream->has_beat = false;
		return blob_ref(hub->beat);
	}
	if (stream->first_at < stream->first_count)
		return stream->first[stream->first_at++]; /* with the reference it held */
	if (stream->next_seq < hub->oldest_seq) {
		hub->counts.ended_slow++;
		stream->is_over = true;
		return NULL;
	}
	while (stream->next_seq < hub->next_seq) {
		struct blob *blob = hub->ring[stream->next_seq++ % SSE_RING_EVENTS];

		if (sse_may_see(stream, blob))
			return blob_ref(blob);
	}
	return NULL;
}

static void finish_current(struct sse_stream *stream)
{
	gzip_sum_add(&stream->sum, &stream->current->piece);
	blob_unref(stream->current);
	stream->current = NULL;
	stream->offset = 0;
}

/* As many whole events as fit; one that is longer than @max in parts. */
static size_t fill(struct sse_stream *stream, char *buf, size_t max)
{
	size_t at = 0;

	while (at < max) {
		size_t len, part;
		const uint8_t *bytes;

		if (!stream->current && !(stream->current = next_blob(stream)))
			break;
		bytes = blob_bytes(stream->current, stream->is_gzip, &len);
		part = len - stream->offset;
		if (part > max - at && at)
			break; /* it begins the next piece */
		if (part > max)
			part = max;
		memcpy(buf + at, bytes + stream->offset, part);
		at += part;
		stream->offset += part;
		if (stream->offset < len)
			break;
		finish_current(stream);
	}
	return at;
}

/* A member that was not broken off in the middle of an event is whole with this. */
static ssize_t finish(struct sse_stream *stream, char *buf, size_t max)
{
	if (!stream->is_gzip || stream->current || max < GZIP_END_BYTES)
		return -EPIPE;
	stream->is_gzip = false; /* once */
	gzip_end(&stream->sum, (uint8_t *)buf);
	return GZIP_END_BYTES;
}

ssize_t sse_read(struct sse_stream *stream, char *buf, size_t max)
{
	ssize_t result;

	if (stream->is_broken || stream->pushed) {
		stream->sleeper.cut(stream->sleeper.arg);
		return -EPIPE;
	}
	result = stream->is_over ? 0 : (ssize_t)fill(stream, buf, max);
	if (!result && stream->is_over) {
		result = finish(stream, buf, max);
	} else if (!result) {
		stream->is_asleep = true;
		stream->sleeper.sleep(stream->sleeper.arg);
	}
	return result;
}

/* ---- past the HTTP library ------------------------------------------------------------------- */

struct batch {
	struct blob *blobs[BATCH_MAX];
	struct iovec parts[BATCH_MAX];
	int count;
};

static void gather(struct sse_stream *stream, struct batch *batch)
{
	struct blob *blob = stream->current ? stream->current : next_blob(stream);

	stream->current = NULL;
	for (batch->count = 0; blob; blob = next_blob(stream)) {
		size_t skip = batch->count ? 0 : stream->pushed, len;
		const uint8_t *chunk = blob_chunk(blob, stream->is_gzip, &len);

		batch->blobs[batch->count] = blob;
		batch->parts[batch->count] = (struct iovec){ (void *)(chunk + skip), len - skip };
		if (++batch->count == BATCH_MAX)
			break;
	}
}

/* A blob that was taken and not begun stands where it was. */
static void put_back(struct sse_stream *stream, struct blob *blob)
{
	if (blob == stream->hub->beat)
		stream->has_beat = true;
	else
		stream->next_seq = blob->seq;
	blob_unref(blob);
}

/* @sent bytes of @batch are out. */
static void settle(struct sse_stream *stream, struct batch *batch, size_t sent)
{
	int at = 0;

	for (; at < batch->count && sent >= batch->parts[at].iov_len; at++) {
		sent -= batch->parts[at].iov_len;
		stream->pushed = 0;
		stream->current = batch->blobs[at];
		finish_current(stream);
	}
	if (at == batch->count)
		return;
	for (int i = batch->count - 1; i > at; i--)
		put_back(stream, batch->blobs[i]);
	if (stream->pushed + sent) {
		stream->current = batch->blobs[at];
		stream->pushed += sent;
	} else {
		put_back(stream, batch->blobs[at]);
	}
}

bool sse_push(struct sse_stream *stream)
{
	struct batch batch;
	ssize_t sent;

	if (!stream->sleeper.send || stream->is_over || stream->is_broken)
		return false;
	do {
		size_t wanted = 0;

		gather(stream, &batch);
		if (!batch.count)
			return !stream->is_over; /* over: it fell out of the ring */
		for (int i = 0; i < batch.count; i++)
			wanted += batch.parts[i].iov_len;
		sent = stream->sleeper.send(stream->sleeper.arg, batch.parts, batch.count);
		settle(stream, &batch, sent > 0 ? (size_t)sent : 0);
		if (sent < 0 && sent != -EAGAIN)
			stream->is_broken = true;
		if (sent != (ssize_t)wanted)
			return !stream->is_broken;
	} while (batch.count == BATCH_MAX);
	return true;
}
