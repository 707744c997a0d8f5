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
	zone_local(NULL, unix_s + clock_offset_s(&draw->clock, unix_s), &at);
	(void)snprintf(text, 32, "%04d-%02d-%02d %02d:%02d", at.year, at.month, at.day, at.hour,
		       at.minute);
	return text;
}

static const char *offset_text(int32_t offset_s, char text[static 16])
{
	int minutes = offset_s / 60, ahead = minutes < 0 ? -minutes : minutes;

	(void)snprintf(text, 16, "UTC%c%02d:%02d", minutes < 0 ? '-' : '+', ahead / 60 % 100,
		       ahead % 60);
	return text;
}

void draw_period(const struct draw *draw, char text[static 160])
{
	int32_t first_s = draw->clock.offset_s;
	int32_t last_s = clock_offset_s(&draw->clock, draw->to_unix_s);
	const char *zone = draw_text(draw->document, "zone");
	char from[32], to[32], first[16], last[16];

	(void)offset_text(first_s, first);
	(void)offset_text(last_s, last);
	(void)snprintf(text, 160, "%s to %s (%.48s%s%s%s%s)",
		       draw_time(draw, draw->from_unix_s, from),
		       draw_time(draw, draw->to_unix_s, to), zone, *zone ? ", " : "", first,
		       first_s != last_s ? ", then " : "", first_s != last_s ? last : "");
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

static void draw_four(const struct draw *draw, const struct figure figures[static 4])
{
	for (int i = 0; i < 4; i++)
		draw_figure(draw, &figures[i], PAPER_LEFT + (float)i * 127.5F);
	paper_move(draw->paper, 74);
}

/* A member of the period before; -1 where nothing was recorded then, so that nothing is compared.
 */
static double before_of(const struct json *before, const char *key)
{
	bool is_empty = draw_number(before, "packets_in") + draw_number(before, "packets_out") <= 0;

	return is_empty ? -1 : draw_number(before, key);
}

/* Reports of traffic begin with it, those of incidents only with incidents. */
static void draw_figures(const struct draw *draw)
{
	const struct json *now = json_get(draw->document, "summary");
	const struct json *before = json_get(draw->document, "previous");
	const struct json *counts = json_get(draw->document, "incident_counts");
	const struct figure dropped = { "Packets dropped", draw_number(now, "dropped_packets"),
					before_of(before, "dropped_packets"), false };
	const struct figure total = { "Incidents", draw_number(counts, "total"), -1, false };

	if (counts && !json_get(draw->document, "series")) {
		const struct json *by = json_get(counts, "by_severity");
		const struct json *states = json_get(counts, "by_state");
		double open = draw_number(states, "open") + draw_number(states, "acknowledged");

		draw_four(draw, (const struct figure[]){
					total,
					{ "Of high severity", draw_number(by, "high"), -1, false },
					{ "Not settled yet", open, -1, false },
					dropped });
		return;
	}
	draw_four(draw,
		  (const struct figure[]){
			  { "Received", draw_number(now, "bytes_in"), before_of(before, "bytes_in"),
			    true },
			  { "Sent", draw_number(now, "bytes_out"), before_of(before, "bytes_out"),
			    true },
			  dropped,
			  counts ? total
				 : (struct figure){ "New flows", draw_number(now, "new_flows"),
						    before_of(before, "new_flows"), false } });
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

static const char *const severities[] = { "high", "medium", "low" };
static const enum ink severity_inks[] = { INK_RED, INK_ORANGE, INK_SKY };

static enum ink severity_ink(const char *name)
{
	for (int i = 0; i < 3; i++)
		if (!strcmp(severities[i], name))
			return severity_inks[i];
	return INK_GREY;
}

static void draw_severity(const struct draw *draw)
{
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
		float width = PAPER_INSIDE * (float)(draw_number(by, severities[i]) / total);

		paper_fill(draw->paper, &(struct rect){ x, y, width, 14 },
			   paper_colour(severity_inks[i]));
		x += width;
	}
	for (int i = 0; i < 3; i++) {
		char text[64], number[32];

		(void)snprintf(text, sizeof(text), "%s: %s", severities[i],
			       chart_number(draw_number(by, severities[i]), false, number));
		paper_fill(draw->paper, &(struct rect){ PAPER_LEFT + (float)i * 110, y - 15, 7, 7 },
			   paper_colour(severity_inks[i]));
		paper_text(draw->paper,
			   &(struct text_box){ PAPER_LEFT + 11 + (float)i * 110, y - 15, 0, -1 },
			   &style, text);
	}
	paper_move(draw->paper, 24);
}

/* What a person should look at first: the gravest, the newest among them. */
static void draw_attention(const struct draw *draw)
{
	const struct json *rows = json_get(draw->document, "attention");
	const struct text_style style = { 9, false, INK_TEXT };
	const struct text_style faint = { 9, false, INK_FAINT };
	char text[160], at[32];

	if (!json_array_len(rows))
		return;
	paper_heading(draw->paper, "Look at these first", 30);
	for (size_t i = 0; i < json_array_len(rows); i++) {
		const struct json *row = json_array_get(rows, i);
		const char *src = draw_text(row, "src_ip"), *dst = draw_text(row, "dst_ip");
		float y;

		paper_move(draw->paper, 14);
		y = paper_y(draw->paper);
		paper_fill(draw->paper, &(struct rect){ PAPER_LEFT, y, 7, 7 },
			   paper_colour(severity_ink(draw_text(row, "severity"))));
		paper_text(draw->paper, &(struct text_box){ PAPER_LEFT + 13, y, 90, -1 }, &faint,
			   draw_time(draw, draw_moment(row, "first_seen"), at));
		paper_text(draw->paper, &(struct text_box){ PAPER_LEFT + 108, y, 46, -1 }, &style,
			   draw_text(row, "severity"));
		paper_text(draw->paper, &(struct text_box){ PAPER_LEFT + 156, y, 168, -1 }, &style,
			   draw_text(row, "title"));
		(void)snprintf(text, sizeof(text), "%s%.64s%s%.64s", *src ? "from " : "", src,
			       *dst ? (*src ? " to " : "to ") : "", dst);
		paper_text_folded(draw->paper, &(struct text_box){ PAPER_LEFT + 328, y, 171, -1 },
				  &style, text);
	}
	paper_move(draw->paper, 10);
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
	char period[160], text[320];

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
	draw_attention(draw);
	draw_main_chart(draw);
}
