/*
 * Order statistics of each feature, found by sorting it once.
 */
#include "agent/model/ranks.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* A feature that never varied is still free to by this much: half a unit of a logarithm, a share, a
 * bit. Chosen on synthetic hosts (tests/bench/bench_watch.c). */
#define RANGE_LEAST 0.5F

static int compare(const void *a, const void *b)
{
	float x = *(const float *)a, y = *(const float *)b;

	return (x > y) - (x < y);
}

/* @sorted rising: the values that 1/2, ... , 1/count of the rows reach. */
static void place_knots(const float *sorted, size_t count, double step, struct ranks_feature *f)
{
	for (int k = 0; k < RANKS_KNOTS; k++) {
		size_t rows = (size_t)llround(0.5 * exp(-step * k) * (double)count);

		rows = rows < 1 ? 1 : rows;
		f->upper[k] = sorted[count - rows];
		f->lower[k] = -sorted[rows - 1];
	}
	f->low = sorted[(count - 1) / 100];
	f->middle = sorted[(count - 1) / 2];
	f->high = sorted[count - 1 - (count - 1) / 100];
}

size_t ranks_bytes(uint32_t features)
{
	return sizeof(struct ranks) + features * sizeof(struct ranks_feature);
}

int ranks_fit(const float *rows, size_t count, uint32_t features, struct ranks **out)
{
	CLEANUP(ranks_free) struct ranks *ranks = calloc(1, ranks_bytes(features));
	CLEANUP(free) float *column = malloc(count * sizeof(*column));
	double step = log((double)count / 2) / (RANKS_KNOTS - 1);

	if (!ranks || !column)
		return -ENOMEM;
	ranks->features = features;
	ranks->step = (float)step;
	ranks->most = (float)log((double)count + 1);
	for (uint32_t f = 0; f < features; f++) {
		for (size_t i = 0; i < count; i++)
			column[i] = rows[i * features + f];
		qsort(column, count, sizeof(*column), compare);
		place_knots(column, count, step, &ranks->feature[f]);
	}
	*out = TAKE(ranks);
	return 0;
}

void ranks_free(struct ranks *ranks)
{
	free(ranks);
}

/* The first knot that is not below @x: as many rows reached it. */
static float side(const struct ranks *ranks, const float knots[static RANKS_KNOTS], float x)
{
	int low = 0, high = RANKS_KNOTS;

	while (low < high) {
		int middle = (low + high) / 2;

		if (knots[middle] < x)
			low = middle + 1;
		else
			high = middle;
	}
	return low == RANKS_KNOTS ? ranks->most : (float)M_LN2 + (float)low * ranks->step;
}

float ranks_get(const struct ranks *ranks, uint32_t feature, float x)
{
	const struct ranks_feature *f = &ranks->feature[feature];

	return fmaxf(side(ranks, f->upper, x), side(ranks, f->lower, -x));
}

float ranks_score(const struct ranks *ranks, const float *row)
{
	float sum = 0;

	for (uint32_t f = 0; f < ranks->features; f++)
		sum += ranks_get(ranks, f, row[f]);
	return sum;
}

float ranks_excess(const struct ranks *ranks, uint32_t feature, float x)
{
	const struct ranks_feature *f = &ranks->feature[feature];
	float most = f->upper[RANKS_KNOTS - 1], least = -f->lower[RANKS_KNOTS - 1];
	float excess = fmaxf(x - most, least - x);

	return excess > 0 ? excess / (most - least + RANGE_LEAST) : 0;
}

float ranks_beyond(const struct ranks *ranks, const float *row)
{
	float sum = 0;

	for (uint32_t f = 0; f < ranks->features; f++)
		sum += ranks_excess(ranks, f, row[f]);
	return sum;
}
