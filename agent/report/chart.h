/*
 * Vector charts on paper: lines, stacked bars, ranked bars, the heat map of a week. Colour is never
 * the only sign: every chart has a legend in words, every bar its number.
 */
#ifndef SLUICE_REPORT_CHART_H
#define SLUICE_REPORT_CHART_H

#include "agent/report/page.h"

#define CHART_SERIES_MAX  8
#define CLOCK_CHANGES_MAX 16 /* two a year, and what a government decides */

/* What clocks on a wall show: seconds ahead of UTC, and from when on another number. */
struct clock_face {
	int32_t offset_s;
	size_t count;
	struct {
		int64_t at_unix_s;
		int32_t offset_s;
	} changes[CLOCK_CHANGES_MAX];
};

/* clock_offset_s - at a moment. */
int32_t clock_offset_s(const struct clock_face *clock, int64_t unix_s);

struct chart {
	struct rect area; /* all of it, title and legend included */
	const char *title;
	bool is_bytes; /* of the values; else counts */
	int64_t from_unix_s, to_unix_s;
	const struct clock_face *clock;
	size_t series, count; /* @values: series x count, one series after the other */
	const double *values;
	const char *names[CHART_SERIES_MAX];
	enum ink inks[CHART_SERIES_MAX];
	const char *empty; /* said when every value is 0 */
};

void chart_lines(struct paper *paper, const struct chart *chart);
void chart_stack(struct paper *paper, const struct chart *chart);

struct bars {
	struct rect area;
	const char *title;
	bool is_bytes;
	size_t count;
	const char *const *labels;
	const double *values;
	enum ink ink;
	const char *empty;
};

void chart_bars(struct paper *paper, const struct bars *bars);

struct heat {
	struct rect area;
	const char *title;
	bool is_bytes;
	const double *values; /* 7 x 24, Monday first */
};

void chart_heat(struct paper *paper, const struct heat *heat);

/* chart_number - "3.1 MB", or "12,345". */
const char *chart_number(double value, bool is_bytes, char text[static 32]);
/* chart_scale - a round value not below @max that four steps divide into round ones. */
double chart_scale(double max);
/* chart_time - as an axis says it: hours, and days at their midnight, or months where the whole is
 * long. */
void chart_time(int64_t unix_s, int64_t span_s, char text[static 24]);

#endif
