/*
 * Lists: rules with many targets. What a list holds at any moment follows from the version it comes
 * from, the one it goes to, and how far the walk over their difference has come; rules_step.c
 * walks.
 */
#include "agent/capture/rules_list.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/drain.h"
#include "agent/util/addr.h"

struct lists_state *rules_lists_state(struct rules *rules)
{
	if (!rules->lists)
		rules->lists = calloc(1, sizeof(*rules->lists));
	return rules->lists;
}

struct rules_list *rules_list_find(const struct rules *rules, uint32_t rule_id)
{
	for (size_t i = 0; rules->lists && i < rules->lists->count; i++)
		if (rules->lists->at[i]->rule_id == rule_id)
			return rules->lists->at[i];
	return NULL;
}

bool rules_list_owns(const struct rules_list *list, const struct prefix *prefix)
{
	size_t before = prefix_set_find(list->set, prefix), after;

	if (!list->is_moving)
		return before != PREFIX_SET_NONE;
	after = prefix_set_find(list->next, prefix);
	if (before != PREFIX_SET_NONE && after != PREFIX_SET_NONE)
		return true;
	if (before != PREFIX_SET_NONE)
		return !list->removes_done && !(list->is_removing && before < list->diff.at_before);
	return after != PREFIX_SET_NONE &&
	       (list->adds_done || (!list->is_removing && after < list->diff.at_after));
}

/* ---- room ---- */

static void counts_add(size_t room[RULES_BLOCK_MAPS], const struct prefix_set *set)
{
	struct prefix_set_counts counts = prefix_set_counts(set);

	room[RULES_BLOCK4] += counts.exact4;
	room[RULES_BLOCK6] += counts.exact6;
	room[RULES_LPM4] += counts.prefix4;
	room[RULES_LPM6] += counts.prefix6;
}

static bool room_is_enough(const struct rules *rules, const size_t room[RULES_BLOCK_MAPS])
{
	for (int map = 0; map < RULES_BLOCK_MAPS; map++)
		if (room[map] > rules->tables.block_max)
			return false;
	return true;
}

/* What a list holds in the end; of the list @rule_id, whose order is at hand, nothing. */
static const struct prefix_set *set_in_the_end(const struct rules_list *list, uint32_t rule_id)
{
	if (list->rule_id == rule_id)
		return NULL;
	if (list->is_queued)
		return list->queued;
	return list->is_moving ? list->next : list->set;
}

static bool slot_holds(struct rules *rules, const struct prefix *target)
{
	for (uint32_t id = *rules_bucket(rules, target); id; id = rules->slots[id].next)
		if (prefix_is_equal(&rules->slots[id].target, target))
			return true;
	return false;
}

/* Each target once. */
static void room_count_new(struct rules *rules, size_t room[RULES_BLOCK_MAPS],
			   const struct prefix_set *const *sets, size_t count)
{
	const struct prefix_set *set = sets[count - 1];

	for (size_t i = 0; i < prefix_set_len(set); i++) {
		struct prefix target = prefix_set_at(set, i);
		bool is_known = slot_holds(rules, &target);
		union rules_key key;

		for (size_t k = 0; k + 1 < count && !is_known; k++)
			is_known = prefix_set_has(sets[k], &target);
		room[rules_key_of(&target, &key)] += !is_known;
	}
}

static void room_count_slots(struct rules *rules, size_t room[RULES_BLOCK_MAPS], bool is_exact)
{
	for (uint32_t id = 1; id < RULES_MAX; id++) {
		union rules_key key;

		if (!rules->slots[id].is_used)
			continue;
		/* of several rules with one target the last in its bucket counts */
		if (is_exact) {
			uint32_t after = rules->slots[id].next;

			while (after && !prefix_is_equal(&rules->slots[after].target,
							 &rules->slots[id].target))
				after = rules->slots[after].next;
			if (after)
				continue;
		}
		room[rules_key_of(&rules->slots[id].target, &key)]++;
	}
}

/* Whether all that is ordered fits in the end, with @set as the list @rule_id. 1, 0 or -ENOMEM. */
static int fits_in_the_end(struct rules *rules, uint32_t rule_id, const struct prefix_set *set)
{
	size_t most = rules->lists->count + 1, count = 0;
	CLEANUP(free) const struct prefix_set **sets = calloc(most, sizeof(struct prefix_set *));
	size_t room[RULES_BLOCK_MAPS] = { 0 };

	if (!sets)
		return -ENOMEM;
	for (size_t i = 0; i < rules->lists->count; i++) {
		const struct prefix_set *other = set_in_the_end(rules->lists->at[i], rule_id);

		if (other)
			sets[count++] = other;
	}
	sets[count++] = set;
	room_count_slots(rules, room, false);
	for (size_t i = 0; i < count; i++)
		counts_add(room, sets[i]);
	if (room_is_enough(rules, room))
		return 1;
	/* targets that several hold were counted several times */
	memset(room, 0, sizeof(room));
	room_count_slots(rules, room, true);
	for (size_t i = 1; i <= count; i++)
		room_count_new(rules, room, sets, i);
	return room_is_enough(rules, room);
}

/* Whether everything new fits beside everything old. */
static bool fits_both(const struct rules *rules, const struct rules_list *list)
{
	struct prefix_set_diff diff = { .before = list->set, .after = list->next };
	size_t room[RULES_BLOCK_MAPS] = { 0 };
	struct prefix target;
	int kind;

	counts_add(room, list->next);
	for (int map = 0; map < RULES_BLOCK_MAPS; map++)
		room[map] += rules->entries[map];
	if (room_is_enough(rules, room))
		return true;
	for (int map = 0; map < RULES_BLOCK_MAPS; map++)
		room[map] = rules->entries[map];
	while ((kind = prefix_set_diff_next(&diff, &target)) != 0) {
		union rules_key key;

		room[rules_key_of(&target, &key)] += kind > 0;
	}
	return room_is_enough(rules, room);
}

/* ---- from one version to the next ---- */

void rules_list_depart(struct rules *rules, struct rules_list *list, struct prefix_set *next)
{
	list->next = next;
	list->is_moving = true;
	list->removes_done = false;
	list->read_count = 0;
	list->adds_done = list->is_leaving; /* nothing comes */
	list->is_removing = list->is_leaving || !fits_both(rules, list);
	list->diff = (struct prefix_set_diff){ .before = list->set, .after = list->next };
	rules_bits_abort(rules);
}

static void list_free(struct rules_list *list)
{
	prefix_set_unref(list->set);
	prefix_set_unref(list->next);
	prefix_set_unref(list->queued);
	free(list);
}

static void list_forget(struct lists_state *state, const struct rules_list *list)
{
	size_t at = 0;

	while (state->at[at] != list)
		at++;
	list_free(state->at[at]);
	state->count--;
	memmove(&state->at[at], &state->at[at + 1],
		(state->count - at) * sizeof(struct rules_list *));
}

void rules_list_arrive(struct rules *rules, struct rules_list *list)
{
	struct prefix_set *queued = list->queued;

	prefix_set_unref(list->set);
	list->set = list->next;
	list->next = NULL;
	list->is_moving = false;
	rules->bits_due = true;
	if (list->is_queued) {
		list->is_queued = false;
		list->queued = NULL;
		rules_list_depart(rules, list, queued);
	} else if (list->is_leaving) {
		list_forget(rules->lists, list);
	}
}

/* ---- orders ---- */

/* NULL without memory. */
static struct rules_list *list_new(const struct rules *rules, uint32_t rule_id)
{
	struct lists_state *state = rules->lists;
	struct rules_list **more =
		realloc(state->at, (state->count + 1) * sizeof(struct rules_list *));
	struct rules_list *list;

	if (!more)
		return NULL;
	state->at = more;
	list = calloc(1, sizeof(*list));
	if (!list)
		return NULL;
	list->rule_id = rule_id;
	list->is_inherited = rules->is_inherited;
	state->at[state->count++] = list;
	return list;
}

int rules_list_set(struct rules *rules, const struct block_rule *rule, struct prefix_set *set)
{
	struct rules_list *list = rules_list_find(rules, rule->rule_id);
	int err;

	if (!rule->rule_id || rule->rule_id >= RULES_MAX || rule->action > BLOCK_REFUSE ||
	    rule->direction > BLOCK_OUT || rules->slots[rule->rule_id].is_used ||
	    rules->slots[rule->rule_id].is_name)
		return -EINVAL;
	if (list && list->is_leaving)
		return -EBUSY;
	if (!rules_lists_state(rules))
		return -ENOMEM;
	err = fits_in_the_end(rules, rule->rule_id, set);
	if (err <= 0)
		return err ? err : -ENOSPC;
	if (!list)
		list = list_new(rules, rule->rule_id);
	if (!list)
		return -ENOMEM;
	/* the words before the entries that name them; whether they changed matters to nobody */
	(void)rules_store(rules, rule);
	if (!list->is_moving) {
		rules_list_depart(rules, list, prefix_set_ref(set));
		return 0;
	}
	prefix_set_unref(list->queued);
	list->queued = prefix_set_ref(set);
	list->is_queued = true;
	return 0;
}

int rules_list_remove(struct rules *rules, uint32_t rule_id)
{
	struct rules_list *list = rules_list_find(rules, rule_id);

	if (!list || list->is_leaving)
		return -ENOENT;
	rules_silence(rules, rule_id);
	list->is_leaving = true;
	if (!list->is_moving) {
		rules_list_depart(rules, list, NULL);
		return 0;
	}
	prefix_set_unref(list->queued);
	list->queued = NULL;
	list->is_queued = true;
	return 0;
}

int rules_rule_set(struct rules *rules, const struct block_rule *rule)
{
	const struct rules_list *list = rules_list_find(rules, rule->rule_id);

	if (!rule->rule_id || rule->rule_id >= RULES_MAX)
		return -EINVAL;
	if (!rules->slots[rule->rule_id].is_used && !rules->slots[rule->rule_id].is_name &&
	    (!list || list->is_leaving))
		return -ENOENT;
	(void)rules_store(rules, rule); /* whether anything changed matters to sync only */
	return 0;
}

/* ---- hits ---- */

static struct block_hits hits_of(uint64_t packets, uint64_t bytes, int64_t last_unix_ms)
{
	return (struct block_hits){ .packets = packets,
				    .bytes = bytes,
				    .last_unix_ms = last_unix_ms,
				    .layers = { [HIT_ADDRESS] = packets } };
}

int rules_list_hits(const struct rules *rules, uint32_t rule_id, const struct drain_clock *clock,
		    struct block_hits *hits)
{
	const struct rules_list *list = rules_list_find(rules, rule_id);

	if (!list)
		return -ENOENT;
	if (list->is_inherited)
		return -EAGAIN;
	*hits = hits_of(list->known.packets, list->known.bytes,
			drain_clock_unix_ms(clock, list->known.last_jiffies));
	return 0;
}

int rules_target_hits(const struct rules *rules, const struct prefix *target,
		      const struct drain_clock *clock, struct block_hits *hits)
{
	struct block_entry entry;
	int err = rules_target_is_valid(target) ? rules_entry_find(rules, target, &entry) : -EINVAL;

	if (err)
		return err;
	*hits = hits_of(entry.packets, entry.bytes, drain_clock_unix_ms(clock, entry.last_jiffies));
	return 0;
}

void rules_lists_free(struct rules *rules)
{
	struct lists_state *state = rules->lists;

	if (!state)
		return;
	for (size_t i = 0; i < state->count; i++)
		list_free(state->at[i]);
	prefix_set_builder_free(state->strays_found);
	prefix_set_unref(state->strays);
	free(state->at);
	free(state);
}
