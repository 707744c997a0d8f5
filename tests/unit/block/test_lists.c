/* Lists: versions, countdown, roll-back, restart. */
#include "tests/unit/block/fixture.h"

struct answer {
	int error, calls;
	struct block block;
	size_t added, removed, refused;
	bool is_applied;
};

static void keep_answer(void *arg, const struct block_outcome *outcome,
			const struct block_list_report *report)
{
	struct answer *answer = arg;

	answer->calls++;
	answer->error = outcome->error;
	answer->block = outcome->block;
	answer->added = report->added;
	answer->removed = report->removed;
	answer->refused = report->refused;
	answer->is_applied = report->is_applied;
}

static struct answer offer(struct fixture *f, const char *text, bool all_or_nothing)
{
	struct answer answer = { 0 };
	const struct block_list_part part = { "drop", 0, text, strlen(text) };
	const struct block_list_order order = { .request = { .list = "drop", .reason = "test" },
						.is_all_or_nothing = all_or_nothing,
						.done = keep_answer,
						.arg = &answer };
	struct block_outcome outcome;

	assert_int_equal(block_list_part(f->service, &admin, &part, &outcome), 0);
	block_list_apply(f->service, &admin, &order);
	assert_int_equal(answer.calls, 1);
	return answer;
}

static void confirm_above(struct fixture *f, const char *entries)
{
	char reason[256];

	assert_int_equal(config_set(f->config, CONFIG_BLOCK_CONFIRM_ENTRIES, entries, reason), 0);
}

static void new_list_is_in_the_datapath_and_a_row(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n203.0.113.0/24\n", false);
	struct block_list_entry entries[4];
	struct block row;

	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.added, 2);
	assert_int_equal(f->set_count, 1);
	assert_int_equal(prefix_set_len(f->sets[0]), 2);
	assert_int_equal(block_list(f->service, true, 0, &row, 1), 1);
	assert_string_equal(row.list, "drop");
	assert_int_equal(row.facts.entries, 2);
	assert_int_equal(row.facts.version, 1);
	assert_int_equal(block_list_entries(f->service, row.id, 1, entries, 4), 1);
	assert_int_equal(entries[0].hits.packets, 3);
}

static void next_version_replaces_the_first_under_the_same_rule(void **state)
{
	struct fixture *f = *state;
	struct answer first = offer(f, "198.51.100.1\n198.51.100.2\n", false);
	struct answer second = offer(f, "198.51.100.2\n198.51.100.3\n198.51.100.4\n", false);

	assert_int_equal(second.error, 0);
	assert_int_equal(second.block.id, first.block.id);
	assert_int_equal(second.added, 2);
	assert_int_equal(second.removed, 1);
	assert_int_equal(second.block.facts.version, 2);
	assert_int_equal(f->set_count, 1);
	assert_int_equal(prefix_set_len(f->sets[0]), 3);
}

static void all_or_nothing_applies_nothing_with_one_wrong_line(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n127.0.0.1\n", true);

	assert_int_equal(answer.error, -EINVAL);
	assert_int_equal(answer.refused, 1);
	assert_false(answer.is_applied);
	assert_int_equal(f->set_count, 0);
	answer = offer(f, "198.51.100.1\n127.0.0.1\n", false);
	assert_int_equal(answer.error, 0);
	assert_int_equal(prefix_set_len(f->sets[0]), 1);
}

static void part_out_of_order_is_refused(void **state)
{
	struct fixture *f = *state;
	const struct block_list_part first = { "drop", 0, "198.5", 5 };
	const struct block_list_part wrong = { "drop", 4, "1", 1 };
	const struct block_list_part second = { "drop", 5, "1.100.1\n", 8 };
	struct block_outcome outcome;

	assert_int_equal(block_list_part(f->service, &admin, &first, &outcome), 0);
	assert_int_equal(block_list_part(f->service, &admin, &wrong, &outcome), -EINVAL);
	assert_int_equal(block_list_part(f->service, &admin, &second, &outcome), 0);
}

static void large_gain_waits_in_a_second_rule_and_rolls_back(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	struct block row;
	int at;

	confirm_above(f, "1");
	answer = offer(f, "198.51.100.2\n198.51.100.3\n", false);
	assert_int_equal(answer.error, 0);
	assert_int_equal(answer.block.state, BLOCK_PENDING);
	assert_int_equal(f->set_count, 2);
	at = fake_find_list(f, answer.block.facts.pending_rule_id);
	assert_int_equal(f->list_rules[at].end_boot_ns, 1060 * NS_PER_S);
	assert_int_equal(prefix_set_len(f->sets[at]), 2);
	assert_int_equal(prefix_set_len(f->sets[1 - at]), 1);
	pass_s(60);
	block_tick(f->service);
	assert_int_equal(f->set_count, 1);
	assert_int_equal(prefix_set_len(f->sets[0]), 1);
	assert_int_equal(block_get(f->service, answer.block.id, &row), 0);
	assert_int_equal(row.state, BLOCK_ACTIVE);
	assert_int_equal(row.facts.version, 1);
	assert_int_equal(row.confirm_by_unix_ms, 0);
}

static void confirmed_version_takes_over_before_the_second_rule_goes(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	struct block_outcome outcome;
	uint32_t second;
	int at;

	confirm_above(f, "1");
	answer = offer(f, "198.51.100.2\n198.51.100.3\n", false);
	second = answer.block.facts.pending_rule_id;
	assert_int_equal(block_confirm(f->service, &admin, answer.block.id, &outcome), 0);
	f->is_busy = true; /* the first rule does not hold everything yet */
	block_tick(f->service);
	at = fake_find_list(f, second);
	assert_true(at >= 0);
	assert_int_equal(f->list_rules[at].end_boot_ns, 0);
	f->is_busy = false;
	block_tick(f->service);
	assert_int_equal(f->set_count, 1);
	assert_int_equal(f->list_rules[0].rule_id, answer.block.rule_id);
	assert_int_equal(prefix_set_len(f->sets[0]), 2);
	pass_s(120);
	block_tick(f->service);
	assert_int_equal(f->set_count, 1);
}

static void first_version_not_confirmed_is_gone(void **state)
{
	struct fixture *f = *state;
	struct answer answer;
	struct block row;

	confirm_above(f, "1");
	answer = offer(f, "198.51.100.2\n198.51.100.3\n", false);
	assert_int_equal(answer.block.state, BLOCK_PENDING);
	pass_s(60);
	block_tick(f->service);
	assert_int_equal(f->set_count, 0);
	assert_int_equal(block_get(f->service, answer.block.id, &row), 0);
	assert_int_equal(row.state, BLOCK_ROLLED_BACK);
}

static void restart_replays_sets_and_the_countdown(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	int at;

	confirm_above(f, "1");
	answer = offer(f, "198.51.100.1\n198.51.100.2\n198.51.100.3\n", false);
	pass_s(20);
	fixture_restart(f, true);
	assert_int_equal(f->set_count, 2);
	at = fake_find_list(f, answer.block.facts.pending_rule_id);
	assert_true(at >= 0);
	assert_int_equal(prefix_set_len(f->sets[at]), 2);
	assert_int_equal(f->list_rules[at].end_boot_ns, (30 + 40) * NS_PER_S);
	pass_s(100);
	fixture_restart(f, true);
	assert_int_equal(f->set_count, 1);
	assert_int_equal(prefix_set_len(f->sets[0]), 1);
}

static void restart_in_the_middle_of_a_confirmation_ends_it(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	struct block_outcome outcome;

	confirm_above(f, "1");
	answer = offer(f, "198.51.100.2\n198.51.100.3\n", false);
	assert_int_equal(block_confirm(f->service, &admin, answer.block.id, &outcome), 0);
	fixture_restart(f, true);
	assert_int_equal(f->set_count, 2);
	block_tick(f->service);
	assert_int_equal(f->set_count, 1);
	assert_int_equal(prefix_set_len(f->sets[0]), 2);
}

static void removed_list_leaves_no_rule(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	struct block_outcome outcome;

	assert_int_equal(block_remove(f->service, &admin, answer.block.id, &outcome), 0);
	assert_int_equal(f->set_count, 0);
	answer = offer(f, "198.51.100.1\n", false);
	assert_int_equal(answer.error, 0);
}

static void datapath_without_room_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct answer answer;
	struct block row;

	f->fail = -ENOSPC;
	answer = offer(f, "198.51.100.1\n", false);
	assert_int_equal(answer.error, -ENOSPC);
	assert_int_equal(block_list(f->service, true, 0, &row, 1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(new_list_is_in_the_datapath_and_a_row),
		TEST(next_version_replaces_the_first_under_the_same_rule),
		TEST(all_or_nothing_applies_nothing_with_one_wrong_line),
		TEST(part_out_of_order_is_refused),
		TEST(large_gain_waits_in_a_second_rule_and_rolls_back),
		TEST(confirmed_version_takes_over_before_the_second_rule_goes),
		TEST(first_version_not_confirmed_is_gone),
		TEST(restart_replays_sets_and_the_countdown),
		TEST(restart_in_the_middle_of_a_confirmation_ends_it),
		TEST(removed_list_leaves_no_rule),
		TEST(datapath_without_room_changes_nothing),
	};

	return cmocka_run_group_tests_name("block_lists", tests, NULL, NULL);
}
