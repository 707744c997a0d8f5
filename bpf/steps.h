/*
 * A packet's way through the datapath, the same at every hook and in user space.
 */
#ifndef SLUICE_BPF_STEPS_H
#define SLUICE_BPF_STEPS_H

#include "bpf/block.h"
#include "bpf/count.h"
#include "bpf/parse.h"

/* No IP header that could be read: nothing to check, nothing to flow. */
HOT void packet_skip(struct packet *p, enum skip_reason reason)
{
	struct iface_counters *counters = counters_find(p);

	packet_measure(p);
	if (!counters)
		return;
	count_seen(counters, p);
	count_skipped(counters, p, reason);
}

/* From the transport header on. @reason: not a flow, but its addresses are known. */
HOT bool packet_finish(struct packet *p, enum skip_reason reason)
{
	struct iface_counters *counters;

	parse_transport(p);
	packet_measure(p);
	counters = counters_find(p);
	if (!counters)
		return true;
	count_seen(counters, p);
	if (UNLIKELY(packet_is_blocked(p))) {
		count_dropped(counters, p);
		return false;
	}
	if (UNLIKELY(reason != SKIP_NONE))
		count_skipped(counters, p, reason);
	else if (packet_was_counted(p))
		count_skipped(counters, p, SKIP_FORWARDED);
	else if (!count_flow(p))
		count_unattributed(counters, p);
	return true;
}

HOT bool packet4_passes(struct packet *p)
{
	enum skip_reason reason = parse_ipv4(p);

	if (LIKELY(reason == SKIP_NONE)) {
		p->family = 4;
		return packet_finish(p, SKIP_NONE);
	}
	packet_skip(p, reason);
	return true;
}

HOT bool packet6_passes(struct packet *p)
{
	enum skip_reason reason = parse_ipv6(p);

	if (LIKELY(reason != SKIP_IPV6_HEADER)) {
		p->family = 6;
		return packet_finish(p, reason);
	}
	packet_skip(p, reason);
	return true;
}

/* True when the packet passes. By family early on: each way has its own state and no other's. */
HOT bool packet_passes(CONTEXT *ctx, enum hook hook, __u8 direction)
{
	struct packet p = { .ctx = ctx, .hook = hook, .direction = direction };
	enum skip_reason reason;
	__u32 type = 0;

	packet_begin(&p);
	reason = parse_link(&p, &type);
	if (reason == SKIP_NONE && type == ETHER_IPV4)
		return packet4_passes(&p);
	if (reason == SKIP_NONE && type == ETHER_IPV6)
		return packet6_passes(&p);
	if (reason == SKIP_NONE)
		reason = type == ETHER_ARP ? SKIP_ARP : SKIP_NOT_IP;
	packet_skip(&p, reason);
	return true;
}

#endif
