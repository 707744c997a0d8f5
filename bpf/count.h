/*
 * Counting: the interface's own counters, and the flow cache. Every packet adds to exactly one of
 * in flows, dropped, not a flow, unattributed; `seen` is counted apart from all of them.
 *
 * The cache's protocol (proven: facts/kernel-prototypes.md 1). A slot's counters only grow within
 * a generation. A flow that needs the slot of another first hands that one's totals over as a
 * record, then moves the generation: odd while it writes, the next even number when done. Where no
 * record can be had the old flow stays and only this packet is counted as unattributed. So every
 * generation ends in exactly one record, and a reader that compares generations counts all once.
 */
#ifndef SLUICE_BPF_COUNT_H
#define SLUICE_BPF_COUNT_H

#include "bpf/hash.h"
#include "bpf/parse.h"

HOT __u64 word_load(const void *at)
{
	__u64 word;

	__builtin_memcpy(&word, __builtin_assume_aligned(at, sizeof(word)), sizeof(word));
	return word;
}

/* Of an interface's entry what is behind its ifindex. */
#define ENTRY_NO_L2 0xffU
#define ENTRY_INDEX 16
#define ENTRY_KEY   0xffff0000U /* what a flow's key has of it */
#define ENTRY_USED  (1U << 24)

HOT __u32 packet_iface(const struct packet *p)
{
	return p->key >> ENTRY_INDEX & (IFACES_MAX - 1);
}

/* The interface's entry behind its ifindex, 0 when it is not watched. */
HOT __u32 iface_find(CONTEXT *ctx, __u32 ifindex)
{
	for (__u32 i = 0; i < IFACE_PROBES; i++) {
		__u64 entry = word_load(WORDS(ctx, ifaces, (ifindex + i) & (IFACE_TABLE_SIZE - 1)));

		if (LIKELY((__u32)entry == ifindex))
			return entry >> 32;
		if (!entry)
			return 0;
	}
	return 0;
}

/* As a number: whether @ifindex is watched. Apart, for nearly nothing asks it. */
#ifdef SLUICE_USER
#define IFACE_IS_WATCHED(ctx, ifindex) (iface_find(ctx, ifindex) != 0)
#else
APART int iface_is_watched(__u32 ifindex)
{
	return iface_find(NULL, ifindex) != 0;
}

#define IFACE_IS_WATCHED(ctx, ifindex) iface_is_watched(ifindex)
#endif

/* Leaving, and already counted where it entered. */
HOT bool packet_was_counted(const struct packet *p)
{
	__u32 origin = frame_origin(p->ctx, p->hook);

	return p->direction == ABI_EGRESS && origin && IFACE_IS_WATCHED(p->ctx, origin);
}

/* Which CPU, which interface; one that is not watched counts as the first. */
HOT void packet_begin(struct packet *p)
{
	__u32 entry = iface_find(p->ctx, frame_ifindex(p->ctx, p->hook));

	p->cpu = CPU_ID(p->ctx);
	p->key = LIKELY(entry) ? entry & ENTRY_KEY : ENTRY_USED;
	p->no_l2 = entry & ENTRY_NO_L2;
}

HOT __u32 counters_row(const struct packet *p)
{
	return packet_iface(p) * 2 + p->direction;
}

/* The counters of this packet's row; NULL: a CPU beyond the map. */
HOT struct iface_counters *counters_own(const struct packet *p)
{
	return ARRAY_ELEM(p->ctx, counters, p->cpu * IFACES_MAX * 2 + counters_row(p));
}

/* Of any CPU; NULL only when the map has none at all. */
HOT struct iface_counters *counters_find(const struct packet *p)
{
	struct iface_counters *own = counters_own(p);

	return LIKELY(own) ? own : ARRAY_ELEM(p->ctx, counters, counters_row(p));
}

HOT void count_seen(struct iface_counters *counters, const struct packet *p)
{
	if (p->is_seen)
		return;
	VOLATILE(counters->seen) += p->segments;
	VOLATILE(counters->wire_bytes) += p->wire_bytes;
}

HOT void count_dropped(struct iface_counters *counters, const struct packet *p)
{
	VOLATILE(counters->dropped) += p->segments;
	VOLATILE(counters->dropped_bytes) += p->bytes;
}

HOT void count_skipped(struct iface_counters *counters, const struct packet *p, __u32 reason)
{
	FORGET(reason);
	if (reason < NOT_FLOW_MAX)
		VOLATILE(counters->not_flow[reason]) += p->segments;
}

HOT void count_unattributed(struct iface_counters *counters, const struct packet *p)
{
	VOLATILE(counters->unattributed) += p->segments;
}

/* ---- flow cache: what both families share ---- */

/* The last words of both keys: ports; protocol, direction, interface, used. */
HOT __u64 key_tail(const struct packet *p)
{
	__u32 what = p->proto | p->direction << 8 | p->key;

	return p->ports | (__u64)what << 32;
}

/* What the names hook keeps of a direction: the tail of struct flow_value. One load, one store. */
struct name_mark {
	__u32 seq;
	__u16 bytes;
	__u8 state; /* enum name_state */
	__u8 events;
};
_Static_assert(sizeof(struct name_mark) == 8, "one word");

HOT struct name_mark value_marked(const struct flow_value *value)
{
	struct name_mark mark;

	__builtin_memcpy(&mark, &value->name_seq, sizeof(mark));
	return mark;
}

HOT void value_mark(struct flow_value *value, const struct name_mark *mark)
{
	__builtin_memcpy(&value->name_seq, mark, sizeof(*mark));
}

/* Of TCP and ICMP, with each packet that grows it. */
HOT void value_flag(struct flow_value *value, const struct packet *p)
{
	value->tcp_flags |= tcp_flags(p);
}

/* One more packet for a slot's flow. Bytes before packets: see drain_scan. */
HOT void value_grow(struct flow_value *value, const struct packet *p)
{
	VOLATILE(value->bytes) += p->bytes;
	VOLATILE(value->packets) += p->segments;
	VOLATILE(value->last_jiffies) = (__u32)clock_jiffies(p->ctx);
	if (UNLIKELY(p->vlan && !value->vlan))
		value->vlan = p->vlan;
}

/* A flow that has counted nothing yet; the generation is odd meanwhile. */
HOT void value_begin(struct flow_value *value, __u32 now)
{
	const struct name_mark none = { 0 };

	value->first_jiffies = now;
	value->last_jiffies = now;
	value->packets = 0;
	value->bytes = 0;
	value->vlan = 0;
	value->tcp_flags = 0;
	value->flags = 0;
	value->owner = 0;
	value_mark(value, &none);
}

/* How much rather this slot makes room than another: never used, longest idle, fewest packets. */
HOT __u64 value_staleness(const struct flow_value *value, __u32 now)
{
	if (!value->gen)
		return ~0ULL;
	return (__u64)(now - value->last_jiffies) << 32 | (__u32)~value->packets;
}

/* Ways of a set are told by their offset in it. Where much is to follow, one mask makes it one
 * state for the verifier instead of one per way. */
#define WAY_NONE      ~0U
#define WAY_MASK(set) ((FLOW_WAYS - 1) * sizeof((set)->way[0]))
#define WAY_ANY(set, offset)          \
	({                            \
		__u64 at_ = (offset); \
		FORGET(at_);          \
		at_ &WAY_MASK(set);   \
	})
#define WAY_AT(set, offset) ((__typeof__(&(set)->way[0]))((char *)(set) + (offset)))

/* Where in the cache a packet's flow has its slot, or would get one. */
struct flow_place {
	__u64 pair, tail;	/* of the key: IPv4's addresses; ports and the rest */
	struct flow4_set *set4; /* of the packet's family; NULL: this CPU has no range */
	struct flow6_set *set6;
};

/* Of the CPU's own sets the one of a hash: cpu * sets, and as far in as the hash's upper half is in
 * its range (Lemire, "Fast Random Integer Generation in an Interval", 2019), in one product. The
 * upper bits of a product depend on all of its factors. */
HOT __u32 flow_set_index(CONTEXT *ctx, __u32 cpu, __u64 hash)
{
	__u64 sets = FLOW_SETS(ctx);

	return ((__u64)cpu << 32 | hash >> 32) * sets >> 32;
}

/* Once more: the upper bits of one product of addresses that follow each other lie in a lattice
 * (measured: of 1,000 a third found their set of 1,024 full). */
HOT __u64 flow_hash(__u64 sums)
{
	return (sums ^ sums >> 32) * HASH_MUL1;
}

/* ---- IPv4 ---- */

HOT __u64 flow4_hash(__u64 pair, __u64 tail)
{
	return flow_hash(pair * HASH_MUL1 ^ tail * HASH_MUL2);
}

/* Rare: what of the place can be worked out again is, rather than kept for every packet. */
HOT bool flow4_record(const struct packet *p, const struct flow_place *place,
		      const struct flow4_slot *slot, __u32 way)
{
	__u32 cpu = CPU_ID(p->ctx);
	struct evict4_record *record = evict_reserve(p->ctx, cpu, sizeof(*record));
	__u64 pair = place->pair, tail = place->tail;

	if (!record)
		return false;
	FORGET(pair);
	FORGET(tail);
	record->family = 4;
	record->slot = flow_set_index(p->ctx, cpu, flow4_hash(pair, tail)) * FLOW_WAYS + way;
	record->old = *slot;
	RING_SUBMIT(p->ctx, record);
	return true;
}

HOT __u32 flow4_insert(const struct packet *p, const struct flow_place *place)
{
	struct flow4_set *set = place->set4;
	__u32 gen, next, way = 0, now = (__u32)clock_jiffies(p->ctx);
	__u64 worst = value_staleness(&set->way[0].value, now);
	struct flow4_slot *slot;

	for (__u32 i = 1; i < FLOW_WAYS; i++) {
		__u64 staleness = value_staleness(&set->way[i].value, now);

		if (staleness > worst) {
			worst = staleness;
			way = i;
		}
	}
	slot = WAY_AT(set, WAY_ANY(set, way * sizeof(*slot)));
	gen = slot->value.gen;
	if (gen && !flow4_record(p, place, slot, way))
		return WAY_NONE;
	next = flow_gen_next(gen);
	gen_step(&slot->value.gen, 1);
	__builtin_memcpy(&slot->key.src, &place->pair, sizeof(place->pair));
	__builtin_memcpy(&slot->key.src_port, &place->tail, sizeof(place->tail));
	value_begin(&slot->value, now);
	gen_step(&slot->value.gen, next - gen - 1);
	return way * sizeof(*slot);
}

HOT __u32 flow4_find(const struct packet *p, struct flow_place *place)
{
	__u64 pair = p->src[0] | (__u64)p->dst[0] << 32, tail = key_tail(p);
	__u32 index = flow_set_index(p->ctx, p->cpu, flow4_hash(pair, tail));
	struct flow4_set *set = ARRAY_ELEM(p->ctx, flows4, index);

	*place = (struct flow_place){ .pair = pair, .tail = tail, .set4 = set };
	if (!set)
		return WAY_NONE;
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		const struct flow4_slot *slot = &set->way[i];

		if (word_load(&slot->key) != pair || word_load(&slot->key.src_port) != tail)
			continue;
		return i * sizeof(*slot);
	}
	return WAY_NONE;
}

/* ---- IPv6 ---- */

/* The network and the host of one end apart from each other, and so those of both ends. */
HOT __u64 flow6_hash(const struct packet *p, __u64 tail)
{
	__u64 network = p->src_words[0] + p->dst_words[1];
	__u64 host = p->src_words[1] + (p->dst_words[0] ^ tail);

	return flow_hash(network * HASH_MUL1 ^ host * HASH_MUL2);
}

HOT bool flow6_record(const struct packet *p, const struct flow_place *place,
		      const struct flow6_slot *slot, __u32 way)
{
	__u32 cpu = CPU_ID(p->ctx);
	struct evict6_record *record = evict_reserve(p->ctx, cpu, sizeof(*record));
	__u64 tail = place->tail;

	if (!record)
		return false;
	FORGET(tail);
	record->family = 6;
	record->slot = flow_set_index(p->ctx, cpu, flow6_hash(p, tail)) * FLOW_WAYS + way;
	record->old = *slot;
	RING_SUBMIT(p->ctx, record);
	return true;
}

HOT __u32 flow6_insert(const struct packet *p, const struct flow_place *place)
{
	struct flow6_set *set = place->set6;
	__u32 gen, next, way = 0, now = (__u32)clock_jiffies(p->ctx);
	__u64 worst = value_staleness(&set->way[0].value, now);
	struct flow6_slot *slot;

	for (__u32 i = 1; i < FLOW_WAYS; i++) {
		__u64 staleness = value_staleness(&set->way[i].value, now);

		if (staleness > worst) {
			worst = staleness;
			way = i;
		}
	}
	slot = WAY_AT(set, WAY_ANY(set, way * sizeof(*slot)));
	gen = slot->value.gen;
	if (gen && !flow6_record(p, place, slot, way))
		return WAY_NONE;
	next = flow_gen_next(gen);
	gen_step(&slot->value.gen, 1);
	__builtin_memcpy(slot->key.src, p->src, sizeof(p->src));
	__builtin_memcpy(slot->key.dst, p->dst, sizeof(p->dst));
	__builtin_memcpy(&slot->key.src_port, &place->tail, sizeof(place->tail));
	value_begin(&slot->value, now);
	gen_step(&slot->value.gen, next - gen - 1);
	return way * sizeof(*slot);
}

HOT __u32 flow6_find(const struct packet *p, struct flow_place *place)
{
	__u64 a = p->src_words[0], b = p->src_words[1], c = p->dst_words[0], d = p->dst_words[1];
	__u64 tail = key_tail(p);
	__u32 index = flow_set_index(p->ctx, p->cpu, flow6_hash(p, tail));
	struct flow6_set *set = ARRAY_ELEM(p->ctx, flows6, index);

	*place = (struct flow_place){ .tail = tail, .set6 = set };
	if (!set)
		return WAY_NONE;
	for (__u32 i = 0; i < FLOW_WAYS; i++) {
		const struct flow6_slot *slot = &set->way[i];

		if (word_load(&slot->key.src_port) != tail || word_load(&slot->key.src[2]) != b ||
		    word_load(&slot->key.dst[2]) != d || word_load(&slot->key.src[0]) != a ||
		    word_load(&slot->key.dst[0]) != c)
			continue;
		return i * sizeof(*slot);
	}
	return WAY_NONE;
}

/* ---- both ---- */

HOT __u32 flow_find(const struct packet *p, struct flow_place *place)
{
	return p->family == 4 ? flow4_find(p, place) : flow6_find(p, place);
}

/* A slot that has counted nothing yet. */
HOT __u32 flow_insert(const struct packet *p, const struct flow_place *place)
{
	if (p->family == 4)
		return place->set4 ? flow4_insert(p, place) : WAY_NONE;
	return place->set6 ? flow6_insert(p, place) : WAY_NONE;
}

/* The slot of the packet's flow; NULL: no room, the packet is in no flow. */
HOT struct flow_value *flow_take(const struct packet *p)
{
	struct flow_place place;
	__u32 way = flow_find(p, &place);

	if (UNLIKELY(way == WAY_NONE))
		way = flow_insert(p, &place);
	if (UNLIKELY(way == WAY_NONE))
		return NULL;
	if (p->family == 4)
		return place.set4 ? &WAY_AT(place.set4, WAY_ANY(place.set4, way))->value : NULL;
	return place.set6 ? &WAY_AT(place.set6, WAY_ANY(place.set6, way))->value : NULL;
}

#endif
