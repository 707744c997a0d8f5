/*
 * What is ordinary for a host: of each, how often a number was how large, in half octaves, and the
 * limit beyond which it is not any more. Bounded; only agent/detect includes it.
 */
#ifndef SLUICE_DETECT_LEARNED_H
#define SLUICE_DETECT_LEARNED_H

#include "agent/detect/rowset.h"

struct learned {
	struct rowset hosts;
};

/* learned_init - returns 0 or -ENOMEM; learned_done is due either way. */
int learned_init(struct learned *learned, unsigned int hosts_max);
void learned_done(struct learned *learned);
/* learned_note - @host had @value in one window; not for windows of an attack. At most one note in
 * ten seconds counts. */
void learned_note(struct learned *learned, const struct addr *host, uint32_t value,
		  uint64_t now_ns);
/* learned_limit - max(@floor, 2 x the host's 99.9 % quantile), which needs 1000 windows (measured
 * detection, "Starting values"). */
uint32_t learned_limit(const struct learned *learned, const struct addr *host, uint32_t floor);

#endif
