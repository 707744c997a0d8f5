/*
 * Sums of flow records by group: what is summed, by what, and how much memory it takes. A part of
 * the store's face, which includes it.
 */
#ifndef SLUICE_STORE_GROUPS_H
#define SLUICE_STORE_GROUPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

struct flow_record;
struct flow_texts;

struct history_sums {
	uint64_t records, packets, bytes; /* both directions */
	uint64_t bytes_out, bytes_in;
	int64_t first_unix_ms, last_unix_ms;
};

enum history_order {
	HISTORY_BY_BYTES,
	HISTORY_BY_PACKETS,
	HISTORY_BY_RECORDS
};

/* What to add up, and by what. */
struct history_grouping {
	int group; /* enum flow_group */
	enum history_order order;
	size_t max;    /* groups wanted */
	uint32_t room; /* groups told apart on the way, a power of two up to 2^17, which 0 means */
};

struct history_group {
	uint8_t key[256]; /* flow_group_format */
	size_t key_len;
	struct history_sums sums;
};

struct history_top {
	struct history_group *groups; /* most first; caller frees */
	size_t count;
	uint64_t distinct;	    /* at least so many groups; exact while is_exact */
	struct history_sums others; /* of all that is not listed */
	bool is_exact;		    /* false: small groups were given up for room on the way */
};

/*
 * Sums of what a visitor of store_search hands on: several in one pass. One thread.
 */
struct history_groups;
int history_groups_new(const struct history_grouping *grouping, struct history_groups **out);
void history_groups_free(struct history_groups *groups); /* accepts NULL */
DEFINE_CLEANUP(history_groups_free, struct history_groups)
/* history_groups_add - @texts: the record's where the group is one of them, else NULL. -ENOMEM. */
int history_groups_add(struct history_groups *groups, const struct flow_record *record,
		       const struct flow_texts *texts);
/* history_groups_take - as store_search_top. */
int history_groups_take(struct history_groups *groups, struct history_top *top);

#endif
