/*
 * The hash that sketches and tables are fed with. Not cryptographic: where an attacker chooses the
 * keys, give a random seed. Pure functions; any thread.
 */
#ifndef SLUICE_UTIL_SKETCH_HASH_H
#define SLUICE_UTIL_SKETCH_HASH_H

#include <stddef.h>
#include <stdint.h>

/* hash_mix - a bijection of 64 bits in which each input bit turns about half of the output bits.
 * Source: the finisher of SplitMix64, Steele, Lea, Flood, OOPSLA 2014 (Stafford's variant 13). */
static inline uint64_t hash_mix(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	return x ^ (x >> 31);
}

/* hash_pair - of two values in this order; chain it for more. */
static inline uint64_t hash_pair(uint64_t a, uint64_t b)
{
	return hash_mix(hash_mix(a + 0x9e3779b97f4a7c15ULL) ^ b);
}

/* hash_bytes - of @len bytes; @seed may be any value. */
uint64_t hash_bytes(const void *data, size_t len, uint64_t seed);

#endif
