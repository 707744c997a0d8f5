/*
 * The tables: what the document lists, row by row, with its columns named again on every page.
 */
#include <stdio.h>
#include <string.h>

#include "agent/report/chart.h"
#include "agent/report/draw.h"

#define ROW_HEIGHT  12.5F
#define COLUMNS_MAX 8
#define NO_FLOW	    "No flow was recorded."

enum cell_kind {
	CELL_TEXT,
	CELL_COUNT,
	CELL_BYTES,
	CELL_TIME,
	CELL_STATE,
	CELL_FACTS
};

struct column {
	const char *title, *key;
	enum cell_kind kind;
	float width; /* parts of 100 */
};

/* Whether rows that say more of an address than itself make it this table or the other one. */
enum table_when {
	TABLE_ALWAYS,
	TABLE_WITH_FACTS,
	TABLE_WITHOUT_FACTS
};

struct table {
	const char *title, *parent, *key;
	const char *empty;
	struct column columns[COLUMNS_MAX];
	enum table_when when;
};

#define TOP_COLUMNS(what)                                                             \
	{                                                                             \
		{ what, "key", CELL_TEXT, 44 }, { "Flows", "flows", CELL_COUNT, 13 }, \
			{ "Packets", "packets", CELL_COUNT, 15 },                     \
			{ "Bytes", "bytes", CELL_BYTES, 14 },                         \
		{                                                                     \
			"Out", "bytes_out", CELL_BYTES, 14                            \
		}                                                                     \
	}
#define ADDRESS_COLUMNS(what)                                                           \
	{                                                                               \
		{ what, "key", CELL_TEXT, 27 }, { "Known as", "name", CELL_FACTS, 25 }, \
			{ "Flows", "flows", CELL_COUNT, 11 },                           \
			{ "Packets", "packets", CELL_COUNT, 13 },                       \
			{ "Bytes", "bytes", CELL_BYTES, 12 },                           \
		{                                                                       \
			"Out", "bytes_out", CELL_BYTES, 12                              \
		}                                                                       \
	}

static const struct table tables[] = {
	{ "Detectors and techniques",
	  "incident_counts",
	  "by_detector",
	  "No incident began in this period.",
	  { { "Detector", "title", CELL_TEXT, 60 },
	    { "ATT&CK", "technique", CELL_TEXT, 20 },
	    { "Incidents", "count", CELL_COUNT, 20 } },
	  TABLE_ALWAYS },
	{ "Sources", "tops", "sources", NO_FLOW, TOP_COLUMNS("Source"), TABLE_WITHOUT_FACTS },
	{ "Sources", "tops", "sources", NO_FLOW, ADDRESS_COLUMNS("Source"), TABLE_WITH_FACTS },
	{ "Destinations", "tops", "destinations", NO_FLOW, TOP_COLUMNS("Destination"),
	  TABLE_WITHOUT_FACTS },
	{ "Destinations", "tops", "destinations", NO_FLOW, ADDRESS_COLUMNS("Destination"),
	  TABLE_WITH_FACTS },
	{ "Ports", "tops", "ports", NO_FLOW, TOP_COLUMNS("Port"), TABLE_ALWAYS },
	{ "Protocols", "tops", "protocols", NO_FLOW, TOP_COLUMNS("Protocol"), TABLE_ALWAYS },
	{ "Names", "tops", "domains", "No name was seen.", TOP_COLUMNS("Name"), TABLE_ALWAYS },
	{ "Blocks in force",
	  NULL,
	  "blocks",
	  "Nothing is blocked.",
	  { { "Blocked", "value", CELL_TEXT, 30 },
	    { "Reason", "reason", CELL_TEXT, 28 },
	    { "Since", "created", CELL_TIME, 20 },
	    { "Hits", "hits", CELL_COUNT, 11 },
	    { "Bytes", "hit_bytes", CELL_BYTES, 11 } },
	  TABLE_ALWAYS },
	{ "Incidents",
	  NULL,
	  "incidents",
	  "No incident began in this period.",
	  { { "No", "id", CELL_COUNT, 6 },
	    { "Began", "first_seen", CELL_TIME, 17 },
	    { "Severity", "severity", CELL_TEXT, 9 },
	    { "What", "title", CELL_TEXT, 24 },
	    { "Source", "src_ip", CELL_TEXT, 16 },
	    { "Destination", "dst_ip", CELL_TEXT, 16 },
	    { "State", "state", CELL_STATE, 12 } },
	  TABLE_ALWAYS },
};

static bool is_right(enum cell_kind kind)
{
	return kind == CELL_COUNT || kind == CELL_BYTES;
}

static const char *state_text(const char *state)
{
	return strcmp(state, "false_positive") != 0 ? state : "false alarm";
}

/* "printer.lan", or "DE, AS64500 Example Networks". */
static void draw_facts(const struct draw *draw, const struct text_box *box,
		       const struct text_style *style, const struct json *row)
{
	const char *name = draw_text(row, "name"), *country = draw_text(row, "country");
	const char *as = draw_text(row, "as");
	char text[512];

	(void)snprintf(text, sizeof(text), "%.200s%s%.8s%s%.16s %.200s", name,
		       *name && *country ? ", " : "", country,
		       (*name || *country) && *as ? ", " : "", as, draw_text(row, "as_owner"));
	paper_text_folded(draw->paper, box, style, text);
}

static void draw_cell(const struct draw *draw, const struct column *column, float x,
		      const struct json *row)
{
	const struct text_style style = { 8, false, INK_TEXT };
	float width = PAPER_INSIDE * column->width / 100;
	struct text_box box = { x, paper_y(draw->paper) + 3.5F, width - 6,
				is_right(column->kind) ? 1 : -1 };
	char text[32];

	if (column->kind == CELL_TEXT)
		paper_text_folded(draw->paper, &box, &style, draw_text(row, column->key));
	else if (column->kind == CELL_FACTS)
		draw_facts(draw, &box, &style, row);
	else if (column->kind == CELL_STATE)
		paper_text_folded(draw->paper, &box, &style,
				  state_text(draw_text(row, column->key)));
	else if (column->kind == CELL_TIME)
		paper_text_folded(draw->paper, &box, &style,
				  draw_time(draw, draw_moment(row, column->key), text));
	else
		paper_text_folded(draw->paper, &box, &style,
				  chart_number(draw_number(row, column->key),
					       column->kind == CELL_BYTES, text));
}

static void draw_head(const struct draw *draw, const struct table *table)
{
	const struct text_style style = { 8, true, INK_FAINT };
	float x = PAPER_LEFT;

	paper_move(draw->paper, ROW_HEIGHT + 3);
	for (size_t i = 0; i < COLUMNS_MAX && table->columns[i].title; i++) {
		float width = PAPER_INSIDE * table->columns[i].width / 100;

		paper_text(draw->paper,
			   &(struct text_box){ x, paper_y(draw->paper) + 3.5F, width - 6,
					       is_right(table->columns[i].kind) ? 1 : -1 },
			   &style, table->columns[i].title);
		x += width;
	}
	paper_fill(draw->paper,
		   &(struct rect){ PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, 0.6F },
		   paper_colour(INK_LINE));
}

static void draw_row(const struct draw *draw, const struct table *table, const struct json *row)
{
	size_t pages = paper_pages(draw->paper);
	float x = PAPER_LEFT;

	paper_need(draw->paper, ROW_HEIGHT);
	if (paper_pages(draw->paper) != pages)
		draw_head(draw, table);
	paper_move(draw->paper, ROW_HEIGHT);
	for (size_t i = 0; i < COLUMNS_MAX && table->columns[i].title; i++) {
		draw_cell(draw, &table->columns[i], x, row);
		x += PAPER_INSIDE * table->columns[i].width / 100;
	}
	paper_fill(draw->paper,
		   &(struct rect){ PAPER_LEFT, paper_y(draw->paper), PAPER_INSIDE, 0.25F },
		   paper_colour(INK_LINE));
}

/* What the list leaves out is said under it. */
static void draw_rest(const struct draw *draw, const struct table *table, size_t rows)
{
	const struct text_style style = { 9, false, INK_FAINT };
	double total = draw_number(json_get(draw->document, "incident_counts"), "total");
	char text[160], listed[32], all[32];

	if (strcmp(table->key, "incidents") != 0 || total <= (double)rows)
		return;
	(void)snprintf(text, sizeof(text),
		       "The newest %s of %s incidents. sluice export incidents has all of them.",
		       chart_number((double)rows, false, listed), chart_number(total, false, all));
	paper_move(draw->paper, 6);
	paper_paragraph(draw->paper, &style, text);
}

static void draw_table(const struct draw *draw, const struct table *table, const struct json *rows)
{
	const struct text_style style = { 9, false, INK_FAINT };
	size_t count = json_array_len(rows);

	paper_heading(draw->paper, table->title, 4 * ROW_HEIGHT);
	if (!count) {
		paper_paragraph(draw->paper, &style, table->empty);
		return;
	}
	draw_head(draw, table);
	for (size_t i = 0; i < count && !paper_error(draw->paper); i++) {
		draw_row(draw, table, json_array_get(rows, i));
		if (draw->progress && i % 256 == 0)
			draw->progress->tell(draw->progress->arg,
					     (unsigned int)(30 + 60 * i / count));
	}
	draw_rest(draw, table, count);
}

static bool has_facts(const struct json *rows)
{
	for (size_t i = 0; i < json_array_len(rows); i++) {
		const struct json *row = json_array_get(rows, i);

		if (*draw_text(row, "name") || *draw_text(row, "country") || *draw_text(row, "as"))
			return true;
	}
	return false;
}

void draw_tables(const struct draw *draw)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		const struct json *at = tables[i].parent
						? json_get(draw->document, tables[i].parent)
						: draw->document;
		const struct json *rows = json_get(at, tables[i].key);

		if (!rows ||
		    (tables[i].when && (tables[i].when == TABLE_WITH_FACTS) != has_facts(rows)))
			continue;
		draw_table(draw, &tables[i], rows);
	}
}
