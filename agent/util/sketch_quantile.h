/*
 * Quantiles of a stream of counts (0 and up) that change with its habits: buckets a quarter of an
 * octave wide, so an answer is at most 19 % above the truth and never below it. Zero-filled is
 * empty; 198 bytes. Owned by one thread.
 */
#ifndef SLUICE_UTIL_SKETCH_QUANTILE_H
#define SLUICE_UTIL_SKETCH_QUANTILE_H

#include <stdint.h>

/* Bucket 0: below 1. Then four an octave up to 2^24; what is larger lies in the last. */
#define QUANTILE_BUCKETS 97

struct quantile {
	uint16_t counts[QUANTILE_BUCKETS];
	uint16_t total; /* at its largest value all counts are halved: the old counts less */
};

/* quantile_add - NaN and what is below 0 count as 0. */
void quantile_add(struct quantile *sketch, double x);
/*
 * quantile_get - a value that at least the share @q (0..1) of the values does not exceed: the upper
 * edge of the bucket that holds it. 0 when empty.
 */
double quantile_get(const struct quantile *sketch, double q);

#endif
