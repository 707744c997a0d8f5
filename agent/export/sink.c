/*
 * One output's thread. A sink that fails is closed and opened again after a pause that doubles;
 * meanwhile its queue fills, and what does not fit is dropped and counted.
 */
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/clock.h"
#include "agent/util/queue.h"

#define QUEUE_MAX     256 /* messages of at most 48 KiB: 12 MiB a sink */
#define WAIT_MS	      200
#define PAUSE_FIRST_S 1
#define PAUSE_MOST_S  60
#define PATIENCE_MS   5000

uint64_t output_count(const struct output_message *message)
{
	uint64_t lines = 0;

	if (message->kind == OUTPUT_FLOWS)
		return message->len / sizeof(struct flow);
	if (message->kind != OUTPUT_TEXT)
		return 1;
	for (uint32_t i = 0; i < message->len; i++)
		lines += message->data[i] == '\n';
	return lines;
}

static void fail(struct sink *sink, int error)
{
	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
	atomic_store(&sink->is_up, false);
	atomic_store(&sink->error, error);
	(void)atomic_fetch_add(&sink->failures, 1);
}

static void deliver(struct sink *sink, struct output_message *message)
{
	int sent = sink->type->send(sink, message);

	if (sent < 0) {
		(void)atomic_fetch_add(&sink->dropped, output_count(message));
		fail(sink, sent);
	} else {
		(void)atomic_fetch_add(&sink->sent, (uint64_t)sent);
	}
	free(message);
}

/* Open, or say when to try again. */
static void try_open(struct sink *sink, uint64_t *retry_ns, unsigned int *pause_s)
{
	int error = sink->type->open(sink);

	if (!error) {
		*pause_s = PAUSE_FIRST_S;
		atomic_store(&sink->error, 0);
		atomic_store(&sink->is_up, true);
		return;
	}
	fail(sink, error);
	*retry_ns = clock_monotonic_ns() + *pause_s * NS_PER_S;
	*pause_s = *pause_s * 2 < PAUSE_MOST_S ? *pause_s * 2 : PAUSE_MOST_S;
}

static void *sink_main(void *arg)
{
	struct sink *sink = arg;
	uint64_t retry_ns = 0, idle_ns = 0;
	unsigned int pause_s = PAUSE_FIRST_S;

	while (!atomic_load(&sink->is_stopping)) {
		bool has_more = queue_wait(sink->queue, WAIT_MS);
		uint64_t now_ns = clock_monotonic_ns();
		struct output_message *message;
		int error;

		if (sink->fd < 0 && now_ns >= retry_ns)
			try_open(sink, &retry_ns, &pause_s);
		if (sink->fd >= 0 && sink->type->idle && now_ns >= idle_ns) {
			idle_ns = now_ns + NS_PER_S;
			error = sink->type->idle(sink);
			if (error)
				fail(sink, error);
		}
		if (sink->fd < 0 && has_more)
			(void)poll(NULL, 0, WAIT_MS); /* the queue is ready, the sink is not */
		while (sink->fd >= 0 && (message = queue_pop(sink->queue)))
			deliver(sink, message);
	}
	return NULL;
}

int sink_start(struct sink *sink)
{
	int error = queue_new(QUEUE_MAX, &sink->queue);

	sink->fd = -1;
	if (!error)
		error = -pthread_create(&sink->thread, NULL, sink_main, sink);
	return error;
}

void sink_stop(struct sink *sink)
{
	struct output_message *message;

	atomic_store(&sink->is_stopping, true);
	(void)pthread_join(sink->thread, NULL); /* it ends by itself within its patience */
	while ((message = queue_pop(sink->queue))) {
		if (sink->fd >= 0)
			deliver(sink, message);
		else
			free(message);
	}
	queue_free(sink->queue);
	if (sink->fd >= 0)
		close(sink->fd);
	free(sink->ipfix.packet);
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
	int error = atomic_load(&sink->error);

	*out = (struct output_state){ .is_up = atomic_load(&sink->is_up),
				      .sent = atomic_load(&sink->sent),
				      .dropped = atomic_load(&sink->dropped),
				      .failures = atomic_load(&sink->failures) };
	(void)snprintf(out->name, sizeof(out->name), "%s", sink->type->name);
	if (error)
		(void)snprintf(out->error, sizeof(out->error), "%s",
			       error == -EADDRNOTAVAIL ? "the name has no address"
						       : strerror(-error));
}

/* ---- sockets ----------------------------------------------------------------------------------
 */

/* Within the patience; the socket stays non-blocking. */
static int finish_connect(int fd, const struct sockaddr *address, socklen_t len)
{
	struct pollfd watched = { .fd = fd, .events = POLLOUT };
	socklen_t size = sizeof(int);
	int error = 0;

	if (!connect(fd, address, len))
		return 0;
	if (errno != EINPROGRESS)
		return -errno;
	if (poll(&watched, 1, PATIENCE_MS) <= 0)
		return -ETIMEDOUT;
	return getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) ? -errno : -error;
}

static int connect_any(struct sink *sink, const struct addrinfo *found)
{
	int error = -EADDRNOTAVAIL;

	for (; found; found = found->ai_next) {
		int fd = socket(found->ai_family, found->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK,
				found->ai_protocol);

		error = fd < 0 ? -errno : finish_connect(fd, found->ai_addr, found->ai_addrlen);
		if (!error) {
			sink->fd = fd;
			return 0;
		}
		if (fd >= 0)
			close(fd);
	}
	return error;
}

int sink_connect(struct sink *sink, const char *target, int type)
{
	const struct addrinfo wanted = { .ai_socktype = type };
	const char *colon = strrchr(target, ':');
	struct addrinfo *found;
	char host[256];
	size_t len = (size_t)(colon - target);

	if (*target == '[' && len > 2) {
		target++;
		len -= 2;
	}
	(void)snprintf(host, sizeof(host), "%.*s", (int)len, target);
	if (getaddrinfo(host, colon + 1, &wanted, &found))
		return -EADDRNOTAVAIL;
	int error = connect_any(sink, found);
	freeaddrinfo(found);
	return error;
}

int sink_write(struct sink *sink, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		struct pollfd watched = { .fd = sink->fd, .events = POLLOUT };
		ssize_t sent = send(sink->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			at += sent;
			len -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		if (poll(&watched, 1, PATIENCE_MS) <= 0)
			return -ETIMEDOUT;
	}
	return 0;
}
