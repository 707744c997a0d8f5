/*
 * Rows in, models out. A new model replaces none: it has to prove itself on rows that no fit saw,
 * and stands beside the oldest good one (naive refits were worse than none, docs/model.md).
 */
#include "agent/model/learner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define JUDGE_RATE  0.01 /* of its own rows that a model may call unusual */
#define JUDGE_SLACK 3	 /* times that, of the rows it has not seen */

void learner_done(struct learner *learner)
{
	free(learner->rows);
	for (uint32_t i = 0; i < learner->model_count; i++)
		model_free(learner->models[i]);
	memset(learner, 0, sizeof(*learner));
}

void learner_add(struct learner *learner, const float *row, uint32_t features)
{
	if (!learner->rows) {
		learner->rows = malloc((size_t)LEARNER_ROWS_MAX * features * sizeof(*row));
		learner->features = features;
	}
	if (!learner->rows) {
		learner->gated++;
		return;
	}
	memcpy(learner->rows + (size_t)learner->next * features, row, features * sizeof(*row));
	learner->next = (learner->next + 1) % LEARNER_ROWS_MAX;
	learner->count += learner->count < LEARNER_ROWS_MAX;
	learner->learned++;
}

bool learner_score(const struct learner *learner, const float *row, float *score)
{
	float scores[LEARNER_MODELS];

	if (!learner->model_count)
		return false;
	for (uint32_t i = 0; i < learner->model_count; i++) {
		float each;
		uint32_t at = i;

		if (model_score(learner->models[i], row, 1, &each))
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
	uint64_t step = learner->fitted_at < LEARNER_FIRST	? LEARNER_FIRST
			: learner->fitted_at < LEARNER_ROWS_MAX ? learner->fitted_at
								: LEARNER_ROWS_MAX;

	return !learner->is_fitting && learner->learned >= learner->fitted_at + step;
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
		if (!model_score(model, split->train + (size_t)i * features, 1, &score))
			tail_add(&tail, score);
	threshold = tail_threshold(&tail, JUDGE_RATE);
	for (uint32_t i = 0; i < split->hold_count; i++)
		if (!model_score(model, split->hold + (size_t)i * features, 1, &score))
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

void learner_take(struct learner *learner, struct model *model, const struct learner_split *split)
{
	float score;

	learner->is_fitting = false;
	if (!model) {
		learner->refused++;
		return;
	}
	learner->promoted++;
	keep_model(learner, model);
	memset(&learner->tail, 0, sizeof(learner->tail));
	for (uint32_t i = 0; i < split->hold_count; i++)
		if (learner_score(learner, split->hold + (size_t)i * learner->features, &score))
			tail_add(&learner->tail, score);
}
