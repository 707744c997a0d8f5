/*
 * What the entries of lists counted: rounds through the maps now and then, and of entries that
 * several hold what each of them may call its own.
 */
#include <errno.h>

#include "agent/capture/rules_list.h"
#include "agent/util/clock.h"

#define ROUND_NS  NS_PER_MS /* of counting hits at once */
#define ROUND_PER 99	    /* then as long for others, so that it takes 1 % of a core */

static void sum_merge(struct hit_sum *sum, const struct hit_sum *more)
{
	sum->packets += more->packets;
	sum->bytes += more->bytes;
	if (more->last_jiffies > sum->last_jiffies)
		sum->last_jiffies = more->last_jiffies;
}

void rules_sum_add(struct hit_sum *sum, const struct block_entry *entry)
{
	const struct hit_sum more = { entry->packets, entry->bytes, entry->last_jiffies };

	sum_merge(sum, &more);
}

/* What others' entry counted before this list holds it, too, is not this list's. */
int rules_entry_join(const struct rules *rules, struct rules_list *list,
		     const struct prefix *target)
{
	struct block_entry entry;
	int err = list->is_inherited ? -ENOENT : rules_entry_find(rules, target, &entry);

	if (err)
		return err == -ENOENT ? 0 : err;
	if (!rules_word_names(rules, entry.rule, list->rule_id)) /* else tried again */
		rules_sum_add(&list->joined, &entry);
	return 0;
}

void rules_walk_begin(struct rules_walk *walk, enum rules_map map)
{
	*walk = (struct rules_walk){ .map = map };
}

/* The next part of the entries of all maps. 0 after the last one, 1, -errno. */
int rules_walk_step(struct rules *rules, struct rules_walk *walk, struct rules_batch *batch)
{
	struct rules_part *part = &rules->lists->scanned;
	int err;

	/* an empty hash map is a million buckets to look into */
	while (walk->map < RULES_BLOCK_MAPS && !rules->entries[walk->map])
		rules_walk_begin(walk, walk->map + 1);
	batch->count = 0;
	if (walk->map == RULES_BLOCK_MAPS)
		return 0;

	*batch = (struct rules_batch){ walk->map, part->keys, part->values, RULES_BATCH };
	err = rules_scan(rules, &walk->cursor, batch);
	if (err && err != -ENOENT)
		return err;
	if (err)
		rules_walk_begin(walk, walk->map + 1);
	return walk->map < RULES_BLOCK_MAPS;
}

/* ---- rounds ---- */

void rules_round_begin(struct lists_state *state)
{
	rules_walk_begin(&state->round, RULES_BLOCK4);
	for (size_t i = 0; i < state->count; i++)
		state->at[i]->round = state->at[i]->shared = (struct hit_sum){ 0 };
}

/* Sums are far below 2^63; one that another is taken from may be below 0 for a moment. */
static uint64_t larger(uint64_t a, uint64_t b)
{
	return (int64_t)a > (int64_t)b ? a : b;
}

/* A sum never falls: hits of entries that went unread are in what was known. */
static void round_end(struct lists_state *state)
{
	for (size_t i = 0; i < state->count; i++) {
		struct rules_list *list = state->at[i];
		struct hit_sum *known = &list->known;

		if (list->is_inherited)
			list->joined = list->shared;
		list->is_inherited = false;
		sum_merge(&list->round, &list->gone);
		list->round.packets -= list->joined.packets;
		list->round.bytes -= list->joined.bytes;
		known->packets = larger(known->packets, list->round.packets);
		known->bytes = larger(known->bytes, list->round.bytes);
		known->last_jiffies = larger(known->last_jiffies, list->round.last_jiffies);
		list->gone.packets += known->packets - list->round.packets;
		list->gone.bytes += known->bytes - list->round.bytes;
	}
	rules_round_begin(state);
}

static void round_add(const struct rules *rules, const struct block_entry *entry)
{
	const struct rule_set alone = { .rule = { entry->rule } };
	const struct rule_set *set = &alone;

	if (entry->rule & ENTRY_SET)
		set = &rules->tables.rule_sets[(entry->rule & ~ENTRY_SET) % RULE_SETS_MAX];
	for (int i = 0; i < RULE_SET_WAYS && set->rule[i]; i++) {
		struct rules_list *list = rules_list_find(rules, set->rule[i]);

		if (list)
			rules_sum_add(&list->round, entry);
		if (list && entry->rule & ENTRY_SET)
			rules_sum_add(&list->shared, entry);
	}
}

/* Returns 1 while the round goes on. What stops it has it begin anew. */
static int round_part(struct rules *rules)
{
	struct lists_state *state = rules->lists;
	struct rules_batch batch;
	int more = rules_walk_step(rules, &state->round, &batch);

	if (more < 0) {
		rules_round_begin(state);
		return 0;
	}
	for (uint32_t i = 0; i < batch.count; i++)
		if (batch.values[i].packets)
			round_add(rules, &batch.values[i]);
	if (!more)
		round_end(state);
	return more;
}

void rules_round_step(struct rules *rules)
{
	struct lists_state *state = rules->lists;
	uint64_t begin = clock_monotonic_ns(), now = begin;

	/* who shares an entry is known when all lists are there */
	if (!state->count || rules->is_inherited || begin < state->round_after_ns)
		return;
	while (round_part(rules) && now - begin < ROUND_NS)
		now = clock_monotonic_ns();
	now = clock_monotonic_ns();
	state->round_after_ns = now + ROUND_PER * (now - begin);
}
