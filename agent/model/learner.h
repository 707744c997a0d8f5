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

#define LEARNER_ROWS_MAX 4096 /* a sample of the last week's; every third is held back */
#define LEARNER_FIRST	 1000 /* windows before the first fit */
#define LEARNER_MODELS	 3    /* the oldest good one and the two newest */
#define LEARNER_HOLD	 3

struct learner {
	float *rows; /* LEARNER_ROWS_MAX * features; NULL before the first */
	uint32_t features, count;
	uint64_t learned, gated; /* rows taken, and rows kept out */
	uint64_t watched_s;	 /* since its first row */
	uint64_t fitted_at;	 /* learned at the last fit asked for */
	uint64_t alarms;
	bool is_fitting, is_changed; /* changed: since it was saved */
	uint32_t promoted, refused;  /* fits that proved themselves, and that did not */
	struct model *models[LEARNER_MODELS];
	uint32_t model_count;
	struct tail tail;
	int64_t trained_unix_ms; /* the newest model; 0 = none */
	uint64_t trained_hosts;	 /* watched then */
};

void learner_done(struct learner *learner);
/*
 * learner_add - one quiet row. Until there are LEARNER_ROWS_MAX all stay; then each of the last
 * week's has the same chance to. Without memory it is counted as kept out.
 * Source: Vitter, "Random Sampling with a Reservoir", 1985, algorithm R, with its count held at a
 * week's (Aggarwal, "On Biased Reservoir Sampling", 2006).
 */
void learner_add(struct learner *learner, const float *row, uint32_t features);
/* learner_score - the middle of its models' scores. Returns false while it has none. */
bool learner_score(const struct learner *learner, const float *row, float *score);
/* learner_per_day - windows of this kind a day, kept out or not, as seen so far. */
double learner_per_day(const struct learner *learner);
/* learner_is_due - enough is new: 1000 rows, then twice as many, at last a day's, at least 4096. */
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
void learner_take(struct learner *learner, struct model *model, const struct learner_split *split,
		  int64_t unix_ms);

/* learner_encode - append everything it knows: versioned, with a checksum. Errors stay in @buffer.
 */
void learner_encode(const struct learner *learner, struct buffer *buffer);
#define LEARNER_BYTES_MAX MODEL_SAVE_MAX /* rows, and three models with room for larger ones */
/*
 * learner_decode - a learner from bytes that may be anything; one of @features per row.
 * @out: empty before; untouched on failure. @reason: what is wrong with them.
 * Returns 0, -EBADMSG (none, damaged, cut, or of other features), -EPROTONOSUPPORT, -ENOMEM.
 */
int learner_decode(const void *data, size_t len, uint32_t features, struct learner *out,
		   char reason[static MODEL_REASON_MAX]);

#endif
