/*
 * How long a role may give no sign of life before it is taken for dead.
 */
#ifndef SLUICE_APP_PATIENCE_H
#define SLUICE_APP_PATIENCE_H

#include <stdint.h>

#include "agent/util/clock.h"

#define PATIENCE_LEAST_NS (10 * NS_PER_S)

/*
 * patience_ns - @load: tasks that wanted to run over the last minute (getloadavg(3)); negative:
 * unknown. PATIENCE_LEAST_NS, and up to a minute where more than four tasks want each of the @cpus:
 * a role that only waits for its turn, as in a flood, gains nothing by being killed.
 */
uint64_t patience_ns(double load, long cpus);
/* patience_now_ns - the same by this machine's load. */
uint64_t patience_now_ns(void);

#endif
