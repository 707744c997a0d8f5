/*
 * What rules_list.c and rules_step.c share: lists and the work on them that is under way.
 */
#ifndef SLUICE_CAPTURE_RULES_LIST_H
#define SLUICE_CAPTURE_RULES_LIST_H

#include "agent/capture/rules_state.h"

/* rules_lists_state - made with the first use; NULL without memory. */
struct lists_state *rules_lists_state(struct rules *rules);
/* rules_list_depart - on to @next, which it takes. */
void rules_list_depart(struct rules *rules, struct rules_list *list, struct prefix_set *next);
/* rules_list_arrive - the walk is at its end: on to what is queued, or at rest; frees a list that
 * leaves. */
void rules_list_arrive(struct rules *rules, struct rules_list *list);

/* ---- rules_list_hits.c ---- */

void rules_sum_add(struct hit_sum *sum, const struct block_entry *entry);
/* rules_entry_join - before the list's rule comes to an entry of others: what that counted so far
 * is not the list's. Returns 0, -errno. */
int rules_entry_join(const struct rules *rules, struct rules_list *list,
		     const struct prefix *target);
/* rules_walk_begin, rules_walk_step - through the entries of all maps from @map on. A step is the
 * next part of them, in memory of the lists. Returns 0 after the last one, 1, -EAGAIN: begin anew,
 * -errno. */
void rules_walk_begin(struct rules_walk *walk, enum rules_map map);
int rules_walk_step(struct rules *rules, struct rules_walk *walk, struct rules_batch *batch);
/* rules_round_begin - what was counted of the present round is void: a list moves. */
void rules_round_begin(struct lists_state *state);
/* rules_round_step - some of a round, at most 1 % of the time. */
void rules_round_step(struct rules *rules);

#endif
