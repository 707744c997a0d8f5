/*
 * A histogram with logarithmic buckets. Source of the idea: Masson, Rim, Lee, "DDSketch", VLDB
 * 2019; here of a fixed range and size.
 */
#include "agent/util/sketch_quantile.h"

#include <math.h>

#define BUCKETS_PER_OCTAVE 4

static unsigned int bucket_of(double x)
{
	double at;

	if (!(x >= 1))
		return 0;
	at = floor(log2(x) * BUCKETS_PER_OCTAVE) + 1;
	return at < QUANTILE_BUCKETS - 1 ? (unsigned int)at : QUANTILE_BUCKETS - 1;
}

static void halve(struct quantile *sketch)
{
	sketch->total = 0;
	for (unsigned int i = 0; i < QUANTILE_BUCKETS; i++) {
		sketch->counts[i] /= 2;
		sketch->total = (uint16_t)(sketch->total + sketch->counts[i]);
	}
}

void quantile_add(struct quantile *sketch, double x)
{
	if (sketch->total == UINT16_MAX)
		halve(sketch);
	sketch->counts[bucket_of(x)]++;
	sketch->total++;
}

double quantile_get(const struct quantile *sketch, double q)
{
	double wanted = ceil(q * sketch->total);
	unsigned int seen = 0, i = 0;

	if (!sketch->total)
		return 0;
	if (wanted < 1)
		wanted = 1;
	for (; i < QUANTILE_BUCKETS - 1; i++) {
		seen += sketch->counts[i];
		if (seen >= wanted)
			break;
	}
	return i ? exp2((double)i / BUCKETS_PER_OCTAVE) : 1;
}
