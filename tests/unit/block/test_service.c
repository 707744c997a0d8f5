/* The life of a block: row, datapath, expiry on the right clock, replay, hits, rule ids. */
#include "tests/unit/block/fixture.h"

static void add_drops_in_datapath_and_is_listed(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add(f, " 198.51.100.7 ", 0, &outcome), 0);
	assert_int_equal(f->rule_count, 1);
	assert_int_equal(f->rules[0].rule_id, 1);
	assert_int_equal(f->rules[0].target.len, 32);
	assert_int_equal(f->rules[0].end_boot_ns, 0);
	assert_int_equal(f->changes, 1);
	assert_int_equal(block_list(f->service, true, 0, &row, 1), 1);
	assert_int_equal(row.id, outcome.block.id);
	assert_string_equal(row.author, "root");
	assert_string_equal(row.reason, "test");
	assert_int_equal(row.created_unix_ms, 1764000000000);
}

static void second_block_of_same_target_names_the_first(void **state)
{
	struct fixture *f = *state;
	struct block_outcome first, second;

	assert_int_equal(add(f, "198.51.100.7", 0, &first), 0);
	assert_int_equal(add(f, "::ffff:198.51.100.7", 0, &second), -EEXIST);
	assert_int_equal(second.block.id, first.block.id);
	assert_int_equal(f->rule_count, 1);
}

static void datapath_failure_ends_the_row_and_is_told(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	f->fail = -ENOSPC;
	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), -ENOSPC);
	assert_non_null(strstr(outcome.message, "datapath"));
	assert_int_equal(block_list(f->service, true, 0, &row, 1), 0);
	assert_int_equal(block_list(f->service, false, 0, &row, 1), 1);
	assert_int_equal(row.state, BLOCK_REMOVED);
	assert_int_equal(f->changes, 0);
}

static void viewer_and_analyst_may_not_block(void **state)
{
	struct fixture *f = *state;
	struct principal analyst = { .role = ROLE_ANALYST, .name = "ana" };
	struct block_request request = { .value = "198.51.100.7" };
	struct block_outcome outcome;

	assert_int_equal(block_add(f->service, &analyst, &request, &outcome), -EACCES);
	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0);
	assert_int_equal(block_remove(f->service, &analyst, outcome.block.id, &outcome), -EACCES);
	assert_int_equal(f->rule_count, 1);
}

static void remove_keeps_the_hits_in_the_row(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;
	int64_t id;

	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0);
	id = outcome.block.id;
	f->hits[0] = (struct block_hits){ 12, 3400, 1764000001000, { 0 } };
	assert_int_equal(block_remove(f->service, &admin, id, &outcome), 0);
	assert_int_equal(f->rule_count, 0);
	assert_int_equal(block_get(f->service, id, &row), 0);
	assert_int_equal(row.state, BLOCK_REMOVED);
	assert_int_equal(row.hits.packets, 12);
	assert_int_equal(row.hits.bytes, 3400);
	assert_int_equal(row.hits.last_unix_ms, 1764000001000);
	assert_int_equal(f->last_change.state, BLOCK_REMOVED);
	assert_int_equal(block_remove(f->service, &admin, id, &outcome), -ENOENT);
}

static void block_ends_when_its_life_is_over(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add(f, "198.51.100.7", HOUR_S, &outcome), 0);
	assert_int_equal(f->rules[0].end_boot_ns, (1000 + HOUR_S) * NS_PER_S);
	assert_int_equal(outcome.block.expires_unix_ms, 1764000000000 + HOUR_S * 1000);
	pass_s(HOUR_S - 1);
	block_tick(f->service);
	assert_int_equal(f->rule_count, 1);
	pass_s(1);
	block_tick(f->service);
	assert_int_equal(f->rule_count, 0);
	assert_int_equal(block_get(f->service, outcome.block.id, &row), 0);
	assert_int_equal(row.state, BLOCK_EXPIRED);
}

static void jump_of_wall_time_moves_no_end(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.100.7", HOUR_S, &outcome), 0);
	now_unix_ms += 86400000;
	block_tick(f->service);
	assert_int_equal(f->rule_count, 1);
	now_unix_ms = 0; /* 1970 */
	pass_s(HOUR_S);
	block_tick(f->service);
	assert_int_equal(f->rule_count, 0);
}

static void default_ttl_of_the_configuration_counts(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	char reason[256];

	assert_int_equal(config_set(f->config, CONFIG_BLOCK_DEFAULT_TTL, "4h", reason), 0);
	assert_int_equal(add(f, "198.51.100.7", -1, &outcome), 0);
	assert_int_equal(f->rules[0].end_boot_ns, (1000 + 4 * HOUR_S) * NS_PER_S);
}

static void reboot_replays_what_is_left(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add(f, "198.51.100.7", HOUR_S, &outcome), 0);
	assert_int_equal(add(f, "2001:db8:bad::/48", 0, &outcome), 0);
	assert_int_equal(add(f, "198.51.100.9", 60, &outcome), 0);
	pass_s(1200);
	fixture_restart(f, true);
	assert_int_equal(f->rule_count, 2);
	assert_int_equal(fake_find(f, 1)->end_boot_ns, (30 + HOUR_S - 1200) * NS_PER_S);
	assert_int_equal(fake_find(f, 2)->end_boot_ns, 0);
	assert_int_equal(block_get(f->service, outcome.block.id, &row), 0);
	assert_int_equal(row.state, BLOCK_EXPIRED);
}

static void clock_set_back_across_restart_keeps_no_block_longer_than_its_life(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.100.7", HOUR_S, &outcome), 0);
	now_unix_ms -= 365LL * 86400 * 1000;
	fixture_restart(f, true);
	assert_int_equal(f->rules[0].end_boot_ns, (30 + HOUR_S) * NS_PER_S);
}

static void hits_survive_reboot_and_count_once_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;
	int64_t id;

	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0);
	id = outcome.block.id;
	f->hits[0] = (struct block_hits){ 100, 5000, now_unix_ms, { 0 } };
	fixture_restart(f, false); /* the maps kept 100 */
	assert_int_equal(block_get(f->service, id, &row), 0);
	assert_int_equal(row.hits.packets, 100);
	fixture_restart(f, true); /* the maps begin at 0 */
	f->hits[0] = (struct block_hits){ 7, 350, now_unix_ms, { 0 } };
	pass_s(2);
	assert_int_equal(block_get(f->service, id, &row), 0);
	assert_int_equal(row.hits.packets, 107);
	assert_int_equal(row.hits.bytes, 5350);
}

static void hits_are_saved_within_a_minute(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0);
	f->hits[0] = (struct block_hits){ 5, 500, now_unix_ms, { 0 } };
	for (int i = 0; i < 60; i++) {
		pass_s(1);
		block_tick(f->service);
	}
	assert_int_equal(store_block_get(f->store, outcome.block.id, &row), 0);
	assert_int_equal(row.hits.packets, 5);
}

static void rule_id_rests_a_minute_before_it_is_used_again(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.100.1", 0, &outcome), 0);
	assert_int_equal(add(f, "198.51.100.2", 0, &outcome), 0);
	assert_int_equal(block_remove(f->service, &admin, 1, &outcome), 0);
	pass_s(59);
	assert_int_equal(add(f, "198.51.100.3", 0, &outcome), 0);
	assert_int_equal(outcome.block.rule_id, 3);
	pass_s(1);
	assert_int_equal(add(f, "198.51.100.4", 0, &outcome), 0);
	assert_int_equal(outcome.block.rule_id, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(add_drops_in_datapath_and_is_listed),
		TEST(second_block_of_same_target_names_the_first),
		TEST(datapath_failure_ends_the_row_and_is_told),
		TEST(viewer_and_analyst_may_not_block),
		TEST(remove_keeps_the_hits_in_the_row),
		TEST(block_ends_when_its_life_is_over),
		TEST(jump_of_wall_time_moves_no_end),
		TEST(default_ttl_of_the_configuration_counts),
		TEST(reboot_replays_what_is_left),
		TEST(clock_set_back_across_restart_keeps_no_block_longer_than_its_life),
		TEST(hits_survive_reboot_and_count_once_after_a_restart),
		TEST(hits_are_saved_within_a_minute),
		TEST(rule_id_rests_a_minute_before_it_is_used_again),
	};

	return cmocka_run_group_tests_name("block_service", tests, NULL, NULL);
}
