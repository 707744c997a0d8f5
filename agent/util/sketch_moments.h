/*
 * Mean and variance of a stream in a few bytes: of all values (Welford), or of the last ones
 * (exponentially weighted). Zero-filled is empty. Pure functions; any thread.
 */
#ifndef SLUICE_UTIL_SKETCH_MOMENTS_H
#define SLUICE_UTIL_SKETCH_MOMENTS_H

#include <stdint.h>

struct welford {
	uint64_t count;
	double mean;
	double squares; /* sum of squared distances from the mean */
};

/* Source: Welford, Technometrics 4(3), 1962. @x: finite. */
static inline void welford_add(struct welford *w, double x)
{
	double delta = x - w->mean;

	w->count++;
	w->mean += delta / (double)w->count;
	w->squares += delta * (x - w->mean);
}

/* welford_variance - of the values as the whole population; 0 for fewer than two. */
static inline double welford_variance(const struct welford *w)
{
	return w->count > 1 ? w->squares / (double)w->count : 0;
}

double welford_deviation(const struct welford *w);
/* welford_cv - deviation / |mean|, the coefficient of variation; 0 where the mean is 0. */
double welford_cv(const struct welford *w);

/* Mean and variance that forget. 12 bytes, for a state per host. */
struct ew {
	float mean, variance;
	uint32_t count;
};

/*
 * ew_add - m += a d, v = (1 - a)(v + a d^2), d = x - m (West, CACM 22(9), 1979, and Finch, 2009).
 * Begins as the plain mean: the weight is 1 / count as long as that is above @alpha.
 */
static inline void ew_add(struct ew *ew, double x, double alpha)
{
	double delta = x - (double)ew->mean, a;

	if (ew->count < UINT32_MAX)
		ew->count++;
	a = 1.0 / ew->count > alpha ? 1.0 / ew->count : alpha;
	ew->mean = (float)((double)ew->mean + a * delta);
	ew->variance = (float)((1 - a) * ((double)ew->variance + a * delta * delta));
}

/* ew_z - how far @x lies from the mean, in deviations; @floor is added to the variance so that a
 * constant past does not make every change infinite. 0 before anything was added. */
double ew_z(const struct ew *ew, double x, double floor);

#endif
