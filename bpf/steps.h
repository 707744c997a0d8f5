/*
 * A packet's way through the datapath, the same at every hook and in user space.
 */
#ifndef SLUICE_BPF_STEPS_H
#define SLUICE_BPF_STEPS_H

#include "bpf/block.h"
#include "bpf/count.h"
#include "bpf/names.h"
#include "bpf/parse.h"
#include "bpf/parse_carrier.h"

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

/* A packet that no address blocks: by its name it may be dropped, else it is in a flow. */
HOT enum packet_verdict packet_count(struct packet *p, struct iface_counters *counters)
{
	struct flow_place place;
	struct flow_value *value = flow_find(p, &place);
	enum packet_verdict verdict = packet_hear(p, value);

	if (UNLIKELY(verdict != PACKET_PASS))
		count_dropped(counters, p);
	else if (LIKELY(value))
		value_grow(value, p);
	else if (!flow_insert(p, &place))
		count_unattributed(counters, p);
	return verdict;
}

/* From the transport header on. @reason: not a flow, but its addresses are known. */
HOT enum packet_verdict packet_finish(struct packet *p, enum skip_reason reason)
{
	struct iface_counters *counters;

	parse_transport(p);
	packet_measure(p);
	counters = counters_find(p);
	if (!counters)
		return PACKET_PASS;
	count_seen(counters, p);
	if (UNLIKELY(packet_is_blocked(p))) {
		count_dropped(counters, p);
		return PACKET_DROP;
	}
	if (UNLIKELY(reason != SKIP_NONE))
		count_skipped(counters, p, reason);
	else if (packet_was_counted(p))
		count_skipped(counters, p, SKIP_FORWARDED);
	else
		return packet_count(p, counters);
	return PACKET_PASS;
}

HOT enum packet_verdict packet4_judge(struct packet *p)
{
	enum skip_reason reason = parse_ipv4(p);

	if (LIKELY(reason == SKIP_NONE)) {
		p->family = 4;
		return packet_finish(p, SKIP_NONE);
	}
	packet_skip(p, reason);
	return PACKET_PASS;
}

HOT enum packet_verdict packet6_judge(struct packet *p)
{
	enum skip_reason reason = parse_ipv6(p);

	if (LIKELY(reason != SKIP_IPV6_HEADER)) {
		p->family = 6;
		return packet_finish(p, reason);
	}
	packet_skip(p, reason);
	return PACKET_PASS;
}

/* By family early on: each way has its own state and no other's. */
HOT enum packet_verdict packet_judge(CONTEXT *ctx, enum hook hook, __u8 direction)
{
	struct packet p = { .ctx = ctx, .hook = hook, .direction = direction };
	enum skip_reason reason;
	__u32 type = 0;

	packet_begin(&p);
	reason = parse_link(&p, &type);
	if (UNLIKELY(reason == SKIP_NONE && type != ETHER_IPV4 && type != ETHER_IPV6))
		reason = parse_carrier(&p, &type);
	if (reason == SKIP_NONE && type == ETHER_IPV4)
		return packet4_judge(&p);
	if (reason == SKIP_NONE)
		return packet6_judge(&p);
	packet_skip(&p, reason);
	return PACKET_PASS;
}

#endif
