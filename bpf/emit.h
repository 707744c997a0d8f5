/*
 * Time and events. Reading the clock costs more than a blocklist hit, so boot time is kept per CPU
 * and read again when the jiffies have changed; events have budgets per CPU.
 */
#ifndef SLUICE_BPF_EMIT_H
#define SLUICE_BPF_EMIT_H

#include "bpf/parse.h"

/* One block hit a jiffy, so at most 100 to 1000 a second and CPU, after a first burst: enough
 * tuples to see who is being dropped, whatever the flood. Exact counts are in the entries. */
#define EVENT_BURST 64

/* First bytes: 16 a jiffy after a burst. The ring of 1 MiB holds some 2000 events of 400 bytes
 * until core comes, every 100 ms, so what is over the budget would mostly find it full. */
#define PAYLOAD_BURST	  4096
#define PAYLOAD_PER_JIFFY 16

/* What the verdict needs to know of a packet: numbers only, so that it can be a function apart. */
struct suspect {
#ifdef SLUICE_USER
	CONTEXT *ctx; /* where the maps are; the kernel's programs know theirs */
#endif
	__be32 addr[4]; /* the address in question; IPv4: the first word */
	__be32 src[4], dst[4];
	__be16 src_port, dst_port;
	__u8 family, proto, direction, iface;
	__u32 side;  /* enum block_direction whose rules speak of this address: in or out */
	__u32 kinds; /* KIND_ of entries that may exist for it */
	__u32 cpu;
	__u32 ip_bytes;
	__u64 jiffies;
	__u64 segments;
	__u64 bytes;
};

/* Boot time, at most one jiffy old. */
HOT __u64 clock_boot_ns(const struct suspect *s, const struct control *control)
{
	struct cpu_state *cpu = ARRAY_ELEM(s->ctx, cpus, s->cpu);

	if (REPLAY_CLOCK(s->ctx))
		return control->replay_boot_ns;
	if (!cpu)
		return BOOT_NS(s->ctx);
	if (cpu->jiffies != s->jiffies) {
		cpu->boot_ns = BOOT_NS(s->ctx);
		cpu->jiffies = s->jiffies;
	}
	return cpu->boot_ns;
}

/* A capture that is replayed has no budget: nothing of it is sampled. */
HOT bool budget_is_off(const struct suspect *s)
{
	const struct control *word = WORD(s->ctx, control);

	return word->flags & CONTROL_REPLAY;
}

/* Tokens of a bucket that gains @rate a jiffy and holds @burst. */
HOT __u64 tokens_gained(__u64 tokens, __u64 jiffies, const __u64 rate, const __u64 burst)
{
	if (jiffies > burst)
		return burst;
	tokens += jiffies * rate;
	return tokens < burst ? tokens : burst;
}

/* Takes one token of this CPU's bucket, which must hold more than @reserve. */
HOT bool event_is_due(const struct suspect *s, struct cpu_state *cpu, __u64 reserve)
{
	if (budget_is_off(s))
		return true;
	cpu->tokens = tokens_gained(cpu->tokens, s->jiffies - cpu->tokens_jiffies, 1, EVENT_BURST);
	cpu->tokens_jiffies = s->jiffies;
	if (cpu->tokens <= reserve)
		return false;
	cpu->tokens--;
	return true;
}

/* As event_is_due, of the bucket for first bytes, which must hold more than @reserve. */
HOT bool payload_is_due(const struct suspect *s, struct cpu_state *cpu, __u64 reserve)
{
	if (budget_is_off(s))
		return true;
	cpu->payload_tokens = tokens_gained(cpu->payload_tokens, s->jiffies - cpu->payload_jiffies,
					    PAYLOAD_PER_JIFFY, PAYLOAD_BURST);
	cpu->payload_jiffies = s->jiffies;
	if (cpu->payload_tokens <= reserve)
		return false;
	cpu->payload_tokens--;
	return true;
}

HOT void event_fill(struct event_record *event, const struct suspect *s, __u8 kind)
{
	event->kind = kind;
	event->direction = s->direction;
	event->iface = s->iface;
	event->family = s->family;
	event->rule = 0;
	event->jiffies = (__u32)s->jiffies;
	event->ip_bytes = s->ip_bytes;
	__builtin_memcpy(event->key.src, s->src, sizeof(s->src));
	__builtin_memcpy(event->key.dst, s->dst, sizeof(s->dst));
	event->key.src_port = s->src_port;
	event->key.dst_port = s->dst_port;
	event->key.proto = s->proto;
	event->key.direction = s->direction;
	event->key.iface = s->iface;
	event->key.used = 1;
	event->layer = LAYER_ADDRESS;
	__builtin_memset(event->zero, 0, sizeof(event->zero));
}

/* What is only counted leaves this much of the budget to what is dropped. */
#define COUNT_RESERVE (EVENT_BURST / 2)

/* A packet that @rule dropped at @layer, or let pass (@kind), sampled. */
HOT void emit_hit(const struct suspect *s, __u8 kind, __u32 rule, __u8 layer)
{
	struct cpu_state *cpu = ARRAY_ELEM(s->ctx, cpus, s->cpu);
	struct event_record *event;

	if (!cpu)
		return;
	if (!event_is_due(s, cpu, kind == EVENT_COUNT_HIT ? COUNT_RESERVE : 0)) {
		cpu->events_skipped++;
		return;
	}
	event = EVENT_RESERVE(s->ctx, sizeof(*event));
	if (!event) {
		cpu->events_lost++;
		return;
	}
	event_fill(event, s, kind);
	event->rule = rule;
	event->layer = layer;
	RING_SUBMIT(s->ctx, event);
}

#endif
