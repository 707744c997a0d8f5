/*
 * One delta into one flow: counters, times, flags, who began it, what state it is in.
 * A slot of the kernel's cache can outlive a flow: its first time and its flags then also tell of
 * the flow before. Such a slot began before the entry's floor ("stale") and is believed less.
 */
#include <netinet/in.h>
#include <string.h>

#include "agent/flow/internal.h"
#include "agent/util/clock.h"

/* DESIGN 6; two seconds let the late packets of a closed connection join it. */
#define IDLE_NS		    (15 * NS_PER_S)
#define IDLE_ESTABLISHED_NS (300 * NS_PER_S)
#define IDLE_CLOSED_NS	    (2 * NS_PER_S)

/* Both ways of a flow are read within one scan; a slot being rewritten comes with the next. */
#define SETTLE_SCANS 2

/* How far wall time minus monotonic time, each cut to ms, differs between readings: measured 1. */
#define CLOCK_JITTER_MS 10

/* No two jiffies are nearer (HZ=1000 at most); edges found anew differ by less. */
#define JIFFY_LEAST_NS NS_PER_MS

#define SYN TCP_FLAG_SYN
#define ACK TCP_FLAG_ACK
#define FIN TCP_FLAG_FIN
#define RST TCP_FLAG_RST

static enum way way_of(const struct entry *entry, const struct flow_delta *delta)
{
	const struct five_tuple *a = &entry->flow.tuple, *b = &delta->tuple;

	if (a->src_port == b->src_port && a->dst_port == b->dst_port &&
	    memcmp(a->src.bytes, b->src.bytes, sizeof(a->src.bytes)) == 0 &&
	    a->src.family == b->src.family)
		return WAY_OUT;
	return WAY_IN;
}

void merge_begin(struct entry *entry, const struct flow_delta *delta, uint64_t floor_ns)
{
	*entry = (struct entry){
		.flow = { .tuple = delta->tuple,
			  .iface = delta->iface,
			  .state = FLOW_NEW,
			  .first_ns = UINT64_MAX },
		.first_ns = { UINT64_MAX, UINT64_MAX },
		.floor_ns = floor_ns,
	};
}

/* ---- times and flags ------------------------------------------------------------------------ */

/* When this delta's packets began, as near as can be known. */
static uint64_t begin_of(const struct entry *entry, const struct flow_delta *delta)
{
	uint64_t first = delta->first_ns;

	if (first < entry->floor_ns) /* of a single packet the last time is the first, too */
		first = delta->packets == 1 ? delta->last_ns : entry->floor_ns;
	return first < delta->last_ns ? first : delta->last_ns;
}

static void merge_times(struct entry *entry, const struct flow_delta *delta, enum way way,
			int64_t unix_minus_mono_ms)
{
	struct flow *flow = &entry->flow;
	uint64_t first = begin_of(entry, delta);

	if (first < entry->first_ns[way])
		entry->first_ns[way] = first;
	if (first < flow->first_ns) {
		flow->first_ns = first;
		flow->start_unix_ms = (int64_t)(first / NS_PER_MS) + unix_minus_mono_ms;
	}
	if (delta->last_ns >= flow->last_ns) {
		flow->last_ns = delta->last_ns;
		flow->end_unix_ms = (int64_t)(delta->last_ns / NS_PER_MS) + unix_minus_mono_ms;
	}
	/* Two readings of the clocks; a greater step back of wall time is left to be seen. */
	if (flow->end_unix_ms < flow->start_unix_ms &&
	    flow->start_unix_ms - flow->end_unix_ms <= CLOCK_JITTER_MS)
		flow->end_unix_ms = flow->start_unix_ms;
}

/*
 * Flags are the OR over a slot's life, so those of a stale slot may belong to the connection
 * before, unless they are told for the first time. What every packet of the slot must have carried
 * is true of the new packets, too: SYN without ACK (repeated attempts), RST alone or with ACK
 * (repeated refusals).
 */
static uint8_t doubtful_flags(uint8_t flags)
{
	if (flags == SYN || flags == RST || flags == (RST | ACK))
		return 0;
	return flags & (flags & ACK ? SYN | FIN | RST : FIN | RST);
}

static uint8_t believed_flags(struct entry *entry, const struct flow_delta *delta, enum way way)
{
	if (delta->first_ns >= entry->floor_ns)
		return delta->tcp_flags;
	if (!entry->has_stale[way]) {
		entry->has_stale[way] = true;
		entry->stale[way] = doubtful_flags(delta->tcp_flags) & (uint8_t)~delta->new_flags;
	}
	return delta->tcp_flags & (uint8_t)~entry->stale[way];
}

/* ---- who began it --------------------------------------------------------------------------- */

#define SWAP(a, b)                      \
	do {                            \
		__typeof__(a) t_ = (a); \
		(a) = (b);              \
		(b) = t_;               \
	} while (0)

static void turn_round(struct entry *entry)
{
	struct flow *flow = &entry->flow;

	SWAP(flow->tuple.src, flow->tuple.dst);
	SWAP(flow->tuple.src_port, flow->tuple.dst_port);
	SWAP(flow->tcp_flags_out, flow->tcp_flags_in);
	SWAP(flow->packets_out, flow->packets_in);
	SWAP(flow->bytes_out, flow->bytes_in);
	SWAP(flow->cut_packets_out, flow->cut_packets_in);
	SWAP(flow->cut_bytes_out, flow->cut_bytes_in);
	SWAP(entry->first_ns[WAY_OUT], entry->first_ns[WAY_IN]);
	SWAP(entry->stale[WAY_OUT], entry->stale[WAY_IN]);
	SWAP(entry->has_stale[WAY_OUT], entry->has_stale[WAY_IN]);
	SWAP(entry->has_opening[WAY_OUT], entry->has_opening[WAY_IN]);
	SWAP(entry->enters[WAY_OUT], entry->enters[WAY_IN]);
}

static bool responder_comes_first(const struct entry *entry)
{
	const uint64_t *first = entry->first_ns;

	uint64_t apart = first[WAY_IN] < first[WAY_OUT] ? first[WAY_OUT] - first[WAY_IN]
							: first[WAY_IN] - first[WAY_OUT];

	/* Within one jiffy there is no order: clients use the higher port (RFC 6335 6). */
	if (apart < JIFFY_LEAST_NS)
		return entry->flow.tuple.dst_port > entry->flow.tuple.src_port;
	return first[WAY_IN] < first[WAY_OUT];
}

static void find_initiator(struct entry *entry, uint32_t scan)
{
	bool has_both =
		entry->first_ns[WAY_OUT] != UINT64_MAX && entry->first_ns[WAY_IN] != UINT64_MAX;

	if (entry->is_fixed)
		return;
	if (entry->has_opening[WAY_OUT] != entry->has_opening[WAY_IN]) {
		if (entry->has_opening[WAY_IN])
			turn_round(entry);
		entry->is_fixed = true;
		return;
	}
	if (!has_both)
		return;
	if (!entry->settle_scan)
		entry->settle_scan = scan + SETTLE_SCANS;
	if ((int32_t)(scan - entry->settle_scan) >= 0)
		entry->is_fixed = true;
	else if (responder_comes_first(entry))
		turn_round(entry);
}

/* By its own packets; where there are none, the other way round from the answers. */
static void find_direction(struct entry *entry)
{
	bool has_out = entry->first_ns[WAY_OUT] != UINT64_MAX;

	entry->flow.ingress = has_out ? entry->enters[WAY_OUT] : !entry->enters[WAY_IN];
}

/* ---- state ---------------------------------------------------------------------------------- */

static void find_state(struct flow *flow)
{
	uint8_t both = flow->tcp_flags_out & flow->tcp_flags_in;
	uint8_t any = flow->tcp_flags_out | flow->tcp_flags_in;

	if (flow->tuple.proto != IPPROTO_TCP) {
		if (flow->packets_out && flow->packets_in)
			flow->state = FLOW_ESTABLISHED;
	} else if (both & FIN || any & RST) {
		flow->state = FLOW_CLOSED;
	} else if (both & ACK && flow->state == FLOW_NEW) {
		flow->state = FLOW_ESTABLISHED; /* a SYN flood's answers are never acknowledged */
	}
}

uint64_t merge_idle_ns(const struct entry *entry)
{
	if (entry->flow.state == FLOW_CLOSED)
		return IDLE_CLOSED_NS;
	if (entry->flow.state == FLOW_ESTABLISHED && entry->flow.tuple.proto == IPPROTO_TCP)
		return IDLE_ESTABLISHED_NS;
	return IDLE_NS;
}

/*
 * Late packets and retransmissions of a closed connection stay with it. The next connection shows
 * by a SYN in a slot that began after everything known, or by one more packet in a slot whose
 * packets are all SYNs.
 */
bool merge_is_reopened(const struct entry *entry, const struct flow_delta *delta)
{
	const struct flow *flow = &entry->flow;
	bool was_seen = way_of(entry, delta) == WAY_OUT ? flow->packets_out : flow->packets_in;

	if (flow->state != FLOW_CLOSED || !(delta->tcp_flags & SYN))
		return false;
	if (delta->first_ns > flow->last_ns)
		return true;
	return !(delta->tcp_flags & ACK) && was_seen && delta->last_ns > flow->last_ns;
}

void merge_delta(struct entry *entry, const struct flow_delta *delta, int64_t unix_minus_mono_ms,
		 uint32_t scan)
{
	struct flow *flow = &entry->flow;
	enum way way = way_of(entry, delta);
	uint8_t flags = 0;

	if (delta->tuple.proto == IPPROTO_TCP)
		flags = believed_flags(entry, delta, way);
	if (way == WAY_OUT) {
		flow->packets_out += delta->packets;
		flow->bytes_out += delta->bytes;
		flow->tcp_flags_out |= flags;
	} else {
		flow->packets_in += delta->packets;
		flow->bytes_in += delta->bytes;
		flow->tcp_flags_in |= flags;
	}
	if ((flags & (SYN | ACK)) == SYN || delta->asks)
		entry->has_opening[way] = true;
	if (!flow->vlan)
		flow->vlan = delta->vlan;
	merge_times(entry, delta, way, unix_minus_mono_ms);
	entry->enters[way] = delta->direction == DIRECTION_INGRESS;
	find_initiator(entry, scan);
	find_direction(entry);
	find_state(flow);
}
