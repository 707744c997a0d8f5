/*
 * A packet's way through the datapath, the same at every hook and in user space.
 */
#ifndef SLUICE_BPF_STEPS_H
#define SLUICE_BPF_STEPS_H

#include "bpf/block.h"
#include "bpf/count.h"
#include "bpf/lan.h"
#include "bpf/names.h"
#include "bpf/parse.h"
#include "bpf/parse_carrier.h"
#include "bpf/plain.h"

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

/*
 * A packet that no address blocks: by its name it may be dropped, else it is in a flow. One that
 * leaves and was counted where it entered is in a flow already; rules of names for what leaves were
 * not asked there.
 */
HOT enum packet_verdict packet_count(struct packet *p, struct iface_counters *counters)
{
	const struct control *word = WORD(p->ctx, control);
	bool is_told = packet_was_counted(p);
	struct flow_value *value = is_told ? NULL : flow_take(p);
	enum packet_verdict verdict = PACKET_PASS;

	if (!is_told || word->flags & CONTROL_DOMAINS)
		verdict = packet_hear(p, value, is_told);
	if (UNLIKELY(verdict != PACKET_PASS)) {
		count_dropped(counters, p);
	} else if (is_told) {
		count_skipped(counters, p, SKIP_FORWARDED);
	} else if (LIKELY(value)) {
		value_flag(value, p);
		value_grow(value, p);
	} else {
		count_unattributed(counters, p);
	}
	return verdict;
}

/*
 * What was read of a packet becomes, for the verifier, any number at all: 6.1 proves the rest anew
 * for every packet whose ports, flags or sizes it believes to know, and gives up at a million
 * instructions. By ^=, for |= would leave known ones known. At run time nothing changes: the word
 * is 0. XDP has few such ways.
 */
HOT void packet_blur(struct packet *p)
{
	const struct control *word;
	__u32 zero;

	if (p->hook != HOOK_TC)
		return;
	word = WORD(p->ctx, control);
	zero = VOLATILE(word->zero);
	p->proto ^= zero;
	p->tcp_head ^= zero;
	p->no_ports ^= zero;
	p->vlan ^= zero;
	p->ports ^= zero;
	p->l4 ^= zero;
	FORGET(p->l4);
	p->l4 &= L4_MASK;
	p->ip_bytes ^= zero;
	p->frag ^= zero;
	p->frag_at ^= zero;
	p->segments ^= zero;
	p->bytes ^= zero;
	p->wire_bytes ^= zero;
}

/* Once all of it is read. @reason: not a flow, but its addresses are known. */
HOT enum packet_verdict packet_settle(struct packet *p, enum skip_reason reason)
{
	struct iface_counters *counters = counters_find(p);

	if (!counters)
		return PACKET_PASS;
	count_seen(counters, p);
	if (UNLIKELY(packet_is_blocked(p))) {
		count_dropped(counters, p);
		return PACKET_DROP;
	}
	if (UNLIKELY(reason != SKIP_NONE))
		count_skipped(counters, p, reason);
	else
		return packet_count(p, counters);
	return PACKET_PASS;
}

/* From the transport header on. */
HOT enum packet_verdict packet_finish(struct packet *p, enum skip_reason reason)
{
	parse_transport(p);
	packet_measure(p);
	packet_blur(p);
	return packet_settle(p, reason);
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
		if (reason == SKIP_NONE)
			packet_hear_neighbour(p);
		return packet_finish(p, reason);
	}
	packet_skip(p, reason);
	return PACKET_PASS;
}

/* By family early on: each way has its own state and no other's. */
HOT enum packet_verdict packet_walk(struct packet *p)
{
	__u32 type = 0;
	enum skip_reason reason = parse_link(p, &type);

	if (UNLIKELY(reason == SKIP_NONE && type != ETHER_IPV4 && type != ETHER_IPV6))
		reason = parse_carrier(p, &type);
	if (reason == SKIP_NONE && type == ETHER_IPV4)
		return packet4_judge(p);
	if (reason == SKIP_NONE)
		return packet6_judge(p);
	if (reason == SKIP_ARP)
		packet_tell(p);
	packet_skip(p, reason);
	return PACKET_PASS;
}

/* Any packet. @is_seen: it is counted as that already. */
HOT enum packet_verdict packet_judge_any(CONTEXT *ctx, enum hook hook, __u8 direction, bool is_seen)
{
	struct packet p = { .ctx = ctx, .hook = hook, .direction = direction, .is_seen = is_seen };

	packet_begin(&p);
	return packet_walk(&p);
}

#ifdef SLUICE_USER
#define packet_judge(ctx, hook, direction) packet_judge_any(ctx, hook, direction, false)
#else

/* The short way, where it goes. */
HOT enum packet_verdict packet_judge_xdp(struct xdp_md *ctx)
{
	enum plain_end end = packet_plain(ctx);

	if (LIKELY(end == PLAIN_PASS))
		return PACKET_PASS;
	if (end == PLAIN_DROP)
		return PACKET_DROP;
	return packet_judge_any(ctx, HOOK_XDP, ABI_INGRESS, end == PLAIN_SEEN);
}

HOT enum packet_verdict packet_judge(CONTEXT *ctx, enum hook hook, __u8 direction)
{
	return hook == HOOK_XDP ? packet_judge_xdp(ctx)
				: packet_judge_any(ctx, hook, direction, false);
}
#endif

#endif
