/*
 * Random numbers of the model: the same seed gives the same forest on every machine. Nothing is
 * secured by them. Owned by one thread.
 */
#ifndef SLUICE_MODEL_RANDOM_H
#define SLUICE_MODEL_RANDOM_H

#include <stdint.h>

#include "agent/util/sketch_hash.h"

struct random {
	uint64_t state;
};

/* Source: SplitMix64, Steele, Lea, Flood, OOPSLA 2014. */
static inline uint64_t random_next(struct random *random)
{
	random->state += 0x9e3779b97f4a7c15ULL;
	return hash_mix(random->state);
}

/* random_below - 0 .. @n - 1; uneven by at most n / 2^32. Source: Lemire, ACM TOMACS 29(1), 2019.
 */
static inline uint32_t random_below(struct random *random, uint32_t n)
{
	return (uint32_t)(((random_next(random) >> 32) * n) >> 32);
}

/* random_unit - in [0, 1), 53 bits. */
static inline double random_unit(struct random *random)
{
	return (double)(random_next(random) >> 11) * 0x1p-53;
}

#endif
