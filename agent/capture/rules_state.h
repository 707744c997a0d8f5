/*
 * Inside of the rule bookkeeping (rules*.c): which rule has which target, and how targets are
 * spelled as keys of the maps.
 */
#ifndef SLUICE_CAPTURE_RULES_STATE_H
#define SLUICE_CAPTURE_RULES_STATE_H

#include "agent/capture/rules.h"

struct rule_slot {
	struct prefix target; /* of an address rule */
	bool is_used;
	uint32_t name; /* of a name's rule: its number in names, from 1 on */
};

/* Targets in force, by what decides about their bits and flags. */
struct rule_counts {
	uint32_t exact4, prefix4, exact6, prefix6;
	uint32_t short6; /* of prefix6: shorter than /48 */
};

struct names_state; /* rules_names.c; NULL until the first name */
struct lists_state; /* rules_list.c; NULL until the first list */

struct rules {
	struct rules_tables tables;
	struct names_state *names;
	struct lists_state *lists;
	struct rule_counts counts;
	uint32_t stale; /* targets removed whose bits are still set */
	size_t safe_count;
	struct rule_slot slots[RULES_MAX]; /* by rule id */
};

union rules_key {
	__be32 exact4;
	__be32 exact6[4];
	struct lpm4_key prefix4;
	struct lpm6_key prefix6;
	__u64 name;
	struct flow6_key flow;
};

/* rules_key_of - the map and key of a block target. */
enum rules_map rules_key_of(const struct prefix *target, union rules_key *key);
/* rules_safe_key_of - the same in the safe list. */
enum rules_map rules_safe_key_of(const struct prefix *prefix, union rules_key *key);
/* rules_target_of - the prefix that a key of @map spells. */
struct prefix rules_target_of(enum rules_map map, const union rules_key *key);
/* rules_target_is_valid - a family, a length within it, host bits zero. */
bool rules_target_is_valid(const struct prefix *target);

/*
 * rules_keys - all keys of a map, at most @max. Returns their number in a new array that the
 * caller frees, or -errno.
 */
ssize_t rules_keys(const struct rules *rules, enum rules_map map, union rules_key **out);
/* rules_entry_find - the entry of exactly @target. Returns 0, -ENOENT or -errno. */
int rules_entry_find(const struct rules *rules, const struct prefix *target,
		     struct block_entry *entry);
/* rules_entry_put - an entry without hits that names @rule_id; the kernel's "full" is -ENOSPC. */
int rules_entry_put(struct rules *rules, const struct prefix *target, uint32_t rule_id);
int rules_entry_remove(struct rules *rules, enum rules_map map, const union rules_key *key);

/* rules_slot_take - the slot's target, the counts and the control flags. */
void rules_slot_take(struct rules *rules, uint32_t rule_id, const struct prefix *target);
/* rules_slot_leave - target and counts; the flags stay until rules_flags_publish, so that what
 * comes in its place is never without them. */
void rules_slot_leave(struct rules *rules, uint32_t rule_id);
void rules_flags_publish(const struct rules *rules);
/* ---- rules_names.c ---- */

/* rules_name_block, rules_name_unblock, rules_name_hits - of a rule with a name. */
int rules_name_block(struct rules *rules, const struct block_rule *rule);
int rules_name_unblock(struct rules *rules, uint32_t rule_id);
int rules_name_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits);
/* rules_names_learn - what the maps hold at start. Returns 0 or -errno. */
int rules_names_learn(struct rules *rules);
/* rules_names_prune - names that @wanted (by rule id; their domain) does not have go. Returns how
 * many, or -errno. */
int rules_names_prune(struct rules *rules, const struct block_rule *const *wanted);
void rules_names_free(struct rules *rules);

/* rules_store - the words of the rule table; true when they were others before. */
bool rules_store(struct rules *rules, const struct block_rule *rule);

/* rules_bits_set - the bits that lead to @target. */
void rules_bits_set(struct rules *rules, const struct prefix *target);
/* rules_bits_left - a target went: its bits are cleared now or some removals later. A stale bit
 * costs a lookup, never a verdict. */
void rules_bits_left(struct rules *rules, const struct prefix *target);
/* rules_bits_rebuild - exactly the bits of the targets in force. Returns 0 or -ENOMEM. */
int rules_bits_rebuild(struct rules *rules);

#endif
