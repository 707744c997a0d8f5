/*
 * Page 1: what a person needs who reads nothing else. Four figures, sentences, severity, one curve.
 */
#include "agent/report/draw.h"

#include <stdio.h>
#include <string.h>

#include "agent/report/chart.h"
#include "agent/util/clock.h"

double draw_number(const struct json *object, const char *key)
{
	const struct json *value = json_get(object, key);
	double number = 0;

	if (!value || json_double(value, &number))
		return 0;
	return number;
}

const char *draw_text(const struct json *object, const char *key)
{
	const char *text;

	return json_get_string(object, key, &text) ? "" : text;
}

int64_t draw_moment(const struct json *object, const char *key)
{
	int64_t unix_ms;

	return clock_parse(draw_text(object, key), &unix_ms) ? 0 : unix_ms / MS_PER_S;
}

const char *draw_time(const struct draw *draw, int64_t unix_s, char text[static 32])
{
	struct zone_time at;

	text[0] = '\0';
	if (!unix_s)
		return text;
	zone_local(NULL, unix_s + draw->zone_offset_s, &at);
	(void)snprintf(text, 32, "%04d-%02d-%02d %02d:%02d", at.year, at.month, at.day, at.hour,
		       at.minute);
	return text;
}

void draw_period(const struct draw *draw, char text[static 96])
{
	int minutes = draw->zone_offset_s / 60, ahead = minutes < 0 ? -minutes : minutes;
	char from[32], to[32];

	(void)snprintf(text, 96, "%s to %s (UTC%c%02d:%02d)",
		       draw_time(draw, draw->from_unix_s, from),
		       draw_time(draw, draw->to_unix_s, to), minutes < 0 ? '-' : '+', ahead / 60,
		       ahead % 60);
}

/* ---- the four figures --------------------------------------------------------------------------
 */

struct figure {
	const char *label;
	double value, before; /* before < 0: nothing to compare with */
	bool is_bytes;
};

static void draw_figure(const struct draw *draw, const struct figure *figure, float x)
{
	const struct text_style label = { 8.5F, false, INK_FAINT };
	const struct text_style value = { 19, true, INK_TEXT };
	const struct rect box = { x, paper_y(draw->paper) - 62, 117, 62 };
	char text[32], number[32], before[48] = "";

	paper_fill(draw->paper, &box, paper_shade(INK_BLUE, 0.07F));
	paper_text(draw->paper, &(struct text_box){ x + 9, box.y + 46, 100, -1 }, &label,
		   figure->label);
	paper_text(draw->paper, &(struct text_box){ x + 9, box.y + 24, 104, -1 }, &value,
		   chart_number(figure->value, figure->is_bytes, text));
	if (figure->before >= 0)
		(void)snprintf(before, sizeof(before), "period before: %s",
			       chart_number(figure->before, figure->is_bytes, number));
	paper_text(draw->paper, &(struct text_box){ x + 9, box.y + 9, 104, -1 },
		   &(struct text_style){ 7.5F, false, INK_FAINT }, before);
}

static void draw_figures(const struct draw *draw)
{
	const struct json *now = json_get(draw->document, "summary");
	const struct json *before = json_get(draw->document, "previous");
	const struct json *counts = json_get(draw->document, "incident_counts");
	const struct figure figures[] = {
		{ "Received", draw_number(now, "bytes_in"), draw_number(before, "bytes_in"), true },
		{ "Sent", draw_number(now, "bytes_out"), draw_number(before, "bytes_out"), true },
		{ "Packets dropped", draw_number(now, "dropped_packets"),
		  draw_number(before, "dropped_packets"), false },
		counts ? (struct figure){ "Incidents", draw_number(counts, "total"), -1, false }
		       : (struct figure){ "New flows", draw_number(now, "new_flows"),
					  draw_number(before, "new_flows"), false },
	};

	for (int i = 0; i < 4; i++)
		draw_figure(draw, &figures[i], PAPER_LEFT + (float)i * 127.5F);
	paper_move(draw->paper, 74);
}

/* ---- sentences and severity --------------------------------------------------------------------
 */

static void draw_findings(const struct draw *draw)
{
	const struct json *findings = json_get(draw->document, "findings");
	const struct text_style style = { 11, false, INK_TEXT };

	for (size_t i = 0; i < json_array_len(findings); i++) {
		const char *text;

		if (json_string(json_array_get(findings, i), &text))
			continue;
		paper_move(draw->paper, 4);
		paper_paragraph(draw->paper, &style, text);
	}
	paper_move(draw->paper, 8);
}

static void draw_severity(const struct draw *draw)
{
	static const char *const names[] = { "high", "medium", "low" };
	static const enum ink inks[] = { INK_RED, INK_ORANGE, INK_SKY };
	const struct json *counts = json_get(draw->document, "incident_counts");
	const struct json *by = json_get(counts, "by_severity");
	const struct text_style style = { 9, false, INK_TEXT };
	double total = draw_number(counts, "total");
	float x = PAPER_LEFT, y;

	if (total <= 0)
		return;
	paper_heading(draw->paper, "Incidents by severity", 40);
	paper_move(draw->paper, 14);
	y = paper_y(draw->paper);
	for (int i = 0; i < 3; i++) {
		float width = PAPER_INSIDE * (float)(draw_number(by, names[i]) / total);

		paper_fill(draw->paper, &(struct rect){ x, y, width, 14 }, paper_colour(inks[i]));
		x += width;
	}
	for (int i = 0; i < 3; i++) {
		char text[64], number[32];

		(void)snprintf(text, sizeof(text), "%s: %s", names[i],
			       chart_number(draw_number(by, names[i]), false, number));
		paper_fill(draw->paper, &(struct rect){ PAPER_LEFT + (float)i * 110, y - 15, 7, 7 },
			   paper_colour(inks[i]));
		paper_text(draw->paper,
			   &(struct text_box){ PAPER_LEFT + 11 + (float)i * 110, y - 15, 0, -1 },
			   &style, text);
	}
	paper_move(draw->paper, 24);
}

/* ---- the page ----------------------------------------------------------------------------------
 */

static void draw_title(const struct draw *draw)
{
	const struct text_style title = { 24, true, INK_TEXT };
	const struct text_style faint = { 10, false, INK_FAINT };
	const struct text_style demo = { 10, true, INK_RED };
	const char *host = draw_text(draw->document, "host");
	bool is_demo = false;
	char period[96], text[256];

	paper_move(draw->paper, 34);
	paper_text(draw->paper,
		   &(struct text_box){ PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, -1 }, &title,
		   draw_text(draw->document, "title"));
	paper_move(draw->paper, 18);
	draw_period(draw, period);
	(void)snprintf(text, sizeof(text), "%s%s%.100s", period, *host ? ", host " : "", host);
	paper_text(draw->paper,
		   &(struct text_box){ PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, -1 }, &faint,
		   text);
	(void)json_get_bool(draw->document, "demo", &is_demo); /* absent: no */
	if (is_demo) {
		paper_move(draw->paper, 16);
		paper_text(draw->paper,
			   &(struct text_box){ PAPER_LEFT, paper_y(draw->paper), 0, -1 }, &demo,
			   "Demo: this traffic was simulated. Nothing here happened.");
	}
	paper_move(draw->paper, 16);
}

void draw_first_page(const struct draw *draw)
{
	paper_new_page(draw->paper);
	paper_bookmark(draw->paper, "Summary");
	draw_title(draw);
	draw_figures(draw);
	draw_findings(draw);
	draw_severity(draw);
	draw_main_chart(draw);
}
