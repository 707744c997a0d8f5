/*
 * One output's thread. A sink that fails is closed and opened again after a pause that doubles, and
 * then the same message is tried again, a few times. Meanwhile its queue fills, and what does not
 * fit is dropped and counted.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/clock.h"
#include "agent/util/queue.h"

#define QUEUE_MAX     256 /* messages of at most 48 KiB: 12 MiB a sink */
#define WAIT_MS	      200
#define PAUSE_FIRST_S 1
#define PAUSE_MOST_S  60
#define TRIES_MAX     5 /* of a message that the other side does not take, over 15 s */

uint64_t output_count(const struct output_message *message)
{
	const char *at = (const char *)message->data, *end = at + message->len;
	uint64_t lines = 0;

	if (message->kind == OUTPUT_FLOWS)
		return message->len / sizeof(struct flow);
	if (message->kind != OUTPUT_TEXT)
		return 1;
	while (at < end && (at = memchr(at, '\n', (size_t)(end - at)))) {
		lines++;
		at++;
	}
	return lines;
}

void sink_say(struct sink *sink, const char *text)
{
	(void)snprintf(sink->said, sizeof(sink->said), "%s", text);
}

void sink_refuse(struct sink *sink, uint64_t count)
{
	sink->refused = count;
}

static const char *error_text(int error)
{
	switch (error) {
	case -EADDRNOTAVAIL:
		return "Its name has no address.";
	case -EKEYREJECTED:
		return "Its certificate is not trusted.";
	case -ENOKEY:
		return "The file of [Export] ca cannot be read.";
	case -ECONNREFUSED:
		return "Nobody answers there.";
	case -EPROTO:
		return "There is no TLS with it.";
	case -ETIMEDOUT:
		return "It did not answer in time.";
	case -ECONNRESET:
	case -EPIPE:
		return "It hung up.";
	default:
		return strerror(-error);
	}
}

static void set_reason(struct sink *sink, const char *text)
{
	(void)pthread_mutex_lock(&sink->lock);
	(void)snprintf(sink->reason, sizeof(sink->reason), "%s", text);
	(void)pthread_mutex_unlock(&sink->lock);
}

/* Closed until the pause is over, the next one twice as long. */
static void fail(struct sink *sink, int error)
{
	sink_close(sink);
	set_reason(sink, *sink->said ? sink->said : error_text(error));
	sink->said[0] = '\0';
	atomic_store(&sink->is_up, false);
	(void)atomic_fetch_add(&sink->failures, 1);
	sink->retry_ns = clock_monotonic_ns() + sink->pause_s * NS_PER_S;
	sink->pause_s = sink->pause_s * 2 < PAUSE_MOST_S ? sink->pause_s * 2 : PAUSE_MOST_S;
}

static void end_pending(struct sink *sink)
{
	free(sink->pending);
	sink->pending = NULL;
	sink->tries = 0;
	sink->delivery[0] = '\0';
}

static void deliver(struct sink *sink)
{
	uint64_t count = output_count(sink->pending);
	int sent;

	sink->refused = 0;
	sent = sink->type->send(sink, sink->pending);
	if (sent >= 0) {
		(void)atomic_fetch_add(&sink->sent, (uint64_t)sent);
		(void)atomic_fetch_add(&sink->dropped, sink->refused);
		sink->pause_s =
			PAUSE_FIRST_S; /* not before: who takes connections may take no more */
		end_pending(sink);
		return;
	}
	fail(sink, sent);
	if (++sink->tries < TRIES_MAX && !sink->refused)
		return;
	(void)atomic_fetch_add(&sink->dropped, count);
	end_pending(sink);
}

static void try_open(struct sink *sink)
{
	int error = sink->type->open(sink);

	if (error) {
		fail(sink, error);
		return;
	}
	/* one that only fails when something is sent stays down until that went well */
	if (!sink->tries) {
		set_reason(sink, "");
		atomic_store(&sink->is_up, true);
	}
}

static void look_after(struct sink *sink)
{
	uint64_t now_ns = clock_monotonic_ns();
	int error;

	if (sink->fd < 0 && now_ns >= sink->retry_ns)
		try_open(sink);
	if (sink->fd < 0 || !sink->type->idle || now_ns < sink->idle_ns)
		return;
	sink->idle_ns = now_ns + NS_PER_S;
	error = sink->type->idle(sink);
	if (error)
		fail(sink, error);
}

/* What waits, while it is taken. */
static void deliver_all(struct sink *sink)
{
	while (sink->fd >= 0 && !atomic_load(&sink->is_stopping)) {
		if (!sink->pending)
			sink->pending = queue_pop(sink->queue);
		if (!sink->pending)
			return;
		deliver(sink);
		if (sink->fd < 0)
			return;
		set_reason(sink, "");
		atomic_store(&sink->is_up, true);
	}
}

static void *sink_main(void *arg)
{
	struct sink *sink = arg;

	while (!atomic_load(&sink->is_stopping)) {
		bool has_more = !sink->pending && queue_wait(sink->queue, WAIT_MS);

		look_after(sink);
		if (sink->fd < 0 && (has_more || sink->pending))
			(void)poll(NULL, 0, WAIT_MS); /* there is work, and nobody takes it */
		deliver_all(sink);
	}
	return NULL;
}

int sink_start(struct sink *sink)
{
	int error = queue_new(QUEUE_MAX, &sink->queue);

	sink->fd = -1;
	sink->pause_s = PAUSE_FIRST_S;
	(void)pthread_mutex_init(&sink->lock, NULL); /* cannot fail with default attributes */
	if (!error)
		error = -pthread_create(&sink->thread, NULL, sink_main, sink);
	return error;
}

void sink_stop(struct sink *sink, uint64_t until_ns)
{
	atomic_store(&sink->is_stopping, true);
	(void)pthread_join(sink->thread, NULL); /* it ends by itself within its patience */
	while (sink->pending || (sink->pending = queue_pop(sink->queue))) {
		if (sink->fd >= 0 && clock_monotonic_ns() < until_ns)
			deliver(sink);
		else
			end_pending(sink);
	}
	queue_free(sink->queue);
	sink_close(sink);
	free(sink->ipfix.packet);
	(void)pthread_mutex_destroy(&sink->lock);
}

void sink_take(struct sink *sink, const struct output_message *message)
{
	size_t size = OUTPUT_HEADER_BYTES + message->len;
	struct output_message *copy = malloc(size);

	if (copy)
		memcpy(copy, message, size);
	if (copy && !queue_push(sink->queue, copy))
		return;
	free(copy);
	(void)atomic_fetch_add(&sink->dropped, output_count(message));
}

void sink_state(struct sink *sink, struct output_state *out)
{
	*out = (struct output_state){ .is_up = atomic_load(&sink->is_up),
				      .sent = atomic_load(&sink->sent),
				      .dropped = atomic_load(&sink->dropped),
				      .failures = atomic_load(&sink->failures) };
	(void)snprintf(out->name, sizeof(out->name), "%s", sink->type->name);
	(void)pthread_mutex_lock(&sink->lock);
	memcpy(out->error, sink->reason, sizeof(out->error));
	(void)pthread_mutex_unlock(&sink->lock);
}
