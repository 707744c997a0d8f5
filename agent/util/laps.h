/*
 * How long the steps of something took, for one line of the log: " open_ms=3.1 check_ms=0.4".
 * One thread each.
 */
#ifndef SLUICE_UTIL_LAPS_H
#define SLUICE_UTIL_LAPS_H

#include <stddef.h>
#include <stdint.h>

#define LAPS_TEXT_MAX 256 /* a dozen steps; more are left out */

struct laps {
	uint64_t began_ns, last_ns; /* clock_monotonic_ns() */
	size_t len;
	char text[LAPS_TEXT_MAX];
};

/* laps_begin - the first step begins at @now_ns, and the text is empty. */
void laps_begin(struct laps *laps, uint64_t now_ns);
/* laps_end_step - the step @name ends at @now_ns and the next one begins. */
void laps_end_step(struct laps *laps, const char *name, uint64_t now_ns);
/* laps_text - of all steps so far, with the sum of them as total_ms; lives as long as @laps. */
const char *laps_text(struct laps *laps);

#endif
