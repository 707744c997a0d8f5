/*
 * Inside of the rule bookkeeping (rules*.c): which rules hold which target, what is on its way
 * into the maps, and how targets are spelled as their keys.
 */
#ifndef SLUICE_CAPTURE_RULES_STATE_H
#define SLUICE_CAPTURE_RULES_STATE_H

#include "agent/capture/rules.h"
#include "agent/util/prefix_set.h"

struct rule_slot {
	struct prefix target; /* of an address rule */
	bool is_used;
	bool is_name;  /* what it is about is in names */
	uint32_t next; /* rule with an address in the same bucket; 0 = last */
};

struct names_state; /* rules_names.c */
struct rules_rows;  /* rules_set.c; NULL until the first shared target */

#define RULES_BUCKETS 16384 /* of slots, by target */
/* Entries of one batch: some 100 us in the kernel. */
#define RULES_BATCH 512

struct hit_sum {
	uint64_t packets, bytes, last_jiffies;
};

/* A list, at rest or on its way from one version to the next. */
struct rules_list {
	uint32_t rule_id;
	struct prefix_set *set;	   /* in force, or where it comes from; NULL: nothing */
	struct prefix_set *next;   /* where it goes */
	struct prefix_set *queued; /* and then */
	bool is_moving, is_queued, is_leaving;
	bool is_removing; /* what the walk is about: what goes, or what comes */
	bool adds_done, removes_done;
	struct prefix_set_diff diff;
	uint32_t read_count; /* entries read before they went, of this move */
	/* Made while the maps held an earlier core's entries: how many hits of those it shares are
	 * its own is not known, and the first round takes them for not counted here. */
	bool is_inherited;
	struct hit_sum gone;   /* of entries that went */
	struct hit_sum joined; /* of others' entries, from before it held them, too */
	struct hit_sum round, shared, known;
};

struct rules_walk {
	enum rules_map map;
	struct rules_cursor cursor;
};

struct rules_part {
	uint32_t count;
	uint8_t keys[RULES_BATCH * sizeof(struct lpm6_key)];
	struct block_entry values[RULES_BATCH];
};

/* NULL until the first list, or a start that has something to clear away. */
struct lists_state {
	struct rules_list **at;
	size_t count, turn;
	bool is_careful; /* after an error: no entry is taken for absent */
	bool is_settling;
	struct prefix_set_builder *strays_found; /* entries nobody owns; looked for */
	struct rules_walk strays_walk;
	struct prefix_set *strays; /* and taken away */
	size_t stray_at;
	struct rules_walk round; /* counts hits */
	uint64_t round_after_ns;
	struct prefix targets[RULES_BATCH];
	uint32_t target_count;
	uint32_t at_once; /* entries of one piece of work (rules_step.c) */
	struct rules_part parts[RULES_BLOCK_MAPS];
	struct rules_part scanned;
};

/* A set of bitmaps that is being made. */
struct bits_job {
	uint64_t *words; /* NULL: none */
	size_t list, index;
};

struct rules {
	struct rules_tables tables;
	struct names_state *names;
	struct lists_state *lists;
	struct rules_rows *rows;
	uint32_t entries[RULES_BLOCK_MAPS]; /* in each map */
	uint32_t short6;		    /* of lpm6: shorter than /48 */
	bool is_inherited; /* the maps hold entries of an earlier core that nobody owns yet */
	uint32_t stale;	   /* targets removed whose bits are still set */
	bool bits_due;	   /* the bitmaps want to be made anew by rules_list_step */
	struct bits_job bits;
	size_t safe_count;
	uint32_t buckets[RULES_BUCKETS];   /* the first rule of each */
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
int rules_entry_remove(struct rules *rules, enum rules_map map, const union rules_key *key);

/* rules_slot_take, rules_slot_leave - the rule holds @target from now on, or no more; its entry
 * follows with rules_entry_settle. */
void rules_slot_take(struct rules *rules, uint32_t rule_id, const struct prefix *target);
void rules_slot_leave(struct rules *rules, uint32_t rule_id);
void rules_flags_publish(const struct rules *rules);
/* rules_silence - from here on the rule drops nothing, whatever names it. */
void rules_silence(struct rules *rules, uint32_t rule_id);

/* ---- rules_entry.c ---- */

/* The lowest rule ids that hold a target, in order; zeros behind. */
struct rules_owners {
	uint32_t rule[RULE_SET_WAYS];
	unsigned int count;
};

/* rules_owners_add - keeps the lowest ids in order; what is beyond the last place falls out. */
void rules_owners_add(struct rules_owners *owners, uint32_t rule_id);
/* rules_bucket - the first of the rules whose targets hash like @target. */
uint32_t *rules_bucket(struct rules *rules, const struct prefix *target);
/* rules_owners_find - all but the list @except, which may be NULL. */
void rules_owners_find(struct rules *rules, const struct prefix *target,
		       const struct rules_list *except, struct rules_owners *owners);
/*
 * rules_entry_settle - makes the entry of @target what its owners want; its hits stay, but for
 * packets that hit between the read and the write.
 * Returns 1 when something changed, 0, -ENOSPC, -errno.
 */
int rules_entry_settle(struct rules *rules, const struct prefix *target);
/* rules_word_names - whether the word of an entry (its rule, or its row of several) names the rule.
 */
bool rules_word_names(const struct rules *rules, uint32_t word, uint32_t rule_id);
/* rules_entry_come, rules_entry_gone - bookkeeping of an entry that came into its map or left. */
void rules_entry_come(struct rules *rules, const struct prefix *target);
void rules_entry_gone(struct rules *rules, const struct prefix *target,
		      const struct block_entry *entry);
size_t rules_entry_count(const struct rules *rules);
size_t rules_key_size(enum rules_map map); /* of a map of blocks */
struct prefix rules_batch_target(const struct rules_batch *batch, uint32_t index);
/* rules_batch_update, _remove - 0, or -errno of the entry at batch->count. */
int rules_batch_update(struct rules *rules, struct rules_batch *batch);
int rules_batch_remove(struct rules *rules, struct rules_batch *batch);
/* rules_scan - the next entries; 0, -ENOENT with the last ones, -EAGAIN when where it stood is
 * gone: begin anew; -errno. */
int rules_scan(const struct rules *rules, struct rules_cursor *cursor, struct rules_batch *batch);

/* ---- rules_set.c ---- */

/* rules_row_get - a row of these rules, held once more. Its index, -ENOSPC, -ENOMEM. */
int rules_row_get(struct rules *rules, const struct rules_owners *owners);
void rules_row_put(struct rules *rules, uint32_t row);
/* rules_row_learn - an entry found in the maps names it. Returns 0 or -ENOMEM. */
int rules_row_learn(struct rules *rules, uint32_t row);
bool rules_row_is(const struct rules *rules, uint32_t row, const struct rules_owners *owners);

/* ---- rules_list.c ---- */

struct rules_list *rules_list_find(const struct rules *rules, uint32_t rule_id);
bool rules_list_owns(const struct rules_list *list, const struct prefix *prefix);

/* ---- rules_names.c ---- */

/* rules_name_block, rules_name_unblock, rules_name_hits - of a rule with a name. */
int rules_name_block(struct rules *rules, const struct block_rule *rule);
int rules_name_unblock(struct rules *rules, uint32_t rule_id);
int rules_name_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits);
/* rules_names_new - returns 0 or -ENOMEM. */
int rules_names_new(struct names_state **out);
/* rules_names_learn - what the maps hold at start. Returns 0 or -errno. */
int rules_names_learn(struct rules *rules);
/* rules_names_prune - names that @wanted (by rule id; their domain) does not have go. Returns how
 * many, or -errno. */
int rules_names_prune(struct rules *rules, const struct block_rule *const *wanted);
void rules_names_free(struct names_state *names); /* accepts NULL */

/* rules_store - the words of the rule table; true when they were others before. */
bool rules_store(struct rules *rules, const struct block_rule *rule);

/* rules_bits_set - the bits that lead to @target. */
void rules_bits_set(struct rules *rules, const struct prefix *target);
/* rules_bits_left - a target went: its bits are cleared now or some removals later. A stale bit
 * costs a lookup, never a verdict. */
void rules_bits_left(struct rules *rules, const struct prefix *target);
/* rules_bits_rebuild - exactly the bits of the targets in force, at once or with lists in the steps
 * to come. Returns 0 or -ENOMEM. */
int rules_bits_rebuild(struct rules *rules);
/* rules_bits_step - a part of it. Returns 1, also after the last one, or -ENOMEM. */
int rules_bits_step(struct rules *rules);
/* rules_bits_abort - what the lists hold changes: begin anew. */
void rules_bits_abort(struct rules *rules);

#endif
