/*
 * Rows in, models out. A new model replaces none: it has to prove itself on rows that no fit saw,
 * and stands beside the oldest good one (naive refits were worse than none, docs/model.md).
 */
#include "agent/model/learner.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/internal.h"
#include "agent/util/sketch_hash.h"

#define DAY_S	    86400.0
#define JUDGE_RATE  0.01 /* of its own rows that a model may call unusual */
#define JUDGE_SLACK 3	 /* times that, of the rows it has not seen */

void learner_done(struct learner *learner)
{
	free(learner->rows);
	for (uint32_t i = 0; i < learner->model_count; i++)
		model_free(learner->models[i]);
	memset(learner, 0, sizeof(*learner));
}

double learner_per_day(const struct learner *learner)
{
	/* an hour at least: the first minutes say little about a day */
	double days = fmax((double)learner->watched_s, DAY_S / 24) / DAY_S;

	return (double)(learner->learned + learner->gated) / days;
}

/* Where the next row goes; LEARNER_ROWS_MAX or above: nowhere. */
static uint64_t draw_place(const struct learner *learner)
{
	double week = fmax(7 * learner_per_day(learner), LEARNER_ROWS_MAX);
	uint64_t seen = learner->learned + 1;

	return hash_mix(seen) % (seen < (uint64_t)week ? seen : (uint64_t)week);
}

void learner_add(struct learner *learner, const float *row, uint32_t features)
{
	uint64_t at;

	if (!learner->rows) {
		learner->rows = malloc((size_t)LEARNER_ROWS_MAX * features * sizeof(*row));
		learner->features = features;
	}
	if (!learner->rows) {
		learner->gated++;
		return;
	}
	at = learner->count < LEARNER_ROWS_MAX ? learner->count++ : draw_place(learner);
	if (at < LEARNER_ROWS_MAX)
		memcpy(learner->rows + (size_t)at * features, row, features * sizeof(*row));
	learner->learned++;
	learner->is_changed = true;
}

/*
 * Trees and grids have a rarest leaf, and so their scores an upper end, which a threshold drawn out
 * to one window in a million may lie above. Beyond all that was seen the distance counts, too.
 */
static int score_row(const struct model *model, const float *row, float *score)
{
	int error = model_score(model, row, 1, score);

	if (!error)
		*score += ranks_beyond(model->ranks, row); /* the watch fits with rules */
	return error;
}

bool learner_score(const struct learner *learner, const float *row, float *score)
{
	float scores[LEARNER_MODELS];

	if (!learner->model_count)
		return false;
	for (uint32_t i = 0; i < learner->model_count; i++) {
		float each;
		uint32_t at = i;

		if (score_row(learner->models[i], row, &each))
			return false;
		for (; at > 0 && scores[at - 1] > each; at--)
			scores[at] = scores[at - 1];
		scores[at] = each;
	}
	*score = learner->model_count == 2 ? (scores[0] + scores[1]) / 2
					   : scores[learner->model_count / 2];
	return true;
}

bool learner_is_due(const struct learner *learner)
{
	double most = fmax(LEARNER_ROWS_MAX, learner_per_day(learner));
	double step = fmax(LEARNER_FIRST, fmin((double)learner->fitted_at, most));

	return !learner->is_fitting && learner->learned - learner->fitted_at >= (uint64_t)step;
}

int learner_split(const struct learner *learner, struct learner_split *split)
{
	size_t bytes = (size_t)learner->count * learner->features * sizeof(float);
	CLEANUP(free) float *train = malloc(bytes), *hold = malloc(bytes);

	if (!train || !hold)
		return -ENOMEM;
	memset(split, 0, sizeof(*split));
	for (uint32_t i = 0; i < learner->count; i++) {
		bool is_held = i % LEARNER_HOLD == 0;
		size_t at = is_held ? split->hold_count++ : split->train_count++;

		memcpy((is_held ? hold : train) + at * learner->features,
		       learner->rows + (size_t)i * learner->features,
		       learner->features * sizeof(float));
	}
	split->train = TAKE(train);
	split->hold = TAKE(hold);
	return 0;
}

bool learner_judge(const struct model *model, const struct learner_split *split, uint32_t features)
{
	struct tail tail = { 0 };
	uint32_t above = 0;
	float score, threshold;

	for (uint32_t i = 0; i < split->train_count; i++)
		if (!score_row(model, split->train + (size_t)i * features, &score))
			tail_add(&tail, score);
	threshold = tail_threshold(&tail, JUDGE_RATE);
	for (uint32_t i = 0; i < split->hold_count; i++)
		if (!score_row(model, split->hold + (size_t)i * features, &score))
			above += score > threshold;
	return above <= JUDGE_RATE * JUDGE_SLACK * split->hold_count;
}

/* The middle one leaves: the first good model stays for good. */
static void keep_model(struct learner *learner, struct model *model)
{
	if (learner->model_count == LEARNER_MODELS) {
		model_free(learner->models[1]);
		learner->models[1] = learner->models[2];
		learner->model_count--;
	}
	learner->models[learner->model_count++] = model;
}

void learner_take(struct learner *learner, struct model *model, const struct learner_split *split,
		  int64_t unix_ms)
{
	float score;

	learner->is_fitting = false;
	learner->is_changed = true;
	if (!model) {
		learner->refused++;
		return;
	}
	learner->promoted++;
	learner->trained_unix_ms = unix_ms;
	keep_model(learner, model);
	for (uint32_t i = 0; i < split->hold_count; i++)
		if (learner_score(learner, split->hold + (size_t)i * learner->features, &score))
			tail_add(&learner->tail, score);
}
