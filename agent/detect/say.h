/*
 * Words and numbers of findings, the same for all detectors. Pure functions; only agent/detect
 * includes it.
 */
#ifndef SLUICE_DETECT_SAY_H
#define SLUICE_DETECT_SAY_H

#include <stddef.h>
#include <stdint.h>

#include "agent/detect/detector.h"

/* A number behind a finding; texts as long as struct finding_feature takes. */
struct say_number {
	const char *name, *unit; /* "", "bytes", "share", "per s", or what is counted */
	double value, low, high; /* low to high is normal */
};

/* How often what goes on is said again. */
#define SAY_REPEAT_NS (10 * 1000000000ULL)

/* say_span - "12 s", "3 min", "2 h", rounded up. */
void say_span(uint64_t ns, char *text, size_t size);
/*
 * say_score - @share (0 to 1) times how far @value lies beyond @floor: half at the floor, towards 1
 * beyond it (saturation n / (n + k), Michaelis and Menten 1913, with k the floor). Three digits.
 */
double say_score(double share, double value, double floor);
/* say_severity - of the table, one step up from @much on. */
uint8_t say_severity(enum detector detector, uint64_t value, uint64_t much);
/* say_number - one number behind @finding beside what is normal; the most telling one first. More
 * than there is room for are left out. */
void say_number(struct finding *finding, const struct say_number *number);
/* say_addr_none - 0.0.0.0, for "many": a finding's source when there is no one source. */
struct addr say_addr_none(void);

#endif
