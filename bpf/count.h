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

/* The interface's entry, NULL when it is not watched. */
HOT const struct iface_entry *iface_find(CONTEXT *ctx, __u32 ifindex)
{
	for (__u32 i = 0; i < IFACE_PROBES; i++) {
		const struct iface_entry *entry =
			ARRAY_ELEM(ctx, ifaces, (ifindex + i) & (IFACE_TABLE_SIZE - 1));

		if (entry && entry->ifindex == ifindex)
			return entry;
	}
	return NULL;
}

/* Which interface, which CPU, what time. False only when a map has no entry at all. */
HOT bool packet_begin(struct packet *p)
{
	const struct iface_entry *entry = iface_find(p->ctx, frame_ifindex(p->ctx, p->hook));
	__u32 row;

	if (entry) {
		p->iface = entry->index & (IFACES_MAX - 1);
		p->no_l2 = entry->no_l2;
	}
	p->cpu = CPU_ID(p->ctx);
	p->control = ARRAY_ELEM(p->ctx, control, 0);
	if (!p->control)
		return false;
	p->jiffies = clock_jiffies(p->ctx, p->control);
	row = p->iface * 2 + p->direction;
	p->counters = ARRAY_ELEM(p->ctx, counters, p->cpu * IFACES_MAX * 2 + row);
	if (UNLIKELY(!p->counters))
		p->counters = ARRAY_ELEM(p->ctx, counters, row);
	return p->counters;
}

HOT void count_seen(struct packet *p)
{
	VOLATILE(p->counters->seen) += p->segments;
	VOLATILE(p->counters->wire_bytes) += p->wire_bytes;
}

HOT void count_dropped(struct packet *p)
{
	VOLATILE(p->counters->dropped) += p->segments;
	VOLATILE(p->counters->dropped_bytes) += p->bytes;
}

HOT void count_skipped(struct packet *p, __u32 reason)
{
	FORGET(reason);
	if (reason < NOT_FLOW_MAX)
		VOLATILE(p->counters->not_flow[reason]) += p->segments;
}

HOT void count_unattributed(struct packet *p)
{
	VOLATILE(p->counters->unattributed) += p->segments;
}

/* ---- flow cache: what both families share ---- */

HOT __u64 word_load(const void *at)
{
	__u64 word;

	__builtin_memcpy(&word, __builtin_assume_aligned(at, sizeof(word)), sizeof(word));
	return word;
}

/* The last words of both keys: ports; protocol, direction, interface, used. */
HOT __u64 key_tail(const struct packet *p)
{
	__u32 what = p->proto | p->direction << 8 | p->iface << 16 | 1U << 24;

	return p->src_port | (__u32)p->dst_port << 16 | (__u64)what << 32;
}

/* One more packet for a slot's flow. Bytes before packets: see drain_scan. */
HOT void value_grow(struct flow_value *value, const struct packet *p)
{
	VOLATILE(value->bytes) += p->bytes;
	VOLATILE(value->packets) += p->segments;
	VOLATILE(value->last_jiffies) = (__u32)p->jiffies;
	if (p->tcp_flags & ~value->tcp_flags)
		value->tcp_flags |= p->tcp_flags;
	if (UNLIKELY(p->vlan && !value->vlan))
		value->vlan = p->vlan;
}

/* The first packet of a flow in a slot; the generation is odd meanwhile. */
HOT void value_begin(struct flow_value *value, const struct packet *p)
{
	value->first_jiffies = (__u32)p->jiffies;
	value->last_jiffies = (__u32)p->jiffies;
	value->packets = p->segments;
	value->bytes = p->bytes;
	value->vlan = p->vlan;
	value->tcp_flags = p->tcp_flags;
	value->flags = 0;
	value->owner = 0;
}

/* How much rather this slot makes room than another: never used, longest idle, fewest packets. */
HOT __u64 value_staleness(const struct flow_value *value, __u32 now)
{
	if (!value->gen)
		return ~0ULL;
	return (__u64)(now - value->last_jiffies) << 32 | (__u32)~value->packets;
}

/* ---- IPv4 ---- */

HOT bool flow4_record(const struct packet *p, const struct flow4_slot *slot, __u32 index)
{
	struct evict4_record *record = evict_reserve(p->ctx, p->cpu, sizeof(*record));

	if (!record)
		return false;
	record->family = 4;
	record->slot = index;
	record->old = *slot;
	RING_SUBMIT(p->ctx, record);
	return true;
}

HOT bool flow4_insert(const struct packet *p, struct flow4_set *set, __u32 index, __u64 tail)
{
	__u64 worst = value_staleness(&set->way[0].value, (__u32)p->jiffies);
	struct flow4_slot *slot;
	__u32 gen, next, way = 0;

	for (__u32 i = 1; i < FLOW_WAYS; i++) {
		__u64 staleness = value_staleness(&set->way[i].value, (__u32)p->jiffies);

		if (staleness > worst) {
			worst = staleness;
			way = i;
		}
	}
	FORGET(way);
	slot = &set->way[way & (FLOW_WAYS - 1)];
	gen = slot->value.gen;
	if (gen && !flow4_record(p, slot, index * FLOW_WAYS + way))
		return false;
	next = flow_gen_next(gen);
	gen_step(&slot->value.gen, 1);
	slot->key.src = p->src[0];
	slot->key.dst = p->dst[0];
	__builtin_memcpy(&slot->key.src_port, &tail, sizeof(tail));
	value_begin(&slot->value, p);
	gen_step(&slot->value.gen, next - gen - 1);
	return true;
}

/* False: no room, the packet is in no flow. */
HOT bool count_flow4(const struct packet *p)
{
	__u64 addresses = p->src[0] | (__u64)p->dst[0] << 32, tail = key_tail(p);
	__u64 hash = hash_mix(hash_mix(0, addresses), tail);
	__u32 index = p->cpu * FLOW_SETS(p->ctx) + (hash & (FLOW_SETS(p->ctx) - 1));
	struct flow4_set *set = ARRAY_ELEM(p->ctx, flows4, index);

	if (!set)
		return false;
	for (int i = 0; i < FLOW_WAYS; i++) {
		struct flow4_slot *slot = &set->way[i];

		if (word_load(&slot->key) != addresses || word_load(&slot->key.src_port) != tail)
			continue;
		value_grow(&slot->value, p);
		return true;
	}
	return flow4_insert(p, set, index, tail);
}

/* ---- IPv6 ---- */

HOT bool flow6_record(const struct packet *p, const struct flow6_slot *slot, __u32 index)
{
	struct evict6_record *record = evict_reserve(p->ctx, p->cpu, sizeof(*record));

	if (!record)
		return false;
	record->family = 6;
	record->slot = index;
	record->old = *slot;
	RING_SUBMIT(p->ctx, record);
	return true;
}

HOT bool flow6_insert(const struct packet *p, struct flow6_set *set, __u32 index, __u64 tail)
{
	__u64 worst = value_staleness(&set->way[0].value, (__u32)p->jiffies);
	struct flow6_slot *slot;
	__u32 gen, next, way = 0;

	for (__u32 i = 1; i < FLOW_WAYS; i++) {
		__u64 staleness = value_staleness(&set->way[i].value, (__u32)p->jiffies);

		if (staleness > worst) {
			worst = staleness;
			way = i;
		}
	}
	FORGET(way);
	slot = &set->way[way & (FLOW_WAYS - 1)];
	gen = slot->value.gen;
	if (gen && !flow6_record(p, slot, index * FLOW_WAYS + way))
		return false;
	next = flow_gen_next(gen);
	gen_step(&slot->value.gen, 1);
	__builtin_memcpy(slot->key.src, p->src, sizeof(p->src));
	__builtin_memcpy(slot->key.dst, p->dst, sizeof(p->dst));
	__builtin_memcpy(&slot->key.src_port, &tail, sizeof(tail));
	value_begin(&slot->value, p);
	gen_step(&slot->value.gen, next - gen - 1);
	return true;
}

HOT bool count_flow6(const struct packet *p)
{
	__u64 a = p->src[0] | (__u64)p->src[1] << 32, b = p->src[2] | (__u64)p->src[3] << 32;
	__u64 c = p->dst[0] | (__u64)p->dst[1] << 32, d = p->dst[2] | (__u64)p->dst[3] << 32;
	__u64 tail = key_tail(p);
	__u64 hash = hash_mix(hash_mix(hash_mix(hash_mix(hash_mix(0, a), b), c), d), tail);
	__u32 index = p->cpu * FLOW_SETS(p->ctx) + (hash & (FLOW_SETS(p->ctx) - 1));
	struct flow6_set *set = ARRAY_ELEM(p->ctx, flows6, index);

	if (!set)
		return false;
	for (int i = 0; i < FLOW_WAYS; i++) {
		struct flow6_slot *slot = &set->way[i];

		if (word_load(&slot->key.src_port) != tail || word_load(&slot->key.src[2]) != b ||
		    word_load(&slot->key.dst[2]) != d || word_load(&slot->key.src[0]) != a ||
		    word_load(&slot->key.dst[0]) != c)
			continue;
		value_grow(&slot->value, p);
		return true;
	}
	return flow6_insert(p, set, index, tail);
}

HOT void count_flow(struct packet *p)
{
	if (!(p->family == 4 ? count_flow4(p) : count_flow6(p)))
		count_unattributed(p);
}

#endif
