/*
 * The busiest addresses of a capture: an open-addressed table that takes what it has room for.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/app/replay_sum.h"
#include "agent/util/addr.h"
#include "agent/util/crypto.h"

#define SLOTS	 (1U << 17)
#define HOSTS_IN (SLOTS / 4 * 3) /* beyond, looking becomes slow; later ones are not listed */

struct replay_hosts {
	uint64_t seed; /* random: a file cannot choose who collides */
	uint32_t count;
	struct replay_host slots[SLOTS];
};

int replay_hosts_new(struct replay_hosts **out)
{
	struct replay_hosts *hosts = calloc(1, sizeof(*hosts));

	if (!hosts)
		return -ENOMEM;
	crypto_random(&hosts->seed, sizeof(hosts->seed));
	*out = hosts;
	return 0;
}

void replay_hosts_free(struct replay_hosts *hosts)
{
	free(hosts);
}

static void add(struct replay_hosts *hosts, const struct addr *addr, const struct flow_delta *delta)
{
	uint32_t at = (uint32_t)addr_hash(addr, hosts->seed) & (SLOTS - 1);
	struct replay_host *host = &hosts->slots[at];

	while (host->addr.family != ADDR_NONE && !addr_is_equal(&host->addr, addr)) {
		at = (at + 1) & (SLOTS - 1);
		host = &hosts->slots[at];
	}
	if (host->addr.family == ADDR_NONE) {
		if (hosts->count == HOSTS_IN)
			return;
		hosts->count++;
		host->addr = *addr;
	}
	host->packets += delta->packets;
	host->bytes += delta->bytes;
}

void replay_hosts_add(struct replay_hosts *hosts, const struct flow_delta *delta)
{
	add(hosts, &delta->tuple.src, delta);
	add(hosts, &delta->tuple.dst, delta);
}

static bool is_busier(const struct replay_host *a, const struct replay_host *b)
{
	if (a->bytes != b->bytes)
		return a->bytes > b->bytes;
	return addr_compare(&a->addr, &b->addr) < 0;
}

unsigned int replay_hosts_top(const struct replay_hosts *hosts,
			      struct replay_host top[REPLAY_TALKERS])
{
	unsigned int count = 0;

	for (uint32_t i = 0; i < SLOTS; i++) {
		const struct replay_host *host = &hosts->slots[i];
		unsigned int at = count;

		if (host->addr.family == ADDR_NONE)
			continue;
		while (at > 0 && is_busier(host, &top[at - 1])) {
			if (at < REPLAY_TALKERS)
				top[at] = top[at - 1];
			at--;
		}
		if (at < REPLAY_TALKERS)
			top[at] = *host;
		if (count < REPLAY_TALKERS)
			count++;
	}
	return count;
}
