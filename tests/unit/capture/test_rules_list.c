/*
 * Lists and rules that share targets, against a model that keeps nothing but who wants what.
 */
#include "agent/capture/drain.h"
#include "agent/util/clock.h"
#include "agent/util/prefix_set.h"
#include "bpf/hash.h"
#include "tests/unit/capture/rules_fixture.h"

#define TARGETS	  1500 /* several batches of a list */
#define IDS	  14
#define FAIL_ONCE 400 /* one of so many writes fails */

/* Which rules want which target. */
struct model {
	struct world world;
	struct prefix targets[TARGETS];
	bool wants[IDS + 1][TARGETS];
	bool is_list[IDS + 1], is_slot[IDS + 1];
	uint64_t seed;
	struct rules_map_ops ops;
};

static uint32_t pick(struct model *model, uint32_t below)
{
	/* xorshift64 (Marsaglia, "Xorshift RNGs", JSS 2003) */
	model->seed ^= model->seed << 13;
	model->seed ^= model->seed >> 7;
	model->seed ^= model->seed << 17;
	return (uint32_t)(model->seed >> 33) % below;
}

/* ---- writes that fail now and then ---- */

static struct model *failing;

static int update_or_fail(void *arg, enum rules_map map, const void *key, const void *value)
{
	return failing && !pick(failing, FAIL_ONCE) ? -ENOMEM : update(arg, map, key, value);
}

static int remove_or_fail(void *arg, enum rules_map map, const void *key)
{
	return failing && !pick(failing, FAIL_ONCE) ? -ENOMEM : remove_key(arg, map, key);
}

/* ---- the model ---- */

/* Addresses and prefixes of both families that lie in one another. */
static void model_open(struct model *model, uint64_t seed)
{
	memset(model, 0, sizeof(*model));
	model->seed = seed;
	for (uint32_t i = 0; i < TARGETS; i++) {
		static const char *const forms[] = { "10.%u.%u.1", "10.%u.%u.0/24",
						     "2001:db8:%x:%x::1", "2001:db8:%x:%x00::/56" };
		char text[PREFIX_TEXT_MAX];

		(void)snprintf(text, sizeof(text), forms[i % 4], i / 128, i % 128);
		model->targets[i] = prefix_of(text);
	}
	model->targets[0] = prefix_of("10.0.0.0/8");
	model->targets[1] = prefix_of("2001:db8::/32");
	world_open(&model->world);
	model->ops = *model->world.tables.ops;
	model->ops.update = update_or_fail;
	model->ops.remove = remove_or_fail;
	model->world.tables.ops = &model->ops;
	world_restart(&model->world);
}

static uint32_t model_owners(const struct model *model, uint32_t target, uint32_t *ids)
{
	uint32_t count = 0;

	memset(ids, 0, RULE_SET_WAYS * sizeof(*ids));
	for (uint32_t id = 1; id <= IDS; id++)
		if (model->wants[id][target] && count < RULE_SET_WAYS)
			ids[count++] = id;
	return count;
}

static struct block_entry *entry_of(const struct model *model, const struct prefix *target)
{
	struct usermaps *maps = model->world.maps;
	bool is_ipv4 = target->addr.family == ADDR_IPV4;
	const uint8_t *bytes = target->addr.bytes + (is_ipv4 ? 12 : 0);
	struct lpm6_key key = { .len = target->len };
	struct block_entry *entry;

	if (prefix_is_exact(target))
		return usermap_lookup(is_ipv4 ? &maps->block4 : &maps->block6, bytes);
	memcpy(key.addr, bytes, is_ipv4 ? 4 : 16);
	entry = usermap_lookup(is_ipv4 ? &maps->lpm4 : &maps->lpm6, &key);
	return entry && entry->prefix_len == target->len ? entry : NULL;
}

static bool has_bits(const struct model *model, const struct prefix *target)
{
	const struct usermaps *maps = model->world.maps;
	uint32_t host;
	uint64_t first;

	if (target->addr.family == ADDR_IPV4) {
		memcpy(&host, target->addr.bytes + 12, sizeof(host));
		if (!maps->nets16.at[net16_index(host)])
			return false;
		host = __builtin_bswap32(host);
		return maps->bits24.at[host >> 13] >>
			       ((host >> 8 & 31) * 2 + !prefix_is_exact(target)) &
		       1;
	}
	if (target->len < 48)
		return maps->control.at->flags & CONTROL_SHORT6;
	memcpy(&first, target->addr.bytes, sizeof(first));
	return maps->bits48.at[bits48_index(first) / 64] >> bits48_index(first) % 64 & 1;
}

/* Everything in force, nothing else. */
static void model_check(struct model *model)
{
	uint32_t entries = 0;

	failing = NULL;
	steps(&model->world);
	for (uint32_t i = 0; i < TARGETS; i++) {
		uint32_t want[RULE_SET_WAYS], have[RULE_SET_WAYS] = { 0 };
		uint32_t count = model_owners(model, i, want);
		const struct block_entry *entry = entry_of(model, &model->targets[i]);

		assert_int_equal(entry != NULL, count != 0);
		if (!entry)
			continue;
		entries++;
		assert_true(has_bits(model, &model->targets[i]));
		assert_int_equal((entry->rule & ENTRY_SET) != 0, count > 1);
		if (count > 1)
			memcpy(have, model->world.maps->rule_sets.at[entry->rule & ~ENTRY_SET].rule,
			       sizeof(have));
		else
			have[0] = entry->rule;
		assert_memory_equal(have, want, sizeof(have));
	}
	assert_int_equal(rules_count(model->world.rules, true) +
				 rules_count(model->world.rules, false),
			 entries);
}

/* What a plain rule blocks is blocked at every moment. */
static void model_check_slots(const struct model *model)
{
	for (uint32_t id = 1; id <= IDS; id++)
		for (uint32_t i = 0; model->is_slot[id] && i < TARGETS; i++)
			if (model->wants[id][i])
				assert_non_null(entry_of(model, &model->targets[i]));
}

/* ---- orders ---- */

static struct prefix_set *set_of(const struct model *model, uint32_t id)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(TARGETS);
	struct prefix_set *set;

	for (uint32_t i = 0; i < TARGETS; i++)
		if (model->wants[id][i])
			assert_int_equal(prefix_set_builder_add(builder, &model->targets[i]), 0);
	set = prefix_set_builder_finish(builder);
	assert_non_null(set);
	return set;
}

static int list_set(struct model *model, uint32_t id)
{
	struct block_rule rule = { .rule_id = id };
	struct prefix_set *set = set_of(model, id);
	int err = rules_list_set(model->world.rules, &rule, set);

	prefix_set_unref(set);
	return err;
}

static void order_list(struct model *model, uint32_t id)
{
	uint32_t share = 1 + pick(model, 4);
	bool kept[TARGETS];

	memcpy(kept, model->wants[id], sizeof(kept));
	for (uint32_t i = 0; i < TARGETS; i++)
		if (!pick(model, 2))
			model->wants[id][i] = !pick(model, share);
	if (!list_set(model, id))
		model->is_list[id] = true;
	else /* still being removed */
		memcpy(model->wants[id], kept, sizeof(kept));
}

static void order_one(struct model *model, uint32_t id)
{
	uint32_t at = pick(model, TARGETS);
	struct block_rule rule = { .rule_id = id, .target = model->targets[at] };

	if (rules_block(model->world.rules, &rule))
		return;
	model->wants[id][at] = true;
	model->is_slot[id] = true;
}

static void order_away(struct model *model, uint32_t id)
{
	int err = model->is_list[id] ? rules_list_remove(model->world.rules, id)
				     : rules_unblock(model->world.rules, id);

	if (err)
		return;
	memset(model->wants[id], 0, sizeof(model->wants[id]));
	model->is_list[id] = model->is_slot[id] = false;
}

/* Core dies and comes back with what its store says. */
static void restart(struct model *model)
{
	struct block_rule rules[IDS];
	size_t count = 0;

	failing = NULL;
	world_restart(&model->world);
	for (uint32_t id = 1; id <= IDS; id++)
		for (uint32_t i = 0; model->is_slot[id] && i < TARGETS; i++)
			if (model->wants[id][i])
				rules[count++] = (struct block_rule){ .rule_id = id,
								      .target = model->targets[i] };
	assert_true(rules_sync(model->world.rules, rules, count) >= 0);
	for (uint32_t id = 1; id <= IDS; id++)
		if (model->is_list[id])
			assert_int_equal(list_set(model, id), 0);
	assert_int_equal(rules_settle(model->world.rules), 0);
}

static void order_any(struct model *model)
{
	uint32_t id = 1 + pick(model, IDS), what = pick(model, 100);

	failing = model;
	if (what < 30 && !model->is_slot[id])
		order_list(model, id);
	else if (what < 55 && !model->is_list[id] && !model->is_slot[id])
		order_one(model, id);
	else if (what < 75)
		order_away(model, id);
	else if (what < 77)
		restart(model);
	else
		(void)rules_list_step(model->world.rules); /* fails in the midst of a batch */
	failing = NULL;
	model_check_slots(model);
}

static void every_target_has_the_owners_that_random_orders_give_it(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	for (uint64_t seed = 1; seed <= 6; seed++) {
		model_open(model, seed * 0x9e3779b97f4a7c15ULL);
		for (int i = 0; i < 400; i++) {
			order_any(model);
			if (!pick(model, 12))
				model_check(model);
		}
		model_check(model);
		world_close(&model->world);
	}
	free(model);
}

/* ---- one by one ---- */

static void hits_stay_with_the_target_whoever_comes_and_goes(void **state)
{
	struct model *model = calloc(1, sizeof(*model));
	const struct drain_clock clock = { .jiffies = 10, .ns_per_jiffy = 1000000 };
	struct block_hits hits;

	(void)state;
	model_open(model, 1);
	model->wants[3][0] = model->wants[3][4] = true;
	assert_int_equal(list_set(model, 3), 0);
	steps(&model->world);
	entry_of(model, &model->targets[4])->packets = 5;
	assert_int_equal(block(&model->world, 2, "10.0.4.1"), 0);
	assert_int_equal(rules_target_hits(model->world.rules, &model->targets[4], &clock, &hits),
			 0);
	assert_int_equal(hits.packets, 5);
	assert_int_equal(rules_unblock(model->world.rules, 2), 0);
	assert_int_equal(rules_target_hits(model->world.rules, &model->targets[4], &clock, &hits),
			 0);
	assert_int_equal(hits.packets, 5);
	/* the list without the target: its sum does not fall */
	model->wants[3][4] = false;
	assert_int_equal(list_set(model, 3), 0);
	steps(&model->world);
	assert_int_equal(rules_target_hits(model->world.rules, &model->targets[4], &clock, &hits),
			 -ENOENT);
	/* a round of hits is due some time after the last one, by the clock */
	const uint64_t end = clock_monotonic_ns() + 20000000000ULL;
	while (!hits.layers[HIT_DNS] && clock_monotonic_ns() < end) {
		steps(&model->world);
		assert_int_equal(rules_list_hits(model->world.rules, 3, &clock, &hits), 0);
		hits.layers[HIT_DNS] = hits.packets != 0;
	}
	assert_int_equal(hits.packets, 5);
	world_close(&model->world);
	free(model);
}

/* Packets that the sum of a list has after the next round. */
static uint64_t list_packets(struct model *model, uint32_t rule_id, uint64_t wanted)
{
	const struct drain_clock clock = { .jiffies = 10, .ns_per_jiffy = 1000000 };
	const uint64_t end = clock_monotonic_ns() + 20000000000ULL;
	struct block_hits hits = { 0 };

	do {
		steps(&model->world);
		assert_int_equal(rules_list_hits(model->world.rules, rule_id, &clock, &hits), 0);
	} while (hits.packets != wanted && clock_monotonic_ns() < end);
	return hits.packets;
}

static void hits_from_before_a_list_came_are_not_its_own(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	model_open(model, 1);
	model->wants[3][4] = true;
	assert_int_equal(list_set(model, 3), 0);
	steps(&model->world);
	entry_of(model, &model->targets[4])->packets = 5;
	assert_int_equal(list_packets(model, 3, 5), 5);
	model->wants[4][4] = true;
	assert_int_equal(list_set(model, 4), 0);
	steps(&model->world);
	entry_of(model, &model->targets[4])->packets = 7;
	assert_int_equal(list_packets(model, 3, 7), 7);
	assert_int_equal(list_packets(model, 4, 2), 2);
	/* it leaves the target and comes again: what the other counted meanwhile is not its own */
	model->wants[4][4] = false;
	assert_int_equal(list_set(model, 4), 0);
	steps(&model->world);
	entry_of(model, &model->targets[4])->packets = 20;
	assert_int_equal(list_packets(model, 3, 20), 20);
	model->wants[4][4] = true;
	assert_int_equal(list_set(model, 4), 0);
	steps(&model->world);
	entry_of(model, &model->targets[4])->packets = 23;
	assert_int_equal(list_packets(model, 3, 23), 23);
	assert_int_equal(list_packets(model, 4, 5), 5);
	world_close(&model->world);
	free(model);
}

static void nothing_of_a_list_drops_once_it_is_removed(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	model_open(model, 1);
	model->wants[3][7] = true;
	assert_int_equal(list_set(model, 3), 0);
	assert_int_equal(model->world.maps->rules.at[3].flags, RULE_ACTIVE);
	steps(&model->world);
	assert_int_equal(rules_list_remove(model->world.rules, 3), 0);
	assert_int_equal(model->world.maps->rules.at[3].head, 0);
	assert_int_equal(list_set(model, 3), -EBUSY);
	assert_int_equal(rules_list_remove(model->world.rules, 3), -ENOENT);
	steps(&model->world);
	assert_null(entry_of(model, &model->targets[7]));
	assert_int_equal(list_set(model, 3), 0);
	world_close(&model->world);
	free(model);
}

static void a_list_is_refused_only_when_its_end_does_not_fit(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	model_open(model, 1);
	model->world.tables.block_max = 100;
	model->world.maps->block4.max = 100;
	world_restart(&model->world);
	for (uint32_t i = 4; i < 4 + 101 * 4; i += 4)
		model->wants[1][i] = true;
	assert_int_equal(list_set(model, 1), -ENOSPC);
	model->wants[1][4] = false;
	assert_int_equal(list_set(model, 1), 0);
	steps(&model->world);
	/* the same targets again under another id take no room */
	model->is_list[1] = model->is_list[2] = true;
	memcpy(model->wants[2], model->wants[1], sizeof(model->wants[1]));
	assert_int_equal(list_set(model, 2), 0);
	model_check(model);
	/* a hundred others in their place: what goes makes the room */
	order_away(model, 2);
	memset(model->wants[1], 0, sizeof(model->wants[1]));
	for (uint32_t i = 600; i < 600 + 100 * 4; i += 4)
		model->wants[1][i] = true;
	assert_int_equal(list_set(model, 1), 0);
	model_check(model);
	world_close(&model->world);
	free(model);
}

static void a_restart_keeps_everything_in_force_until_it_is_known(void **state)
{
	struct model *model = calloc(1, sizeof(*model));

	(void)state;
	model_open(model, 1);
	for (uint32_t i = 0; i < TARGETS; i++)
		model->wants[5][i] = true;
	assert_int_equal(list_set(model, 5), 0);
	steps(&model->world);
	entry_of(model, &model->targets[9])->packets = 3;
	world_restart(&model->world);
	assert_int_equal(rules_sync(model->world.rules, NULL, 0), 0);
	steps(&model->world);
	for (uint32_t i = 0; i < TARGETS; i++) {
		assert_int_equal(entry_of(model, &model->targets[i])->rule, 5);
		assert_true(has_bits(model, &model->targets[i]));
	}
	model->wants[5][8] = false;
	assert_int_equal(list_set(model, 5), 0);
	assert_int_equal(rules_settle(model->world.rules), 0);
	model_check(model);
	assert_int_equal(entry_of(model, &model->targets[9])->packets, 3);
	world_close(&model->world);
	free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_target_has_the_owners_that_random_orders_give_it),
		cmocka_unit_test(hits_stay_with_the_target_whoever_comes_and_goes),
		cmocka_unit_test(hits_from_before_a_list_came_are_not_its_own),
		cmocka_unit_test(nothing_of_a_list_drops_once_it_is_removed),
		cmocka_unit_test(a_list_is_refused_only_when_its_end_does_not_fit),
		cmocka_unit_test(a_restart_keeps_everything_in_force_until_it_is_known),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
