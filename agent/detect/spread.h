/*
 * How many different things somebody did lately: the newest 128 with their times, which of them
 * came to something, and a value each. Beyond them it goes on counting. Pure functions over a
 * caller's memory. Only agent/detect includes it.
 */
#ifndef SLUICE_DETECT_SPREAD_H
#define SLUICE_DETECT_SPREAD_H

#include <stdbool.h>
#include <stdint.h>

/* More than each floor that is compared with it (100 in an hour). */
#define SPREAD_ITEMS 128
/* What is older than this is forgotten; ages are modulo 49 days. */
#define SPREAD_MEMORY_S 3600

struct spread {
	uint16_t count;
	uint64_t newest_ns; /* of a thing not there before */
	uint64_t began_ns;  /* of the totals: the first since a pause of an hour */
	uint32_t total, total_good;
	uint64_t good[SPREAD_ITEMS / 64];
	uint32_t what[SPREAD_ITEMS], at_ms[SPREAD_ITEMS], value[SPREAD_ITEMS];
};

struct spread_item {
	uint32_t what; /* its hash */
	uint32_t value;
	bool is_good;
	uint64_t at_ns;
};

struct spread_sum {
	unsigned int count, good;
	uint64_t since_ns, until_ns;
};

/* spread_add - one thing; what is there is only made good, and its value the newest. Returns
 * whether it is new. */
bool spread_add(struct spread *spread, const struct spread_item *item);
/* spread_make_good - it came to something after all; unknown ones are let be. */
void spread_make_good(struct spread *spread, uint32_t what);
/* spread_remove - it was not what it looked like. */
void spread_remove(struct spread *spread, uint32_t what);
/* spread_window - of @window_ms before the newest one. With @whole, when the list is full of them:
 * all since the beginning. */
struct spread_sum spread_window(const struct spread *spread, uint32_t window_ms, bool whole);
/* spread_values - the values of that window, ascending. Returns how many. */
unsigned int spread_values(const struct spread *spread, uint32_t window_ms,
			   uint32_t values[SPREAD_ITEMS]);

#endif
