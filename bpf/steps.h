/*
 * A packet's way through the datapath, the same at every hook and in user space.
 */
#ifndef SLUICE_BPF_STEPS_H
#define SLUICE_BPF_STEPS_H

#include "bpf/block.h"
#include "bpf/count.h"
#include "bpf/parse.h"

/* Leaving, and already counted where it entered. */
HOT bool packet_was_counted(const struct packet *p)
{
	__u32 origin = frame_origin(p->ctx, p->hook);

	return p->direction == ABI_EGRESS && origin && iface_find(p->ctx, origin);
}

/* True when the packet passes. */
HOT bool packet_passes(CONTEXT *ctx, enum hook hook, __u8 direction)
{
	struct packet p = { .ctx = ctx, .hook = hook, .direction = direction };
	enum skip_reason reason;

	if (!packet_begin(&p))
		return true;
	reason = packet_parse(&p);
	FORGET(reason);
	packet_measure(&p);
	count_seen(&p);
	if (UNLIKELY(packet_is_blocked(&p))) {
		count_dropped(&p);
		return false;
	}
	if (UNLIKELY(reason != SKIP_NONE))
		count_skipped(&p, reason);
	else if (packet_was_counted(&p))
		count_skipped(&p, SKIP_FORWARDED);
	else
		count_flow(&p);
	return true;
}

#endif
