/*
 * Sums per group over the records of a search.
 */
#include <string.h>

#include "agent/store/search.h"
#include "agent/store/search_groups.h"
#include "include/history.h"

/* A short key that was made ahead of its record. */
struct short_key {
	uint8_t bytes[KEY_INLINE];
	uint64_t len, hash;
};

/* Records ahead whose slot, and then whose group, are fetched into the cache. */
#define AHEAD_SLOT  16
#define AHEAD_GROUP 8
#define AHEAD_RING  32 /* a power of two above AHEAD_SLOT */

struct top_run {
	struct history_groups groups;
	/* Keys of this record and those ahead, by how many are left of the block. */
	struct short_key ahead[AHEAD_RING];
	unsigned int left;
};

/* The key of a record that comes when @left are left, and its slot. */
static void look_ahead(struct top_run *run, const struct flow_record *record, unsigned int left)
{
	const struct history_groups *groups = &run->groups;
	struct short_key *ahead = &run->ahead[left % AHEAD_RING];
	uint8_t bytes[FLOW_GROUP_KEY_MAX];
	const struct key key =
		key_make((enum flow_group)groups->grouping.group, record, NULL, bytes);

	memcpy(ahead->bytes, bytes, KEY_INLINE);
	ahead->len = key.len;
	ahead->hash = key.hash;
	__builtin_prefetch(&groups->slots[key.hash & groups->mask]);
}

/* Of records that come soon; no sum is changed. */
static void fetch(void *arg, const struct flow_record *records, int block_left)
{
	struct top_run *run = arg;
	const struct history_groups *groups = &run->groups;
	unsigned int left = (unsigned int)block_left;

	/* a block begins */
	for (unsigned int i = 0; left + 1 != run->left && i < AHEAD_SLOT && i < left; i++)
		look_ahead(run, &records[i], left - i);
	run->left = left;
	if (left > AHEAD_SLOT)
		look_ahead(run, &records[AHEAD_SLOT], left - AHEAD_SLOT);
	if (left > AHEAD_GROUP) {
		uint64_t hash = run->ahead[(left - AHEAD_GROUP) % AHEAD_RING].hash;
		uint32_t group = groups->slots[hash & groups->mask].group;

		if (group != NOTHING)
			__builtin_prefetch(&groups->groups[group]);
	}
}

static bool add_fetched(void *arg, struct search *search, const struct flow_record *record)
{
	struct top_run *run = arg;
	const struct short_key *ahead = &run->ahead[run->left % AHEAD_RING];
	const struct key key = { ahead->bytes, ahead->len, ahead->hash };

	(void)search;
	return !groups_add(&run->groups, record, &key);
}

static bool add_named(void *arg, struct search *search, const struct flow_record *record)
{
	struct top_run *run = arg;
	uint8_t bytes[FLOW_GROUP_KEY_MAX];
	const struct key key = key_make((enum flow_group)run->groups.grouping.group, record,
					search_texts(search, record), bytes);

	return !groups_add(&run->groups, record, &key);
}

/* Which rows they were, and whether they passed, is of no matter to most sums: two columns of eight
 * that need not be read. */
static unsigned int columns_of(const struct history_search *search, enum flow_group by)
{
	const struct flow_query_plan *plan = search->query ? flow_query_plan(search->query) : NULL;
	unsigned int columns = SCAN_BYTES | SCAN_PACKETS | flow_group_needs(by);
	unsigned int all = columns | (plan ? plan->needs : 0);

	if (all & SCAN_STATE || by == FLOW_GROUP_VERDICT || (plan && plan->has_verdict))
		return columns;
	return columns | SCAN_BARE;
}

int store_search_top(struct store *store, const struct history_search *search,
		     const struct history_grouping *grouping, struct history_top *top,
		     struct history_reach *reach)
{
	enum flow_group by = (enum flow_group)grouping->group;
	bool is_named = flow_group_is_text(by); /* its keys are too long to be made ahead */
	struct top_run state = { .left = 0 };
	const struct search_run run = {
		.store = store,
		.options = search,
		.columns = columns_of(search, by),
		.match = is_named ? add_named : add_fetched,
		.fetch = is_named ? NULL : fetch,
		.arg = &state,
	};
	int error = groups_init(&state.groups, grouping);

	*top = (struct history_top){ 0 };
	if (!error)
		error = search_run(&run, reach);
	if (!error)
		error = state.groups.error;
	if (!error)
		error = groups_take(&state.groups, top);
	groups_done(&state.groups);
	return error;
}
