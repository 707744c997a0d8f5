/*
 * The bookkeeping behind the rules: refusals, bitmaps, sync with what the maps hold.
 */
#include "tests/unit/capture/rules_fixture.h"

static uint64_t bits_sum(const struct world *world)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < NETS16; i++)
		sum += world->maps->nets16.at[i];
	for (size_t i = 0; i < BITS24_WORDS; i++)
		sum += (uint64_t)__builtin_popcountll(world->maps->bits24.at[i]);
	for (size_t i = 0; i < BITS48_WORDS; i++)
		sum += (uint64_t)__builtin_popcountll(world->maps->bits48.at[i]);
	return sum;
}

static void nonsense_is_refused(void **state)
{
	struct world world;
	struct block_rule rule = rule_of(0, "192.0.2.1");

	(void)state;
	world_open(&world);
	assert_int_equal(rules_block(world.rules, &rule), -EINVAL);
	rule.rule_id = RULES_MAX;
	assert_int_equal(rules_block(world.rules, &rule), -EINVAL);
	rule.rule_id = 1;
	rule.target.len = 24; /* host bits are set */
	assert_int_equal(rules_block(world.rules, &rule), -EINVAL);
	rule.target.len = 33;
	assert_int_equal(rules_block(world.rules, &rule), -EINVAL);
	rule = rule_of(1, "192.0.2.1");
	rule.action = 2;
	assert_int_equal(rules_block(world.rules, &rule), -EINVAL);
	rule = rule_of(1, "192.0.2.1");
	rule.direction = 3;
	assert_int_equal(rules_block(world.rules, &rule), -EINVAL);
	rule.target.addr.family = 0;
	assert_int_equal(rules_block(world.rules, &rule), -EINVAL);
	assert_int_equal(rules_count(world.rules, true), 0);
	world_close(&world);
}

static void a_rule_has_one_target_and_a_target_as_many_rules_as_want_it(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	assert_int_equal(block(&world, 1, "192.0.2.0/24"), 0);
	assert_int_equal(block(&world, 1, "192.0.2.0/24"), 0);
	assert_int_equal(block(&world, 4, "192.0.2.0/24"), 0);
	assert_int_equal(block(&world, 1, "192.0.3.0/24"), -EINVAL);
	/* another length is another target, although a lookup of one finds the other */
	assert_int_equal(block(&world, 2, "192.0.2.0/25"), 0);
	assert_int_equal(rules_count(world.rules, false), 2);
	assert_int_equal(rules_unblock(world.rules, 3), -ENOENT);
	assert_int_equal(rules_unblock(world.rules, 1), 0);
	assert_int_equal(rules_unblock(world.rules, 1), -ENOENT);
	assert_int_equal(rules_count(world.rules, false), 2);
	assert_int_equal(rules_unblock(world.rules, 4), 0);
	assert_int_equal(rules_count(world.rules, false), 1);
	world_close(&world);
}

static void full_map_refuses_and_changes_nothing(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	world.maps->block4.max = 1;
	assert_int_equal(block(&world, 1, "192.0.2.1"), 0);
	assert_int_equal(block(&world, 2, "192.0.2.2"), -ENOSPC);
	assert_int_equal(world.maps->rules.at[2].head, 0);
	assert_int_equal(rules_count(world.rules, true), 1);
	world_close(&world);
}

/* Bits counted by hand: a /16 bit and one of a /24 for an address; 256 of /24s for a /16. */
static void bitmaps_hold_what_targets_need(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	assert_int_equal(block(&world, 1, "192.0.2.1"), 0);
	assert_int_equal(bits_sum(&world), 2);
	assert_int_equal(block(&world, 2, "192.0.2.9"), 0);
	assert_int_equal(bits_sum(&world), 2);
	assert_int_equal(block(&world, 3, "192.0.2.128/25"), 0);
	assert_int_equal(bits_sum(&world), 3);
	assert_int_equal(block(&world, 4, "10.1.0.0/16"), 0);
	assert_int_equal(bits_sum(&world), 3 + 257);
	assert_int_equal(block(&world, 5, "2001:db8::1"), 0);
	assert_int_equal(bits_sum(&world), 3 + 257 + 1);
	assert_int_equal(block(&world, 6, "2001:db8::/32"), 0);
	assert_int_equal(bits_sum(&world), 3 + 257 + 1);
	assert_true(world.maps->control.at->flags & CONTROL_SHORT6);
	world_close(&world);
}

static void wide_prefix_leaves_no_bits_but_those_of_others(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	assert_int_equal(block(&world, 1, "10.1.2.3"), 0);
	assert_int_equal(block(&world, 2, "0.0.0.0/0"), 0);
	assert_int_equal(bits_sum(&world), 65536 + 16777216 + 1);
	assert_int_equal(block(&world, 3, "10.1.2.0/25"), 0);
	assert_int_equal(rules_unblock(world.rules, 2), 0);
	assert_int_equal(bits_sum(&world), 3);
	world_close(&world);
}

static void removals_clear_bits_in_the_end(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	for (uint32_t i = 1; i <= 200; i++) {
		char text[PREFIX_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "10.0.%u.1", i);
		assert_int_equal(block(&world, i, text), 0);
	}
	for (uint32_t i = 1; i <= 200; i++)
		assert_int_equal(rules_unblock(world.rules, i), 0);
	/* at most 64 removals are waiting: agent/capture/rules_bits.c */
	assert_true(bits_sum(&world) <= 65);
	assert_int_equal(rules_sync(world.rules, NULL, 0), 0);
	assert_int_equal(bits_sum(&world), 0);
	world_close(&world);
}

static void lease_is_given_once_to_maps_nobody_had(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	assert_int_equal(world.maps->control.at->abi, SLUICE_ABI);
	assert_int_equal(world.maps->control.at->lease_boot_ns, 77);
	world_restart(&world);
	assert_int_equal(world.maps->control.at->lease_boot_ns, 77);
	world_close(&world);
}

static void restart_finds_the_rules_and_their_hits(void **state)
{
	struct world world;
	struct block_entry *entry;
	struct block_rule list[] = { rule_of(1, "192.0.2.1"), rule_of(2, "2001:db8::/40") };
	__be32 key;

	(void)state;
	world_open(&world);
	assert_int_equal(rules_sync(world.rules, list, 2), 2);
	memcpy(&key, list[0].target.addr.bytes + 12, sizeof(key));
	entry = usermap_lookup(&world.maps->block4, &key);
	entry->packets = 5;
	world_restart(&world);
	assert_int_equal(rules_count(world.rules, true), 1);
	assert_int_equal(rules_count(world.rules, false), 1);
	assert_int_equal(rules_sync(world.rules, list, 2), 0);
	entry = usermap_lookup(&world.maps->block4, &key);
	assert_int_equal(entry->packets, 5);
	world_close(&world);
}

static void sync_repairs_what_differs(void **state)
{
	struct world world;
	struct block_rule list[] = { rule_of(1, "192.0.2.1"), rule_of(5, "192.0.2.0/24") };
	struct block_entry stray = { .rule = 9, .prefix_len = 32 };
	__be32 key = 0x01020304;

	(void)state;
	world_open(&world);
	assert_int_equal(block(&world, 2, "192.0.2.1"), 0); /* the target under another id */
	assert_int_equal(block(&world, 3, "198.51.100.1"), 0);
	assert_int_equal(usermap_update(&world.maps->block4, &key, &stray), 0);
	world_restart(&world);
	/* 1 takes over the entry, 5 is new; 3 and the stray one go when nobody wanted them */
	assert_int_equal(rules_sync(world.rules, list, 2), 2);
	assert_int_equal(world.maps->block4.count, 3);
	assert_true(world.maps->rules.at[3].head != 0);
	assert_int_equal(rules_settle(world.rules), 0);
	assert_int_equal(world.maps->rules.at[3].head, 0);
	steps(&world);
	assert_int_equal(world.maps->block4.count, 1);
	assert_int_equal(world.maps->lpm4.count, 1);
	assert_int_equal(rules_count(world.rules, true), 1);
	assert_int_equal(world.maps->rules.at[3].head, 0);
	assert_int_equal(bits_sum(&world), 3);
	assert_int_equal(rules_sync(world.rules, list, 2), 0);
	world_close(&world);
}

static void sync_refuses_a_list_with_an_id_twice(void **state)
{
	struct world world;
	struct block_rule list[] = { rule_of(1, "192.0.2.1"), rule_of(1, "192.0.2.2") };

	(void)state;
	world_open(&world);
	assert_int_equal(rules_sync(world.rules, list, 2), -EINVAL);
	assert_int_equal(rules_count(world.rules, true), 0);
	world_close(&world);
}

static void safe_list_too_long_is_refused_and_the_old_stays(void **state)
{
	struct world world;
	struct prefix list[9];

	(void)state;
	world_open(&world);
	for (int i = 0; i < 9; i++) {
		char text[PREFIX_TEXT_MAX];

		(void)snprintf(text, sizeof(text), "10.%d.0.0/16", i);
		list[i] = prefix_of(text);
	}
	assert_int_equal(rules_safe_set(world.rules, list, 3), 0);
	assert_int_equal(rules_safe_set(world.rules, list, 9), -ENOSPC);
	assert_int_equal(world.maps->safe4.count, 3);
	assert_int_equal(rules_safe_count(world.rules), 3);
	world_restart(&world);
	assert_int_equal(rules_safe_count(world.rules), 3);
	world_close(&world);
}

static void panic_outlives_orders_and_restarts(void **state)
{
	struct world world;

	(void)state;
	world_open(&world);
	rules_set_panic(world.maps->control.at, true);
	assert_int_equal(block(&world, 1, "2001:db8::/32"), 0);
	assert_int_equal(rules_unblock(world.rules, 1), 0);
	world_restart(&world);
	assert_true(rules_is_panicked(world.maps->control.at));
	rules_set_panic(world.maps->control.at, false);
	assert_false(rules_is_panicked(world.maps->control.at));
	world_close(&world);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nonsense_is_refused),
		cmocka_unit_test(a_rule_has_one_target_and_a_target_as_many_rules_as_want_it),
		cmocka_unit_test(full_map_refuses_and_changes_nothing),
		cmocka_unit_test(bitmaps_hold_what_targets_need),
		cmocka_unit_test(wide_prefix_leaves_no_bits_but_those_of_others),
		cmocka_unit_test(removals_clear_bits_in_the_end),
		cmocka_unit_test(lease_is_given_once_to_maps_nobody_had),
		cmocka_unit_test(restart_finds_the_rules_and_their_hits),
		cmocka_unit_test(sync_repairs_what_differs),
		cmocka_unit_test(sync_refuses_a_list_with_an_id_twice),
		cmocka_unit_test(safe_list_too_long_is_refused_and_the_old_stays),
		cmocka_unit_test(panic_outlives_orders_and_restarts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
