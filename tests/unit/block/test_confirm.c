/* Wide blocks: live at once, gone by themselves, kept by a confirmation. */
#include "tests/unit/block/fixture.h"

#define CONFIRM_S 60 /* the default of [Block] confirm */

static void wide_block_drops_with_its_end_in_the_datapath(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.0.0/23", 0, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_PENDING);
	assert_int_equal(outcome.block.confirm_by_unix_ms, now_unix_ms + CONFIRM_S * 1000);
	assert_int_equal(f->rules[0].end_boot_ns, (1000 + CONFIRM_S) * NS_PER_S);
	assert_int_equal(add(f, "2001:db8::/47", 0, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_PENDING);
	assert_int_equal(add(f, "com", 0, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_PENDING);
	assert_int_equal(add(f, "198.51.100.0/24", 0, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_ACTIVE);
	assert_int_equal(add(f, "2001:db9::/48", 0, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_ACTIVE);
}

static void unconfirmed_block_is_rolled_back_by_the_tick(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add(f, "198.51.0.0/16", HOUR_S, &outcome), 0);
	pass_s(CONFIRM_S);
	block_tick(f->service);
	assert_int_equal(f->rule_count, 0);
	assert_int_equal(block_get(f->service, outcome.block.id, &row), 0);
	assert_int_equal(row.state, BLOCK_ROLLED_BACK);
}

static void confirmation_gives_the_real_end(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	int64_t id;

	assert_int_equal(add(f, "198.51.0.0/16", HOUR_S, &outcome), 0);
	id = outcome.block.id;
	pass_s(CONFIRM_S - 1);
	assert_int_equal(block_confirm(f->service, &admin, id, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_ACTIVE);
	assert_int_equal(outcome.block.confirm_by_unix_ms, 0);
	assert_int_equal(f->rules[0].end_boot_ns, (1000 + HOUR_S) * NS_PER_S);
	pass_s(CONFIRM_S);
	block_tick(f->service);
	assert_int_equal(f->rule_count, 1);
	assert_int_equal(block_confirm(f->service, &admin, id, &outcome), -EINVAL);
}

static void late_confirmation_is_refused(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.0.0/16", 0, &outcome), 0);
	pass_s(CONFIRM_S);
	assert_int_equal(block_confirm(f->service, &admin, outcome.block.id, &outcome), -ETIME);
}

static void refused_confirmation_keeps_the_countdown(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;
	int64_t id;

	assert_int_equal(add(f, "198.51.0.0/16", 0, &outcome), 0);
	id = outcome.block.id;
	f->fail = -EIO;
	assert_int_equal(block_confirm(f->service, &admin, id, &outcome), -EIO);
	f->fail = 0;
	assert_int_equal(block_get(f->service, id, &row), 0);
	assert_int_equal(row.state, BLOCK_PENDING);
	assert_int_equal(row.confirm_by_unix_ms, now_unix_ms + CONFIRM_S * 1000);
}

static void pending_block_goes_on_counting_down_after_a_restart(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;

	assert_int_equal(add(f, "198.51.0.0/16", 0, &outcome), 0);
	pass_s(20);
	fixture_restart(f, true);
	assert_int_equal(f->rules[0].end_boot_ns, (30 + CONFIRM_S - 20) * NS_PER_S);
}

static void block_not_confirmed_while_the_service_was_away_never_drops_again(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	struct block row;

	assert_int_equal(add(f, "198.51.0.0/16", 0, &outcome), 0);
	pass_s(CONFIRM_S + 1);
	fixture_restart(f, true);
	assert_int_equal(f->rule_count, 0);
	assert_int_equal(block_get(f->service, outcome.block.id, &row), 0);
	assert_int_equal(row.state, BLOCK_ROLLED_BACK);
}

static void count_only_needs_no_confirmation(void **state)
{
	struct fixture *f = *state;
	struct block_request request = { .value = "198.51.0.0/16", .action = "count" };
	struct block_outcome outcome;

	assert_int_equal(block_add(f->service, &admin, &request, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_ACTIVE);
}

static void off_keeps_the_row_and_the_rule_without_effect(void **state)
{
	struct fixture *f = *state;
	struct block_outcome outcome;
	int64_t id;

	assert_int_equal(add(f, "198.51.100.7", 0, &outcome), 0);
	id = outcome.block.id;
	assert_int_equal(block_set_off(f->service, &admin, id, true, &outcome), 0);
	assert_int_equal(outcome.block.state, BLOCK_OFF);
	assert_true(f->rules[0].is_inactive);
	fixture_restart(f, true);
	assert_true(f->rules[0].is_inactive);
	assert_int_equal(block_set_off(f->service, &admin, id, false, &outcome), 0);
	assert_false(f->rules[0].is_inactive);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(wide_block_drops_with_its_end_in_the_datapath),
		TEST(unconfirmed_block_is_rolled_back_by_the_tick),
		TEST(confirmation_gives_the_real_end),
		TEST(late_confirmation_is_refused),
		TEST(refused_confirmation_keeps_the_countdown),
		TEST(pending_block_goes_on_counting_down_after_a_restart),
		TEST(block_not_confirmed_while_the_service_was_away_never_drops_again),
		TEST(count_only_needs_no_confirmation),
		TEST(off_keeps_the_row_and_the_rule_without_effect),
	};

	return cmocka_run_group_tests_name("block_confirm", tests, NULL, NULL);
}
