/*
 * From the datapath's arrays and ring records to flow deltas, each packet exactly once. Pure
 * functions over memory that is mapped (kernel) or owned (user space); both sources use them.
 * The protocol: a slot's generation is counted by scans against its shadow while it lives, and
 * closed by exactly one record when the slot makes room; so a scan skips a slot whose generation
 * is not the shadow's, and a record whose generation is not the shadow's was counted before.
 * Called by the draining thread only.
 */
#ifndef SLUICE_CAPTURE_DRAIN_H
#define SLUICE_CAPTURE_DRAIN_H

#include <stddef.h>
#include <stdint.h>

#include "include/abi.h"
#include "include/coverage.h"
#include "include/flow.h"

struct capture_sink;

/* What drain walks. The shadows and the ledger outlive core (pinned maps), so a restart is exact.
 */
struct drain_tables {
	const struct flow4_set *flows4;
	const struct flow6_set *flows6;
	struct flow_shadow *shadow4; /* one per slot */
	struct flow_shadow *shadow6;
	struct ledger *ledger; /* [IFACES_MAX * 2], by iface * 2 + direction */
	uint32_t slots4;       /* slots (not sets) in flows4 and in shadow4 */
	uint32_t slots6;
};

/*
 * How the datapath's jiffies become the monotonic clock and wall time. Taken anew before each
 * drain; @jiffies, @mono_ns and @unix_ms are the same moment. A jiffy ahead of it (a packet that
 * came since) is clamped to it.
 */
struct drain_clock {
	uint64_t jiffies;
	uint64_t mono_ns;
	int64_t unix_ms;
	uint64_t ns_per_jiffy; /* not 0 */
};

/* drain_clock_mono_ns - of the low half of a jiffies value at most 2^32 jiffies old. */
uint64_t drain_clock_mono_ns(const struct drain_clock *clock, uint32_t jiffies);
/* drain_clock_unix_ms - of a full jiffies value; 0 (never) stays 0. */
int64_t drain_clock_unix_ms(const struct drain_clock *clock, uint64_t jiffies);

/*
 * drain_record - one record of `evict` or `evict_cpu`. When both are in use consume `evict` first:
 * a slot's records must come in order.
 * Returns 1 when a delta went up, 0 when all of it had been counted already, -EINVAL when it is no
 * such record.
 */
int drain_record(const struct drain_tables *tables, const struct drain_clock *clock,
		 const void *record, size_t len, const struct capture_sink *sink);

/*
 * drain_scan - every slot's growth since the last scan. Consume the rings before it.
 * A slot that is being rewritten is left to the next scan or its record. A delta read while its
 * packet was being counted may lack that packet's bytes; the next delta then has them.
 * Returns the number of deltas.
 */
int drain_scan(const struct drain_tables *tables, const struct drain_clock *clock,
	       const struct capture_sink *sink);

/* drain_event - one record of `events`. Returns 1, or 0 for a kind this build does not know,
 * -EINVAL when it is too short. */
int drain_event(const struct drain_clock *clock, const void *record, size_t len,
		const struct capture_sink *sink);

/* The counters of all CPUs: [cpus * IFACES_MAX * 2], as in bpf/maps.h. */
struct drain_counters {
	const struct iface_counters *at;
	uint32_t cpus;
};

/*
 * drain_coverage - one interface and direction: the ledger, then the counters of all CPUs summed.
 * @iface: < IFACES_MAX
 * Read in that order flows never exceed seen.
 */
void drain_coverage(const struct drain_tables *tables, const struct drain_counters *counters,
		    uint8_t iface, enum direction direction, struct coverage_direction *out);

/* drain_events_lost - events the datapath could not hand over, all CPUs. */
uint64_t drain_events_lost(const struct cpu_state *states, uint32_t cpus);
/* drain_events_skipped - events sampled out because their budget was spent, all CPUs. */
uint64_t drain_events_skipped(const struct cpu_state *states, uint32_t cpus);

/* drain_slots_used4, drain_slots_used6 - slots that ever held a counted flow, for the coverage. */
uint64_t drain_slots_used4(const struct drain_tables *tables);
uint64_t drain_slots_used6(const struct drain_tables *tables);

#endif
