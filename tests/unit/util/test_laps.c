#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/util/laps.h"

#define MS 1000000ULL

static void steps_follow_one_another_and_add_up(void **state)
{
	struct laps laps;

	(void)state;
	laps_begin(&laps, 1000 * MS);
	laps_end_step(&laps, "open", 1002 * MS + MS / 2);
	laps_end_step(&laps, "check", 1012 * MS + MS / 2);
	assert_string_equal(laps_text(&laps), " open_ms=2.5 check_ms=10.0 total_ms=12.5");
	/* what is read is not part of what comes after it */
	laps_end_step(&laps, "serve", 1013 * MS + MS / 2);
	assert_string_equal(laps_text(&laps),
			    " open_ms=2.5 check_ms=10.0 serve_ms=1.0 total_ms=13.5");
}

static void clock_that_goes_back_is_no_time(void **state)
{
	struct laps laps;

	(void)state;
	laps_begin(&laps, 1000 * MS);
	laps_end_step(&laps, "open", 900 * MS);
	assert_string_equal(laps_text(&laps), " open_ms=0.0 total_ms=0.0");
}

static void too_many_steps_are_left_out_whole(void **state)
{
	struct laps laps;
	size_t len;

	(void)state;
	laps_begin(&laps, 0);
	for (uint64_t i = 1; i < 100; i++)
		laps_end_step(&laps, "a_step", i * MS);
	len = strlen(laps_text(&laps));
	assert_true(len > LAPS_TEXT_MAX - sizeof(" a_step_ms=1.0") && len < LAPS_TEXT_MAX);
	for (const char *at = laps.text; *at; at += strlen(" a_step_ms=1.0"))
		assert_memory_equal(at, " a_step_ms=1.0", strlen(" a_step_ms=1.0"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(steps_follow_one_another_and_add_up),
		cmocka_unit_test(clock_that_goes_back_is_no_time),
		cmocka_unit_test(too_many_steps_are_left_out_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
