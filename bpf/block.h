/*
 * The verdict. Bitmaps first, which end the matter for nearly every packet; then the entry of the
 * exact address, then the prefixes from the longest to shorter ones. An entry names a rule; the
 * rule says whether it applies. What would drop is dropped only while the lease runs, nobody
 * panicked, and the safe list does not hold the address.
 */
#ifndef SLUICE_BPF_BLOCK_H
#define SLUICE_BPF_BLOCK_H

#include "bpf/count.h"
#include "bpf/rule.h"

enum outcome {
	OUTCOME_NEXT, /* this entry says nothing: a shorter prefix may */
	OUTCOME_PASS, /* nothing may drop this address now */
	OUTCOME_DROP,
};

#define KIND_EXACT  1 /* the two bits of a /24 in bits24 */
#define KIND_PREFIX 2

/* ---- what is asked after a hit ---- */

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

/* What an entry's safe_cache is when the list of now does not hold it. */
HOT __u32 safe_cache_not(const struct control *word)
{
	return (VOLATILE(word->safe_epoch) + 1) << 1;
}

/* As safe_holds; the entry of an exact address keeps the answer as long as the list is the same. */
HOT bool safe_holds_exact(const struct suspect *s, const struct control *word,
			  struct block_entry *entry, const __u32 family)
{
	/* read before the list is asked: an answer may be older than its epoch, never newer */
	__u32 now = safe_cache_not(word), cached = VOLATILE(entry->safe_cache);
	bool safe;

	if (LIKELY((cached ^ now) <= 1))
		return cached & 1;
	safe = safe_holds(s, family);
	VOLATILE(entry->safe_cache) = now | safe;
	return safe;
}

HOT void entry_count(struct block_entry *entry, __u64 segments, __u64 bytes, __u64 jiffies)
{
	ATOMIC_ADD(&entry->packets, segments);
	ATOMIC_ADD(&entry->bytes, bytes);
	VOLATILE(entry->last_jiffies) = jiffies;
}

/* A hit: does it drop? @exact is a constant. */
HOT enum outcome entry_decide(const struct suspect *s, struct block_entry *entry, const bool exact,
			      const __u32 family)
{
	const struct control *word = WORD(s->ctx, control);
	__u64 boot_ns;
	__u32 says;

	boot_ns = clock_boot_ns(s, word);
	says = entry_says(s, VOLATILE(entry->rule), boot_ns);
	if (!says)
		return OUTCOME_NEXT;
	if (!control_allows_drop(word, boot_ns))
		return OUTCOME_PASS;
	if (exact ? safe_holds_exact(s, word, entry, family) : safe_holds(s, family))
		return OUTCOME_PASS;
	entry_count(entry, s->segments, s->bytes, s->jiffies);
	emit_hit(s, says & SAYS_DROP ? EVENT_BLOCK_HIT : EVENT_COUNT_HIT, SAYS_RULE(says),
		 LAYER_ADDRESS);
	/* a rule that only counts stands in no other rule's way */
	return says & SAYS_DROP ? OUTCOME_DROP : OUTCOME_NEXT;
}

/* ---- prefixes, from the longest to the widest ---- */

struct prefix_walk {
	const struct suspect *s;
	__u32 len;     /* bits of the address that the next lookup may use */
	__u32 outcome; /* enum outcome */
};

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

/* One prefix; 1 ends the walk. */
HOT long prefix_decide(struct prefix_walk *walk, const __u32 family)
{
	struct block_entry *entry = prefix_find(walk->s, walk->len, family);
	enum outcome outcome;

	if (!entry)
		return 1;
	outcome = entry_decide(walk->s, entry, false, family);
	walk->outcome = outcome;
	if (outcome != OUTCOME_NEXT || !entry->prefix_len)
		return 1;
	walk->len = entry->prefix_len - 1U;
	return 0;
}

static long prefix4_step(__u32 round, void *walk)
{
	(void)round;
	return prefix_decide(walk, 4);
}

static long prefix6_step(__u32 round, void *walk)
{
	(void)round;
	return prefix_decide(walk, 6);
}

/* ---- a suspect: the bitmaps did not clear it, and what is inlined did not decide ---- */

HOT struct block_entry *exact_find(CONTEXT *ctx, const __be32 *addr, const __u32 family)
{
	__be32 addr4 = addr[0], addr6[4];

	if (family == 4)
		return KEYED_ELEM(ctx, block4, &addr4);
	__builtin_memcpy(addr6, addr, sizeof(addr6));
	return KEYED_ELEM(ctx, block6, addr6);
}

HOT enum outcome exact_decide(const struct suspect *s, const __u32 family)
{
	struct block_entry *entry =
		s->kinds & KIND_EXACT ? exact_find(CTX_OF(s), s->addr, family) : NULL;

	return entry ? entry_decide(s, entry, true, family) : OUTCOME_NEXT;
}

/* Return an enum outcome. */
APART int suspect4_decide(const struct suspect *s)
{
	struct prefix_walk walk = { .s = s, .len = 32 };
	enum outcome outcome;

	if (!s)
		return OUTCOME_NEXT;
	outcome = exact_decide(s, 4);
	if (outcome != OUTCOME_NEXT || !(s->kinds & KIND_PREFIX))
		return outcome;
	LOOP(33, prefix4_step, &walk);
	return (int)walk.outcome;
}

APART int suspect6_decide(const struct suspect *s)
{
	struct prefix_walk walk = { .s = s, .len = 128 };
	enum outcome outcome;

	if (!s)
		return OUTCOME_NEXT;
	outcome = exact_decide(s, 6);
	if (outcome != OUTCOME_NEXT || !(s->kinds & KIND_PREFIX))
		return outcome;
	LOOP(129, prefix6_step, &walk);
	return (int)walk.outcome;
}

/* ---- five-tuples that core blocked for a name ---- */

/* Whether the packet's own five-tuple is blocked. The safe list is not asked: it speaks of
 * addresses, and the block is of a name. */
APART int flow_decide(const struct suspect *s)
{
	struct flow6_key key;
	struct flow_block *block;
	const struct control *word;
	const struct rule *rule;
	__u64 boot_ns;

	if (!s)
		return OUTCOME_NEXT;
	__builtin_memset(&key, 0, sizeof(key));
	__builtin_memcpy(key.src, s->src, sizeof(key.src));
	__builtin_memcpy(key.dst, s->dst, sizeof(key.dst));
	key.src_port = s->src_port;
	key.dst_port = s->dst_port;
	key.proto = s->proto;
	key.used = s->family;
	block = KEYED_ELEM(s->ctx, flow_blocks, &key);
	word = WORD(s->ctx, control);
	if (!block)
		return OUTCOME_NEXT;
	rule = ARRAY_ELEM(s->ctx, rules, block->rule);
	boot_ns = clock_boot_ns(s, word);
	if (!rule || !(rule->flags & RULE_ACTIVE) || boot_ns >= VOLATILE(block->end_boot_ns) ||
	    !control_allows_drop(word, boot_ns))
		return OUTCOME_NEXT;
	ATOMIC_ADD(&block->packets, s->segments);
	ATOMIC_ADD(&block->bytes, s->bytes);
	VOLATILE(block->last_jiffies) = s->jiffies;
	emit_hit(s, EVENT_BLOCK_HIT, block->rule, block->layer);
	return OUTCOME_DROP;
}

HOT bool flow_drops(const struct packet *p)
{
	const struct control *word = WORD(p->ctx, control);
	struct suspect *s;

	if (LIKELY(!(word->flags & CONTROL_FLOWS)) || (p->proto != IP_TCP && p->proto != IP_UDP))
		return false;
	s = SUSPECT_ROOM();
	if (!s)
		return false;
	suspect_begin(s, p, SIDE_IN); /* no rule is asked of its side */
	return flow_decide(s) == OUTCOME_DROP;
}

/* ---- the bitmaps ---- */

/* KIND_ of entries that may hold an IPv4 address. */
HOT __u32 kinds4(CONTEXT *ctx, __be32 addr)
{
	const __u8 *net16 = WORDS(ctx, nets16, net16_index(addr));
	__u32 host = NTOHL(addr);
	const __u64 *word;

	if (LIKELY(!*net16))
		return 0;
	word = ARRAY_ELEM(ctx, bits24, host >> 13);
	return word ? *word >> (host >> 8 & 31) * 2 & (KIND_EXACT | KIND_PREFIX) : 0;
}

/* As kinds4. One bit per hashed /48 tells neither kind from the other, nor anything of shorter
 * prefixes; what exists at all is in the control word. @first: eight bytes of the address. */
HOT __u32 kinds6(CONTEXT *ctx, __u64 first)
{
	__u32 bit = bits48_index(first);
	const __u64 *bits = WORDS(ctx, bits48, bit >> 6);
	const struct control *word = WORD(ctx, control);

	if (*bits >> (bit & 63) & 1)
		return KIND_EXACT | KIND_PREFIX;
	return word->flags & CONTROL_SHORT6 ? KIND_PREFIX : 0;
}

HOT __u32 address_kinds(const struct packet *p, const __be32 *addr)
{
	return p->family == 4 ? kinds4(p->ctx, addr[0])
			      : kinds6(p->ctx, addr[0] | (__u64)addr[1] << 32);
}

/* ---- an address, without a call of more than numbers ---- */

#ifndef SLUICE_USER

#include "bpf/again.h"

/* The bitmaps too, once for all that tc's programs ask. */
APART int asks4(__u32 addr, __u32 scope, __u64 segments, __u64 bytes)
{
	__u32 kinds = kinds4(NULL, addr);
	const struct again again = {
		{ addr, 0 }, change_epoch(), scope | kinds << SCOPE_KINDS, segments, bytes
	};

	return (int)(LIKELY(!(kinds & KIND_EXACT)) ? kinds : address_again(&again, 4));
}

APART int asks6(__u64 high, __u64 low, __u32 scope, __u64 segments, __u64 bytes)
{
	__u32 kinds = kinds6(NULL, high);
	const struct again again = {
		{ high, low }, change_epoch(), scope | kinds << SCOPE_KINDS, segments, bytes
	};

	return (int)(LIKELY(!(kinds & KIND_EXACT)) ? kinds : address_again(&again, 6));
}

/* XDP: of @kinds, which the bitmaps said. */
HOT __u32 suspect_asks(const struct packet *p, const __be32 *addr, __u32 side, __u32 kinds)
{
	__u32 scope = SCOPE(side, p->family, p->proto, dst_port(p)) | kinds << SCOPE_KINDS;
	__u64 high = addr[0] | (__u64)addr[1] << 32, low = addr[2] | (__u64)addr[3] << 32;

	if (LIKELY(!(kinds & KIND_EXACT)))
		return kinds;
	return (__u32)(p->family == 4 ? again4(addr[0], scope, p->segments, p->bytes)
				      : again6(high, low, scope, p->segments, p->bytes));
}

HOT __u32 address_asks(const struct packet *p, const __be32 *addr, __u32 side)
{
	__u32 scope = SCOPE(side, p->family, p->proto, dst_port(p));
	__u64 high = addr[0] | (__u64)addr[1] << 32, low = addr[2] | (__u64)addr[3] << 32;

	if (p->hook == HOOK_XDP)
		return suspect_asks(p, addr, side, address_kinds(p, addr));
	return (__u32)(p->family == 4 ? asks4(addr[0], scope, p->segments, p->bytes)
				      : asks6(high, low, scope, p->segments, p->bytes));
}

#else

#define ASKS_DROPS 4 /* none of these here */

HOT __u32 address_asks(const struct packet *p, const __be32 *addr, __u32 side)
{
	(void)side;
	return address_kinds(p, addr);
}

#endif

HOT bool address_drops(const struct packet *p, const __be32 *addr, __u32 side)
{
	__u32 asks = address_asks(p, addr, side);
	struct suspect *s;

	if (LIKELY(!asks))
		return false;
	if (asks == ASKS_DROPS)
		return true;
	s = SUSPECT_ROOM();
	if (!s)
		return false;
	suspect_begin(s, p, side);
	__builtin_memcpy(s->addr, addr, sizeof(s->addr));
	s->kinds = asks;
	return (p->family == 4 ? suspect4_decide(s) : suspect6_decide(s)) == OUTCOME_DROP;
}

/*
 * The source of what enters; the destination of what leaves, and the source of a packet forwarded
 * through this host when it entered where nobody checked. Five-tuples both ways.
 */
HOT bool packet_is_blocked(const struct packet *p)
{
	if (UNLIKELY(flow_drops(p)))
		return true;
	if (p->direction == ABI_INGRESS)
		return address_drops(p, p->src, SIDE_IN);
	if (address_drops(p, p->dst, SIDE_OUT))
		return true;
	return frame_origin(p->ctx, p->hook) && !packet_was_counted(p) &&
	       address_drops(p, p->src, SIDE_IN);
}

#endif
