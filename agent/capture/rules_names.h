/*
 * What rules_names.c and rules_flows.c share: rules by name and the five-tuples cut for them.
 */
#ifndef SLUICE_CAPTURE_RULES_NAMES_H
#define SLUICE_CAPTURE_RULES_NAMES_H

#include "agent/capture/rules_state.h"

struct name_slot {
	uint64_t hash;
	bool is_used;
	struct block_hits folded; /* of five-tuples that went */
};

/* Oldest first: a ring, so that the oldest makes room. */
struct cut_flow {
	struct flow6_key key;
	uint64_t end_boot_ns;
	uint32_t rule_id; /* 0: taken away meanwhile */
	uint8_t layer;
};

struct names_state {
	struct name_slot slots[RULES_MAX]; /* by rule id */
	uint32_t high;			   /* no slot from here on was ever used */
	uint32_t count, stale;
	struct cut_flow flows[RULES_FLOWS_MAX];
	uint32_t first, flow_count;
};

/* rules_name_slot - of a rule with a name, else NULL. */
struct name_slot *rules_name_slot(const struct rules *rules, uint32_t rule_id);
/* rules_names_flags - the control word says what kinds of entries there are. */
void rules_names_flags(struct rules *rules);

/* rules_flows_hits - adds what the five-tuples of a rule dropped. */
void rules_flows_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		      struct block_hits *hits);
/* rules_flows_forget - the rule goes and its five-tuples with it: they pass again from now on. */
void rules_flows_forget(struct rules *rules, uint32_t rule_id);
/* rules_flows_learn - what the map holds at start. Returns 0 or -errno. */
int rules_flows_learn(struct rules *rules);

#endif
