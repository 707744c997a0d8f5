/*
 * HyperLogLog. Source: Flajolet, Fusy, Gandouet, Meunier, "HyperLogLog", AofA 2007; the estimate is
 * Ertl's, 2017.
 */
#include "agent/util/sketch_hll.h"

#include <math.h>

/* Rank 0 (untouched) to 64 - bits + 1. */
#define RANKS_MAX (64 - HLL_BITS_MIN + 2)

bool hll_add(uint8_t *registers, unsigned int bits, uint64_t hash)
{
	uint64_t rest = hash << bits;
	unsigned int zeros = rest ? (unsigned int)__builtin_clzll(rest) : 64 - bits;
	uint8_t rank = (uint8_t)(zeros + 1);
	uint8_t *cell = registers + (hash >> (64 - bits));

	if (rank <= *cell)
		return false;
	*cell = rank;
	return true;
}

/* sum over untouched registers; Ertl 2017, equation 13. */
static double sigma(double x)
{
	double y = 1, z = x, before;

	if (x >= 1)
		return INFINITY;
	do {
		x *= x;
		before = z;
		z += x * y;
		y += y;
	} while (z > before);
	return z;
}

/* sum over saturated registers; Ertl 2017, equation 14. */
static double tau(double x)
{
	double y = 1, z = 1 - x, before;

	if (x <= 0 || x >= 1)
		return 0;
	do {
		x = sqrt(x);
		before = z;
		y *= 0.5;
		z -= (1 - x) * (1 - x) * y;
	} while (z < before);
	return z / 3;
}

double hll_count(const uint8_t *registers, unsigned int bits)
{
	unsigned int ranks[RANKS_MAX] = { 0 }, top = 64 - bits;
	size_t count = (size_t)1 << bits;
	double m = (double)count, z;

	for (size_t i = 0; i < count; i++)
		ranks[registers[i] < top + 1 ? registers[i] : top + 1]++;
	if (ranks[0] == count)
		return 0;
	z = m * tau(1 - (double)ranks[top + 1] / m);
	for (unsigned int rank = top; rank >= 1; rank--)
		z = 0.5 * (z + ranks[rank]);
	z += m * sigma((double)ranks[0] / m);
	return m * m / (2 * M_LN2 * z);
}

void hll_merge(uint8_t *into, const uint8_t *from, unsigned int bits)
{
	size_t count = (size_t)1 << bits;

	for (size_t i = 0; i < count; i++)
		if (from[i] > into[i])
			into[i] = from[i];
}
