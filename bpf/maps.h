/*
 * Every map of the datapath. Sizes are defaults: the loader sets the flow maps, shadows, counters
 * and cpus by the number of possible CPUs. "core" is the unprivileged process that holds their
 * descriptors, "kernel" the programs. mmap-able maps are read and written in place by both.
 */
#ifndef SLUICE_BPF_MAPS_H
#define SLUICE_BPF_MAPS_H

#include "bpf/env.h"
#include "bpf/walk.h"

#ifndef SLUICE_USER /* bpf/env_user.h: the same maps for a process */

/* Sets of each flow map per CPU, a power of two; the loader writes it before load. */
const volatile __u32 flow_sets = FLOW_SETS_DEFAULT;
/* 1: the clock is control.replay_*, so that a capture replayed gives the capture's times. */
const volatile __u32 replay_clock = 0;

/* A map of one value at a place known when a program is loaded: no lookup, nothing to check. */
#define WORD(ctx, map)	       (&(map))
#define WORDS(ctx, map, index) (&(map)[index])

#define ARRAY_MAP(name, entries, mode, type_)     \
	struct {                                  \
		__uint(type, BPF_MAP_TYPE_ARRAY); \
		__uint(max_entries, entries);     \
		__uint(map_flags, mode);          \
		__type(key, __u32);               \
		__type(value, type_);             \
	} name SEC(".maps")

#define KEYED_MAP(name, kind, entries, key_, value_)  \
	struct {                                      \
		__uint(type, kind);                   \
		__uint(max_entries, entries);         \
		__uint(map_flags, BPF_F_NO_PREALLOC); \
		__type(key, key_);                    \
		__type(value, value_);                \
	} name SEC(".maps")

#define RING_MAP(name, size)                        \
	struct {                                    \
		__uint(type, BPF_MAP_TYPE_RINGBUF); \
		__uint(max_entries, size);          \
	} name SEC(".maps")

typedef __be32 ipv6_words[4]; /* BTF wants a name for an array as key */

/* ---- the flow cache ---- index: cpu * flow_sets + set. Kernel writes (only the CPU's own range),
 * core scans. Full set: the oldest way makes room through `evict`; no room there: the packet is
 * counted as unattributed. A CPU beyond the map: unattributed. */
ARRAY_MAP(flows4, CPUS_DEFAULT *FLOW_SETS_DEFAULT, BPF_F_MMAPABLE, struct flow4_set);
ARRAY_MAP(flows6, CPUS_DEFAULT *FLOW_SETS_DEFAULT, BPF_F_MMAPABLE, struct flow6_set);

/* What core has counted of each slot, index: slot. Core only; pinned with the rest. */
ARRAY_MAP(shadow4, CPUS_DEFAULT *FLOW_SETS_DEFAULT *FLOW_WAYS, BPF_F_MMAPABLE, struct flow_shadow);
ARRAY_MAP(shadow6, CPUS_DEFAULT *FLOW_SETS_DEFAULT *FLOW_WAYS, BPF_F_MMAPABLE, struct flow_shadow);

/* Packets and bytes handed up as flows, index: iface * 2 + direction. Core only. */
ARRAY_MAP(ledger, IFACES_MAX * 2, BPF_F_MMAPABLE, struct ledger);

/* ---- coverage ---- index: (cpu * IFACES_MAX + iface) * 2 + direction. Kernel adds, core sums.
 * The loader sizes it by possible CPUs; one beyond shares the first's row, not exactly. */
ARRAY_MAP(counters, CPUS_DEFAULT *IFACES_MAX * 2, BPF_F_MMAPABLE, struct iface_counters);

/* Clock cache and event budget, index: cpu. Kernel writes, core reads events_lost. */
ARRAY_MAP(cpus, CPUS_DEFAULT, BPF_F_MMAPABLE, struct cpu_state);

/* Interfaces watched, index: ifindex & 255 with IFACE_PROBES linear probes. The loader writes,
 * kernel reads. An interface that is not there is index 0 with an Ethernet header. */
struct iface_entry ifaces[IFACE_TABLE_SIZE] SEC(".data.ifaces");

/* ---- blocking ---- */

/* Kinds of entries, panic, lease, safe epoch; one entry. Core and `sluice panic` write. */
struct control control SEC(".data.control");

/* Scope, action and end, index: rule id; 0 is no rule. Core writes (the first word in one store),
 * kernel reads. */
ARRAY_MAP(rules, RULES_MAX, BPF_F_MMAPABLE, struct rule);

/* Where entries may be: asked before any keyed map. Core writes, kernel reads. A stale bit costs a
 * lookup, a missing bit would be a bypass. */
__u8 nets16[NETS16] SEC(".data.nets16");
ARRAY_MAP(bits24, BITS24_WORDS, BPF_F_MMAPABLE, __u64);
__u64 bits48[BITS48_WORDS] SEC(".data.bits48");

/* Rules that share a target, index: as an entry's rule says; core writes a row before an entry
 * names it. Full: the order is refused. */
ARRAY_MAP(rule_sets, RULE_SETS_MAX, BPF_F_MMAPABLE, struct rule_set);

/* Entries by target, in network order. Core adds and removes; kernel adds hits. Not preallocated:
 * the size costs a bucket array of 16 bytes an entry (kernel/bpf/hashtab.c). Full: the order is
 * refused. */
#define BLOCK_ENTRIES 1048576
KEYED_MAP(block4, BPF_MAP_TYPE_HASH, BLOCK_ENTRIES, __be32, struct block_entry);
KEYED_MAP(block6, BPF_MAP_TYPE_HASH, BLOCK_ENTRIES, ipv6_words, struct block_entry);
KEYED_MAP(lpm4, BPF_MAP_TYPE_LPM_TRIE, BLOCK_ENTRIES, struct lpm4_key, struct block_entry);
KEYED_MAP(lpm6, BPF_MAP_TYPE_LPM_TRIE, BLOCK_ENTRIES, struct lpm6_key, struct block_entry);

/* Addresses whose packets come one after the other, index: cpu * VERDICT_SETS + set. Kernel
 * writes (only the CPU's own range), core adds what is counted there. A CPU beyond: none. */
ARRAY_MAP(verdicts, CPUS_DEFAULT *VERDICT_SETS, BPF_F_MMAPABLE, struct verdict_set);

/* Names by hash (bpf/domain.h): core adds and removes, kernel adds hits. bits_names: 20 bits of
 * each hash, as the bitmaps above. Full: the order is refused. */
#define DOMAIN_ENTRIES 131072
ARRAY_MAP(bits_names, BITS_NAMES_WORDS, BPF_F_MMAPABLE, __u64);
KEYED_MAP(domains, BPF_MAP_TYPE_HASH, DOMAIN_ENTRIES, __u64, struct domain_entry);

/* Five-tuples blocked by a name that core read in them, each way an entry; core adds and removes,
 * kernel adds hits. Full: core forgets the oldest first. */
#define FLOW_BLOCKS 16384
KEYED_MAP(flow_blocks, BPF_MAP_TYPE_HASH, FLOW_BLOCKS, struct flow6_key, struct flow_block);

/* Where a payload is copied and walked for names, one for each CPU. Kernel only. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct name_walk);
} name_walks SEC(".maps");

/* Never dropped; asked after a hit. Core writes. Full: the new list is refused, the old stays. */
#define SAFE_ENTRIES 4096
KEYED_MAP(safe4, BPF_MAP_TYPE_LPM_TRIE, SAFE_ENTRIES, struct lpm4_key, __u32);
KEYED_MAP(safe6, BPF_MAP_TYPE_LPM_TRIE, SAFE_ENTRIES, struct lpm6_key, __u32);

/* ---- names ---- */

/* Where a packet's first bytes are put together for the verdict by name and for its event; each CPU
 * its own, kernel only. A program runs with softirqs off, so it is never in use twice. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct name_text);
} name_text SEC(".maps");

/* ---- rings, kernel to core ---- */

/* struct event_record, struct event_payload. Full: counted in cpus[].events_lost. */
RING_MAP(events, 1 << 20);
/* struct evict4_record, evict6_record of CPUs without a ring of their own. Full: see flows4. */
RING_MAP(evict, 4 << 20);
/* One ring per CPU, index: cpu; the loader makes and sets them. Empty by default. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
	__uint(max_entries, CPUS_DEFAULT);
	__uint(key_size, sizeof(__u32));
	__array(
		values, struct {
			__uint(type, BPF_MAP_TYPE_RINGBUF);
			__uint(max_entries, 4 << 20);
		});
} evict_cpu SEC(".maps");

#define FLOW_SETS(ctx)		 flow_sets
#define REPLAY_CLOCK(ctx)	 replay_clock
#define EVENT_RESERVE(ctx, size) ((void *)bpf_ringbuf_reserve(&events, size, 0))

#define BOOT_NS(ctx)   bpf_ktime_get_boot_ns()
#define MONO_NS(ctx)   bpf_ktime_get_ns()
#define NAME_TEXT(ctx) ARRAY_ELEM(ctx, name_text, 0)

/* A whole event of variable length; false: the ring is full. */
#define EVENT_OUTPUT(ctx, event, size, wake) \
	(!bpf_ringbuf_output(&events, event, size, (wake) ? BPF_RB_FORCE_WAKEUP : BPF_RB_NO_WAKEUP))

/* The packet's time. */
HOT __u64 clock_jiffies(CONTEXT *ctx)
{
	return replay_clock ? control.replay_jiffies : bpf_jiffies64();
}

/* Room for a record in the ring of @cpu, else in the shared one; the size must be a constant. */
HOT void *evict_reserve(CONTEXT *ctx, __u32 cpu, const __u64 size)
{
	void *own = bpf_map_lookup_elem(&evict_cpu, &cpu);

	return own ? bpf_ringbuf_reserve(own, size, 0) : bpf_ringbuf_reserve(&evict, size, 0);
}

#endif /* SLUICE_USER */
#endif
