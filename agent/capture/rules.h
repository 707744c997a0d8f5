/*
 * Block rules, lists and the safe list as the datapath holds them: rule table, entries by target,
 * bitmaps, control word. One bookkeeping for the kernel's maps and for user space's, over a handful
 * of map operations and the arrays both can touch directly. An order takes effect before its call
 * returns; no call has a moment in which a target of another rule passes.
 * Called by the draining thread only.
 */
#ifndef SLUICE_CAPTURE_RULES_H
#define SLUICE_CAPTURE_RULES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/abi.h"
#include "include/block.h"
#include "include/flow.h"

struct drain_clock;
struct prefix_set;

/* The maps that are reached by key. Keys and values as in bpf/maps.h. */
enum rules_map {
	RULES_BLOCK4, /* __be32 -> struct block_entry */
	RULES_BLOCK6, /* __be32[4] -> struct block_entry */
	RULES_LPM4,   /* struct lpm4_key -> struct block_entry */
	RULES_LPM6,   /* struct lpm6_key -> struct block_entry */
	RULES_SAFE4,  /* struct lpm4_key -> __u32 */
	RULES_SAFE6,  /* struct lpm6_key -> __u32 */
	RULES_NAMES,  /* __u64 -> struct domain_entry */
	RULES_FLOWS,  /* struct flow6_key -> struct flow_block */
	RULES_MAP_COUNT
};

#define RULES_BLOCK_MAPS (RULES_LPM6 + 1) /* the first ones: entries of blocks */

#define RULES_CURSOR_WORDS 5

/* Where a walk over a map stands; all zero: before its first entry. */
struct rules_cursor {
	uint64_t token[RULES_CURSOR_WORDS]; /* the last key, or what the kernel gave */
	bool is_under_way;
};

/* Entries of one map, keys without gaps. */
struct rules_batch {
	enum rules_map map;
	void *keys;
	struct block_entry *values;
	uint32_t count; /* in: how many, or the room; out: how many were done */
};

/* As the bpf(2) element commands; 0 or -errno. @key of next_key is NULL for the first key, which
 * ends with -ENOENT. lookup on a prefix map is by longest match, as the kernel's. */
struct rules_map_ops {
	int (*lookup)(void *arg, enum rules_map map, const void *key, void *value);
	int (*update)(void *arg, enum rules_map map, const void *key, const void *value);
	int (*remove)(void *arg, enum rules_map map, const void *key);
	int (*next_key)(void *arg, enum rules_map map, const void *key, void *next);
	/* many entries at once; NULL: there is no such thing. What was done before an error stays.
	 * lookup_batch goes on at the cursor; -ENOENT: these were the last ones. */
	int (*update_batch)(void *arg, struct rules_batch *batch);
	int (*remove_batch)(void *arg, struct rules_batch *batch);
	int (*lookup_batch)(void *arg, struct rules_cursor *cursor, struct rules_batch *batch);
};

/* Everything a source hands over; borrowed until rules_free. The arrays are mmap-able maps. */
struct rules_tables {
	const struct rules_map_ops *ops;
	void *arg; /* first argument of @ops */
	struct control *control;
	struct rule *rules;	    /* [RULES_MAX] */
	uint8_t *nets16;	    /* [NETS16] */
	uint64_t *bits24;	    /* [BITS24_WORDS] */
	uint64_t *bits48;	    /* [BITS48_WORDS] */
	uint64_t *bits_names;	    /* [BITS_NAMES_WORDS] */
	struct rule_set *rule_sets; /* [RULE_SETS_MAX] */
	uint32_t safe_max;	    /* entries the safe maps hold, each */
	uint32_t block_max;	    /* and the maps of blocks */
};

struct rules;

/*
 * rules_new - takes the tables over: writes control->abi, which ends the state in which an object
 * without a master enforces with no end to the lease; the lease is set to @lease_boot_ns only if
 * control->abi was 0. What the maps hold stays in force until somebody owns it, or rules_settle.
 * Returns 0, -ENOMEM, or -errno of reading the maps.
 */
int rules_new(const struct rules_tables *tables, uint64_t lease_boot_ns, struct rules **out);
void rules_free(struct rules *rules); /* accepts NULL; the maps keep what they hold */
DEFINE_CLEANUP(rules_free, struct rules)

/* rules_block - as capture_block. */
int rules_block(struct rules *rules, const struct block_rule *rule);
/* rules_unblock - as capture_unblock. */
int rules_unblock(struct rules *rules, uint32_t rule_id);
/* rules_hits - as capture_block_hits; @clock turns the entry's jiffies into wall time. */
int rules_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
	       struct block_hits *hits);
/* rules_sync - as capture_block_sync. */
int rules_sync(struct rules *rules, const struct block_rule *list, size_t count);
/* rules_safe_set - as capture_safe_set; -ENOSPC before anything changed when it does not fit. */
int rules_safe_set(struct rules *rules, const struct prefix *prefixes, size_t count);

/* ---- names and five-tuples: rules_names.c ---- */

/* rules_name_find - as capture_domain_find, or capture_domain_counted. */
uint32_t rules_name_find(const struct rules *rules, const char *name, bool is_counted);
/* rules_flow_block - as capture_flow_block. */
int rules_flow_block(struct rules *rules, const struct five_tuple *tuple, uint32_t rule_id,
		     uint8_t layer, uint64_t until_boot_ns);
/* rules_flows_expire - five-tuples whose end has passed @boot_ns go; their hits stay with the
 * rule. A bounded part at a time. */
void rules_flows_expire(struct rules *rules, uint64_t boot_ns);
#define RULES_FLOWS_MAX 16384 /* FLOW_BLOCKS of bpf/maps.h */

#define RULES_NAMES_MAX 131072 /* DOMAIN_ENTRIES of bpf/maps.h */
/* rules_entry_name_hits - of one entry, whoever's it is; -ENOENT. */
int rules_entry_name_hits(const struct rules *rules, const char *name,
			  const struct drain_clock *clock, struct block_hits *hits);

/* rules_names_count, rules_flows_count - entries in the maps. */
size_t rules_names_count(const struct rules *rules);
size_t rules_flows_count(const struct rules *rules);

/* ---- lists: rules_list.c, rules_step.c; each as the capture_ function of its name ---- */

int rules_list_set(struct rules *rules, const struct block_rule *rule, struct prefix_set *set);
int rules_list_step(struct rules *rules);
int rules_list_remove(struct rules *rules, uint32_t rule_id);
int rules_list_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits);
int rules_target_hits(const struct rules *rules, const struct prefix *target,
		      const struct drain_clock *clock, struct block_hits *hits);
int rules_rule_set(struct rules *rules, const struct block_rule *rule);
int rules_settle(struct rules *rules);
void rules_lists_free(struct rules *rules);

/* ---- lists whole, prefixes and names: rules_name_lists.c; as the capture_ function of the name --
 */

int rules_full_list_set(struct rules *rules, const struct block_rule *rule, struct prefix_set *set);
int rules_full_list_step(struct rules *rules);
int rules_full_list_remove(struct rules *rules, uint32_t rule_id);
int rules_full_list_hits(const struct rules *rules, uint32_t rule_id,
			 const struct drain_clock *clock, struct block_hits *hits);
int rules_full_settle(struct rules *rules);

/* rules_count - entries of @exact or prefix targets, IPv4 and IPv6 together. */
size_t rules_count(const struct rules *rules, bool exact);
size_t rules_safe_count(const struct rules *rules);
/* rules_rows_count - rows of rules that share a target; RULE_SETS_MAX is their room. */
size_t rules_rows_count(const struct rules *rules);

/* The control word, shared with `sluice panic`, which has no struct rules. One store each, and the
 * change told (rules_changed): what a CPU knows of blocked addresses is asked anew. */
void rules_changed(struct control *control);
void rules_set_lease(struct control *control, uint64_t until_boot_ns);
void rules_set_panic(struct control *control, bool on);
bool rules_is_panicked(const struct control *control);

#endif
