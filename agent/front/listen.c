/* The listening socket, opened by the supervisor before any role has dropped its rights. */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/front/front.h"
#include "agent/front/peers.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"

static int parse_port(const char *text, in_port_t *port)
{
	size_t len = strlen(text);
	unsigned long value;

	if (!len || len > 5 || strspn(text, "0123456789") != len)
		return -EINVAL;
	value = strtoul(text, NULL, 10);
	if (value > 65535)
		return -EINVAL;
	*port = htons((in_port_t)value);
	return 0;
}

/* "ADDR:PORT" or "[ADDR]:PORT"; a bare IPv6 address has too many colons to be told apart. */
static int parse_listen(const char *listen, struct addr *addr, in_port_t *port)
{
	char text[ADDR_TEXT_MAX];
	const char *colon = strrchr(listen, ':');
	bool is_bracketed = listen[0] == '[';
	const char *start = listen + is_bracketed;
	size_t len;

	if (!colon || colon <= start || (is_bracketed && colon[-1] != ']'))
		return -EINVAL;
	len = (size_t)(colon - start) - is_bracketed;
	if (len >= sizeof(text))
		return -EINVAL;
	memcpy(text, start, len);
	text[len] = '\0';
	if (addr_parse(strcmp(text, "localhost") ? text : "127.0.0.1", addr) ||
	    (addr->family == ADDR_IPV6) != is_bracketed)
		return -EINVAL;
	return parse_port(colon + 1, port);
}

static socklen_t fill_sockaddr(const struct addr *addr, in_port_t port,
			       struct sockaddr_storage *out)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)out;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)out;

	memset(out, 0, sizeof(*out));
	if (addr->family == ADDR_IPV4) {
		v4->sin_family = AF_INET;
		v4->sin_port = port;
		memcpy(&v4->sin_addr, addr->bytes + 12, 4);
		return sizeof(*v4);
	}
	v6->sin6_family = AF_INET6;
	v6->sin6_port = port;
	memcpy(&v6->sin6_addr, addr->bytes, 16);
	return sizeof(*v6);
}

static int open_socket(const struct addr *addr, in_port_t *port)
{
	struct sockaddr_storage storage;
	socklen_t len = fill_sockaddr(addr, *port, &storage);
	const int on = 1;
	CLEANUP(close)
	int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	/* REUSEADDR: a restart must not wait for the old connections' TIME_WAIT */
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) ||
	    bind(fd, (const struct sockaddr *)&storage, len) || listen(fd, SOMAXCONN) ||
	    getsockname(fd, (struct sockaddr *)&storage, &len))
		return -errno;
	*port = addr->family == ADDR_IPV4 ? ((struct sockaddr_in *)&storage)->sin_port
					  : ((struct sockaddr_in6 *)&storage)->sin6_port;
	return TAKE_FD(fd);
}

int front_listen(const char *listen, struct front_listener *out)
{
	char text[ADDR_TEXT_MAX];
	struct addr addr;
	in_port_t port;

	*out = (struct front_listener){ .fd = -1 };
	if (parse_listen(listen, &addr, &port)) {
		(void)snprintf(out->error, sizeof(out->error),
			       "%.60s is not ADDR:PORT or [ADDR]:PORT", listen);
		return -EINVAL;
	}
	out->fd = open_socket(&addr, &port);
	if (out->fd < 0) {
		(void)snprintf(out->error, sizeof(out->error), "cannot listen on %.60s: %s", listen,
			       strerror(-out->fd));
		return out->fd;
	}
	addr_format(&addr, text);
	(void)snprintf(out->authority, sizeof(out->authority),
		       addr.family == ADDR_IPV6 ? "[%s]:%u" : "%s:%u", text,
		       (unsigned int)ntohs(port));
	out->is_loopback = peers_is_loopback(&addr);
	return 0;
}
