/*
 * The next packet of a flood, told without the ways of bpf/block.h: from what this CPU knows of the
 * address, else from its entry alone. The kernel's programs only, and part of bpf/block.h.
 */
#ifndef SLUICE_BPF_AGAIN_H
#define SLUICE_BPF_AGAIN_H

#define ASKS_DROPS 4 /* beside KIND_: it drops, nothing is left to ask */

/* What is asked, in one word: side, KIND_, family, protocol, destination port. */
#define SCOPE_SIDE   0x3U
#define SCOPE_KINDS  2 /* where the KIND_ of entries that there may be begin */
#define SCOPE_FAMILY 0xf0U
#define SCOPE_PROTO  0xff00U
#define SCOPE_PORT   0xffff0000U
#define SCOPE(side, family, proto, port) \
	((side) | (__u32)(family) << 4 | (__u32)(proto) << 8 | (__u32)(port) << 16)

/* A packet, as numbers. */
struct again {
	__u64 addr[2]; /* as of struct verdict_slot */
	__u32 epoch, scope;
	__u64 segments, bytes;
};

/* Read before anything is asked: an answer may be older than its epoch, never newer. */
HOT __u32 change_epoch(void)
{
	const struct control *word = WORD(NULL, control);

	return VOLATILE(word->change_epoch);
}

HOT __u32 scope_kinds(__u32 scope)
{
	return scope >> SCOPE_KINDS & (KIND_EXACT | KIND_PREFIX);
}

/* The bits of a scope that @rule looks at. */
HOT __u32 rule_mask(const struct rule *rule)
{
	return SCOPE_FAMILY | (rule->direction ? SCOPE_SIDE : 0) | (rule->proto ? SCOPE_PROTO : 0) |
	       (rule->port ? SCOPE_PORT : 0);
}

/*
 * Whether one plain rule drops it, with the safe list's answer at hand, boot time of this jiffy, no
 * event due: then nothing else is to be asked, and the answer holds for this jiffy. Returns the
 * bits of @scope it hangs on, 0: not so. The clock of a replay is never this jiffy's.
 */
HOT __u32 again_drops(const struct cpu_state *cpu, __u32 rule_id, __u32 safe_cache, __u32 scope)
{
	const struct scope asked = { scope & SCOPE_SIDE, (__u8)(scope >> 8), scope >> 16 };
	const struct control *word = WORD(NULL, control);
	const struct rule *found = ARRAY_ELEM(NULL, rules, rule_id); /* none of a set */
	struct rule rule;

	if (!found || replay_clock || cpu->jiffies != bpf_jiffies64() || cpu->tokens ||
	    safe_cache != safe_cache_not(word))
		return 0;
	rule = rule_copy(found);
	if (rule.flags & RULE_COUNT_ONLY || !rule_applies(&rule, &asked, cpu->boot_ns) ||
	    !control_allows_drop(word, cpu->boot_ns))
		return 0;
	return rule_mask(&rule);
}

/* ---- a slot ---- */

HOT bool slot_is_of(const struct verdict_slot *slot, const __u64 addr[2], __u32 scope)
{
	return slot->addr[0] == addr[0] && slot->addr[1] == addr[1] &&
	       !((slot->scope ^ scope) & SCOPE_FAMILY);
}

HOT void slot_count(struct verdict_slot *slot, const struct again *again)
{
	VOLATILE(slot->bytes) += again->bytes;
	VOLATILE(slot->packets) += again->segments;
}

HOT struct block_entry *address_entry(const __u64 addr[2], const __u32 family)
{
	__u64 addr6[2] = { addr[0], addr[1] };
	__u32 addr4 = (__u32)addr[0];

	return family == 4 ? KEYED_ELEM(NULL, block4, &addr4) : KEYED_ELEM(NULL, block6, addr6);
}

/* What was counted here goes to the entry it was counted for, if that is still there. */
APART int slot_settle(struct verdict_slot *slot)
{
	struct cpu_state *cpu = ARRAY_ELEM(NULL, cpus, CPU_ID(NULL));
	struct block_entry *entry;
	__u64 addr[2];

	if (!slot || !cpu)
		return 0;
	cpu->events_skipped += slot->packets;
	addr[0] = slot->addr[0];
	addr[1] = slot->addr[1];
	entry = (slot->scope & SCOPE_FAMILY) == SCOPE(0, 4, 0, 0) ? address_entry(addr, 4)
								  : address_entry(addr, 6);
	if (entry && entry->born == slot->born)
		entry_count(entry, slot->packets, slot->bytes,
			    jiffies_later(VOLATILE(entry->last_jiffies), slot->jiffies));
	return 0;
}

#define SLOT_NONE VERDICT_WAYS

/* Which way of a set knows the address. */
HOT __u32 slot_find(const struct verdict_set *set, const struct again *again)
{
	if (slot_is_of(&set->way[0], again->addr, again->scope))
		return 0;
	return slot_is_of(&set->way[1], again->addr, again->scope) ? 1 : SLOT_NONE;
}

/*
 * The way that may learn of an address which none knows, NULL: none. One that was of use in this
 * jiffy or the last stays with its own: more sources than slots would else cost two entries a
 * packet instead of one.
 */
HOT struct verdict_slot *slot_free(struct verdict_set *set, __u32 now)
{
	__u32 age0 = now - set->way[0].jiffies, age1 = now - set->way[1].jiffies;

	if (!set->way[0].scope || (age0 > 1 && set->way[1].scope && age0 >= age1))
		return &set->way[0];
	return !set->way[1].scope || age1 > 1 ? &set->way[1] : NULL;
}

/* The slot speaks of @entry from now on. */
HOT void slot_take(struct verdict_slot *slot, const struct block_entry *entry,
		   const struct again *again, __u32 now)
{
	gen_step(&slot->gen, 1);
	if (slot->packets)
		slot_settle(slot);
	slot->packets = 0;
	slot->bytes = 0;
	slot->addr[0] = again->addr[0];
	slot->addr[1] = again->addr[1];
	slot->scope = again->scope;
	slot->epoch = again->epoch;
	slot->born = entry->born;
	slot->rule = VOLATILE(entry->rule);
	slot->safe_cache = VOLATILE(entry->safe_cache);
	slot->jiffies = now - 1; /* the rule is still to be asked */
	slot->mask = SCOPE_FAMILY;
	gen_step(&slot->gen, 1);
}

/* ---- an address of which the bitmaps say that it may have an entry ---- */

/* This CPU knows the address and nothing has changed: the rule alone is asked. */
HOT __u32 slot_again(struct verdict_slot *slot, const struct cpu_state *cpu, __u32 scope)
{
	__u32 mask = again_drops(cpu, slot->rule, slot->safe_cache, scope);

	if (!mask)
		return scope_kinds(scope);
	slot->scope = scope;
	slot->mask = mask;
	slot->jiffies = (__u32)cpu->jiffies;
	return ASKS_DROPS;
}

/* It does not: the entry is asked, and known from then on. @known: the way that knew it before
 * something changed. */
HOT __u32 entry_again(struct verdict_set *set, struct verdict_slot *known, struct cpu_state *cpu,
		      const struct again *again, const __u32 family)
{
	struct block_entry *entry = address_entry(again->addr, family);
	struct verdict_slot *slot = known;

	if (!entry)
		return scope_kinds(again->scope) & ~(__u32)KIND_EXACT;
	if (!again_drops(cpu, VOLATILE(entry->rule), VOLATILE(entry->safe_cache), again->scope))
		return scope_kinds(again->scope);
	entry_count(entry, again->segments, again->bytes, cpu->jiffies);
	cpu->events_skipped++;
	if (!slot)
		slot = slot_free(set, (__u32)cpu->jiffies);
	if (slot)
		slot_take(slot, entry, again, (__u32)cpu->jiffies);
	return ASKS_DROPS;
}

/* ASKS_DROPS, or the KIND_ of entries to ask in full. */
HOT __u32 address_again(const struct again *again, const __u32 family)
{
	__u32 own = CPU_ID(NULL), way, says;
	struct verdict_set *set =
		ARRAY_ELEM(NULL, verdicts, own * VERDICT_SETS + verdict_index(again->addr));
	struct cpu_state *cpu;
	struct verdict_slot *slot = NULL;

	if (!set) /* a CPU beyond the map */
		return scope_kinds(again->scope);
	way = slot_find(set, again);
	FORGET(way); /* one state for the verifier instead of one per way */
	if (LIKELY(way < VERDICT_WAYS)) {
		slot = &set->way[way & (VERDICT_WAYS - 1)];
		if (LIKELY(slot->epoch == again->epoch && slot->jiffies == (__u32)bpf_jiffies64() &&
			   !((slot->scope ^ again->scope) & slot->mask))) {
			slot_count(slot, again);
			return ASKS_DROPS;
		}
	}
	cpu = ARRAY_ELEM(NULL, cpus, own);
	if (!cpu)
		return scope_kinds(again->scope);
	if (!slot || slot->epoch != again->epoch)
		return entry_again(set, slot, cpu, again, family);
	says = slot_again(slot, cpu, again->scope);
	if (says == ASKS_DROPS)
		slot_count(slot, again);
	return says;
}

/* Numbers only, so that they are proven once and cost the way of what passes nothing. Inlined they
 * would save a dropped packet the call (8 of 66 ns) and cost any other 2 of 18 (measured: test runs
 * of one packet, 2026-11). XDP asks the bitmaps itself, for a call is more than they cost. */
APART int again4(__u32 addr, __u32 scope, __u64 segments, __u64 bytes)
{
	const struct again again = { { addr, 0 }, change_epoch(), scope, segments, bytes };

	return (int)address_again(&again, 4);
}

APART int again6(__u64 high, __u64 low, __u32 scope, __u64 segments, __u64 bytes)
{
	const struct again again = { { high, low }, change_epoch(), scope, segments, bytes };

	return (int)address_again(&again, 6);
}

#endif
