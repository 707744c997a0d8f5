/*
 * How often was each key added, over the caller's cells: never too low, too high by little. Owned
 * by one thread.
 */
#ifndef SLUICE_UTIL_SKETCH_COUNT_MIN_H
#define SLUICE_UTIL_SKETCH_COUNT_MIN_H

#include <stddef.h>
#include <stdint.h>

#define COUNT_MIN_ROWS 4

struct count_min {
	uint32_t *cells;    /* COUNT_MIN_ROWS * width, zero at the beginning; the caller's */
	unsigned int width; /* a power of two */
	uint64_t total;	    /* of all keys, after decay */
};

/*
 * count_min_add - @n more of the key; only its smallest cells grow (conservative update, Estan and
 * Varghese, SIGCOMM 2002). Cells stop at their largest value. Returns the key's count now.
 * The excess of a count is at most e / width of the total with probability 1 - e^-4.
 * Source: Cormode, Muthukrishnan, "The Count-Min Sketch", 2005.
 */
uint32_t count_min_add(struct count_min *sketch, uint64_t hash, uint32_t n);
uint32_t count_min_get(const struct count_min *sketch, uint64_t hash);
/* count_min_decay - halve all: what is old counts less each time. */
void count_min_decay(struct count_min *sketch);

#endif
