/*
 * The work that lists leave behind, a few milliseconds at a time: differences into the maps, what
 * nobody owns out of them after a start, and bitmaps made anew.
 */
#include <errno.h>
#include <string.h>

#include "agent/capture/rules_list.h"
#include "agent/util/clock.h"

/*
 * A step is over within 5 ms: no piece of work begins after STEP_NS, and a piece takes as many
 * entries as PIECE_NS allows on this machine, with these maps; how many shows with each piece.
 */
#define STEP_NS	      (2 * NS_PER_MS)
#define PIECE_NS      (NS_PER_MS / 2)
#define AT_ONCE_MIN   8
#define AT_ONCE_MAX   256
#define AT_ONCE_FIRST 32

/* Entries that one move reads before they go, so that their hits stay in the list's sum; a call for
 * each. Of more than that the sum keeps what the last round counted. */
#define READ_MAX 65536

/* Entries of a difference looked at for one batch: some 100 us. */
#define LOOKED_AT_ONCE 8192

_Static_assert(AT_ONCE_MAX <= RULES_BATCH, "there is room for so many");

/* ---- how much at once ---- */

static void pace_begin(struct lists_state *state)
{
	state->at_once = AT_ONCE_FIRST;
}

static void pace_learn(struct lists_state *state, uint64_t took_ns)
{
	if (took_ns > PIECE_NS && state->at_once > AT_ONCE_MIN)
		state->at_once /= 2;
	else if (took_ns < PIECE_NS / 3 && state->at_once < AT_ONCE_MAX)
		state->at_once *= 2;
}

/* ---- one part of a difference ---- */

static struct rules_batch batch_of(struct rules_part *part, enum rules_map map)
{
	return (struct rules_batch){ map, part->keys, part->values, part->count };
}

static void part_add(struct lists_state *state, const struct prefix *target,
		     const struct block_entry *entry)
{
	union rules_key key;
	enum rules_map map = rules_key_of(target, &key);
	struct rules_part *part = &state->parts[map];

	memcpy(part->keys + part->count * rules_key_size(map), &key, rules_key_size(map));
	part->values[part->count++] = *entry;
}

/* The next targets that one version has and the other has not. False once both are at their end:
 * among so many there may be none, for what comes and what goes are looked for in turn. */
static bool targets_fill(struct lists_state *state, struct rules_list *list)
{
	int wanted = list->is_removing ? -1 : 1, kind = wanted;
	size_t left = LOOKED_AT_ONCE;

	state->target_count = 0;
	while (left && state->target_count < state->at_once && kind) {
		struct prefix *target = &state->targets[state->target_count];

		kind = prefix_set_diff_look(&list->diff, &left, target);
		state->target_count += kind == wanted;
		left -= left && kind == -wanted;
	}
	return kind != 0;
}

/* What the batch could not do is done one by one. */
static int rest_settle(struct rules *rules, const struct rules_batch *batch, uint32_t from)
{
	for (uint32_t i = from; i < batch->count; i++) {
		struct prefix target = rules_batch_target(batch, i);
		int err = rules_entry_settle(rules, &target);

		if (err < 0)
			return err;
	}
	return 0;
}

static int part_write(struct rules *rules, enum rules_map map)
{
	struct rules_batch batch = batch_of(&rules->lists->parts[map], map), done = batch;
	/* why it stopped is said by whoever is settled next */
	bool is_whole = !batch.count || !rules_batch_update(rules, &done);
	uint32_t written = is_whole ? batch.count : done.count;

	for (uint32_t i = 0; i < written; i++) {
		struct prefix target = rules_batch_target(&batch, i);

		rules_entry_come(rules, &target);
	}
	return rest_settle(rules, &batch, written);
}

static int adds_apply(struct rules *rules, struct rules_list *list)
{
	struct lists_state *state = rules->lists;
	const struct block_entry entry = { .rule = list->rule_id };

	for (uint32_t i = 0; i < state->target_count; i++) {
		const struct prefix *target = &state->targets[i];
		struct block_entry own = entry;
		struct rules_owners others;
		int err = 0;

		rules_bits_set(rules, target);
		rules_owners_find(rules, target, list, &others);
		own.prefix_len = target->len;
		if (others.count)
			err = rules_entry_join(rules, list, target);
		if (!err && (others.count || rules->is_inherited || state->is_careful))
			err = rules_entry_settle(rules, target);
		else if (!err)
			part_add(state, target, &own);
		if (err < 0)
			return err;
	}
	for (enum rules_map map = 0; map < RULES_BLOCK_MAPS; map++) {
		int err = part_write(rules, map);

		if (err)
			return err;
	}
	return 0;
}

static int part_remove(struct rules *rules, struct rules_list *list, enum rules_map map)
{
	struct rules_batch batch = batch_of(&rules->lists->parts[map], map), done = batch;
	bool is_whole = !batch.count || !rules_batch_remove(rules, &done); /* as part_write */
	uint32_t removed = is_whole ? batch.count : done.count;

	for (uint32_t i = 0; i < removed; i++) {
		struct prefix target = rules_batch_target(&batch, i);

		rules_entry_gone(rules, &target, &batch.values[i]);
		rules_sum_add(&list->gone, &batch.values[i]);
	}
	return rest_settle(rules, &batch, removed);
}

/* An entry as it is before it goes. Returns 0, -ENOENT, -errno. */
static int entry_read(struct rules *rules, struct rules_list *list, const struct prefix *target,
		      struct block_entry *entry)
{
	bool is_known = !rules->is_inherited && !rules->lists->is_careful;

	if (is_known && list->read_count >= READ_MAX) {
		*entry = (struct block_entry){ .rule = list->rule_id };
		return 0;
	}
	list->read_count++;
	return rules_entry_find(rules, target, entry);
}

static int removes_apply(struct rules *rules, struct rules_list *list)
{
	struct lists_state *state = rules->lists;

	for (uint32_t i = 0; i < state->target_count; i++) {
		const struct prefix *target = &state->targets[i];
		struct block_entry entry;
		struct rules_owners others;
		int err;

		rules_owners_find(rules, target, list, &others);
		if (others.count) {
			err = rules_entry_settle(rules, target);
			if (err < 0)
				return err;
			continue;
		}
		err = entry_read(rules, list, target, &entry);
		if (err && err != -ENOENT)
			return err;
		if (!err)
			part_add(state, target, &entry);
	}
	for (enum rules_map map = 0; map < RULES_BLOCK_MAPS; map++) {
		int err = part_remove(rules, list, map);

		if (err)
			return err;
	}
	return 0;
}

/* ---- one list ---- */

/* What comes before what goes, or the other way round where both do not fit. */
static void phase_end(struct rules *rules, struct rules_list *list)
{
	pace_begin(rules->lists); /* what comes costs less than what goes */
	if (list->is_removing)
		list->removes_done = true;
	else
		list->adds_done = true;
	if (list->removes_done && list->adds_done) {
		rules_list_arrive(rules, list);
		return;
	}
	list->is_removing = !list->is_removing;
	list->diff = (struct prefix_set_diff){ .before = list->set, .after = list->next };
}

static int move_step(struct rules *rules, struct rules_list *list)
{
	struct lists_state *state = rules->lists;
	struct prefix_set_diff before = list->diff;
	bool more;
	int err;

	/* what a list that leaves would still add is taken for added: it goes all the same */
	if (list->is_leaving && !list->is_removing) {
		phase_end(rules, list);
		return 1;
	}
	for (int map = 0; map < RULES_BLOCK_MAPS; map++)
		state->parts[map].count = 0;
	more = targets_fill(state, list);
	if (!state->target_count && !more)
		phase_end(rules, list);
	if (!state->target_count)
		return 1;
	err = list->is_removing ? removes_apply(rules, list) : adds_apply(rules, list);
	if (!err)
		return 1;
	/* some of it is in the maps, some is not: again, and nothing is taken for absent */
	list->diff = before;
	state->is_careful = true;
	return err;
}

/* The lists take turns, so that one that finds no room does not stand in the others' way. */
static struct rules_list *moving_list(struct lists_state *state)
{
	for (size_t i = 0; i < state->count; i++) {
		struct rules_list *list = state->at[(state->turn + i) % state->count];

		if (list->is_moving) {
			state->turn = (state->turn + i) % state->count;
			return list;
		}
	}
	return NULL;
}

/* ---- what nobody owns ---- */

static bool is_rule_known(const struct rules *rules, uint32_t rule_id)
{
	return rules->slots[rule_id].is_used || rules->slots[rule_id].is_name ||
	       rules_list_find(rules, rule_id);
}

int rules_settle(struct rules *rules)
{
	if (!rules->is_inherited)
		return 0;
	if (!rules_lists_state(rules))
		return -ENOMEM;
	/* from here on they drop nothing, whatever becomes of their entries */
	for (uint32_t id = 1; id < RULES_MAX; id++)
		if (rules->tables.rules[id].head && !is_rule_known(rules, id))
			rules_silence(rules, id);
	rules->lists->is_settling = true;
	return 0;
}

static void settle_end(struct rules *rules)
{
	struct lists_state *state = rules->lists;

	prefix_set_unref(state->strays);
	state->strays = NULL;
	state->is_settling = false;
	rules->is_inherited = false;
	rules->bits_due = true;
}

static int strays_remove(struct rules *rules)
{
	struct lists_state *state = rules->lists;

	for (uint32_t i = 0; i < state->at_once && state->stray_at < prefix_set_len(state->strays);
	     i++) {
		struct prefix target = prefix_set_at(state->strays, state->stray_at);
		int err = rules_entry_settle(rules, &target);

		if (err < 0)
			return err;
		state->stray_at++;
	}
	if (state->stray_at == prefix_set_len(state->strays))
		settle_end(rules);
	return 1;
}

static int strays_find(struct rules *rules)
{
	struct lists_state *state = rules->lists;
	struct rules_batch batch;
	int more, err = 0;

	if (!state->strays_found) {
		state->strays_found = prefix_set_builder_new(rules_entry_count(rules) * 2 + 1);
		rules_walk_begin(&state->strays_walk, RULES_BLOCK4);
	}
	if (!state->strays_found)
		return -ENOMEM;
	more = rules_walk_step(rules, &state->strays_walk, &batch);
	if (more == -EAGAIN) {
		prefix_set_builder_free(TAKE(state->strays_found));
		return 1;
	}
	for (uint32_t i = 0; more >= 0 && !err && i < batch.count; i++) {
		struct prefix target = rules_batch_target(&batch, i);
		struct rules_owners owners;

		rules_owners_find(rules, &target, NULL, &owners);
		if (!owners.count)
			err = prefix_set_builder_add(state->strays_found, &target);
	}
	if (err || more)
		return err ? err : more;
	state->strays = prefix_set_builder_finish(TAKE(state->strays_found));
	state->stray_at = 0;
	return state->strays ? 1 : -ENOMEM;
}

static int settle_step(struct rules *rules)
{
	return rules->lists->strays ? strays_remove(rules) : strays_find(rules);
}

/* ---- all of it ---- */

/* Returns 1 when something was done, 0 when nothing is left, -errno. */
static int work_once(struct rules *rules)
{
	struct lists_state *state = rules->lists;
	struct rules_list *list = moving_list(state);
	int err;

	if (list) {
		err = move_step(rules, list);
		rules_round_begin(state);
		if (err < 0)
			state->turn++;
		/* what nobody owns may be what takes the room */
		return err == -ENOSPC && state->is_settling ? settle_step(rules) : err;
	}
	state->is_careful = false;
	if (state->is_settling)
		return settle_step(rules);
	return rules->bits_due ? rules_bits_step(rules) : 0;
}

int rules_list_step(struct rules *rules)
{
	uint64_t now = clock_monotonic_ns(), end = now + STEP_NS;
	int err;

	if (!rules->lists)
		return 0;
	if (!rules->lists->at_once)
		pace_begin(rules->lists);
	do {
		uint64_t before = now;

		err = work_once(rules);
		now = clock_monotonic_ns();
		pace_learn(rules->lists, now - before);
	} while (err > 0 && now < end);
	if (!err)
		rules_round_step(rules);
	return err;
}
