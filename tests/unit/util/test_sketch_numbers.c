#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <stdlib.h>

#include "agent/util/sketch_entropy.h"
#include "agent/util/sketch_hash.h"
#include "agent/util/sketch_moments.h"
#include "agent/util/sketch_quantile.h"

#define NEAR(a, b, tolerance) assert_true(fabs((a) - (b)) <= (tolerance))

/* ---- entropy ----------------------------------------------------------------------------------
 */

static void entropy_of_equal_shares_is_their_logarithm(void **state)
{
	struct entropy table = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 4000; i++)
		entropy_add(&table, (i % 4) << 59);
	NEAR(entropy_bits(&table), 2, 1e-4);
}

/* Shares 1/2, 1/4, 1/8, 1/8: 1.75 bits (Shannon 1948, his example in section 7). */
static void entropy_of_unequal_shares(void **state)
{
	static const uint64_t keys[] = { 0, 0, 0, 0, 1, 1, 2, 3 };
	struct entropy table = { 0 };

	(void)state;
	for (int round = 0; round < 100; round++)
		for (size_t i = 0; i < 8; i++)
			entropy_add(&table, keys[i] << 59);
	NEAR(entropy_bits(&table), 1.75, 1e-4);
}

static void entropy_is_zero_for_one_key_and_for_none(void **state)
{
	struct entropy table = { 0 };

	(void)state;
	assert_true(entropy_bits(&table) == 0);
	for (int i = 0; i < 100; i++)
		entropy_add(&table, 5);
	NEAR(entropy_bits(&table), 0, 1e-6);
}

static void entropy_survives_a_full_slot(void **state)
{
	struct entropy table = { 0 };

	(void)state;
	for (uint64_t i = 0; i < 300000; i++)
		entropy_add(&table, (i % 2) << 59);
	NEAR(entropy_bits(&table), 1, 0.001);
}

static void entropy_of_a_text_is_per_character(void **state)
{
	(void)state;
	NEAR(entropy_text_bits("aabb", 4), 1, 1e-6);
	NEAR(entropy_text_bits("abcdefgh", 8), 3, 1e-6);
	assert_true(entropy_text_bits("", 0) == 0);
}

/* ---- moments ----------------------------------------------------------------------------------
 */

/* 2, 4, 4, 4, 5, 5, 7, 9: mean 5, deviation 2 as a population. A large offset changes nothing. */
static void welford_gives_mean_and_deviation_beside_a_large_offset(void **state)
{
	static const double values[] = { 2, 4, 4, 4, 5, 5, 7, 9 };

	(void)state;
	for (double offset = 0; offset < 1e10; offset += 9e8) {
		struct welford w = { 0 };

		for (size_t i = 0; i < 8; i++)
			welford_add(&w, values[i] + offset);
		NEAR(w.mean, 5 + offset, 1e-5);
		NEAR(welford_deviation(&w), 2, 1e-5);
	}
}

static void coefficient_of_variation_is_relative(void **state)
{
	struct welford w = { 0 };

	(void)state;
	assert_true(welford_cv(&w) == 0);
	welford_add(&w, 30);
	welford_add(&w, 50);
	NEAR(welford_cv(&w), 0.25, 1e-12);
}

/* By hand, alpha 0.5: 4 -> m 4 v 0; 8 -> m 6, v .5(0 + .5*16) = 4; 6 -> m 6, v 2. */
static void ew_follows_its_formula(void **state)
{
	struct ew ew = { 0 };

	(void)state;
	assert_true(ew_z(&ew, 100, 1) == 0);
	ew_add(&ew, 4, 0.5);
	ew_add(&ew, 8, 0.5);
	ew_add(&ew, 6, 0.5);
	NEAR((double)ew.mean, 6, 1e-6);
	NEAR((double)ew.variance, 2, 1e-6);
	NEAR(ew_z(&ew, 12, 2), 3, 1e-6);
}

/* ---- quantiles --------------------------------------------------------------------------------
 */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void quantile_lies_at_most_19_percent_above_the_exact_one(void **state)
{
	static double values[20000];
	static const double shares[] = { 0.01, 0.5, 0.9, 0.99, 0.999, 1 };
	struct quantile sketch = { { 0 }, 0 };

	(void)state;
	for (size_t i = 0; i < 20000; i++) {
		double u = (double)(hash_mix(i) >> 11) / 9007199254740992.0;

		values[i] = exp(12 * u); /* 1 to 160,000 */
		quantile_add(&sketch, values[i]);
	}
	qsort(values, 20000, sizeof(double), compare);
	for (size_t i = 0; i < 6; i++) {
		size_t rank = (size_t)ceil(shares[i] * 20000) - 1;

		assert_true(quantile_get(&sketch, shares[i]) >= values[rank]);
		assert_true(quantile_get(&sketch, shares[i]) <= values[rank] * 1.19);
	}
}

static void quantile_takes_any_value(void **state)
{
	struct quantile sketch = { { 0 }, 0 };

	(void)state;
	assert_true(quantile_get(&sketch, 0.5) == 0);
	quantile_add(&sketch, NAN);
	quantile_add(&sketch, -5);
	assert_true(quantile_get(&sketch, 1) == 1);
	quantile_add(&sketch, INFINITY);
	assert_true(quantile_get(&sketch, 1) >= exp2(24));
}

static void quantile_forgets_old_habits(void **state)
{
	struct quantile sketch = { { 0 }, 0 };

	(void)state;
	for (int i = 0; i < 65535; i++)
		quantile_add(&sketch, 1000);
	for (int i = 0; i < 400000; i++)
		quantile_add(&sketch, 10);
	assert_true(quantile_get(&sketch, 0.9) < 13);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entropy_of_equal_shares_is_their_logarithm),
		cmocka_unit_test(entropy_of_unequal_shares),
		cmocka_unit_test(entropy_is_zero_for_one_key_and_for_none),
		cmocka_unit_test(entropy_survives_a_full_slot),
		cmocka_unit_test(entropy_of_a_text_is_per_character),
		cmocka_unit_test(welford_gives_mean_and_deviation_beside_a_large_offset),
		cmocka_unit_test(coefficient_of_variation_is_relative),
		cmocka_unit_test(ew_follows_its_formula),
		cmocka_unit_test(quantile_lies_at_most_19_percent_above_the_exact_one),
		cmocka_unit_test(quantile_takes_any_value),
		cmocka_unit_test(quantile_forgets_old_habits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
