/*
 * What rules_names.c and rules_flows.c share: rules by name and the five-tuples cut for them.
 */
#ifndef SLUICE_CAPTURE_RULES_NAMES_H
#define SLUICE_CAPTURE_RULES_NAMES_H

#include "agent/capture/rules_state.h"

struct name_set;

struct name_slot {
	uint64_t hash;
	uint32_t next; /* rule with a name in the same bucket; 0 = last */
	bool is_used;
	struct block_hits folded; /* of five-tuples that went; also of a list */
};

/* Oldest first: a ring, so that the oldest makes room. */
struct cut_flow {
	struct flow6_key key;
	uint64_t end_boot_ns;
	uint32_t rule_id; /* 0: taken away meanwhile */
	uint8_t layer;
};

/* Hashes in order, each once. */
struct name_hashes {
	uint64_t *at;
	size_t count;
};

/* The names of a list. It owns what it is to hold from the order on; entries follow in steps: what
 * comes, then what goes, or the other way round where both do not fit. */
struct names_list {
	uint32_t rule_id;
	struct name_hashes now;	 /* what the map may hold because of it */
	struct name_hashes next; /* what it is to hold */
	bool is_moving, is_leaving, is_removing;
	bool is_half; /* one of both is done */
	size_t at_now, at_next;
	size_t round_at;   /* counting hits: the next of @next */
	bool is_inherited; /* as of a list's addresses: rules_state.h */
	struct block_hits gone, joined, round, shared, known;
	uint64_t last_jiffies;
};

#define NAME_BUCKETS 16384 /* of slots, by hash */

struct names_state {
	struct name_slot slots[RULES_MAX]; /* by rule id */
	uint32_t buckets[NAME_BUCKETS];	   /* the first rule of each */
	uint32_t high;			   /* no slot from here on was ever used */
	uint32_t count;			   /* of slots in use */
	uint32_t entries, stale;	   /* in the map; gone whose bits are still set */
	struct names_list **lists;
	size_t list_count;
	uint64_t round_after_ns;
	size_t round_list;
	bool is_inherited; /* the map holds entries of an earlier core that nobody owns yet */
	bool is_settling;  /* and they go: the walk stands before walk_key */
	bool is_walking;
	uint64_t walk_key;
	struct cut_flow flows[RULES_FLOWS_MAX];
	uint32_t first, flow_count;
	uint64_t want[BITS_NAMES_WORDS]; /* bits being made anew */
};

/* rules_name_slot - of a rule with a name, else NULL. */
struct name_slot *rules_name_slot(const struct rules *rules, uint32_t rule_id);
/* rules_names_flags - the control word says what kinds of entries there are. */
void rules_names_flags(struct rules *rules);
/* rules_name_settle - makes the entry of @hash what its owners want; its hits stay, but for packets
 * that hit between the read and the write. Returns 1 when something changed, 0, -ENOSPC, -errno. */
int rules_name_settle(struct rules *rules, uint64_t hash);
/* rules_names_bits - exactly the bits of what is owned, unless somebody is on the way. */
void rules_names_bits(struct rules *rules);
/* rules_names_has - the list is to hold @hash. */
bool rules_names_has(const struct name_hashes *hashes, uint64_t hash);
/* rules_names_hash - of all names, in order. Returns 0 or -ENOMEM. */
int rules_names_hash(uint64_t base, const struct name_set *names, struct name_hashes *out);
/* rules_names_change - the next hash that only one of the list's versions has: 1 comes, -1 goes, 0
 * at the end. */
int rules_names_change(struct names_list *list, uint64_t *hash);
/* rules_names_unite - @into has what it or @from had. Returns 0 or -ENOMEM. */
int rules_names_unite(struct name_hashes *into, const struct name_hashes *from);
/* rules_name_sum - adds the hits of an entry. */
void rules_name_sum(struct block_hits *hits, const struct domain_entry *entry);
void rules_name_lists_free(struct names_state *names);

/* rules_flows_hits - adds what the five-tuples of a rule dropped. */
void rules_flows_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		      struct block_hits *hits);
/* rules_flows_forget - the rule goes and its five-tuples with it: they pass again from now on. */
void rules_flows_forget(struct rules *rules, uint32_t rule_id);
/* rules_flows_learn - what the map holds at start. Returns 0 or -errno. */
int rules_flows_learn(struct rules *rules);

#endif
