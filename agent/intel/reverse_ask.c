/*
 * Reverse look-ups in the fetch role: one question after the other over UDP, connected to the
 * resolver, so that nobody else's answer is read; the kernel chooses the port (RFC 5452 9.2).
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/intel/internal.h"
#include "agent/names/names.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/json.h"
#include "agent/util/packet.h"

#define PORT_DNS    53
#define ANSWER_MAX  4096
#define TIMEOUT_NS  (2 * NS_PER_S) /* a resolver on this network answers in milliseconds */
#define ANSWERS_MAX 16		   /* to one question: others are somebody's guesses */

struct resolvers {
	struct addr addrs[REVERSE_RESOLVERS_MAX];
	size_t count;
};

static int connect_to(const struct addr *resolver)
{
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(PORT_DNS) };
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(PORT_DNS) };
	bool is_four = resolver->family == ADDR_IPV4;
	CLEANUP(close)
	int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd < 0)
		return -errno;
	memcpy(&six.sin6_addr, resolver->bytes, sizeof(six.sin6_addr));
	memcpy(&four.sin_addr, resolver->bytes + 12, sizeof(four.sin_addr));
	if (is_four ? connect(fd, (const struct sockaddr *)&four, sizeof(four))
		    : connect(fd, (const struct sockaddr *)&six, sizeof(six)))
		return -errno;
	return TAKE_FD(fd);
}

static int wait_answer(int fd, uint64_t until_ns)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	uint64_t now_ns = clock_monotonic_ns();
	int ready = now_ns < until_ns ? poll(&poller, 1, (int)((until_ns - now_ns) / NS_PER_MS) + 1)
				      : 0;

	if (ready < 0)
		return errno == EINTR ? 0 : -errno;
	return ready ? 0 : -ETIMEDOUT;
}

/* 0, -EREMOTEIO, -ETIMEDOUT, -ECONNREFUSED or other -errno. */
static int ask(const struct addr *resolver, const struct addr *addr, struct names_reverse *out)
{
	uint8_t query[NAMES_QUERY_MAX], answer[ANSWER_MAX];
	uint64_t until_ns = clock_monotonic_ns() + TIMEOUT_NS;
	uint16_t id;
	size_t len;
	CLEANUP(close) int fd = connect_to(resolver);
	int error = fd < 0 ? fd : 0;

	crypto_random(&id, sizeof(id));
	len = names_reverse_query(addr, id, query);
	if (!error && send(fd, query, len, MSG_NOSIGNAL) != (ssize_t)len)
		error = -errno;
	for (int i = 0; !error && i < ANSWERS_MAX; i++) {
		ssize_t got;

		error = wait_answer(fd, until_ns);
		got = error ? 0 : recv(fd, answer, sizeof(answer), 0);
		if (got < 0 && errno != EAGAIN)
			return -errno;
		if (!error && got > 0) {
			int read = names_reverse_answer(answer, (size_t)got, addr, id, out);

			if (read != -EAGAIN)
				return read;
		}
	}
	return error ? error : -ETIMEDOUT;
}

/* The first one that knows or says that nobody does. */
static int ask_any(const struct resolvers *resolvers, const struct addr *addr,
		   struct names_reverse *out)
{
	int error = -ENOENT;

	for (size_t i = 0; i < resolvers->count && error; i++)
		error = ask(&resolvers->addrs[i], addr, out);
	return error;
}

static const char *reason_of(int error)
{
	switch (error) {
	case -ENOENT:
		return "No resolver is known.";
	case -ETIMEDOUT:
		return "No resolver answers.";
	case -ECONNREFUSED:
		return "Nobody listens at the resolver.";
	case -EREMOTEIO:
		return "The resolver cannot or may not answer.";
	default:
		return "No resolver can be reached.";
	}
}

static size_t read_addrs(const struct json *list, struct addr *out, size_t max)
{
	size_t count = 0;
	const char *text;

	for (size_t i = 0; i < json_array_len(list) && count < max; i++)
		if (!json_string(json_array_get(list, i), &text) && !addr_parse(text, &out[count]))
			count++;
	return count;
}

static void add(struct json *items, const struct addr *addr, const struct names_reverse *said)
{
	struct json *item = json_new_object();
	char text[ADDR_TEXT_MAX];

	json_set_string(item, "addr", addr_format(addr, text));
	json_set_string(item, "name", said->name);
	json_set_uint(item, "ttl_s", said->ttl_s);
	json_add(items, item);
}

/* A resolver that fails ends the batch: what follows would wait for it as long. That it refuses one
 * question says nothing of the next. */
int reverse_serve(const struct exchange *exchange, const struct json *order)
{
	CLEANUP(json_free) struct json *head = json_new_object();
	struct json *items = json_new_array();
	struct addr addrs[REVERSE_BATCH_MAX];
	struct resolvers resolvers;
	struct names_reverse said;
	size_t len, count = read_addrs(json_get(order, "addrs"), addrs, REVERSE_BATCH_MAX);
	int error = 0, refused = 0;

	resolvers.count =
		read_addrs(json_get(order, "resolvers"), resolvers.addrs, REVERSE_RESOLVERS_MAX);
	for (size_t i = 0; i < count && !error; i++) {
		error = ask_any(&resolvers, &addrs[i], &said);
		if (!error)
			add(items, &addrs[i], &said);
		if (error == -EREMOTEIO) {
			refused = error;
			error = 0;
		}
	}
	if (refused && !json_array_len(items) && !error)
		error = refused;
	json_set(head, "items", items);
	json_set_string(head, "error", error ? reason_of(error) : NULL);
	CLEANUP(free) char *text = json_print(head, &len);
	error = text ? packet_send(exchange, PACKET_HEAD, text, len) : -ENOMEM;
	return error ? error : packet_send(exchange, PACKET_END, NULL, 0);
}
