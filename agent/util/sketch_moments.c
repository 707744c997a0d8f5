/*
 * The roots of what sketch_moments.h sums up.
 */
#include "agent/util/sketch_moments.h"

#include <math.h>

double welford_deviation(const struct welford *w)
{
	return sqrt(welford_variance(w));
}

double welford_cv(const struct welford *w)
{
	return fabs(w->mean) > 0 ? welford_deviation(w) / fabs(w->mean) : 0;
}

double ew_z(const struct ew *ew, double x, double floor)
{
	if (!ew->count)
		return 0;
	return (x - (double)ew->mean) / sqrt((double)ew->variance + floor);
}
