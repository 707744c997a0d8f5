/*
 * Time and events. Reading the clock costs more than a blocklist hit, so boot time is kept per CPU
 * and read again when the jiffies have changed; events have a budget per CPU.
 */
#ifndef SLUICE_BPF_EMIT_H
#define SLUICE_BPF_EMIT_H

#include "bpf/parse.h"

/* One event a jiffy, so at most 100 to 1000 a second and CPU, after a first burst: enough tuples
 * to see who is being dropped, whatever the flood. Exact counts are in the entries. */
#define EVENT_BURST 64

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

/* Takes one token of this CPU's bucket. */
HOT bool event_is_due(const struct suspect *s, struct cpu_state *cpu)
{
	__u64 gained = s->jiffies - cpu->tokens_jiffies;

	if (gained) {
		cpu->tokens_jiffies = s->jiffies;
		cpu->tokens =
			gained < EVENT_BURST - cpu->tokens ? cpu->tokens + gained : EVENT_BURST;
	}
	if (!cpu->tokens)
		return false;
	cpu->tokens--;
	return true;
}

/* A packet that @rule dropped at @layer, sampled. */
HOT void emit_block_hit(const struct suspect *s, __u32 rule, __u8 layer)
{
	struct cpu_state *cpu = ARRAY_ELEM(s->ctx, cpus, s->cpu);
	struct event_record *event;

	if (!cpu)
		return;
	if (!event_is_due(s, cpu)) {
		cpu->events_skipped++;
		return;
	}
	event = EVENT_RESERVE(s->ctx, sizeof(*event));
	if (!event) {
		cpu->events_lost++;
		return;
	}
	event->kind = EVENT_BLOCK_HIT;
	event->direction = s->direction;
	event->iface = s->iface;
	event->family = s->family;
	event->rule = rule;
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
	event->layer = layer;
	__builtin_memset(event->zero, 0, sizeof(event->zero));
	RING_SUBMIT(s->ctx, event);
}

#endif
