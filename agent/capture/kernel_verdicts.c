/*
 * Reading counters that the kernel moves from a slot to an entry under our eyes: what a slot holds
 * is either still there or already in the entry, told by the slot's generation.
 */
#include "agent/capture/kernel_verdicts.h"

#include <errno.h>
#include <string.h>

#include <bpf/bpf.h>

#include "agent/capture/rules_state.h"
#include "bpf/hash.h"

/* A slot is handed over at most once in two jiffies; more tries mean that it is misread. */
#define TRIES 16

static bool is_exact(enum rules_map map)
{
	return map == RULES_BLOCK4 || map == RULES_BLOCK6;
}

/* As the kernel keeps it in a slot. */
static void slot_addr(enum rules_map map, const void *key, __u64 addr[2])
{
	addr[0] = 0;
	addr[1] = 0;
	memcpy(addr, key, map == RULES_BLOCK4 ? sizeof(__be32) : 4 * sizeof(__be32));
}

/* What the slots of all CPUs hold for an entry. */
struct held {
	uint64_t gens; /* of them all: unchanged while none was handed over */
	uint64_t packets, bytes, last_jiffies;
	bool is_moving; /* one of them right now */
};

#define LOAD(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)

static uint32_t family_of(enum rules_map map)
{
	return map == RULES_BLOCK4 ? 4 : 6;
}

/* The @number-th of all CPUs' slots that may know an address. */
static const struct verdict_slot *slot_of(const struct kernel_source *source, uint32_t number,
					  const __u64 addr[2])
{
	size_t cpu = number / VERDICT_WAYS;

	return &source->verdicts[cpu * VERDICT_SETS + verdict_index(addr)]
			.way[number % VERDICT_WAYS];
}

static uint32_t slots_of_address(const struct kernel_source *source)
{
	return source->cpu_count * VERDICT_WAYS;
}

static bool slot_is_of(const struct verdict_slot *slot, uint32_t family, const __u64 addr[2])
{
	return LOAD(slot->addr[0]) == addr[0] && LOAD(slot->addr[1]) == addr[1] &&
	       (LOAD(slot->scope) >> 4 & 0xf) == family;
}

static void slot_add(struct held *held, const struct verdict_slot *slot,
		     const struct block_entry *entry)
{
	uint64_t last = jiffies_later(entry->last_jiffies, LOAD(slot->jiffies));

	held->packets += LOAD(slot->packets);
	held->bytes += LOAD(slot->bytes);
	if (held->packets && last > held->last_jiffies)
		held->last_jiffies = last;
}

static struct held held_of(const struct kernel_source *source, enum rules_map map,
			   const __u64 addr[2], const struct block_entry *entry)
{
	const uint32_t family = family_of(map);
	struct held held = { 0 };

	for (uint32_t i = 0; i < slots_of_address(source); i++) {
		const struct verdict_slot *slot = slot_of(source, i, addr);
		uint32_t gen = LOAD(slot->gen);

		held.gens += gen;
		if (entry && slot_is_of(slot, family, addr) && LOAD(slot->born) == entry->born)
			slot_add(&held, slot, entry);
		if (gen & 1 || LOAD(slot->gen) != gen)
			held.is_moving = true;
	}
	return held;
}

/* Whether a slot speaks for the entry of @key, whichever it was born as. */
static bool is_held(const struct kernel_source *source, enum rules_map map, const void *key)
{
	const uint32_t family = family_of(map);
	__u64 addr[2];
	bool found = false;

	slot_addr(map, key, addr);
	for (uint32_t i = 0; i < slots_of_address(source) && !found; i++)
		found = slot_is_of(slot_of(source, i, addr), family, addr);
	return found;
}

static void entry_add(struct block_entry *entry, const struct held *held)
{
	entry->packets += held->packets;
	entry->bytes += held->bytes;
	if (held->packets && held->last_jiffies > entry->last_jiffies)
		entry->last_jiffies = held->last_jiffies;
}

int kernel_entry_lookup(const struct kernel_source *source, enum rules_map map, const void *key,
			struct block_entry *entry)
{
	__u64 addr[2];
	struct held before, after = { 0 };

	slot_addr(map, key, addr);
	for (int i = 0; i < TRIES; i++) {
		before = held_of(source, map, addr, NULL);
		if (bpf_map_lookup_elem(source->keyed[map], key, entry))
			return -errno;
		after = held_of(source, map, addr, entry);
		if (before.gens == after.gens && !after.is_moving)
			break;
	}
	entry_add(entry, &after);
	return 0;
}

void kernel_batch_complete(const struct kernel_source *source, struct rules_batch *batch)
{
	const size_t size = rules_key_size(batch->map);

	for (uint32_t i = 0; is_exact(batch->map) && i < batch->count; i++) {
		const void *key = (const uint8_t *)batch->keys + i * size;
		struct block_entry again;

		/* nearly none has a slot, and those that do are read anew: the batch is old */
		if (is_held(source, batch->map, key) &&
		    !kernel_entry_lookup(source, batch->map, key, &again))
			batch->values[i] = again;
	}
}

void kernel_entry_born(const struct kernel_source *source, struct block_entry *entry)
{
	entry->born = source->tables.control->change_epoch;
}

void kernel_entry_moved(const struct kernel_source *source, enum rules_map map)
{
	if (is_exact(map))
		rules_changed(source->tables.control);
}

uint64_t kernel_verdicts_packets(const struct kernel_source *source)
{
	const size_t slots = (size_t)source->cpu_count * VERDICT_SETS * VERDICT_WAYS;
	uint64_t packets = 0;

	for (size_t i = 0; i < slots; i++)
		packets += LOAD(source->verdicts[i / VERDICT_WAYS].way[i % VERDICT_WAYS].packets);
	return packets;
}
