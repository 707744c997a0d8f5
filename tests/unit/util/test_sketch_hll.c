#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "agent/util/sketch_hash.h"
#include "agent/util/sketch_hll.h"

#define ROUNDS 40

/* Root mean square of the relative error over rounds of different keys. */
static double measure_error(unsigned int bits, uint64_t keys)
{
	uint8_t registers[1 << 12];
	double sum = 0;

	for (uint64_t round = 0; round < ROUNDS; round++) {
		double error;

		memset(registers, 0, sizeof(registers));
		for (uint64_t i = 0; i < keys; i++)
			(void)hll_add(registers, bits, hash_pair(round, i));
		error = hll_count(registers, bits) / (double)keys - 1;
		sum += error * error;
	}
	return sqrt(sum / ROUNDS);
}

static void error_stays_within_the_theory_at_any_size(void **state)
{
	static const unsigned int bits[] = { 6, 9, 12 };
	static const uint64_t keys[] = { 5, 50, 500, 5000, 50000 };

	(void)state;
	for (size_t b = 0; b < 3; b++)
		for (size_t k = 0; k < 5; k++)
			assert_true(measure_error(bits[b], keys[k]) <
				    1.3 * 1.04 / sqrt((double)(1U << bits[b])));
}

static void empty_counts_zero_and_one_key_counts_one(void **state)
{
	uint8_t registers[64] = { 0 };

	(void)state;
	assert_true(hll_count(registers, 6) == 0);
	assert_true(hll_add(registers, 6, hash_mix(3)));
	assert_false(hll_add(registers, 6, hash_mix(3)));
	assert_true(fabs(hll_count(registers, 6) - 1) < 0.02);
}

static void merge_counts_the_union(void **state)
{
	uint8_t a[4096] = { 0 }, b[4096] = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 6000; i++)
		(void)hll_add(i < 4000 ? a : b, 12, hash_mix(i));
	for (uint64_t i = 3000; i < 4000; i++)
		(void)hll_add(b, 12, hash_mix(i));
	hll_merge(a, b, 12);
	assert_true(fabs(hll_count(a, 12) / 6000 - 1) < 0.05);
}

static void saturated_registers_give_a_finite_count(void **state)
{
	uint8_t registers[16];

	(void)state;
	memset(registers, 255, sizeof(registers)); /* as read from a damaged file */
	assert_false(isnan(hll_count(registers, 4)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(error_stays_within_the_theory_at_any_size),
		cmocka_unit_test(empty_counts_zero_and_one_key_counts_one),
		cmocka_unit_test(merge_counts_the_union),
		cmocka_unit_test(saturated_registers_give_a_finite_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
