/*
 * Five-tuple to entry: open addressing with linear probing and the hash beside the entry's number,
 * so that a lookup touches one entry only. Removal shifts back; there are no tombstones.
 */
#include <errno.h>
#include <string.h>

#include "agent/flow/internal.h"

/* Multiply and fold, the step of wyhash (Wang Yi, "wyhash", public domain): every input bit
 * reaches every output bit. */
static inline uint64_t fold(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;

	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t hash_addr(const struct flow_seed *seed, const struct addr *addr)
{
	uint64_t high, low;

	memcpy(&high, addr->bytes, sizeof(high));
	memcpy(&low, addr->bytes + 8, sizeof(low));
	return fold(high ^ seed->word[0], low ^ seed->word[1]) ^ addr->family;
}

uint32_t hash_flow(const struct flow_seed *seed, const struct five_tuple *tuple, uint8_t iface,
		   uint64_t src, uint64_t dst)
{
	/* The sum does not know which end came first. */
	uint64_t ends = fold(src ^ tuple->src_port, seed->word[2]) +
			fold(dst ^ tuple->dst_port, seed->word[2]);

	return (uint32_t)fold(ends ^ ((uint64_t)iface << 8 | tuple->proto), seed->word[3]);
}

int index_init(struct index *index, unsigned int capacity)
{
	uint32_t size = 16;

	while (size / 2 < capacity) /* at most half full: 1.5 probes on average (Knuth 6.4) */
		size *= 2;
	index->slots = memory_new(size * sizeof(*index->slots));
	if (!index->slots)
		return -ENOMEM;
	memset(index->slots, 0xff, size * sizeof(*index->slots)); /* NONE everywhere */
	index->mask = size - 1;
	return 0;
}

void index_done(struct index *index)
{
	memory_free(index->slots, ((size_t)index->mask + 1) * sizeof(*index->slots));
}

static bool is_same_addr(const struct addr *a, const struct addr *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0 && a->family == b->family;
}

static bool is_same_flow(const struct flow *flow, const struct flow_delta *delta)
{
	const struct five_tuple *a = &flow->tuple, *b = &delta->tuple;

	if (a->proto != b->proto || flow->iface != delta->iface)
		return false;
	if (a->src_port == b->src_port && a->dst_port == b->dst_port &&
	    is_same_addr(&a->src, &b->src) && is_same_addr(&a->dst, &b->dst))
		return true;
	return a->src_port == b->dst_port && a->dst_port == b->src_port &&
	       is_same_addr(&a->src, &b->dst) && is_same_addr(&a->dst, &b->src);
}

void index_expect(const struct index *index, uint32_t hash)
{
	__builtin_prefetch(&index->slots[hash & index->mask]);
}

static void expect(const struct entry *entry)
{
	for (size_t at = 0; at < sizeof(*entry); at += 64)
		__builtin_prefetch((const char *)entry + at, 1);
}

uint32_t index_find(const struct index *index, const struct entry *entries, uint32_t hash,
		    const struct flow_delta *delta)
{
	for (uint32_t i = hash & index->mask;; i = (i + 1) & index->mask) {
		const struct index_slot *slot = &index->slots[i];

		if (slot->entry == NONE)
			return NONE;
		if (slot->hash != hash)
			continue;
		expect(&entries[slot->entry]);
		if (is_same_flow(&entries[slot->entry].flow, delta))
			return slot->entry;
	}
}

void index_add(struct index *index, uint32_t hash, uint32_t entry)
{
	uint32_t i = hash & index->mask;

	while (index->slots[i].entry != NONE) /* half of them are empty */
		i = (i + 1) & index->mask;
	index->slots[i] = (struct index_slot){ hash, entry };
}

void index_remove(struct index *index, uint32_t hash, uint32_t entry)
{
	uint32_t mask = index->mask;
	uint32_t hole = hash & mask;

	while (index->slots[hole].entry != entry)
		hole = (hole + 1) & mask;
	for (uint32_t i = (hole + 1) & mask; index->slots[i].entry != NONE; i = (i + 1) & mask) {
		uint32_t home = index->slots[i].hash & mask;

		/* It may move back only when its home does not lie behind the hole. */
		if (((i - home) & mask) < ((i - hole) & mask))
			continue;
		index->slots[hole] = index->slots[i];
		hole = i;
	}
	index->slots[hole].entry = NONE;
}
