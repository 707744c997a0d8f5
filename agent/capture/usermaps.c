/*
 * Maps of the user-space datapath. Values stay where they are until removed, as the kernel's do.
 */
#include "agent/capture/usermaps.h"

#include <errno.h>
#include <stdlib.h>

#include "bpf/hash.h"

struct usermap_node {
	struct usermap_node *chain;	    /* of the bucket */
	struct usermap_node *older, *newer; /* of the map */
	uint64_t hash;
	uint64_t data[]; /* the key in whole words, then the value */
};

#define KEY_MAX	     40 /* struct flow6_key */
#define BUCKETS_MIN  64
#define RECORD_ALIGN 8

static size_t key_room(const struct usermap *map)
{
	return (map->key_size + 7) / 8 * 8;
}

static void *node_value(const struct usermap *map, const struct usermap_node *node)
{
	return (uint8_t *)node->data + key_room(map);
}

static uint64_t key_hash(const struct usermap *map, const void *key)
{
	uint64_t words[(KEY_MAX + 7) / 8] = { 0 }, hash = 0;

	memcpy(words, key, map->key_size);
	for (size_t i = 0; i < key_room(map) / 8; i++)
		hash = hash_mix(hash, words[i]);
	return hash;
}

int usermap_init(struct usermap *map, size_t key_size, size_t value_size, uint32_t max,
		 bool is_prefix)
{
	memset(map, 0, sizeof(*map));
	if (key_size > KEY_MAX)
		return -EINVAL;
	map->buckets = calloc(BUCKETS_MIN, sizeof(void *));
	if (!map->buckets)
		return -ENOMEM;
	map->bucket_mask = BUCKETS_MIN - 1;
	map->key_size = key_size;
	map->value_size = value_size;
	map->max = max;
	map->is_prefix = is_prefix;
	return 0;
}

void usermap_done(struct usermap *map)
{
	struct usermap_node *node = map->oldest;

	while (node) {
		struct usermap_node *newer = node->newer;

		free(node);
		node = newer;
	}
	free(map->buckets);
	memset(map, 0, sizeof(*map));
}

static struct usermap_node *node_find(const struct usermap *map, const void *key)
{
	uint64_t hash = key_hash(map, key);
	struct usermap_node *node = map->buckets[hash & map->bucket_mask];

	while (node && (node->hash != hash || memcmp(node->data, key, map->key_size) != 0))
		node = node->chain;
	return node;
}

/* The length a prefix key begins with. */
static uint32_t key_len(const void *key)
{
	uint32_t len;

	memcpy(&len, key, sizeof(len));
	return len;
}

static uint32_t key_bits(const struct usermap *map)
{
	return (uint32_t)(map->key_size - sizeof(uint32_t)) * 8;
}

/* @key cut to @len bits, in @cut. */
static void key_cut(const struct usermap *map, const void *key, uint32_t len, uint8_t *cut)
{
	uint8_t *address = cut + sizeof(len);

	memcpy(cut, key, map->key_size);
	memcpy(cut, &len, sizeof(len));
	if (len % 8)
		address[len / 8] &= (uint8_t)(0xff00 >> len % 8);
	for (uint32_t byte = (len + 7) / 8; byte < key_bits(map) / 8; byte++)
		address[byte] = 0;
}

/* One probe for each length that has entries: user space holds few, and bitmaps stand before it. */
static struct usermap_node *prefix_find(const struct usermap *map, const void *key)
{
	uint32_t len = key_len(key);

	if (!map->count || len > key_bits(map))
		return NULL;
	for (;; len--) {
		uint8_t cut[KEY_MAX];

		if (map->lens[len]) {
			struct usermap_node *node;

			key_cut(map, key, len, cut);
			node = node_find(map, cut);
			if (node)
				return node;
		}
		if (!len)
			return NULL;
	}
}

void *usermap_lookup(const struct usermap *map, const void *key)
{
	struct usermap_node *node = map->is_prefix ? prefix_find(map, key) : node_find(map, key);

	return node ? node_value(map, node) : NULL;
}

/* Twice the buckets; without memory for them chains grow instead. */
static void buckets_grow(struct usermap *map)
{
	uint32_t mask = map->bucket_mask * 2 + 1;
	struct usermap_node **buckets = calloc((size_t)mask + 1, sizeof(void *));

	if (!buckets)
		return;
	for (struct usermap_node *node = map->oldest; node; node = node->newer) {
		node->chain = buckets[node->hash & mask];
		buckets[node->hash & mask] = node;
	}
	free(map->buckets);
	map->buckets = buckets;
	map->bucket_mask = mask;
}

static int node_add(struct usermap *map, const void *key, const void *value)
{
	struct usermap_node **bucket, *node;

	if (map->count >= map->max)
		return -E2BIG;
	node = calloc(1, sizeof(*node) + key_room(map) + map->value_size);
	if (!node)
		return -ENOMEM;
	if (map->count > map->bucket_mask)
		buckets_grow(map);
	node->hash = key_hash(map, key);
	memcpy(node->data, key, map->key_size);
	memcpy(node_value(map, node), value, map->value_size);
	bucket = &map->buckets[node->hash & map->bucket_mask];
	node->chain = *bucket;
	*bucket = node;
	node->older = map->newest;
	*(map->newest ? &map->newest->newer : &map->oldest) = node;
	map->newest = node;
	map->count++;
	if (map->is_prefix)
		map->lens[key_len(key)]++;
	return 0;
}

int usermap_update(struct usermap *map, const void *key, const void *value)
{
	uint8_t cut[KEY_MAX];
	struct usermap_node *node;

	if (map->is_prefix) {
		if (key_len(key) > key_bits(map))
			return -EINVAL;
		key_cut(map, key, key_len(key), cut);
		key = cut;
	}
	node = node_find(map, key);
	if (!node)
		return node_add(map, key, value);
	memcpy(node_value(map, node), value, map->value_size);
	return 0;
}

int usermap_remove(struct usermap *map, const void *key)
{
	struct usermap_node *node = node_find(map, key), **link;

	if (!node)
		return -ENOENT;
	link = &map->buckets[node->hash & map->bucket_mask];
	while (*link != node)
		link = &(*link)->chain;
	*link = node->chain;
	*(node->older ? &node->older->newer : &map->oldest) = node->newer;
	*(node->newer ? &node->newer->older : &map->newest) = node->older;
	map->count--;
	if (map->is_prefix)
		map->lens[key_len(node->data)]--;
	free(node);
	return 0;
}

int usermap_next_key(const struct usermap *map, const void *key, void *next)
{
	const struct usermap_node *node = key ? node_find(map, key) : NULL;

	node = node ? node->newer : map->oldest;
	if (!node)
		return -ENOENT;
	memcpy(next, node->data, map->key_size);
	return 0;
}

/* ---- rings ---- */

void *userring_reserve(struct userring *ring, size_t size)
{
	size_t room = sizeof(uint64_t) + (size + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
	uint64_t len = size;
	uint8_t *at = ring->at + ring->used;

	if (room > ring->size - ring->used)
		return NULL;
	memcpy(at, &len, sizeof(len));
	ring->used += room;
	return at + sizeof(len);
}

void userring_consume(struct userring *ring, userring_fn fn, void *arg)
{
	size_t at = 0;

	while (at < ring->used) {
		uint64_t len;

		memcpy(&len, ring->at + at, sizeof(len));
		fn(arg, ring->at + at + sizeof(len), len);
		at += sizeof(len) + (len + RECORD_ALIGN - 1) / RECORD_ALIGN * RECORD_ALIGN;
	}
	ring->used = 0;
}

static int userring_init(struct userring *ring, size_t size)
{
	ring->at = malloc(size);
	if (!ring->at)
		return -ENOMEM;
	ring->size = size;
	return 0;
}

/* ---- all of them ---- */

/* Payload between two drains; more is counted as lost, or drained in time (capture_user_is_full).
 */
#define PAYLOAD_ROOM (4 << 20)

/* A line of its own for each slot, as the kernel's arrays have. */
static void *cache_new(size_t count, size_t size)
{
	void *memory;

	if (posix_memalign(&memory, 64, count * size))
		return NULL;
	memset(memory, 0, count * size);
	return memory;
}

/* The larger ones are mostly empty: pages of calloc that nobody touches cost nothing. */
#define ARRAY_NEW(array, count) \
	((array).at = calloc(count, sizeof(*(array).at)), (array).len = (count), (array).at)
#define CACHE_NEW(array, count) \
	((array).at = cache_new(count, sizeof(*(array).at)), (array).len = (count), (array).at)

static int arrays_init(struct usermaps *maps)
{
	const uint32_t sets = maps->flow_sets, slots = sets * FLOW_WAYS, rows = IFACES_MAX * 2U;

	if (!CACHE_NEW(maps->flows4, sets) || !CACHE_NEW(maps->flows6, sets) ||
	    !ARRAY_NEW(maps->shadow4, slots) || !ARRAY_NEW(maps->shadow6, slots) ||
	    !ARRAY_NEW(maps->ledger, rows) || !ARRAY_NEW(maps->counters, rows) ||
	    !ARRAY_NEW(maps->cpus, 1) || !ARRAY_NEW(maps->ifaces, IFACE_TABLE_SIZE) ||
	    !ARRAY_NEW(maps->control, 1) || !ARRAY_NEW(maps->rules, RULES_MAX) ||
	    !ARRAY_NEW(maps->nets16, NETS16) || !ARRAY_NEW(maps->bits24, BITS24_WORDS) ||
	    !ARRAY_NEW(maps->bits48, BITS48_WORDS) ||
	    !ARRAY_NEW(maps->bits_names, BITS_NAMES_WORDS) ||
	    !ARRAY_NEW(maps->rule_sets, RULE_SETS_MAX) || !ARRAY_NEW(maps->name_walks, 1))
		return -ENOMEM;
	return 0;
}

static int keyed_init(struct usermaps *maps)
{
	const size_t entry = sizeof(struct block_entry), safe = sizeof(__u32);

	if (usermap_init(&maps->block4, 4, entry, USER_BLOCK_ENTRIES, false) ||
	    usermap_init(&maps->block6, 16, entry, USER_BLOCK_ENTRIES, false) ||
	    usermap_init(&maps->lpm4, sizeof(struct lpm4_key), entry, USER_BLOCK_ENTRIES, true) ||
	    usermap_init(&maps->lpm6, sizeof(struct lpm6_key), entry, USER_BLOCK_ENTRIES, true) ||
	    usermap_init(&maps->safe4, sizeof(struct lpm4_key), safe, USER_SAFE_ENTRIES, true) ||
	    usermap_init(&maps->safe6, sizeof(struct lpm6_key), safe, USER_SAFE_ENTRIES, true) ||
	    usermap_init(&maps->domains, sizeof(__u64), sizeof(struct domain_entry),
			 USER_DOMAIN_ENTRIES, false) ||
	    usermap_init(&maps->flow_blocks, sizeof(struct flow6_key), sizeof(struct flow_block),
			 USER_FLOW_BLOCKS, false))
		return -ENOMEM;
	return 0;
}

int usermaps_new(uint32_t flow_sets, uint32_t burst, struct usermaps **out)
{
	CLEANUP(usermaps_free) struct usermaps *maps = calloc(1, sizeof(*maps));

	if (!maps)
		return -ENOMEM;
	maps->flow_sets = flow_sets;
	if (arrays_init(maps) || keyed_init(maps) ||
	    userring_init(&maps->events, burst * (sizeof(uint64_t) + sizeof(struct event_record)) +
						 PAYLOAD_ROOM) ||
	    userring_init(&maps->evict, burst * (sizeof(uint64_t) + sizeof(struct evict6_record))))
		return -ENOMEM;
	*out = TAKE(maps);
	return 0;
}

void usermaps_free(struct usermaps *maps)
{
	if (!maps)
		return;
	usermap_done(&maps->block4);
	usermap_done(&maps->block6);
	usermap_done(&maps->lpm4);
	usermap_done(&maps->lpm6);
	usermap_done(&maps->safe4);
	usermap_done(&maps->safe6);
	usermap_done(&maps->domains);
	usermap_done(&maps->flow_blocks);
	free(maps->flows4.at);
	free(maps->flows6.at);
	free(maps->shadow4.at);
	free(maps->shadow6.at);
	free(maps->ledger.at);
	free(maps->counters.at);
	free(maps->cpus.at);
	free(maps->ifaces.at);
	free(maps->control.at);
	free(maps->rules.at);
	free(maps->nets16.at);
	free(maps->bits24.at);
	free(maps->bits48.at);
	free(maps->bits_names.at);
	free(maps->rule_sets.at);
	free(maps->name_walks.at);
	free(maps->events.at);
	free(maps->evict.at);
	free(maps);
}
