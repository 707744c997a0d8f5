/*
 * Rules: what one, or a set of them, says of a packet, whatever target led to it (an address,
 * bpf/block.h; a name, bpf/domain.h). Rules are small words of one table that core changes in
 * single stores.
 */
#ifndef SLUICE_BPF_RULE_H
#define SLUICE_BPF_RULE_H

#include "bpf/count.h"
#include "bpf/emit.h"
#include "bpf/hash.h"

#define SIDE_IN	 1 /* enum block_direction: the source of a packet that enters */
#define SIDE_OUT 2 /* the destination of one that leaves */

HOT bool control_allows_drop(const struct control *word, __u64 boot_ns)
{
	if (word->flags & CONTROL_PANIC)
		return false;
	return !word->abi || boot_ns < word->lease_boot_ns;
}

/* ---- what is told to a function apart ---- */

/* Where the maps are, which the kernel's programs know; and room for a suspect, which is off the
 * stack there: with the loops of bpf/domain.h above it 512 bytes would not do, and what a map holds
 * is no state for the verifier. */
#ifdef SLUICE_USER
#define CTX_OF(s)      ((s)->ctx)
#define SUSPECT_ROOM() (&(struct suspect){ 0 })
#else
#define CTX_OF(s) ((void *)NULL)

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct suspect);
} suspects SEC(".maps");

#define SUSPECT_ROOM() ((struct suspect *)ARRAY_ELEM(NULL, suspects, 0))
#endif

/* What the functions apart need to know of a packet. */
HOT void suspect_begin(struct suspect *s, const struct packet *p, __u32 side)
{
#ifdef SLUICE_USER
	s->ctx = p->ctx;
#endif
	__builtin_memcpy(s->src, p->src, sizeof(s->src));
	__builtin_memcpy(s->dst, p->dst, sizeof(s->dst));
	s->src_port = src_port(p);
	s->dst_port = dst_port(p);
	s->family = (__u8)p->family;
	s->proto = (__u8)p->proto;
	s->direction = p->direction;
	s->iface = (__u8)packet_iface(p);
	s->side = side;
	s->cpu = p->cpu;
	s->ip_bytes = p->ip_bytes;
	s->jiffies = clock_jiffies(p->ctx);
	s->segments = p->segments;
	s->bytes = p->bytes;
}

/* ---- what a rule says ---- */

/* What is asked of a rule; numbers that stay in registers. */
struct scope {
	__u32 side; /* enum block_direction whose rules are asked: in or out */
	__u32 proto;
	__be16 port;
};

/* What one rule, or the first of several that drops, else that counts, says; 0: nothing. */
#define SAYS_COUNT     1
#define SAYS_DROP      2
#define SAYS_REFUSE    4
#define SAYS_RULE(say) ((say) >> 3)

/* @rule is a copy: its head in one load, so that a change by core is whole or not there. */
HOT bool rule_applies(const struct rule *rule, const struct scope *scope, __u64 boot_ns)
{
	if (!(rule->flags & RULE_ACTIVE) || (rule->direction && rule->direction != scope->side))
		return false;
	if ((rule->proto && rule->proto != scope->proto) ||
	    (rule->port && rule->port != scope->port))
		return false;
	return !rule->end_boot_ns || boot_ns < rule->end_boot_ns;
}

HOT struct rule rule_copy(const struct rule *found)
{
	struct rule rule;

	rule.head = VOLATILE(found->head);
	rule.end_boot_ns = VOLATILE(found->end_boot_ns);
	return rule;
}

HOT __u32 rule_says(CONTEXT *ctx, __u32 id, const struct scope *scope, __u64 boot_ns)
{
	const struct rule *found = ARRAY_ELEM(ctx, rules, id);
	struct rule rule;

	if (!found)
		return 0;
	rule = rule_copy(found);
	if (!rule_applies(&rule, scope, boot_ns))
		return 0;
	if (rule.flags & RULE_COUNT_ONLY)
		return id << 3 | SAYS_COUNT;
	return id << 3 | (rule.flags & RULE_REFUSE ? SAYS_REFUSE : 0) | SAYS_DROP | SAYS_COUNT;
}

HOT struct scope scope_of(const struct suspect *s)
{
	return (struct scope){ s->side, s->proto, s->dst_port };
}

/* The rules of a set, from the first. */
APART int set_says(const struct suspect *s, __u32 index, __u64 boot_ns)
{
	const struct rule_set *set;
	struct scope scope;
	__u32 says = 0, one;

	if (!s)
		return 0;
	set = ARRAY_ELEM(s->ctx, rule_sets, index);
	scope = scope_of(s);
	for (int i = 0; set && i < RULE_SET_WAYS && !(says & SAYS_DROP); i++) {
		__u32 id = VOLATILE(set->rule[i]);

		if (!id)
			break;
		one = rule_says(CTX_OF(s), id, &scope, boot_ns);
		if (one & SAYS_DROP || !says)
			says = one;
	}
	return (int)says;
}

/* What the rule of an entry says, or its set. */
HOT __u32 entry_says(const struct suspect *s, __u32 rule, __u64 boot_ns)
{
	struct scope scope = scope_of(s);

	if (UNLIKELY(rule & ENTRY_SET))
		return (__u32)set_says(s, rule & ~ENTRY_SET, boot_ns);
	return rule_says(CTX_OF(s), rule, &scope, boot_ns);
}

#endif
