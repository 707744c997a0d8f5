/*
 * Steps and their milliseconds as text.
 */
#include "agent/util/laps.h"

#include <stdio.h>

#include "agent/util/clock.h"

static double ms_between(uint64_t from_ns, uint64_t to_ns)
{
	return to_ns > from_ns ? (double)(to_ns - from_ns) / NS_PER_MS : 0;
}

/* What does not fit whole is left out. */
static void add(struct laps *laps, size_t at, const char *name, double ms)
{
	int len = snprintf(laps->text + at, sizeof(laps->text) - at, " %s_ms=%.1f", name, ms);

	if (len < 0 || (size_t)len >= sizeof(laps->text) - at)
		laps->text[at] = '\0';
}

void laps_begin(struct laps *laps, uint64_t now_ns)
{
	*laps = (struct laps){ .began_ns = now_ns, .last_ns = now_ns };
}

void laps_end_step(struct laps *laps, const char *name, uint64_t now_ns)
{
	add(laps, laps->len, name, ms_between(laps->last_ns, now_ns));
	while (laps->text[laps->len])
		laps->len++;
	laps->last_ns = now_ns;
}

const char *laps_text(struct laps *laps)
{
	add(laps, laps->len, "total", ms_between(laps->began_ns, laps->last_ns));
	return laps->text;
}
