/*
 * Chained buckets over one array of hosts. Room is made by a hand that goes round, as in the clock
 * page replacement: a few places a call, never a whole walk.
 */
#include "agent/model/hosts.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/sketch_bloom.h"

#define HAND_STEPS    16
#define SILENT_NS     (600 * NS_PER_S) /* may lose its place to another */
#define PAIRS_MAX     (1U << 20)       /* keys of the bloom filter before it begins anew */
#define BITS_PER_PAIR 12
#define SECOND_MAX    (1U << 20) /* remote addresses seen once */

struct seen {
	uint32_t *words;
	size_t blocks;
	uint32_t added, max;
};

struct hosts {
	struct host *places; /* max; the system gives memory only to those once used */
	uint32_t *buckets;   /* number + 1 */
	uint32_t mask, max, len, used, hand;
	uint64_t full, seed;
	/* the newer and the older half of what is remembered; when full, they change places */
	struct seen pairs[2], once[2];
};

static int seen_new(struct seen *seen, uint32_t max)
{
	seen->max = max;
	seen->blocks = bloom_blocks(max, BITS_PER_PAIR);
	seen->words = calloc(seen->blocks, BLOOM_BLOCK_BYTES);
	return seen->words ? 0 : -ENOMEM;
}

/* True when @hash was there already. */
static bool seen_add(struct seen seen[static 2], uint64_t hash)
{
	bool is_known = bloom_has(seen[1].words, seen[1].blocks, hash);

	if (bloom_add(seen[0].words, seen[0].blocks, hash))
		return true;
	if (++seen[0].added >= seen[0].max) {
		struct seen old = seen[1];

		seen[1] = seen[0];
		memset(old.words, 0, old.blocks * BLOOM_BLOCK_BYTES);
		old.added = 0;
		seen[0] = old;
	}
	return is_known;
}

int hosts_new(uint32_t max, struct hosts **out)
{
	CLEANUP(hosts_free) struct hosts *hosts = calloc(1, sizeof(*hosts));
	uint32_t buckets = 64;

	if (!max || max > 1U << 24)
		return -EINVAL;
	if (!hosts)
		return -ENOMEM;
	while (buckets < max)
		buckets *= 2;
	hosts->mask = buckets - 1;
	hosts->max = max;
	crypto_random(&hosts->seed, sizeof(hosts->seed));
	hosts->buckets = calloc(buckets, sizeof(*hosts->buckets));
	hosts->places = calloc(max, sizeof(*hosts->places));
	if (!hosts->buckets || !hosts->places)
		return -ENOMEM;
	if (seen_new(&hosts->pairs[0], PAIRS_MAX) || seen_new(&hosts->pairs[1], PAIRS_MAX) ||
	    seen_new(&hosts->once[0], SECOND_MAX) || seen_new(&hosts->once[1], SECOND_MAX))
		return -ENOMEM;
	*out = TAKE(hosts);
	return 0;
}

void hosts_free(struct hosts *hosts)
{
	if (!hosts)
		return;
	for (int i = 0; i < 2; i++) {
		free(hosts->pairs[i].words);
		free(hosts->once[i].words);
	}
	free(hosts->places);
	free(hosts->buckets);
	free(hosts);
}

static struct host *place_of(const struct hosts *hosts, uint32_t number)
{
	return &hosts->places[number];
}

struct host *hosts_at(struct hosts *hosts, uint32_t number)
{
	struct host *host = place_of(hosts, number);

	return host->is_used ? host : NULL;
}

static uint32_t *bucket_of(const struct hosts *hosts, const struct addr *addr)
{
	return &hosts->buckets[addr_hash(addr, hosts->seed) & hosts->mask];
}

struct host *hosts_find(struct hosts *hosts, const struct addr *addr)
{
	for (uint32_t at = *bucket_of(hosts, addr); at;) {
		struct host *host = place_of(hosts, at - 1);

		if (addr_is_equal(&host->addr, addr))
			return host;
		at = host->next;
	}
	return NULL;
}

static void unlink_host(struct hosts *hosts, struct host *host, uint32_t number)
{
	uint32_t *at = bucket_of(hosts, &host->addr);

	while (*at && *at != number + 1)
		at = &place_of(hosts, *at - 1)->next;
	*at = host->next;
	memset(host, 0, sizeof(*host));
	hosts->used--;
}

/* A number that is free, or UINT32_MAX. */
static uint32_t make_room(struct hosts *hosts, uint64_t now_ns)
{
	if (hosts->len < hosts->max)
		return hosts->len++;
	for (int i = 0; i < HAND_STEPS; i++) {
		uint32_t number = hosts->hand;
		struct host *host = place_of(hosts, number);

		hosts->hand = (hosts->hand + 1) % hosts->len;
		if (now_ns > host->last_ns + SILENT_NS) {
			unlink_host(hosts, host, number);
			return number;
		}
	}
	return UINT32_MAX;
}

struct host *hosts_get(struct hosts *hosts, const struct addr *addr, uint8_t place, uint64_t now_ns)
{
	struct host *host = hosts_find(hosts, addr);
	uint32_t number, *bucket;

	if (host)
		return host;
	if (place == LEARNING_REMOTE && !seen_add(hosts->once, addr_hash(addr, hosts->seed)))
		return NULL;
	number = make_room(hosts, now_ns);
	if (number == UINT32_MAX) {
		hosts->full++;
		return NULL;
	}
	host = place_of(hosts, number);
	bucket = bucket_of(hosts, addr);
	*host = (struct host){ .addr = *addr,
			       .place = place,
			       .is_used = true,
			       .next = *bucket,
			       .first_ns = now_ns,
			       .last_ns = now_ns };
	*bucket = number + 1;
	hosts->used++;
	return host;
}

bool hosts_is_fresh(struct hosts *hosts, uint64_t hash)
{
	return !seen_add(hosts->pairs, hash);
}

uint32_t hosts_len(const struct hosts *hosts)
{
	return hosts->len;
}

uint32_t hosts_used(const struct hosts *hosts)
{
	return hosts->used;
}

uint64_t hosts_full(const struct hosts *hosts)
{
	return hosts->full;
}
