#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/internal.h"
#include "agent/model/random.h"

#define ROWS	 600
#define FEATURES 3

static const struct forest_options usual = { .trees = 100, .sample = 256, .seed = 7 };

/* A unit cube, and the last row far outside of it. */
static float *make_rows(void)
{
	struct random random = { .state = 1 };
	float *rows = malloc(ROWS * FEATURES * sizeof(*rows));

	assert_non_null(rows);
	for (size_t i = 0; i < ROWS * FEATURES; i++)
		rows[i] = (float)random_unit(&random);
	for (size_t f = 0; f < FEATURES; f++)
		rows[(ROWS - 1) * FEATURES + f] = 5;
	return rows;
}

static struct forest *fit(const float *rows, size_t count, const struct forest_options *options)
{
	struct forest *forest = NULL;

	assert_int_equal(forest_fit(rows, count, FEATURES, options, &forest), 0);
	return forest;
}

/* c(2) = 1, c(256) = 2 (ln 255 + 0.5772156649) - 2 * 255 / 256 = 10.2448 (Liu 2008, equation 1) */
static void mean_depth_is_that_of_the_paper(void **state)
{
	(void)state;
	assert_true(forest_mean_depth(1) == 0);
	assert_true(forest_mean_depth(2) == 1);
	assert_true(fabs(forest_mean_depth(256) - 10.2448) < 1e-4);
}

static void outlier_scores_above_every_other_row(void **state)
{
	float *rows = make_rows(), depths[ROWS];
	struct forest *forest = fit(rows, ROWS, &usual);

	(void)state;
	forest_walk(forest, rows, ROWS, depths, NULL);
	for (size_t i = 0; i + 1 < ROWS; i++)
		assert_true(depths[ROWS - 1] < depths[i]);
	assert_true(forest_score(forest, depths[ROWS - 1]) > 0.65F);
	forest_free(forest);
	free(rows);
}

/* By symmetry one cut parts two rows: the depth of both is 1, and c(2) = 1: a score of 1/2. */
static void two_rows_are_parted_by_one_cut(void **state)
{
	const float rows[] = { 0, 0, 0, 1, 1, 1 };
	const struct forest_options options = { .trees = 10, .sample = 256, .seed = 1 };
	struct forest *forest = fit(rows, 2, &options);
	float depths[2];

	(void)state;
	forest_walk(forest, rows, 2, depths, NULL);
	assert_true(depths[0] == 1 && depths[1] == 1);
	assert_true(fabsf(forest_score(forest, 1) - 0.5F) < 1e-6F);
	forest_free(forest);
}

/* Of rows 0, 1, 2, ..., 9 the ends lie nearer to the root; an exact mean of many trees is had by
 * recursion: E(lo, hi, i) over uniform cuts between equidistant rows. */
static double expected_depth(int count, int row)
{
	double sum = 0;

	if (count == 1)
		return 0;
	for (int cut = 1; cut < count; cut++) /* rows left of the cut */
		sum += 1 + (row < cut ? expected_depth(cut, row)
				      : expected_depth(count - cut, row - cut));
	return sum / (count - 1);
}

static void depth_of_equidistant_rows_is_the_exact_expectation(void **state)
{
	float rows[8 * FEATURES], depths[8];
	const struct forest_options options = { .trees = 1000, .sample = 8, .seed = 3 };
	struct forest_options many = options;
	double sums[8] = { 0 };

	(void)state;
	for (int i = 0; i < 8 * FEATURES; i++)
		rows[i] = (float)(i / FEATURES);
	for (uint64_t seed = 0; seed < 20; seed++) {
		struct forest *forest;

		many.seed = seed;
		forest = fit(rows, 8, &many);
		forest_walk(forest, rows, 8, depths, NULL);
		for (int i = 0; i < 8; i++)
			sums[i] += (double)depths[i] / 20;
		forest_free(forest);
	}
	/* trees are cut at depth 3, where c(n) stands for the rest: the ends are nearly untouched
	 */
	assert_true(fabs(sums[0] - expected_depth(8, 0)) < 0.1);
	assert_true(fabs(sums[7] - expected_depth(8, 7)) < 0.1);
	assert_true(fabs(sums[0] - sums[7]) < 0.03);
	assert_true(sums[3] > sums[0] + 0.5);
}

static void same_seed_gives_the_same_forest_and_another_one_not(void **state)
{
	float *rows = make_rows();
	struct forest_options other = usual;
	struct forest *a = fit(rows, ROWS, &usual), *b = fit(rows, ROWS, &usual), *c;
	size_t bytes = ((size_t)a->trees << a->depth) * sizeof(struct forest_node);

	(void)state;
	other.seed = 8;
	c = fit(rows, ROWS, &other);
	assert_memory_equal(a->nodes, b->nodes, bytes);
	assert_true(memcmp(a->nodes, c->nodes, bytes) != 0);
	forest_free(a);
	forest_free(b);
	forest_free(c);
	free(rows);
}

static void block_walk_equals_the_walk_of_one_row(void **state)
{
	const struct forest_options options = { .trees = 50, .sample = 256, .has_density = true };
	float *rows = make_rows(), depths[ROWS], densities[ROWS];
	struct forest *forest = fit(rows, ROWS, &options);

	(void)state;
	forest_walk(forest, rows, ROWS, depths, densities);
	for (size_t i = 0; i < ROWS; i++) {
		float depth, density;

		forest_walk(forest, rows + i * FEATURES, 1, &depth, &density);
		assert_true(fabsf(depth - depths[i]) < 1e-4F);
		assert_true(fabsf(density - densities[i]) < 1e-3F);
	}
	forest_free(forest);
	free(rows);
}

static void tree_takes_each_row_at_most_once(void **state)
{
	/* one tree of all rows but one: every row has a leaf of its own, so all c(n) are zero */
	float rows[257 * FEATURES], depths[257];
	const struct forest_options options = { .trees = 1, .sample = 4, .seed = 2 };

	(void)state;
	for (int i = 0; i < 257 * FEATURES; i++)
		rows[i] = (float)(i / FEATURES);
	for (uint64_t seed = 0; seed < 200; seed++) {
		struct forest_options each = options;
		struct forest *forest;

		each.seed = seed;
		forest = fit(rows, 257, &each);
		forest_walk(forest, rows, 257, depths, NULL);
		for (int i = 0; i < 257; i++)
			assert_true(depths[i] >=
				    1); /* a row drawn twice would end a branch early */
		forest_free(forest);
	}
}

static void constant_features_are_never_cut(void **state)
{
	float *rows = make_rows();
	struct forest *forest;

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		rows[i * FEATURES + 1] = 4;
	forest = fit(rows, ROWS, &usual);
	for (size_t i = 0; i < (size_t)forest->trees << forest->depth; i++)
		assert_true(forest->nodes[i].feature != 1);
	forest_free(forest);
	free(rows);
}

static void sizes_out_of_bounds_are_refused(void **state)
{
	static const struct forest_options bad[] = {
		{ .trees = 0, .sample = 256 },
		{ .trees = 1001, .sample = 256 },
		{ .trees = 100, .sample = 1 },
		{ .trees = 100, .sample = 8193 },
	};
	const float rows[FEATURES * 2] = { 0 };
	struct forest *forest = NULL;

	(void)state;
	for (size_t i = 0; i < 4; i++)
		assert_int_equal(forest_fit(rows, 2, FEATURES, &bad[i], &forest), -EINVAL);
	assert_int_equal(forest_fit(rows, 1, FEATURES, &usual, &forest), -EINVAL);
	assert_int_equal(forest_fit(rows, 2, 0, &usual, &forest), -EINVAL);
	assert_null(forest);
}

static void memory_stays_below_the_bars(void **state)
{
	const struct forest_options dense = { .trees = 100, .sample = 256, .has_density = true };
	float *rows = make_rows();
	struct forest *a = fit(rows, ROWS, &usual), *b = fit(rows, ROWS, &dense);

	(void)state;
	assert_true(forest_bytes(a) <= 320UL * 1024);
	assert_true(forest_bytes(b) <= 700UL * 1024);
	forest_free(a);
	forest_free(b);
	free(rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(mean_depth_is_that_of_the_paper),
		cmocka_unit_test(outlier_scores_above_every_other_row),
		cmocka_unit_test(two_rows_are_parted_by_one_cut),
		cmocka_unit_test(depth_of_equidistant_rows_is_the_exact_expectation),
		cmocka_unit_test(same_seed_gives_the_same_forest_and_another_one_not),
		cmocka_unit_test(block_walk_equals_the_walk_of_one_row),
		cmocka_unit_test(tree_takes_each_row_at_most_once),
		cmocka_unit_test(constant_features_are_never_cut),
		cmocka_unit_test(sizes_out_of_bounds_are_refused),
		cmocka_unit_test(memory_stays_below_the_bars),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
