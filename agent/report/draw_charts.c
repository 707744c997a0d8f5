/*
 * Page 2: the charts. Each is drawn only when the document holds its data.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/report/chart.h"
#include "agent/report/draw.h"

#define CHART_HEIGHT  150.0F
#define BARS_MAX      8
#define CONTENTS_ROOM 150.0F /* of a long document, at the foot of page 1 */
#define MAIN_LEAST    130.0F
#define MAIN_MOST     240.0F
#define NO_TRAFFIC    "no traffic in this period"
#define NO_INCIDENTS  "no incident in this period"

static struct chart new_chart(const struct draw *draw, const char *title, float height)
{
	paper_need(draw->paper, height + 14);
	paper_move(draw->paper, height + 14);
	return (struct chart){
		.area = { PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, height },
		.title = title,
		.from_unix_s = draw->from_unix_s,
		.to_unix_s = draw->to_unix_s,
		.clock = &draw->clock,
		.empty = NO_TRAFFIC,
	};
}

/* One member per series of an array of objects; caller frees. */
static double *collect(const struct json *items, const char *const *keys, size_t series)
{
	size_t count = json_array_len(items);
	double *values = calloc(count * series + 1, sizeof(*values));

	for (size_t i = 0; values && i < series; i++)
		for (size_t at = 0; at < count; at++)
			values[i * count + at] = draw_number(json_array_get(items, at), keys[i]);
	return values;
}

/* Of the chart of page 1: what contents leave of the page, within bounds. */
static float main_height(const struct draw *draw)
{
	float room = paper_y(draw->paper) - PAPER_BOTTOM - CONTENTS_ROOM;

	return room < MAIN_LEAST ? MAIN_LEAST : room > MAIN_MOST ? MAIN_MOST : room;
}

static void draw_series(const struct draw *draw, float height)
{
	static const char *const keys[] = { "bytes_in", "bytes_out", "dropped_bytes" };
	const struct json *series = json_get(draw->document, "series");
	const struct json *items = json_get(series, "items");
	CLEANUP(free) double *values = collect(items, keys, 3);
	struct chart chart;

	if (!series || !values)
		return;
	chart = new_chart(draw, "Bytes over time", height);
	chart.is_bytes = true;
	chart.series = 3;
	chart.count = json_array_len(items);
	chart.values = values;
	memcpy(chart.names, (const char *[]){ "received", "sent", "dropped" },
	       3 * sizeof(chart.names[0]));
	memcpy(chart.inks, (enum ink[]){ INK_BLUE, INK_ORANGE, INK_RED },
	       3 * sizeof(chart.inks[0]));
	chart_lines(draw->paper, &chart);
}

static void draw_protocols(const struct draw *draw)
{
	static const enum ink inks[CHART_SERIES_MAX] = { INK_BLUE,   INK_ORANGE, INK_GREEN,
							 INK_PURPLE, INK_SKY,	 INK_YELLOW,
							 INK_GREY,   INK_GREY };
	const struct json *stack = json_get(draw->document, "protocols");
	const struct json *names = json_get(stack, "names"), *items = json_get(stack, "items");
	size_t series = json_array_len(names), count = json_array_len(items);
	CLEANUP(free) double *values = calloc(series * count + 1, sizeof(*values));
	struct chart chart;

	if (!stack || !values || !series || series > CHART_SERIES_MAX)
		return;
	chart = new_chart(draw, "Bytes by protocol, in flows", CHART_HEIGHT);
	for (size_t i = 0; i < series; i++) {
		chart.inks[i] = i + 1 == series ? INK_GREY : inks[i];
		if (json_string(json_array_get(names, i), &chart.names[i]))
			chart.names[i] = "";
		for (size_t at = 0; at < count; at++)
			(void)json_double(
				json_array_get(json_get(json_array_get(items, at), "bytes"), i),
				&values[i * count + at]); /* absent: 0 */
	}
	chart.is_bytes = true;
	chart.series = series;
	chart.count = count;
	chart.values = values;
	chart_stack(draw->paper, &chart);
}

static void draw_incident_series(const struct draw *draw, float height)
{
	static const char *const keys[] = { "low", "medium", "high" };
	const struct json *series = json_get(draw->document, "incident_series");
	const struct json *items = json_get(series, "items");
	CLEANUP(free) double *values = collect(items, keys, 3);
	struct chart chart;

	if (!series || !values)
		return;
	chart = new_chart(draw, "Incidents over time", height);
	chart.series = 3;
	chart.count = json_array_len(items);
	chart.values = values;
	chart.empty = NO_INCIDENTS;
	memcpy(chart.names, keys, sizeof(keys));
	memcpy(chart.inks, (enum ink[]){ INK_SKY, INK_ORANGE, INK_RED }, 3 * sizeof(chart.inks[0]));
	chart_stack(draw->paper, &chart);
}

static void draw_bars(const struct draw *draw, const struct json *rows, struct bars *bars,
		      const char *const keys[static 2])
{
	const char *labels[BARS_MAX];
	double values[BARS_MAX];

	bars->count = 0;
	for (size_t i = 0; i < json_array_len(rows) && bars->count < BARS_MAX; i++) {
		const struct json *row = json_array_get(rows, i);
		bool is_others = false;

		(void)json_get_bool(row, "is_others", &is_others); /* absent: no */
		if (is_others)
			continue;
		labels[bars->count] = draw_text(row, keys[0]);
		values[bars->count++] = draw_number(row, keys[1]);
	}
	bars->labels = labels;
	bars->values = values;
	chart_bars(draw->paper, bars);
	bars->labels = NULL; /* gone with this call */
	bars->values = NULL;
}

/* Two lists of bars side by side. */
static void draw_pair(const struct draw *draw, const char *const keys[static 2],
		      const char *const titles[static 2])
{
	static const char *const columns[] = { "key", "bytes" };
	const struct json *tops = json_get(draw->document, "tops");

	if (!tops)
		return;
	paper_need(draw->paper, 180);
	paper_move(draw->paper, 176);
	for (int i = 0; i < 2; i++) {
		struct bars bars = { .area = { PAPER_LEFT + (float)i * 256, paper_y(draw->paper),
					       243, 162 },
				     .title = titles[i],
				     .is_bytes = true,
				     .ink = i ? INK_GREEN : INK_BLUE,
				     .empty = NO_TRAFFIC };

		draw_bars(draw, json_get(tops, keys[i]), &bars, columns);
	}
}

static void draw_detectors(const struct draw *draw)
{
	static const char *const columns[] = { "title", "count" };
	const struct json *counts = json_get(draw->document, "incident_counts");
	const struct json *rows = json_get(counts, "by_detector");
	size_t count = json_array_len(rows) < BARS_MAX ? json_array_len(rows) : BARS_MAX;
	float height = 18 + 18 * (float)(count ? count : 2);
	struct bars bars = { .title = "Incidents by detector",
			     .ink = INK_PURPLE,
			     .empty = NO_INCIDENTS };

	if (!counts)
		return;
	paper_need(draw->paper, height + 14);
	paper_move(draw->paper, height + 14);
	bars.area = (struct rect){ PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, height };
	draw_bars(draw, rows, &bars, columns);
}

static void draw_heat_of(const struct draw *draw, const char *key, const char *title, bool is_bytes)
{
	const struct json *days = json_get(draw->document, key);
	double values[7 * 24] = { 0 };
	struct heat heat = { .title = title, .is_bytes = is_bytes, .values = values };

	if (!days)
		return;
	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
		(void)json_double(json_array_get(json_array_get(days, i / 24), i % 24),
				  &values[i]); /* absent: 0 */
	paper_need(draw->paper, CHART_HEIGHT + 14);
	paper_move(draw->paper, CHART_HEIGHT + 14);
	heat.area = (struct rect){ PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, CHART_HEIGHT };
	chart_heat(draw->paper, &heat);
}

static void draw_scores(const struct draw *draw)
{
	static const char *const labels[] = { "0.0 to 0.1", "0.1 to 0.2", "0.2 to 0.3",
					      "0.3 to 0.4", "0.4 to 0.5", "0.5 to 0.6",
					      "0.6 to 0.7", "0.7 to 0.8", "0.8 to 0.9",
					      "0.9 to 1.0" };
	const struct json *scores = json_get(draw->document, "scores");
	double values[10] = { 0 };
	struct bars bars = { .title = "Incidents by score (0.5 is ordinary, 1 is most unusual)",
			     .count = 10,
			     .labels = labels,
			     .values = values,
			     .ink = INK_ORANGE,
			     .empty = NO_INCIDENTS };

	if (!scores)
		return;
	for (size_t i = 0; i < 10; i++)
		(void)json_double(json_array_get(scores, i), &values[i]); /* absent: 0 */
	paper_need(draw->paper, 210);
	paper_move(draw->paper, 210);
	bars.area = (struct rect){ PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, 196 };
	chart_bars(draw->paper, &bars);
}

void draw_main_chart(const struct draw *draw)
{
	if (json_get(draw->document, "series"))
		draw_series(draw, main_height(draw));
	else
		draw_incident_series(draw, main_height(draw));
}

void draw_second_page(const struct draw *draw)
{
	static const char *const ends[] = { "sources", "destinations" };
	static const char *const end_titles[] = { "Busiest sources", "Busiest destinations" };
	static const char *const what[] = { "ports", "domains" };
	static const char *const what_titles[] = { "Busiest ports", "Busiest names" };

	paper_new_page(draw->paper);
	paper_bookmark(draw->paper, "Charts");
	draw_protocols(draw);
	if (json_get(draw->document, "series")) /* else it is on page 1 */
		draw_incident_series(draw, CHART_HEIGHT - 20);
	draw_pair(draw, ends, end_titles);
	draw_pair(draw, what, what_titles);
	draw_detectors(draw);
	draw_scores(draw);
	draw_heat_of(draw, "heat", "Bytes by weekday and hour", true);
	draw_heat_of(draw, "incident_heat", "Incidents by weekday and hour", false);
}
