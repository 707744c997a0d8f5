/*
 * Which score is exceeded by a given share of windows: the largest scores of all that were seen,
 * and beyond them the exponential tail they draw. Zero-filled is empty. Owned by one thread.
 */
#ifndef SLUICE_MODEL_TAIL_H
#define SLUICE_MODEL_TAIL_H

#include <stdint.h>

#define TAIL_TOP 256

struct tail {
	uint64_t seen;
	uint32_t used;
	float top[TAIL_TOP]; /* falling */
};

void tail_add(struct tail *tail, float score);
/* tail_threshold - the score that the share @rate (0..1) exceeds; infinity below 100 scores. */
float tail_threshold(const struct tail *tail, double rate);
/* tail_rate - the share of windows at least as unusual as @score; 1 below 100 scores. */
double tail_rate(const struct tail *tail, float score);

#endif
