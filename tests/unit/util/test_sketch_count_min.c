#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>

#include "agent/util/sketch_count_min.h"
#include "agent/util/sketch_hash.h"

#define WIDTH 1024
#define KEYS  5000

/* Key i is added i % 50 + 1 times. */
static struct count_min make_filled(void)
{
	struct count_min sketch = { .cells = calloc(COUNT_MIN_ROWS * WIDTH, sizeof(uint32_t)),
				    .width = WIDTH };

	assert_non_null(sketch.cells);
	for (uint32_t i = 0; i < KEYS; i++)
		(void)count_min_add(&sketch, hash_mix(i), i % 50 + 1);
	return sketch;
}

static void never_counts_too_low_and_seldom_much_too_high(void **state)
{
	struct count_min sketch = make_filled();
	unsigned int far = 0;

	(void)state;
	for (uint32_t i = 0; i < KEYS; i++) {
		uint32_t count = count_min_get(&sketch, hash_mix(i));

		assert_true(count >= i % 50 + 1);
		far += (double)count > i % 50 + 1 + 2.7183 / WIDTH * (double)sketch.total;
	}
	assert_true(far <= KEYS * 0.0184); /* e^-4 */
	free(sketch.cells);
}

static void decay_halves(void **state)
{
	struct count_min sketch = make_filled();
	uint32_t before = count_min_get(&sketch, hash_mix(49));
	uint64_t total = sketch.total;

	(void)state;
	count_min_decay(&sketch);
	assert_int_equal(count_min_get(&sketch, hash_mix(49)), before / 2);
	assert_int_equal(sketch.total, total / 2);
	free(sketch.cells);
}

static void count_stops_at_the_largest_value(void **state)
{
	uint32_t cells[COUNT_MIN_ROWS * 2] = { 0 };
	struct count_min sketch = { .cells = cells, .width = 2 };

	(void)state;
	(void)count_min_add(&sketch, 1, UINT32_MAX - 1);
	assert_int_equal(count_min_add(&sketch, 1, 5), UINT32_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(never_counts_too_low_and_seldom_much_too_high),
		cmocka_unit_test(decay_halves),
		cmocka_unit_test(count_stops_at_the_largest_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
