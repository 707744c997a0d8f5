/*
 * Slots and records become deltas: the reader's half of the generation protocol (bpf/count.h).
 */
#include "agent/capture/drain.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>

#include "agent/capture/capture.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

_Static_assert(ABI_INGRESS == (int)DIRECTION_INGRESS && ABI_EGRESS == (int)DIRECTION_EGRESS,
	       "directions of both sides");
_Static_assert((int)NOT_FLOW_COUNT <= NOT_FLOW_MAX, "a counter for every reason");
_Static_assert(COVERAGE_IFACES_MAX == IFACES_MAX, "interfaces of both sides");

uint64_t drain_clock_mono_ns(const struct drain_clock *clock, uint32_t jiffies)
{
	int32_t ahead = (int32_t)(jiffies - (uint32_t)clock->jiffies);
	uint64_t age = (uint32_t)clock->jiffies - jiffies;

	/* a packet that came since the clock was read; hours ahead is an old one */
	if (ahead > 0 && ahead < 1 << 24)
		return clock->mono_ns;
	age *= clock->ns_per_jiffy;
	return age < clock->mono_ns ? clock->mono_ns - age : 0;
}

int64_t drain_clock_unix_ms(const struct drain_clock *clock, uint64_t jiffies)
{
	uint64_t age;

	if (!jiffies)
		return 0;
	age = jiffies < clock->jiffies ? clock->jiffies - jiffies : 0;
	return clock->unix_ms - (int64_t)(age * clock->ns_per_jiffy / NS_PER_MS);
}

/* ---- one flow, whichever family ---- */

/* A slot as the walk sees it: where its parts are. */
struct slot_view {
	const void *key; /* struct flow4_key or struct flow6_key */
	const struct flow_value *value;
	uint8_t family;
};

struct key_tail {
	__be16 src_port, dst_port;
	uint8_t proto, direction, iface, used;
};

static void tuple_of_key(const struct slot_view *slot, struct flow_delta *delta)
{
	const uint8_t *key = slot->key;
	size_t address = slot->family == ADDR_IPV4 ? 4 : 16;
	struct key_tail tail;

	memcpy(&tail, key + 2 * address, sizeof(tail));
	if (slot->family == ADDR_IPV4) {
		addr_set_ipv4(&delta->tuple.src, key);
		addr_set_ipv4(&delta->tuple.dst, key + address);
	} else {
		delta->tuple.src = addr_from_ipv6(key);
		delta->tuple.dst = addr_from_ipv6(key + address);
	}
	delta->tuple.src_port = ntohs(tail.src_port);
	delta->tuple.dst_port = ntohs(tail.dst_port);
	delta->tuple.proto = tail.proto;
	delta->direction = tail.direction & 1;
	delta->iface = tail.iface & (IFACES_MAX - 1);
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static void flags_of(const struct flow_value *value, const struct flow_shadow *shadow,
		     struct flow_delta *delta)
{
	bool is_tcp = delta->tuple.proto == IPPROTO_TCP;

	delta->tcp_flags = is_tcp ? value->tcp_flags : 0;
	delta->new_flags = is_tcp ? value->tcp_flags & (uint8_t)~shadow->tcp_flags : 0;
	delta->asks = is_icmp(delta->tuple.proto) && value->tcp_flags & ECHO_REQUEST_SEEN;
}

/* A word of a copy, by itself: read in pairs it would wait until the copy's stores are in the cache
 * (measured with bench_user: 23 ns a slot instead of 52). */
static uint64_t word_of(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/*
 * Books what @slot has beyond its shadow and hands it up. Shadow and ledger first: should core be
 * killed right here the packets are booked, and a restart does not count them again.
 */
static int slot_hand_up(const struct drain_tables *tables, const struct drain_clock *clock,
			const struct slot_view *slot, struct flow_shadow *shadow,
			const struct capture_sink *sink)
{
	const struct flow_value *value = slot->value;
	const uint64_t packets = word_of(&value->packets), bytes = word_of(&value->bytes);
	const uint64_t more = packets - shadow->packets, more_bytes = bytes - shadow->bytes;
	struct flow_delta delta;
	struct ledger *ledger;

	if (!more && !more_bytes)
		return 0;
	tuple_of_key(slot, &delta);
	delta.vlan = value->vlan;
	delta.packets = more;
	delta.bytes = more_bytes;
	delta.owner = value->owner;
	delta.first_ns = drain_clock_mono_ns(clock, value->first_jiffies);
	delta.last_ns = drain_clock_mono_ns(clock, value->last_jiffies);
	flags_of(value, shadow, &delta);
	shadow->packets = packets;
	shadow->bytes = bytes;
	shadow->tcp_flags = value->tcp_flags;
	ledger = &tables->ledger[delta.iface * 2 + delta.direction];
	ledger->packets += more;
	ledger->bytes += more_bytes;
	sink->on_flow(sink->arg, &delta);
	return 1;
}

/* The generation a slot's shadow counts; a slot's first is 2. */
static uint32_t shadow_gen(const struct flow_shadow *shadow)
{
	return shadow->gen ? shadow->gen : flow_gen_next(0);
}

/* ---- records ---- */

static int record_count(const struct drain_tables *tables, const struct drain_clock *clock,
			const struct slot_view *old, struct flow_shadow *shadow,
			const struct capture_sink *sink)
{
	uint32_t gen = old->value->gen;
	int count;

	/* read again after a crash of core between its booking and the ring's: done already */
	if (gen != shadow_gen(shadow))
		return 0;
	count = slot_hand_up(tables, clock, old, shadow, sink);
	shadow->packets = 0;
	shadow->bytes = 0;
	shadow->tcp_flags = 0;
	__atomic_store_n(&shadow->gen, flow_gen_next(gen), __ATOMIC_RELEASE);
	return count;
}

int drain_record(const struct drain_tables *tables, const struct drain_clock *clock,
		 const void *record, size_t len, const struct capture_sink *sink)
{
	struct evict4_record record4;
	struct evict6_record record6;
	uint32_t family;

	if (len < sizeof(family))
		return -EINVAL;
	memcpy(&family, record, sizeof(family));
	if (family == ADDR_IPV4 && len >= sizeof(record4)) {
		struct slot_view old = { &record4.old.key, &record4.old.value, ADDR_IPV4 };

		memcpy(&record4, record, sizeof(record4));
		if (record4.slot >= tables->slots4)
			return -EINVAL;
		return record_count(tables, clock, &old, &tables->shadow4[record4.slot], sink);
	}
	if (family == ADDR_IPV6 && len >= sizeof(record6)) {
		struct slot_view old = { &record6.old.key, &record6.old.value, ADDR_IPV6 };

		memcpy(&record6, record, sizeof(record6));
		if (record6.slot >= tables->slots6)
			return -EINVAL;
		return record_count(tables, clock, &old, &tables->shadow6[record6.slot], sink);
	}
	return -EINVAL;
}

/* ---- scan ---- */

/*
 * Whether a live slot has grown beyond its shadow. Looks at two words only, which is all that the
 * scan of a quiet cache costs.
 */
static bool slot_has_grown(const struct flow_value *value, struct flow_shadow *shadow)
{
	uint32_t gen = __atomic_load_n(&value->gen, __ATOMIC_ACQUIRE);

	if (!gen || gen != shadow_gen(shadow))
		return false;
	shadow->gen = gen;
	return __atomic_load_n(&value->packets, __ATOMIC_RELAXED) != shadow->packets ||
	       __atomic_load_n(&value->bytes, __ATOMIC_RELAXED) != shadow->bytes;
}

/* A copy in which all words belong to generation @gen; false: the slot is being rewritten. */
static bool slot_copy(const void *slot, size_t words, const struct flow_value *value, uint32_t gen,
		      uint64_t *copy)
{
	const uint64_t *from = slot;

	if (__atomic_load_n(&value->gen, __ATOMIC_ACQUIRE) != gen)
		return false;
	for (size_t i = 0; i < words; i++)
		copy[i] = __atomic_load_n(&from[i], __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	return __atomic_load_n(&value->gen, __ATOMIC_RELAXED) == gen;
}

static int scan_slot4(const struct drain_tables *tables, const struct drain_clock *clock,
		      uint32_t index, const struct capture_sink *sink)
{
	const struct flow4_slot *slot = &tables->flows4[index / FLOW_WAYS].way[index % FLOW_WAYS];
	struct flow_shadow *shadow = &tables->shadow4[index];
	union {
		struct flow4_slot slot;
		uint64_t words[sizeof(struct flow4_slot) / 8];
	} copy;
	struct slot_view view = { &copy.slot.key, &copy.slot.value, ADDR_IPV4 };

	if (!slot_has_grown(&slot->value, shadow) ||
	    !slot_copy(slot, sizeof(copy) / 8, &slot->value, shadow->gen, copy.words))
		return 0;
	return slot_hand_up(tables, clock, &view, shadow, sink);
}

static int scan_slot6(const struct drain_tables *tables, const struct drain_clock *clock,
		      uint32_t index, const struct capture_sink *sink)
{
	const struct flow6_slot *slot = &tables->flows6[index / FLOW_WAYS].way[index % FLOW_WAYS];
	struct flow_shadow *shadow = &tables->shadow6[index];
	union {
		struct flow6_slot slot;
		uint64_t words[sizeof(struct flow6_slot) / 8];
	} copy;
	struct slot_view view = { &copy.slot.key, &copy.slot.value, ADDR_IPV6 };

	if (!slot_has_grown(&slot->value, shadow) ||
	    !slot_copy(slot, sizeof(copy) / 8, &slot->value, shadow->gen, copy.words))
		return 0;
	return slot_hand_up(tables, clock, &view, shadow, sink);
}

int drain_scan(const struct drain_tables *tables, const struct drain_clock *clock,
	       const struct capture_sink *sink)
{
	int count = 0;

	for (uint32_t i = 0; i < tables->slots4; i++)
		count += scan_slot4(tables, clock, i, sink);
	for (uint32_t i = 0; i < tables->slots6; i++)
		count += scan_slot6(tables, clock, i, sink);
	return count;
}

uint64_t drain_slots_used4(const struct drain_tables *tables)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < tables->slots4; i++)
		used += tables->shadow4[i].gen != 0;
	return used;
}

uint64_t drain_slots_used6(const struct drain_tables *tables)
{
	uint64_t used = 0;

	for (uint32_t i = 0; i < tables->slots6; i++)
		used += tables->shadow6[i].gen != 0;
	return used;
}

/* ---- events and counters ---- */

static struct five_tuple tuple_of(const struct event_record *raw)
{
	const struct flow6_key *key = &raw->key;
	bool is_ipv4 = raw->family == ADDR_IPV4;

	return (struct five_tuple){
		.src = is_ipv4 ? addr_from_ipv4(key->src) : addr_from_ipv6(key->src),
		.dst = is_ipv4 ? addr_from_ipv4(key->dst) : addr_from_ipv6(key->dst),
		.src_port = ntohs(key->src_port),
		.dst_port = ntohs(key->dst_port),
		.proto = key->proto,
	};
}

static void event_hit(const struct drain_clock *clock, const struct event_record *raw,
		      const struct capture_sink *sink)
{
	const struct capture_hit hit = {
		.tuple = tuple_of(raw),
		.direction = raw->direction & 1,
		.iface = raw->iface & (IFACES_MAX - 1),
		.layer = raw->layer,
		.is_counted = raw->kind == EVENT_COUNT_HIT,
		.rule_id = raw->rule,
		.ip_bytes = raw->ip_bytes,
		.at_ns = drain_clock_mono_ns(clock, raw->jiffies),
	};

	if (sink->on_hit)
		sink->on_hit(sink->arg, &hit);
}

/* @record and @len: the whole record; its data may be shorter than the record, never longer. */
static int event_payload(const void *record, size_t len, const struct capture_sink *sink)
{
	const size_t head = offsetof(struct event_payload, data);
	struct event_payload raw;
	struct payload payload;

	if (len < head)
		return -EINVAL;
	memcpy(&raw, record, head);
	if (raw.length > len - head)
		return -EINVAL;
	payload = (struct payload){
		.tuple = tuple_of(&raw.head),
		.direction = raw.head.direction & 1,
		.iface = raw.head.iface & (IFACES_MAX - 1),
		.tcp_flags = raw.tcp_flags,
		.is_frame = raw.head.kind == EVENT_FRAME,
		.is_fragment = raw.head.kind == EVENT_FRAGMENT,
		.more = raw.more,
		.offset = raw.offset,
		.seq = raw.seq,
		.whole = raw.whole,
		.rule_id = raw.head.rule,
		.at_ns = raw.mono_ns,
		.data = (const uint8_t *)record + head,
		.len = raw.length,
	};
	if (sink->on_payload)
		sink->on_payload(sink->arg, &payload);
	return 1;
}

int drain_event(const struct drain_clock *clock, const void *record, size_t len,
		const struct capture_sink *sink)
{
	struct event_record raw;

	if (len < sizeof(raw))
		return -EINVAL;
	memcpy(&raw, record, sizeof(raw));
	if (raw.kind == EVENT_PAYLOAD || raw.kind == EVENT_FRAGMENT || raw.kind == EVENT_FRAME)
		return event_payload(record, len, sink);
	if (raw.kind != EVENT_BLOCK_HIT && raw.kind != EVENT_COUNT_HIT)
		return 0;
	event_hit(clock, &raw, sink);
	return 1;
}

/* The kernel adds to it meanwhile; a word is never torn. */
static uint64_t word_read(const __u64 *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

void drain_coverage(const struct drain_tables *tables, const struct drain_counters *counters,
		    uint8_t iface, enum direction direction, struct coverage_direction *out)
{
	const struct ledger *ledger = &tables->ledger[iface * 2 + direction];

	memset(out, 0, sizeof(*out));
	out->in_flows = ledger->packets;
	out->bytes = ledger->bytes;
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	for (uint32_t cpu = 0; cpu < counters->cpus; cpu++) {
		const struct iface_counters *from =
			&counters->at[(cpu * IFACES_MAX + iface) * 2 + direction];

		for (int i = 0; i < NOT_FLOW_COUNT; i++)
			out->not_flow[i] += word_read(&from->not_flow[i]);
		out->unattributed += word_read(&from->unattributed);
		out->dropped += word_read(&from->dropped);
		out->dropped_bytes += word_read(&from->dropped_bytes);
		out->wire_bytes += word_read(&from->wire_bytes);
		out->seen += word_read(&from->seen);
	}
}

uint64_t drain_events_lost(const struct cpu_state *states, uint32_t cpus)
{
	uint64_t lost = 0;

	for (uint32_t cpu = 0; cpu < cpus; cpu++)
		lost += word_read(&states[cpu].events_lost);
	return lost;
}

uint64_t drain_events_skipped(const struct cpu_state *states, uint32_t cpus)
{
	uint64_t skipped = 0;

	for (uint32_t cpu = 0; cpu < cpus; cpu++)
		skipped += word_read(&states[cpu].events_skipped);
	return skipped;
}
