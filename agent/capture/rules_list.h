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

#endif
