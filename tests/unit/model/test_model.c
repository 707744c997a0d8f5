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

#define ROWS	 1000
#define FEATURES 4

static const struct model_options usual = {
	.trees = 50, .sample = 256, .seed = 5, .has_density = true, .has_rules = true
};

/* Uniform rows; feature 1 holds the row's number, so that its order is known. */
static float *make_rows(void)
{
	struct random random = { .state = 1 };
	float *rows = malloc(ROWS * FEATURES * sizeof(*rows));

	assert_non_null(rows);
	for (size_t i = 0; i < ROWS * FEATURES; i++)
		rows[i] = i % FEATURES == 1 ? (float)(i / FEATURES) : (float)random_unit(&random);
	return rows;
}

static struct model *make_model(void)
{
	float *rows = make_rows();
	struct model *model = NULL;

	assert_int_equal(model_fit(rows, ROWS, FEATURES, &usual, &model), 0);
	free(rows);
	return model;
}

static void rank_is_the_logarithm_of_the_share_as_far_out(void **state)
{
	struct model *model = make_model();
	const struct ranks *ranks = model->ranks;

	(void)state;
	/* values 0..999, each once: P(X >= 990) = 0.01, P(X <= 4) = 0.005 */
	assert_true(fabsf(ranks_get(ranks, 1, 990) + logf(0.01F)) < 0.15F);
	assert_true(fabsf(ranks_get(ranks, 1, 4) + logf(0.005F)) < 0.15F);
	assert_true(fabsf(ranks_get(ranks, 1, 500) - logf(2)) < 0.15F);
	assert_true(ranks_get(ranks, 1, 5000) == ranks->most);
	assert_true(fabsf(ranks->most - logf(1001)) < 1e-4F);
	model_free(model);
}

static void rank_of_a_common_value_counts_all_its_rows(void **state)
{
	struct ranks *ranks = NULL;
	float rows[1000];

	(void)state;
	for (int i = 0; i < 1000; i++)
		rows[i] = i < 700 ? 0 : 1; /* three tenths are ones */
	assert_int_equal(ranks_fit(rows, 1000, 1, &ranks), 0);
	assert_true(fabsf(ranks_get(ranks, 0, 1) + logf(0.3F)) < 0.15F);
	ranks_free(ranks);
}

static void explanation_names_the_rarest_feature_and_its_normal_range(void **state)
{
	const float row[FEATURES] = { 0.5F, 5000, 0.5F, 0.001F };
	struct model *model = make_model();
	struct model_reason reasons[3];

	(void)state;
	assert_int_equal(model_explain(model, row, reasons, 3), 3);
	assert_int_equal(reasons[0].feature, 1);
	assert_int_equal(reasons[1].feature, 3);
	assert_true(reasons[0].value == 5000);
	assert_true(reasons[0].low == 9 && reasons[0].high == 990);
	assert_true(reasons[0].middle == 499);
	model_free(model);
}

static void grid_finds_rows_far_outside_more_unusual_than_any_other(void **state)
{
	const float far[FEATURES] = { 9, -4000, 9, -9 };
	struct model *model = make_model();
	float *rows = make_rows();

	(void)state;
	for (size_t i = 0; i < ROWS; i++)
		assert_true(grid_score(model->grid, rows + i * FEATURES) <
			    grid_score(model->grid, far));
	free(rows);
	model_free(model);
}

static void what_is_not_finite_is_refused(void **state)
{
	static const float bad[] = { NAN, INFINITY, -INFINITY };
	struct model *model = make_model();
	float score = 7;

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		const float row[FEATURES] = { 0, 0, bad[i], 0 };

		assert_int_equal(model_score(model, row, 1, &score), -EINVAL);
	}
	assert_true(score == 7);
	model_free(model);
}

static void constant_rows_teach_nothing(void **state)
{
	float rows[40 * FEATURES] = { 0 };
	struct model *model = NULL;

	(void)state;
	assert_int_equal(model_fit(rows, 40, FEATURES, &usual, &model), -EDOM);
	assert_null(model);
}

static void encode(const struct model *model, struct buffer *buffer)
{
	buffer_init(buffer, 1 << 24);
	model_encode(model, buffer);
	assert_int_equal(buffer->error, 0);
}

static void decoded_model_scores_the_same(void **state)
{
	struct model *model = make_model(), *again = NULL;
	float *rows = make_rows(), a[ROWS], b[ROWS];
	char reason[MODEL_REASON_MAX];
	struct buffer buffer;

	(void)state;
	encode(model, &buffer);
	assert_int_equal(model_decode(buffer.data, buffer.len, &again, reason), 0);
	assert_int_equal(model_score(model, rows, ROWS, a), 0);
	assert_int_equal(model_score(again, rows, ROWS, b), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(model_rows(again), ROWS);
	buffer_done(&buffer);
	model_free(again);
	model_free(model);
	free(rows);
}

static void cut_file_is_refused_at_every_length(void **state)
{
	struct model *model = make_model(), *again = NULL;
	char reason[MODEL_REASON_MAX];
	struct buffer buffer;

	(void)state;
	encode(model, &buffer);
	for (size_t len = 0; len < buffer.len; len += len < 300 ? 1 : 997) {
		reason[0] = '\0';
		assert_int_equal(model_decode(buffer.data, len, &again, reason), -EBADMSG);
		assert_true(reason[0] != '\0');
	}
	assert_null(again);
	buffer_done(&buffer);
	model_free(model);
}

static void turned_bit_is_found_anywhere(void **state)
{
	struct model *model = make_model(), *again = NULL;
	char reason[MODEL_REASON_MAX];
	struct buffer buffer;

	(void)state;
	encode(model, &buffer);
	for (size_t at = 0; at < buffer.len; at += at < 300 ? 1 : 1013) {
		buffer.data[at] ^= 4;
		assert_true(model_decode(buffer.data, buffer.len, &again, reason) < 0);
		buffer.data[at] ^= 4;
	}
	assert_null(again);
	buffer_done(&buffer);
	model_free(model);
}

static void other_version_is_named(void **state)
{
	struct model *model = make_model(), *again = NULL;
	char reason[MODEL_REASON_MAX];
	struct buffer buffer;

	(void)state;
	encode(model, &buffer);
	buffer.data[8] = 9; /* behind the magic number */
	assert_int_equal(model_decode(buffer.data, buffer.len, &again, reason), -EPROTONOSUPPORT);
	assert_non_null(strstr(reason, "version 9"));
	buffer_done(&buffer);
	model_free(model);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rank_is_the_logarithm_of_the_share_as_far_out),
		cmocka_unit_test(rank_of_a_common_value_counts_all_its_rows),
		cmocka_unit_test(explanation_names_the_rarest_feature_and_its_normal_range),
		cmocka_unit_test(grid_finds_rows_far_outside_more_unusual_than_any_other),
		cmocka_unit_test(what_is_not_finite_is_refused),
		cmocka_unit_test(constant_rows_teach_nothing),
		cmocka_unit_test(decoded_model_scores_the_same),
		cmocka_unit_test(cut_file_is_refused_at_every_length),
		cmocka_unit_test(turned_bit_is_found_anywhere),
		cmocka_unit_test(other_version_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
