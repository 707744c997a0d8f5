/* How long a role may be silent, by how crowded the machine is. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "agent/app/patience.h"
#include "agent/util/clock.h"

static void a_machine_with_room_waits_ten_seconds(void **state)
{
	(void)state;
	assert_int_equal(patience_ns(0, 2), 10 * NS_PER_S);
	assert_int_equal(patience_ns(8, 2), 10 * NS_PER_S);
	assert_int_equal(patience_ns(-1, 2), 10 * NS_PER_S);
	assert_int_equal(patience_ns(NAN, 2), 10 * NS_PER_S);
}

static void a_crowded_one_waits_longer_and_never_beyond_a_minute(void **state)
{
	(void)state;
	assert_int_equal(patience_ns(16, 2), 20 * NS_PER_S);
	assert_int_equal(patience_ns(16, 8), 10 * NS_PER_S);
	assert_int_equal(patience_ns(1000, 2), 60 * NS_PER_S);
	assert_int_equal(patience_ns(INFINITY, 2), 60 * NS_PER_S);
	assert_int_equal(patience_ns(8, 0), 20 * NS_PER_S); /* the count of CPUs is unknown */
}

static void this_machine_is_within_the_bounds(void **state)
{
	(void)state;
	assert_in_range(patience_now_ns(), 10 * NS_PER_S, 60 * NS_PER_S);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_machine_with_room_waits_ten_seconds),
		cmocka_unit_test(a_crowded_one_waits_longer_and_never_beyond_a_minute),
		cmocka_unit_test(this_machine_is_within_the_bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
