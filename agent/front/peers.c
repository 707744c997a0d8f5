/* Counts connections per address; reads X-Forwarded-For from those who may send it. */
#include "agent/front/peers.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "agent/config/config.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"

/* Buckets share a count when hashes collide, which only makes the limit stricter; 4 times the
 * most addresses that can hold 32 connections each under the connection limit of 10,000. */
#define BUCKETS 2048

struct peers {
	uint64_t seed; /* so that nobody chooses whose bucket to share */
	struct prefix *trusted;
	size_t trusted_count;
	unsigned int held[BUCKETS];
};

int peers_new(const struct config *config, struct peers **out)
{
	CLEANUP(peers_free) struct peers *peers = calloc(1, sizeof(*peers));
	char text[PREFIX_TEXT_MAX];
	size_t count = 0;

	if (!peers)
		return -ENOMEM;
	crypto_random(&peers->seed, sizeof(peers->seed));
	while (config_list_item(config, CONFIG_WEB_TRUSTED_PROXIES, count, text, sizeof(text)))
		count++;
	peers->trusted = calloc(count + 1, sizeof(*peers->trusted));
	if (!peers->trusted)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++) {
		struct prefix *prefix = &peers->trusted[peers->trusted_count];

		if (config_list_item(config, CONFIG_WEB_TRUSTED_PROXIES, i, text, sizeof(text)) &&
		    !prefix_parse(text, true, prefix))
			peers->trusted_count++;
	}
	*out = TAKE(peers);
	return 0;
}

void peers_free(struct peers *peers)
{
	if (!peers)
		return;
	free(peers->trusted);
	free(peers);
}

struct addr peers_addr(const struct sockaddr *sockaddr)
{
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;

	if (sockaddr->sa_family == AF_INET) {
		memcpy(&v4, sockaddr, sizeof(v4));
		return addr_from_ipv4(&v4.sin_addr);
	}
	if (sockaddr->sa_family != AF_INET6)
		return (struct addr){ .family = ADDR_NONE };
	memcpy(&v6, sockaddr, sizeof(v6));
	if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr))
		return addr_from_ipv4(&v6.sin6_addr.s6_addr[12]);
	return addr_from_ipv6(&v6.sin6_addr);
}

bool peers_is_trusted(const struct peers *peers, const struct addr *addr)
{
	for (size_t i = 0; i < peers->trusted_count; i++)
		if (prefix_has_addr(&peers->trusted[i], addr))
			return true;
	return false;
}

bool peers_is_loopback(const struct addr *addr)
{
	static const struct in6_addr one = IN6ADDR_LOOPBACK_INIT;

	if (addr->family == ADDR_IPV4)
		return addr->bytes[12] == 127;
	return addr->family == ADDR_IPV6 && memcmp(addr->bytes, &one, sizeof(one)) == 0;
}

static size_t bucket_of(const struct peers *peers, const struct addr *addr)
{
	struct addr key = *addr;

	if (key.family == ADDR_IPV6)
		memset(key.bytes + 8, 0, 8);
	return addr_hash(&key, peers->seed) % BUCKETS;
}

bool peers_may_connect(const struct peers *peers, const struct addr *addr)
{
	return peers_is_loopback(addr) ||
	       peers->held[bucket_of(peers, addr)] < PEERS_PER_ADDRESS_MAX ||
	       peers_is_trusted(peers, addr);
}

void peers_connected(struct peers *peers, const struct addr *addr)
{
	peers->held[bucket_of(peers, addr)]++;
}

void peers_disconnected(struct peers *peers, const struct addr *addr)
{
	unsigned int *held = &peers->held[bucket_of(peers, addr)];

	if (*held)
		(*held)--;
}

/* The last element of the list before @end, trimmed; moves *@end before it. */
static bool last_addr(const char *text, const char **end, struct addr *out)
{
	char one[ADDR_TEXT_MAX];
	const char *start, *stop = *end;
	size_t len;

	for (start = stop; start > text && start[-1] != ','; start--)
		;
	*end = start > text ? start - 1 : text;
	while (start < stop && (*start == ' ' || *start == '\t'))
		start++;
	while (stop > start && (stop[-1] == ' ' || stop[-1] == '\t'))
		stop--;
	len = (size_t)(stop - start);
	if (!len || len >= sizeof(one))
		return false;
	memcpy(one, start, len);
	one[len] = '\0';
	return !addr_parse(one, out);
}

struct addr peers_client(const struct peers *peers, const struct addr *peer, const char *text,
			 size_t len)
{
	struct addr client = *peer, next;
	const char *end = text ? text + len : NULL;

	while (end > text && peers_is_trusted(peers, &client)) {
		if (!last_addr(text, &end, &next))
			break;
		client = next;
	}
	return client;
}
