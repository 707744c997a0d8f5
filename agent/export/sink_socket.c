/*
 * Sockets of sinks: none of them blocks, every wait has an end.
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
#include "agent/util/tls_client.h"

#define PATIENCE_MS 5000
#define HOST_MAX    256
#define DISCARD_MAX 1024 /* bytes a look, of what nobody asked for */

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

/* HOST of HOST:PORT, without the brackets of an IPv6 address. */
static void copy_host(const char *target, char host[static HOST_MAX])
{
	size_t len = (size_t)(strrchr(target, ':') - target);

	if (*target == '[' && len > 2) {
		target++;
		len -= 2;
	}
	(void)snprintf(host, HOST_MAX, "%.*s", (int)len, target);
}

int sink_connect(struct sink *sink, const char *target, int type)
{
	const struct addrinfo wanted = { .ai_socktype = type };
	struct addrinfo *found;
	char host[HOST_MAX];

	copy_host(target, host);
	if (getaddrinfo(host, strrchr(target, ':') + 1, &wanted, &found))
		return -EADDRNOTAVAIL;
	int error = connect_any(sink, found);
	freeaddrinfo(found);
	return error;
}

int sink_secure(struct sink *sink, const char *target)
{
	char host[HOST_MAX];
	const struct tls_client_options options = {
		.fd = sink->fd, .host = host, .ca = sink->settings->ca, .patience_ms = PATIENCE_MS
	};

	copy_host(target, host);
	return tls_client_new(&options, &sink->tls);
}

void sink_close(struct sink *sink)
{
	tls_client_free(sink->tls);
	sink->tls = NULL;
	if (sink->fd >= 0)
		close(sink->fd);
	sink->fd = -1;
}

int sink_write(struct sink *sink, const void *data, size_t len)
{
	uint64_t until_ns = clock_monotonic_ns() + PATIENCE_MS * NS_PER_MS, now_ns;
	struct pollfd watched = { .fd = sink->fd, .events = POLLOUT };
	const char *at = data;

	if (sink->tls)
		return tls_client_write(sink->tls, data, len);
	while (len) {
		ssize_t sent = send(sink->fd, at, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent >= 0) {
			at += sent;
			len -= (size_t)sent;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
		now_ns = clock_monotonic_ns();
		if (now_ns >= until_ns)
			return -ETIMEDOUT;
		(void)poll(&watched, 1,
			   (int)((until_ns - now_ns) / NS_PER_MS + 1)); /* judged next */
	}
	return 0;
}

int sink_watch(struct sink *sink)
{
	char bytes[DISCARD_MAX];
	ssize_t got;

	if (sink->tls)
		return tls_client_watch(sink->tls);
	if (!sink->is_stream)
		return 0;
	got = recv(sink->fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (got == 0)
		return -ECONNRESET;
	return got > 0 || errno == EAGAIN || errno == EINTR ? 0 : -errno;
}
