/*
 * One kind of window (length, place, role): collects its rows, asks for fits, keeps the models that
 * proved themselves, and knows which score is rare. Owned by one thread; a fit runs on a copy.
 */
#ifndef SLUICE_MODEL_LEARNER_H
#define SLUICE_MODEL_LEARNER_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/model/model.h"
#include "agent/model/tail.h"

#define LEARNER_ROWS_MAX 4096 /* the newest; every third is held back */
#define LEARNER_FIRST	 1000 /* windows before the first fit */
#define LEARNER_MODELS	 3    /* the oldest good one and the two newest */
#define LEARNER_HOLD	 3

struct learner {
	float *rows; /* LEARNER_ROWS_MAX * features, a ring; NULL before the first */
	uint32_t features, count, next;
	uint64_t learned, gated; /* rows taken, and rows kept out */
	uint64_t fitted_at;	 /* learned at the last fit asked for */
	bool is_fitting;
	uint32_t promoted, refused; /* fits that proved themselves, and that did not */
	struct model *models[LEARNER_MODELS];
	uint32_t model_count;
	struct tail tail;
	int64_t trained_unix_ms;
};

void learner_done(struct learner *learner);
/* learner_add - one quiet row. Without memory it is counted as kept out. */
void learner_add(struct learner *learner, const float *row, uint32_t features);
/* learner_score - the middle of its models' scores. Returns false while it has none. */
bool learner_score(const struct learner *learner, const float *row, float *score);
/* learner_is_due - enough is new: 1000 rows, then twice as many, at last every 4096. */
bool learner_is_due(const struct learner *learner);
/* learner_split - the rows of a fit and those held back, both to be freed. Returns 0 or -ENOMEM. */
struct learner_split {
	float *train, *hold;
	uint32_t train_count, hold_count;
};
int learner_split(const struct learner *learner, struct learner_split *split);
/* learner_judge - does @model find the held-back rows as ordinary as its own? Pure; any thread. */
bool learner_judge(const struct model *model, const struct learner_split *split, uint32_t features);
/* learner_take - the result of a fit (takes @model; NULL: it did not prove itself). */
void learner_take(struct learner *learner, struct model *model, const struct learner_split *split);

#endif
