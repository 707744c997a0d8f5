/*
 * Vector charts on paper: lines, stacked bars, ranked bars, the heat map of a week. Colour is never
 * the only sign: every chart has a legend in words, every bar its number.
 */
#ifndef SLUICE_REPORT_CHART_H
#define SLUICE_REPORT_CHART_H

#include "agent/report/page.h"

#define CHART_SERIES_MAX 8

struct chart {
	struct rect area; /* all of it, title and legend included */
	const char *title;
	bool is_bytes; /* of the values; else counts */
	int64_t from_unix_s, to_unix_s;
	int32_t zone_offset_s;
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
/* chart_time - as an axis says it: hours, days or months by the length of the whole. */
void chart_time(int64_t unix_s, int64_t span_s, char text[static 24]);

#endif
