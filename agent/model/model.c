/*
 * Forest, grids and ranks together: each part's score in deviations from its training rows.
 */
#include "agent/model/model.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "agent/model/internal.h"
#include "agent/util/sketch_moments.h"

#define BLOCK_ROWS	512
#define SCALE_ROWS_MAX	100000 /* beyond, every n-th row: mean and deviation know enough */
#define DEVIATION_LEAST 1e-6F

/* Tail ranks repeat in one dimension what the other parts see in several (docs/model.md). */
static const float weights[MODEL_PARTS] = {
	[MODEL_PART_DEPTH] = 1,
	[MODEL_PART_DENSITY] = 1,
	[MODEL_PART_GRID] = 1,
	[MODEL_PART_RANKS] = 0.1F,
};

/* Scores of a block of rows by part. */
struct parts {
	float of[MODEL_PARTS][BLOCK_ROWS];
};

bool model_has_part(const struct model *model, enum model_part part)
{
	switch (part) {
	case MODEL_PART_DENSITY:
		return model->has_density;
	case MODEL_PART_GRID:
	case MODEL_PART_RANKS:
		return model->has_rules;
	default:
		return true;
	}
}

/* @count <= BLOCK_ROWS */
static void score_parts(const struct model *model, const float *rows, size_t count,
			struct parts *parts)
{
	forest_walk(model->forest, rows, count, parts->of[MODEL_PART_DEPTH],
		    model->has_density ? parts->of[MODEL_PART_DENSITY] : NULL);
	for (size_t i = 0; i < count; i++)
		parts->of[MODEL_PART_DEPTH][i] =
			forest_score(model->forest, parts->of[MODEL_PART_DEPTH][i]);
	for (size_t i = 0; model->has_rules && i < count; i++) {
		const float *row = rows + i * model->features;

		parts->of[MODEL_PART_GRID][i] = grid_score(model->grid, row);
		parts->of[MODEL_PART_RANKS][i] = ranks_score(model->ranks, row);
	}
}

static void fit_scales(struct model *model, const float *rows, size_t count)
{
	size_t stride = count / SCALE_ROWS_MAX + 1;
	struct welford sums[MODEL_PARTS] = { 0 };
	struct parts parts = { 0 };

	for (size_t i = 0; i<count; i += stride> 1 ? stride : BLOCK_ROWS) {
		size_t block = count - i < BLOCK_ROWS ? count - i : BLOCK_ROWS;

		block = stride > 1 ? 1 : block;
		score_parts(model, rows + i * model->features, block, &parts);
		for (int part = 0; part < MODEL_PARTS; part++)
			for (size_t k = 0; model_has_part(model, part) && k < block; k++)
				welford_add(&sums[part], (double)parts.of[part][k]);
	}
	for (int part = 0; part < MODEL_PARTS; part++) {
		float deviation = (float)welford_deviation(&sums[part]);

		model->scales[part] = (struct model_scale){
			.mean = (float)sums[part].mean,
			.deviation = fmaxf(deviation, DEVIATION_LEAST),
		};
	}
}

static bool is_varying(const float *rows, size_t count, uint32_t features)
{
	for (size_t i = features; i < count * features; i++)
		if (rows[i] != rows[i % features])
			return true;
	return false;
}

int model_fit(const float *rows, size_t count, uint32_t features,
	      const struct model_options *options, struct model **out)
{
	CLEANUP(model_free) struct model *model = calloc(1, sizeof(*model));
	const struct forest_options forest = { .trees = options->trees,
					       .sample = options->sample,
					       .seed = options->seed,
					       .has_density = options->has_density };
	int error;

	if (!model)
		return -ENOMEM;
	error = forest_fit(rows, count, features, &forest, &model->forest);
	if (error)
		return error;
	if (!is_varying(rows, count, features))
		return -EDOM;
	model->features = features;
	model->has_density = options->has_density;
	model->has_rules = options->has_rules;
	model->rows = count;
	model->seed = options->seed;
	if (options->has_rules)
		error = grid_fit(rows, count, features, options->seed, &model->grid);
	if (!error && options->has_rules)
		error = ranks_fit(rows, count, features, &model->ranks);
	if (error)
		return error;
	if (options->has_rules || options->has_density)
		fit_scales(model, rows, count);
	*out = TAKE(model);
	return 0;
}

void model_free(struct model *model)
{
	if (!model)
		return;
	forest_free(model->forest);
	grid_free(model->grid);
	ranks_free(model->ranks);
	free(model);
}

static float combine(const struct model *model, const struct parts *parts, size_t row)
{
	float sum = 0;

	if (!model->has_density && !model->has_rules)
		return parts->of[MODEL_PART_DEPTH][row];
	for (int part = 0; part < MODEL_PARTS; part++)
		if (model_has_part(model, part))
			sum += weights[part] * (parts->of[part][row] - model->scales[part].mean) /
			       model->scales[part].deviation;
	return sum;
}

int model_score(const struct model *model, const float *rows, size_t count, float *scores)
{
	struct parts parts;

	for (size_t i = 0; i < count * model->features; i++)
		if (!isfinite(rows[i]))
			return -EINVAL;
	for (size_t at = 0; at < count; at += BLOCK_ROWS) {
		size_t block = count - at < BLOCK_ROWS ? count - at : BLOCK_ROWS;

		score_parts(model, rows + at * model->features, block, &parts);
		for (size_t i = 0; i < block; i++)
			scores[at + i] = combine(model, &parts, i);
	}
	return 0;
}

/* Of values that no row reached, the one farther away is the rarer. */
static float order_of(const struct model *model, const struct model_reason *reason)
{
	return reason->rarity + ranks_excess(model->ranks, reason->feature, reason->value);
}

unsigned int model_explain(const struct model *model, const float *row,
			   struct model_reason *reasons, unsigned int count)
{
	unsigned int used = 0;

	for (uint32_t f = 0; model->has_rules && f < model->features; f++) {
		const struct ranks_feature *range = &model->ranks->feature[f];
		struct model_reason reason = { .feature = f,
					       .value = row[f],
					       .low = range->low,
					       .middle = range->middle,
					       .high = range->high,
					       .rarity = ranks_get(model->ranks, f, row[f]) };
		float order = order_of(model, &reason);
		unsigned int at = used < count ? used++ : count;

		for (; at > 0 && order_of(model, &reasons[at - 1]) < order; at--)
			if (at < count)
				reasons[at] = reasons[at - 1];
		if (at < count)
			reasons[at] = reason;
	}
	return used;
}

uint32_t model_features(const struct model *model)
{
	return model->features;
}

uint64_t model_rows(const struct model *model)
{
	return model->rows;
}

size_t model_bytes(const struct model *model)
{
	size_t bytes = sizeof(*model) + forest_bytes(model->forest);

	if (model->has_rules)
		bytes += sizeof(*model->grid) + ranks_bytes(model->features);
	return bytes;
}
