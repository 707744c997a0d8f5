/* Lists: versions, countdown, roll-back, restart. */
#include "tests/unit/block/fixture.h"

#include "agent/util/name_set.h"

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

static void names_go_with_their_list_through_versions_and_restart(void **state)
{
	struct fixture *f = *state;
	struct answer first = offer(f, "198.51.100.1\n0.0.0.0 bad.example\n", false);
	struct answer second = offer(f, "198.51.100.1\nbad.example\nworse.example\n", false);
	struct block_list_entry entries[4];

	assert_int_equal(first.added, 2);
	assert_int_equal(second.added, 1);
	assert_int_equal(second.removed, 0);
	assert_int_equal(second.block.facts.entries, 3);
	fixture_restart(f, true);
	assert_int_equal(f->set_count, 1);
	assert_true(name_set_has(prefix_set_names(f->sets[0]), "worse.example"));
	assert_int_equal(block_list_entries(f->service, second.block.id, 1, entries, 4), 2);
	assert_string_equal(entries[0].name, "bad.example");
	assert_string_equal(entries[1].name, "worse.example");
	assert_int_equal(entries[0].hits.packets, strlen("bad.example"));
}

static void question_about_a_name_finds_the_list_that_holds_it(void **state)
{
	struct fixture *f = *state;
	const struct block_question question = { .value = "www.bad.example" };
	const struct block_question other = { .value = "good.example" };
	CLEANUP(free) struct block_verdict *verdict = calloc(1, sizeof(*verdict));

	(void)offer(f, "bad.example\n", false);
	assert_int_equal(block_test(f->service, &question, verdict), 0);
	assert_int_equal(verdict->decides, 0);
	assert_string_equal(verdict->matches[0].entry_name, "bad.example");
	assert_non_null(strstr(verdict->outcome.message, "list drop, entry bad.example"));
	assert_int_equal(block_test(f->service, &other, verdict), 0);
	assert_int_equal(verdict->decides, -1);
}

static void many_new_names_wait_for_their_confirmation(void **state)
{
	struct fixture *f = *state;
	struct answer first, second;

	confirm_above(f, "2");
	first = offer(f, "a.example\nb.example\n", false);
	second = offer(f, "b.example\nc.example\nd.example\ne.example\n", false);
	assert_int_equal(first.block.state, BLOCK_ACTIVE);
	assert_int_equal(second.block.state, BLOCK_PENDING);
	assert_int_equal(f->set_count, 2);
	assert_int_equal(name_set_len(prefix_set_names(f->sets[0])), 2);
	assert_int_equal(name_set_len(prefix_set_names(f->sets[1])), 3); /* what it gains */
	assert_false(name_set_has(prefix_set_names(f->sets[1]), "b.example"));
}

static void new_version_brings_its_life_and_reason(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	const struct block_list_part part = { "drop", 0, "198.51.100.2\n", 13 };
	struct block_list_order order = {
		.request = { .list = "drop", .ttl_s = 3600, .reason = "from the feed" },
		.done = keep_answer,
		.arg = &answer
	};
	struct block_outcome outcome;

	assert_int_equal(answer.block.expires_unix_ms, 0);
	assert_int_equal(block_list_part(f->service, &admin, &part, &outcome), 0);
	block_list_apply(f->service, &admin, &order);
	assert_int_equal(answer.block.expires_unix_ms, now_unix_ms + 3600000);
	assert_string_equal(answer.block.reason, "from the feed");
	assert_int_equal(f->list_rules[0].end_boot_ns, now_boot_ns + 3600 * NS_PER_S);
	/* nothing said: as it was */
	order.request = (struct block_request){ .list = "drop", .ttl_s = -1, .reason = "" };
	assert_int_equal(block_list_part(f->service, &admin, &part, &outcome), 0);
	block_list_apply(f->service, &admin, &order);
	assert_int_equal(answer.block.expires_unix_ms, now_unix_ms + 3600000);
	assert_string_equal(answer.block.reason, "from the feed");
	pass_s(3601);
	block_tick(f->service);
	assert_int_equal(f->set_count, 0);
}

static void renewed_list_ends_later_with_the_entries_it_has(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	struct block row;

	assert_int_equal(block_list_renew(f->service, "drop", 60), 0);
	pass_s(50);
	assert_int_equal(block_list_renew(f->service, "drop", 60), 0);
	assert_int_equal(f->list_rules[0].end_boot_ns, now_boot_ns + 60 * NS_PER_S);
	assert_int_equal(block_get(f->service, answer.block.id, &row), 0);
	assert_int_equal(row.expires_unix_ms, now_unix_ms + 60000);
	assert_int_equal(row.facts.entries, 1);
	pass_s(50);
	block_tick(f->service);
	assert_int_equal(f->set_count, 1);
	pass_s(11);
	block_tick(f->service);
	assert_int_equal(f->set_count, 0);
	assert_int_equal(block_list_renew(f->service, "drop", 60), -ENOENT);
	assert_int_equal(block_list_renew(f->service, "", 60), -ENOENT);
}

static void list_that_cannot_be_renewed_keeps_its_end(void **state)
{
	struct fixture *f = *state;
	struct answer answer = offer(f, "198.51.100.1\n", false);
	struct block row;

	assert_int_equal(block_list_renew(f->service, "drop", 60), 0);
	f->fail = -EIO;
	assert_int_equal(block_list_renew(f->service, "drop", 600), -EIO);
	f->fail = 0;
	assert_int_equal(block_get(f->service, answer.block.id, &row), 0);
	assert_int_equal(row.expires_unix_ms, now_unix_ms + 60000);
	pass_s(61);
	block_tick(f->service);
	assert_int_equal(f->set_count, 0);
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
		TEST(names_go_with_their_list_through_versions_and_restart),
		TEST(question_about_a_name_finds_the_list_that_holds_it),
		TEST(many_new_names_wait_for_their_confirmation),
		TEST(new_version_brings_its_life_and_reason),
		TEST(renewed_list_ends_later_with_the_entries_it_has),
		TEST(list_that_cannot_be_renewed_keeps_its_end),
		TEST(removed_list_leaves_no_rule),
		TEST(datapath_without_room_changes_nothing),
	};

	return cmocka_run_group_tests_name("block_lists", tests, NULL, NULL);
}
