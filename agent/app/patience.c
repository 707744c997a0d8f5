/*
 * How long a role may give no sign of life: longer on a machine that gives it no turn.
 */
#include "agent/app/patience.h"

#include <stdlib.h>
#include <unistd.h>

#define STRETCH_MAX   6.0 /* a minute */
#define TASKS_PER_CPU 4.0 /* so many share a CPU before a second's work takes many */

uint64_t patience_ns(double load, long cpus)
{
	double stretch = load / (TASKS_PER_CPU * (double)(cpus > 0 ? cpus : 1));

	if (!(stretch > 1))
		return PATIENCE_LEAST_NS;
	return (uint64_t)((double)PATIENCE_LEAST_NS *
			  (stretch < STRETCH_MAX ? stretch : STRETCH_MAX));
}

uint64_t patience_now_ns(void)
{
	double load;

	return patience_ns(getloadavg(&load, 1) == 1 ? load : -1, sysconf(_SC_NPROCESSORS_ONLN));
}
