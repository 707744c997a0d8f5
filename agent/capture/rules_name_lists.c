/*
 * Names of lists: what a list is to hold is known from the order on, and entries follow in steps of
 * at most 2 ms. And lists whole: their prefixes (rules_list.c) and their names as one.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/drain.h"
#include "agent/capture/rules_names.h"
#include "agent/util/clock.h"
#include "agent/util/name_set.h"

#define STEP_NS	  (2 * NS_PER_MS) /* beside what prefixes take of the draining thread */
#define STEP_PART 64		  /* entries between two looks at the clock: a call or two each */
#define ROUND_NS  NS_PER_MS	  /* of counting hits at once */
#define ROUND_PER 99		  /* then as long for others, so that it takes 1 % of a core */

/* ---- orders ---- */

static struct names_list *list_find(const struct rules *rules, uint32_t rule_id)
{
	for (size_t i = 0; i < rules->names->list_count; i++)
		if (rules->names->lists[i]->rule_id == rule_id)
			return rules->names->lists[i];
	return NULL;
}

static void list_free(struct names_list *list)
{
	free(list->now.at);
	free(list->next.at);
	free(list);
}

void rules_name_lists_free(struct names_state *names)
{
	for (size_t i = 0; i < names->list_count; i++)
		list_free(names->lists[i]);
	free(names->lists);
}

/* Whether all names fit in the end; what several hold is counted several times. */
static bool has_room(const struct rules *rules, uint32_t rule_id, size_t count)
{
	size_t sum = rules->names->count + count;

	for (size_t i = 0; i < rules->names->list_count; i++)
		if (rules->names->lists[i]->rule_id != rule_id)
			sum += rules->names->lists[i]->next.count;
	return sum <= RULES_NAMES_MAX;
}

static struct names_list *list_new(struct names_state *names, uint32_t rule_id)
{
	struct names_list **more =
		reallocarray(names->lists, names->list_count + 1, sizeof(struct names_list *));
	struct names_list *list;

	if (!more)
		return NULL;
	names->lists = more;
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	list->rule_id = rule_id;
	list->is_inherited = names->is_inherited;
	names->lists[names->list_count++] = list;
	memset(&names->slots[rule_id].folded, 0, sizeof(names->slots[rule_id].folded));
	return list;
}

/* What the map may hold because of the list, before it is told of another version. */
static int remember_now(struct names_list *list)
{
	int err;

	if (list->is_moving)
		return rules_names_unite(&list->now, &list->next);
	err = list->now.count ? -EINVAL : 0;
	if (!err) {
		free(list->now.at);
		list->now = list->next;
		list->next = (struct name_hashes){ 0 };
	}
	return err;
}

static void round_begin(struct names_list *list)
{
	list->round_at = 0;
	memset(&list->round, 0, sizeof(list->round));
	memset(&list->shared, 0, sizeof(list->shared));
}

static void depart(struct rules *rules, struct names_list *list, struct name_hashes *next)
{
	free(list->next.at);
	list->next = *next;
	*next = (struct name_hashes){ 0 };
	list->is_moving = true;
	list->is_half = false;
	list->is_removing = rules->names->entries + list->next.count > RULES_NAMES_MAX;
	list->at_now = list->at_next = 0;
	round_begin(list);
}

/* After the list's own words are in force; hands @hashes over. Returns 0 or -ENOMEM. */
static int names_take(struct rules *rules, uint32_t rule_id, struct name_hashes *hashes)
{
	struct names_list *list = list_find(rules, rule_id);
	int err;

	if (!list && !hashes->count)
		return 0;
	if (!list)
		list = list_new(rules->names, rule_id);
	if (!list)
		return -ENOMEM;
	err = remember_now(list);
	if (!err)
		depart(rules, list, hashes);
	return err;
}

int rules_full_list_set(struct rules *rules, const struct block_rule *rule, struct prefix_set *set)
{
	struct name_hashes hashes = { 0 };
	int err;

	if (!has_room(rules, rule->rule_id, name_set_len(prefix_set_names(set))))
		return -ENOSPC;
	err = rules_names_hash(rules->tables.control->name_base, prefix_set_names(set), &hashes);
	if (!err)
		err = rules_list_set(rules, rule, set);
	if (!err)
		err = names_take(rules, rule->rule_id, &hashes);
	free(hashes.at);
	return err;
}

int rules_full_list_remove(struct rules *rules, uint32_t rule_id)
{
	struct names_list *list = list_find(rules, rule_id);
	struct name_hashes none = { 0 };
	int err = rules_list_remove(rules, rule_id);

	if (err)
		return err;
	rules_flows_forget(rules, rule_id);
	if (!list)
		return 0;
	/* it drops nothing any more; without memory its entries go when it is asked again */
	err = remember_now(list);
	if (err)
		return err;
	depart(rules, list, &none);
	list->is_leaving = true;
	return 0;
}

/* ---- work ---- */

static void list_forget(struct names_state *names, const struct names_list *list)
{
	size_t at = 0;

	while (names->lists[at] != list)
		at++;
	list_free(names->lists[at]);
	names->list_count--;
	memmove(&names->lists[at], &names->lists[at + 1],
		(names->list_count - at) * sizeof(struct names_list *));
}

static void phase_end(struct rules *rules, struct names_list *list)
{
	list->at_now = list->at_next = 0;
	list->is_removing = !list->is_removing;
	if (!list->is_half) {
		list->is_half = true;
		return;
	}
	list->is_moving = false;
	free(list->now.at);
	list->now = (struct name_hashes){ 0 };
	if (list->is_leaving)
		list_forget(rules->names, list);
	rules_names_bits(rules);
	rules_names_flags(rules);
}

static void note_last(struct names_list *list, uint64_t jiffies)
{
	if (jiffies > list->last_jiffies)
		list->last_jiffies = jiffies;
}

/* What comes is settled, and what others' entry counted before is not this list's; of what goes the
 * hits stay in the list's sum. */
static int change_apply(struct rules *rules, struct names_list *list, uint64_t hash, int kind)
{
	struct domain_entry entry = { 0 };
	int err = rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, &hash, &entry);
	bool is_there = !err;

	if (err && err != -ENOENT)
		return err;
	if (!is_there && kind < 0)
		return 0;
	err = rules_name_settle(rules, hash);
	if (err < 0)
		return err;
	if (kind > 0) {
		if (is_there && !list->is_inherited &&
		    !rules_word_names(rules, entry.rule, list->rule_id))
			rules_name_sum(&list->joined, &entry);
		return err;
	}
	rules_name_sum(&list->gone, &entry);
	note_last(list, entry.last_jiffies);
	return 0;
}

/* Returns 1, or -errno: then the same part is tried again. */
static int move_part(struct rules *rules, struct names_list *list)
{
	int wanted = list->is_removing ? -1 : 1;

	for (int i = 0; i < STEP_PART; i++) {
		size_t at_now = list->at_now, at_next = list->at_next;
		uint64_t hash;
		int err, kind = rules_names_change(list, &hash);

		if (!kind) {
			phase_end(rules, list);
			return 1;
		}
		if (kind != wanted)
			continue;
		err = change_apply(rules, list, hash, kind);
		if (err < 0) {
			list->at_now = at_now;
			list->at_next = at_next;
			return err;
		}
	}
	rules_names_flags(rules);
	return 1;
}

static bool is_rule_known(const struct rules *rules, uint32_t rule_id)
{
	return rules->slots[rule_id].is_used || rules->slots[rule_id].is_name ||
	       rules_list_find(rules, rule_id);
}

int rules_full_settle(struct rules *rules)
{
	struct names_state *names = rules->names;

	if (names->is_inherited) {
		/* from here on they drop nothing, whatever becomes of their entries */
		for (uint32_t id = 1; id < RULES_MAX; id++)
			if (rules->tables.rules[id].head && !is_rule_known(rules, id)) {
				rules_silence(rules, id);
				rules_flows_forget(rules, id);
			}
		names->is_settling = true;
		names->is_walking = false;
	}
	return rules_settle(rules);
}

/* Entries nobody owns go. An entry that goes takes its place in the walk with it, so the next key
 * is asked for first; should another have taken it, the walk begins anew. */
static int settle_part(struct rules *rules)
{
	struct names_state *names = rules->names;
	const struct rules_tables *tables = &rules->tables;
	int err = 0, ended = 0;

	if (!names->is_walking)
		ended = tables->ops->next_key(tables->arg, RULES_NAMES, NULL, &names->walk_key);
	names->is_walking = true;
	for (int i = 0; i < STEP_PART && !ended && err >= 0; i++) {
		uint64_t hash = names->walk_key;

		ended = tables->ops->next_key(tables->arg, RULES_NAMES, &hash, &names->walk_key);
		err = rules_name_settle(rules, hash);
	}
	if (err < 0 || !ended)
		return err < 0 ? err : 1;
	if (ended != -ENOENT)
		return ended;
	names->is_settling = names->is_walking = names->is_inherited = false;
	rules_names_bits(rules);
	rules_names_flags(rules);
	return 1;
}

/* ---- hits ---- */

/* @known up to @sum less @others'. */
static void known_raise(uint64_t *known, uint64_t sum, uint64_t others)
{
	if (sum > others && sum - others > *known)
		*known = sum - others;
}

/* A sum never falls: hits of entries that went unread are in what was known. */
static void round_end(struct names_list *list)
{
	struct block_hits *known = &list->known, *round = &list->round;
	const struct block_hits *gone = &list->gone, *joined = &list->joined;

	if (list->is_inherited)
		list->joined = list->shared;
	list->is_inherited = false;
	for (int layer = 0; layer < HIT_LAYER_COUNT; layer++)
		known_raise(&known->layers[layer], round->layers[layer] + gone->layers[layer],
			    joined->layers[layer]);
	known_raise(&known->packets, round->packets + gone->packets, joined->packets);
	known_raise(&known->bytes, round->bytes + gone->bytes, joined->bytes);
	round_begin(list);
}

static void round_part(const struct rules *rules, struct names_list *list)
{
	for (int i = 0; i < STEP_PART && list->round_at < list->next.count; i++) {
		const uint64_t *hash = &list->next.at[list->round_at++];
		struct domain_entry entry;

		if (rules->tables.ops->lookup(rules->tables.arg, RULES_NAMES, hash, &entry))
			continue;
		rules_name_sum(&list->round, &entry);
		if (entry.rule & ENTRY_SET)
			rules_name_sum(&list->shared, &entry);
		note_last(list, entry.last_jiffies);
	}
	if (list->round_at == list->next.count)
		round_end(list);
}

static void round_step(struct rules *rules)
{
	struct names_state *names = rules->names;
	uint64_t begin = clock_monotonic_ns(), now = begin;

	if (!names->list_count || names->is_inherited || begin < names->round_after_ns)
		return; /* as for addresses: rules_step.c */
	for (size_t done = 0; done < names->list_count && now - begin < ROUND_NS;) {
		struct names_list *list = names->lists[names->round_list % names->list_count];

		round_part(rules, list);
		if (!list->round_at) {
			names->round_list++;
			done++;
		}
		now = clock_monotonic_ns();
	}
	names->round_after_ns = now + ROUND_PER * (now - begin);
}

int rules_full_list_hits(const struct rules *rules, uint32_t rule_id,
			 const struct drain_clock *clock, struct block_hits *hits)
{
	const struct names_list *list = list_find(rules, rule_id);
	const struct block_hits *folded = &rules->names->slots[rule_id % RULES_MAX].folded;
	int err = rules_list_hits(rules, rule_id, clock, hits);
	int64_t last;

	if (err || !list)
		return err;
	if (list->is_inherited)
		return -EAGAIN;
	hits->packets += list->known.packets + folded->packets;
	hits->bytes += list->known.bytes + folded->bytes;
	for (int layer = 0; layer < HIT_LAYER_COUNT; layer++)
		hits->layers[layer] += list->known.layers[layer] + folded->layers[layer];
	last = list->last_jiffies ? drain_clock_unix_ms(clock, list->last_jiffies) : 0;
	if (last > hits->last_unix_ms)
		hits->last_unix_ms = last;
	rules_flows_hits(rules, rule_id, clock, hits);
	return 0;
}

/* ---- all of it ---- */

/* Returns 1 when something was done, 0 when nothing is left, -errno. */
static int work_once(struct rules *rules)
{
	struct names_state *names = rules->names;

	for (size_t i = 0; i < names->list_count; i++)
		if (names->lists[i]->is_moving)
			return move_part(rules, names->lists[i]);
	return names->is_settling ? settle_part(rules) : 0;
}

static int names_step(struct rules *rules)
{
	uint64_t end = clock_monotonic_ns() + STEP_NS;
	int err;

	do
		err = work_once(rules);
	while (err > 0 && clock_monotonic_ns() < end);
	if (!err)
		round_step(rules);
	return err;
}

int rules_full_list_step(struct rules *rules)
{
	int prefixes = rules_list_step(rules), names = names_step(rules);

	if (prefixes < 0 || names < 0)
		return prefixes < 0 ? prefixes : names;
	return prefixes || names;
}
