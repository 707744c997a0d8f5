/*
 * Charts over time: a frame with round numbers at its left and times below, then lines or bars.
 */
#include "agent/report/chart.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/units.h"

#define LEFT_ROOM   58.0F
#define TITLE_ROOM  16.0F
#define NUMBER_ROOM 6.0F /* the highest one stands out above its line */
#define LEGEND_ROOM 14.0F
#define AXIS_ROOM   14.0F
#define STEPS_Y	    4
#define STEPS_X	    8  /* labels at most */
#define WHOLE_TO    10 /* steps below are whole numbers */
#define SEASON_S    (93LL * 86400)

int32_t clock_offset_s(const struct clock_face *clock, int64_t unix_s)
{
	int32_t offset_s = clock->offset_s;

	for (size_t i = 0; i < clock->count && clock->changes[i].at_unix_s <= unix_s; i++)
		offset_s = clock->changes[i].offset_s;
	return offset_s;
}

const char *chart_number(double value, bool is_bytes, char text[static 32])
{
	char digits[24];
	size_t len, used = 0;

	if (is_bytes) {
		units_format_bytes((uint64_t)value, text, 32);
		return text;
	}
	(void)snprintf(digits, sizeof(digits), "%.0f", value);
	len = strlen(digits);
	for (size_t i = 0; i < len && used < 30; i++) {
		if (i && (len - i) % 3 == 0)
			text[used++] = ',';
		text[used++] = digits[i];
	}
	text[used] = '\0';
	return text;
}

double chart_scale(double max)
{
	static const double round_ones[] = { 1, 1.2, 1.6, 2, 2.4, 3.2, 4, 6, 8, 10 };
	double power, value;

	if (max <= STEPS_Y)
		return STEPS_Y;
	power = pow(10, floor(log10(max)));
	for (size_t i = 0; i < sizeof(round_ones) / sizeof(round_ones[0]); i++) {
		value = round_ones[i] * power;
		if (value < WHOLE_TO * STEPS_Y) /* there are no halves of incidents */
			value = ceil(value / STEPS_Y) * STEPS_Y;
		if (value >= max)
			return value;
	}
	return 10 * power;
}

void chart_time(int64_t unix_s, int64_t span_s, char text[static 24])
{
	static const char *const months[] = { "Jan", "Feb", "Mar", "Apr", "May", "Jun",
					      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec" };
	struct zone_time at;

	zone_local(NULL, unix_s, &at); /* the caller added the zone's offset */
	if (span_s <= SEASON_S && (at.hour || at.minute))
		(void)snprintf(text, 24, "%02d:%02d", at.hour, at.minute);
	else if (span_s <= SEASON_S)
		(void)snprintf(text, 24, "%d %s", at.day, months[(at.month - 1) % 12]);
	else
		(void)snprintf(text, 24, "%s %d", months[(at.month - 1) % 12], at.year);
}

static struct rect plot_area(const struct chart *chart)
{
	return (struct rect){ chart->area.x + LEFT_ROOM, chart->area.y + LEGEND_ROOM + AXIS_ROOM,
			      chart->area.width - LEFT_ROOM,
			      chart->area.height - TITLE_ROOM - NUMBER_ROOM - LEGEND_ROOM -
				      AXIS_ROOM };
}

static void draw_title(struct paper *paper, const struct rect *area, const char *title)
{
	const struct text_style style = { 10, true, INK_TEXT };

	paper_text(paper,
		   &(struct text_box){ area->x, area->y + area->height - 9, area->width, -1 },
		   &style, title);
}

/* Whole hours or days of the document's own time, each with a tick. */
static void draw_times(struct paper *paper, const struct chart *chart, const struct rect *plot,
		       int64_t span_s)
{
	static const int64_t steps[] = { 600,	 1800,	  3600,	   7200,    10800,
					 21600,	 43200,	  86400,   172800,  432000,
					 604800, 1209600, 2592000, 7776000, 15552000 };
	const struct text_style style = { 7.5F, false, INK_FAINT };
	int64_t begin = chart->from_unix_s + clock_offset_s(chart->clock, chart->from_unix_s);
	int64_t end = chart->to_unix_s + clock_offset_s(chart->clock, chart->to_unix_s);
	int64_t step_s = steps[0];
	char text[24];

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && span_s / step_s >= STEPS_X; i++)
		step_s = steps[i];
	for (int64_t at = (begin + step_s - 1) / step_s * step_s; at < end; at += step_s) {
		/* near a change one of two moments is meant; an hour of days is less than a line */
		int64_t unix_s = at - clock_offset_s(chart->clock, at - chart->clock->offset_s);
		float x = plot->x +
			  plot->width * (float)(unix_s - chart->from_unix_s) / (float)span_s;

		chart_time(at, span_s, text);
		paper_fill(paper, &(struct rect){ x, plot->y - 3, 0.5F, 3 },
			   paper_colour(INK_GREY));
		paper_text(paper, &(struct text_box){ x - 20, plot->y - 11, 40, 0 }, &style, text);
	}
}

static void draw_axes(struct paper *paper, const struct chart *chart, const struct rect *plot,
		      double scale)
{
	const struct text_style style = { 7.5F, false, INK_FAINT };
	int64_t span_s = chart->to_unix_s - chart->from_unix_s;
	char text[32];

	for (int i = 0; i <= STEPS_Y; i++) {
		float y = plot->y + plot->height * (float)i / STEPS_Y;

		paper_fill(paper, &(struct rect){ plot->x, y, plot->width, 0.4F },
			   paper_colour(INK_LINE));
		paper_text(paper, &(struct text_box){ chart->area.x, y - 2.5F, LEFT_ROOM - 6, 1 },
			   &style, chart_number(scale * i / STEPS_Y, chart->is_bytes, text));
	}
	draw_times(paper, chart, plot, span_s);
}

static void draw_legend(struct paper *paper, const struct chart *chart, const struct rect *plot)
{
	const struct text_style style = { 8, false, INK_TEXT };
	float x = plot->x, y = chart->area.y + 2;

	for (size_t i = 0; i < chart->series; i++) {
		paper_fill(paper, &(struct rect){ x, y, 7, 7 }, paper_colour(chart->inks[i]));
		paper_text(paper, &(struct text_box){ x + 10, y, 0, -1 }, &style, chart->names[i]);
		x += 24 + paper_text_width(paper, &style, chart->names[i]);
	}
}

static double value_at(const struct chart *chart, size_t series, size_t at)
{
	return chart->values[series * chart->count + at];
}

/* The largest value, or the largest sum of one step. */
static double find_max(const struct chart *chart, bool is_stacked)
{
	double max = 0;

	for (size_t at = 0; at < chart->count; at++) {
		double sum = 0;

		for (size_t series = 0; series < chart->series; series++) {
			double value = value_at(chart, series, at);

			sum = is_stacked ? sum + value : value > sum ? value : sum;
		}
		max = sum > max ? sum : max;
	}
	return max;
}

static bool is_zero(const struct chart *chart, size_t series)
{
	for (size_t at = 0; at < chart->count; at++)
		if (value_at(chart, series, at) > 0)
			return false;
	return true;
}

/* Title, axes and legend; false when there is nothing to draw in it, which is said. */
static bool draw_frame(struct paper *paper, const struct chart *chart, double max,
		       struct rect *plot)
{
	const struct text_style style = { 9, false, INK_FAINT };

	*plot = plot_area(chart);
	draw_title(paper, &chart->area, chart->title);
	draw_axes(paper, chart, plot, chart_scale(max));
	if (max > 0) {
		draw_legend(paper, chart, plot);
		return true;
	}
	paper_text(paper, &(struct text_box){ plot->x, plot->y + plot->height / 2, plot->width, 0 },
		   &style, chart->empty);
	return false;
}

void chart_lines(struct paper *paper, const struct chart *chart)
{
	CLEANUP(free)
	struct point *points = calloc(chart->count ? chart->count : 1, sizeof(*points));
	double max = find_max(chart, false), scale = chart_scale(max);
	struct rect plot;

	if (!draw_frame(paper, chart, max, &plot) || !points)
		return;
	for (size_t series = 0; series < chart->series; series++) {
		if (is_zero(chart, series)) /* it would hide the axis; its name is in the legend */
			continue;
		for (size_t at = 0; at < chart->count; at++) {
			double share = ((double)at + 0.5) / (double)chart->count;
			double height = value_at(chart, series, at) / scale;

			points[at] = (struct point){ plot.x + plot.width * (float)share,
						     plot.y + plot.height * (float)height };
		}
		paper_lines(paper, points, chart->count, chart->inks[series], 1.1F);
	}
}

void chart_stack(struct paper *paper, const struct chart *chart)
{
	double max = find_max(chart, true), scale = chart_scale(max);
	struct rect plot;
	float step;

	if (!draw_frame(paper, chart, max, &plot))
		return;
	step = plot.width / (float)chart->count;
	for (size_t at = 0; at < chart->count; at++) {
		struct rect bar = { plot.x + step * (float)at + step * 0.1F, plot.y, step * 0.8F,
				    0 };

		for (size_t series = 0; series < chart->series; series++) {
			bar.height = plot.height * (float)(value_at(chart, series, at) / scale);
			paper_fill(paper, &bar, paper_colour(chart->inks[series]));
			bar.y += bar.height;
		}
	}
}

/* ---- ranked bars ------------------------------------------------------------------------------
 */

void chart_bars(struct paper *paper, const struct bars *bars)
{
	const struct text_style label = { 8.5F, false, INK_TEXT };
	const struct text_style none = { 9, false, INK_FAINT };
	float step = (bars->area.height - TITLE_ROOM) / (float)(bars->count ? bars->count : 1);
	float label_width = bars->area.width * 0.42F, number_width = 54;
	float room = bars->area.width - label_width - number_width;
	double max = 0;
	char text[32];

	draw_title(paper, &bars->area, bars->title);
	for (size_t i = 0; i < bars->count; i++)
		max = bars->values[i] > max ? bars->values[i] : max;
	if (max <= 0) {
		paper_text(paper,
			   &(struct text_box){ bars->area.x, bars->area.y + bars->area.height - 34,
					       bars->area.width, -1 },
			   &none, bars->empty);
		return;
	}
	if (step > 18)
		step = 18;
	for (size_t i = 0; i < bars->count; i++) {
		float y = bars->area.y + bars->area.height - TITLE_ROOM - step * (float)(i + 1);
		float width = room * (float)(bars->values[i] / max);

		paper_text_folded(paper,
				  &(struct text_box){ bars->area.x, y + 3, label_width - 6, -1 },
				  &label, bars->labels[i]);
		paper_fill(paper,
			   &(struct rect){ bars->area.x + label_width, y + 1, width, step - 4 },
			   paper_colour(bars->ink));
		paper_text(
			paper,
			&(struct text_box){ bars->area.x + label_width + width + 4, y + 3, 0, -1 },
			&label, chart_number(bars->values[i], bars->is_bytes, text));
	}
}

/* ---- the heat of a week ------------------------------------------------------------------------
 */

static void draw_heat_labels(struct paper *paper, const struct rect *area, float cell, float height)
{
	static const char *const days[] = { "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun" };
	const struct text_style style = { 7.5F, false, INK_FAINT };
	char text[16];

	for (int day = 0; day < 7; day++)
		paper_text(paper,
			   &(struct text_box){ area->x,
					       area->y + 12 + height * (float)(6 - day) +
						       height / 2 - 3,
					       24, -1 },
			   &style, days[day]);
	for (int hour = 0; hour < 24; hour += 3) {
		(void)snprintf(text, sizeof(text), "%02d:00", hour);
		paper_text(
			paper,
			&(struct text_box){ area->x + 26 + cell * (float)hour, area->y + 3, 0, -1 },
			&style, text);
	}
}

void chart_heat(struct paper *paper, const struct heat *heat)
{
	const struct text_style style = { 8, false, INK_FAINT };
	float cell = (heat->area.width - 26) / 24;
	float height = (heat->area.height - TITLE_ROOM - 12) / 7;
	char most[32], text[64];
	double max = 0;

	draw_title(paper, &heat->area, heat->title);
	draw_heat_labels(paper, &heat->area, cell, height);
	for (int i = 0; i < 7 * 24; i++)
		max = heat->values[i] > max ? heat->values[i] : max;
	for (int i = 0; i < 7 * 24; i++) {
		int day = i / 24, hour = i % 24;
		float strength = max > 0 ? (float)sqrt(heat->values[i] / max) : 0;
		const struct rect box = { heat->area.x + 26 + cell * (float)hour,
					  heat->area.y + 12 + height * (float)(6 - day), cell - 1,
					  height - 1 };

		paper_fill(paper, &box, paper_shade(INK_BLUE, 0.05F + 0.95F * strength));
	}
	(void)snprintf(text, sizeof(text), "darkest: %s", chart_number(max, heat->is_bytes, most));
	paper_text(paper,
		   &(struct text_box){ heat->area.x, heat->area.y + heat->area.height - 9,
				       heat->area.width, 1 },
		   &style, text);
}
