/*
 * Tail ranks: what share of the rows seen had a feature at least as large, or as small. Kept as a
 * few order statistics at evenly spaced logarithms of that share. Also the normal range of each
 * feature, for people. Immutable once fitted.
 */
#ifndef SLUICE_MODEL_RANKS_H
#define SLUICE_MODEL_RANKS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

#define RANKS_KNOTS 64 /* each side, from the median to the rarest row */

struct ranks_feature {
	float upper[RANKS_KNOTS]; /* rising */
	float lower[RANKS_KNOTS]; /* rising, of the negated values */
	float low, middle, high;  /* 1 %, 50 % and 99 % of the rows */
};

struct ranks {
	uint32_t features;
	float step; /* nats from knot to knot; knot 0 lies at the median */
	float most; /* of a value that no row reached: ln(rows + 1) */
	struct ranks_feature feature[];
};

/* ranks_fit - rows as of forest_fit. Returns 0 or -ENOMEM. */
int ranks_fit(const float *rows, size_t count, uint32_t features, struct ranks **out);
void ranks_free(struct ranks *ranks);
DEFINE_CLEANUP(ranks_free, struct ranks)
size_t ranks_bytes(uint32_t features);
/* ranks_get - -ln of the share of rows as far out, of the rarer side; 0.69 in the middle. */
float ranks_get(const struct ranks *ranks, uint32_t feature, float x);
/* ranks_score - sum over the features; large is unusual. */
float ranks_score(const struct ranks *ranks, const float *row);
/* ranks_excess - how far @x lies outside of everything that was seen, in widths of that; 0 inside.
 */
float ranks_excess(const struct ranks *ranks, uint32_t feature, float x);
/* ranks_beyond - the sum over the features; unlike the depth of a tree it has no upper end. */
float ranks_beyond(const struct ranks *ranks, const float *row);

#endif
