/*
 * What is said of the history's budget. Expected values by hand from the records.
 */
#include "tests/unit/store/fixture.h"

#include "include/history.h"

static void budget_lasts_as_long_as_its_share_at_the_rate_of_the_last_day(void **state)
{
	struct fixture *f = *state;
	struct store_history_facts facts;
	/* 2026-01-17T10:00:00Z: a day of one record a minute before it, and a day of five */
	const int64_t now = 1768644000;

	assert_int_equal(store_history_facts(f->store, now, &facts), 0);
	assert_int_equal(facts.oldest_unix_s, -1);
	assert_int_equal(facts.holds_s, -1);
	for (int64_t minute = 0; minute < 2 * 1440; minute++)
		for (int i = 0; i < (minute < 1440 ? 1 : 5); i++) {
			struct flow flow = { .id = 1, .packets_out = 1 };

			flow.end_unix_ms = (now - 2 * 86400 + minute * 60) * 1000;
			flow.start_unix_ms = flow.end_unix_ms;
			flow.tuple.src = test_addr("198.18.0.1");
			flow.tuple.dst = test_addr("198.18.0.2");
			assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
		}
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_history_facts(f->store, now, &facts), 0);
	assert_int_equal(facts.records, 6 * 1440);
	assert_int_equal(facts.max_bytes, 1ULL << 30);
	assert_int_equal(facts.oldest_unix_s, now - 2 * 86400);
	/* 7200 records a day of used / 8640 bytes each */
	assert_in_range(facts.bytes_per_day, facts.used_bytes * 7200 / 8640 - 2,
			facts.used_bytes * 7200 / 8640 + 2);
	double days = (double)facts.holds_s / 86400;
	double used_of_budget = days * (double)facts.bytes_per_day / (double)facts.max_bytes;
	assert_true(used_of_budget > 0.85 && used_of_budget <= 1); /* the rest is the WAL's */
	/* an hour later the same records are a smaller rate */
	int64_t rate = facts.bytes_per_day;
	assert_int_equal(store_history_facts(f->store, now + 3600, &facts), 0);
	assert_true(facts.bytes_per_day < rate);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(budget_lasts_as_long_as_its_share_at_the_rate_of_the_last_day),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
