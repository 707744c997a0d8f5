/*
 * The verdict. Bitmaps first, which end the matter for nearly every packet; then the entry of the
 * exact address, then the prefixes from the longest to shorter ones. An entry names a rule; the
 * rule says whether it applies. What would drop is dropped only while the lease runs, nobody
 * panicked, and the safe list does not hold the address.
 */
#ifndef SLUICE_BPF_BLOCK_H
#define SLUICE_BPF_BLOCK_H

#include "bpf/count.h"
#include "bpf/emit.h"
#include "bpf/hash.h"

#define SIDE_IN	 1 /* enum block_direction: the source of a packet that enters */
#define SIDE_OUT 2 /* the destination of one that leaves */

enum outcome {
	OUTCOME_NEXT, /* this entry says nothing: a shorter prefix may */
	OUTCOME_PASS, /* nothing may drop this address now */
	OUTCOME_DROP,
};

#define KIND_EXACT  1 /* the two bits of a /24 in bits24 */
#define KIND_PREFIX 2

HOT bool control_allows_drop(const struct control *word, __u64 boot_ns)
{
	if (word->flags & CONTROL_PANIC)
		return false;
	return !word->abi || boot_ns < word->lease_boot_ns;
}

/* ---- what is asked after a hit ---- */

/* @rule is a copy: its head in one load, so that a change by core is whole or not there. */
HOT bool rule_applies(const struct suspect *s, const struct rule *rule, __u64 boot_ns)
{
	if (!(rule->flags & RULE_ACTIVE) || (rule->direction && rule->direction != s->side))
		return false;
	if ((rule->proto && rule->proto != s->proto) || (rule->port && rule->port != s->dst_port))
		return false;
	return !rule->end_boot_ns || boot_ns < rule->end_boot_ns;
}

/* @family is a constant here and below: what the other family needs is not even compiled. */
HOT bool safe_holds(const struct suspect *s, const __u32 family)
{
	struct lpm4_key key4 = { 32, s->addr[0] };
	struct lpm6_key key6 = { 128, { 0 } };

	if (family == 4)
		return KEYED_ELEM(s->ctx, safe4, &key4) != NULL;
	__builtin_memcpy(key6.addr, s->addr, sizeof(key6.addr));
	return KEYED_ELEM(s->ctx, safe6, &key6) != NULL;
}

/* As safe_holds; the entry of an exact address keeps the answer as long as the list is the same. */
HOT bool safe_holds_exact(const struct suspect *s, const struct control *word,
			  struct block_entry *entry, const __u32 family)
{
	/* read before the list is asked: an answer may be older than its epoch, never newer */
	__u32 now = (VOLATILE(word->safe_epoch) + 1) << 1, cached = VOLATILE(entry->safe_cache);
	bool safe;

	if (LIKELY((cached ^ now) <= 1))
		return cached & 1;
	safe = safe_holds(s, family);
	VOLATILE(entry->safe_cache) = now | safe;
	return safe;
}

/* A hit: does it drop? @exact is a constant. */
HOT enum outcome entry_decide(const struct suspect *s, struct block_entry *entry, const bool exact,
			      const __u32 family)
{
	const struct control *word = ARRAY_ELEM(s->ctx, control, 0);
	const struct rule *found = ARRAY_ELEM(s->ctx, rules, entry->rule);
	struct rule rule;
	__u64 boot_ns;

	if (!found || !word)
		return OUTCOME_NEXT;
	rule.head = VOLATILE(found->head);
	rule.end_boot_ns = VOLATILE(found->end_boot_ns);
	boot_ns = clock_boot_ns(s, word);
	if (!rule_applies(s, &rule, boot_ns))
		return OUTCOME_NEXT;
	if (!control_allows_drop(word, boot_ns))
		return OUTCOME_PASS;
	if (exact ? safe_holds_exact(s, word, entry, family) : safe_holds(s, family))
		return OUTCOME_PASS;
	ATOMIC_ADD(&entry->packets, s->segments);
	ATOMIC_ADD(&entry->bytes, s->bytes);
	VOLATILE(entry->last_jiffies) = s->jiffies;
	/* a rule that only counts stands in no other rule's way */
	if (rule.flags & RULE_COUNT_ONLY)
		return OUTCOME_NEXT;
	emit_block_hit(s, entry->rule);
	return OUTCOME_DROP;
}

HOT struct block_entry *exact_find(const struct suspect *s, const __u32 family)
{
	__be32 addr4 = s->addr[0], addr6[4];

	if (family == 4)
		return KEYED_ELEM(s->ctx, block4, &addr4);
	__builtin_memcpy(addr6, s->addr, sizeof(addr6));
	return KEYED_ELEM(s->ctx, block6, addr6);
}

/* The longest prefix of at most @len bits that holds the address. */
HOT struct block_entry *prefix_find(const struct suspect *s, __u32 len, const __u32 family)
{
	struct lpm4_key key4 = { len, s->addr[0] };
	struct lpm6_key key6 = { len, { 0 } };

	if (family == 4)
		return KEYED_ELEM(s->ctx, lpm4, &key4);
	__builtin_memcpy(key6.addr, s->addr, sizeof(key6.addr));
	return KEYED_ELEM(s->ctx, lpm6, &key6);
}

HOT enum outcome suspect_decide(const struct suspect *s, const __u32 family)
{
	struct block_entry *entry;
	enum outcome outcome = OUTCOME_NEXT;
	__u32 len = family == 4 ? 32 : 128;

	if (s->kinds & KIND_EXACT) {
		entry = exact_find(s, family);
		if (entry)
			outcome = entry_decide(s, entry, true, family);
		if (outcome != OUTCOME_NEXT)
			return outcome;
	}
	for (int i = 0; i < LPM_WALK_MAX && s->kinds & KIND_PREFIX; i++) {
		entry = prefix_find(s, len, family);
		if (!entry)
			break;
		outcome = entry_decide(s, entry, false, family);
		if (outcome != OUTCOME_NEXT || !entry->prefix_len)
			return outcome;
		len = entry->prefix_len - 1;
	}
	return OUTCOME_NEXT;
}

/* The bitmaps did not clear @s. Return an enum outcome. */
APART int suspect4_decide(const struct suspect *s)
{
	return s ? suspect_decide(s, 4) : OUTCOME_NEXT;
}

APART int suspect6_decide(const struct suspect *s)
{
	return s ? suspect_decide(s, 6) : OUTCOME_NEXT;
}

/* ---- the bitmaps ---- */

/* KIND_ of entries that may hold an IPv4 address. */
HOT __u32 kinds4(const struct packet *p, __be32 addr)
{
	__u32 host = NTOHL(addr);
	const __u64 *word = ARRAY_ELEM(p->ctx, bits16, host >> 22);

	if (!word || !(*word >> (host >> 16 & 63) & 1))
		return 0;
	word = ARRAY_ELEM(p->ctx, bits24, host >> 13);
	return word ? *word >> (host >> 8 & 31) * 2 & (KIND_EXACT | KIND_PREFIX) : 0;
}

/* As kinds4. One bit per hashed /48 tells neither kind from the other, nor anything of shorter
 * prefixes; what exists at all is in the control word. */
HOT __u32 kinds6(const struct packet *p, const __be32 *addr)
{
	__u32 bit = bits48_index(addr[0] | (__u64)addr[1] << 32);
	const __u64 *bits = ARRAY_ELEM(p->ctx, bits48, bit >> 6);
	const struct control *word = ARRAY_ELEM(p->ctx, control, 0);

	if (bits && *bits >> (bit & 63) & 1)
		return KIND_EXACT | KIND_PREFIX;
	return word && word->flags & CONTROL_SHORT6 ? KIND_PREFIX : 0;
}

HOT bool address_drops(const struct packet *p, const __be32 *addr, __u32 side)
{
	__u32 kinds = p->family == 4 ? kinds4(p, addr[0]) : kinds6(p, addr);
	struct suspect s;

	if (LIKELY(!kinds))
		return false;
	__builtin_memset(&s, 0, sizeof(s));
#ifdef SLUICE_USER
	s.ctx = p->ctx;
#endif
	__builtin_memcpy(s.addr, addr, sizeof(s.addr));
	__builtin_memcpy(s.src, p->src, sizeof(s.src));
	__builtin_memcpy(s.dst, p->dst, sizeof(s.dst));
	s.src_port = p->src_port;
	s.dst_port = p->dst_port;
	s.family = p->family;
	s.proto = p->proto;
	s.direction = p->direction;
	s.iface = p->iface;
	s.side = side;
	s.kinds = kinds;
	s.cpu = CPU_ID(p->ctx);
	s.ip_bytes = p->ip_bytes;
	s.jiffies = clock_jiffies(p->ctx);
	s.segments = p->segments;
	s.bytes = p->bytes;
	return (p->family == 4 ? suspect4_decide(&s) : suspect6_decide(&s)) == OUTCOME_DROP;
}

/*
 * The source of what enters; the destination of what leaves, and the source of a packet forwarded
 * through this host when it entered where nobody checked.
 */
HOT bool packet_is_blocked(const struct packet *p)
{
	if (p->direction == ABI_INGRESS)
		return address_drops(p, p->src, SIDE_IN);
	if (address_drops(p, p->dst, SIDE_OUT))
		return true;
	return frame_origin(p->ctx, p->hook) && !packet_was_counted(p) &&
	       address_drops(p, p->src, SIDE_IN);
}

#endif
