/*
 * Paper: pages with head and foot, a pen that moves down, text that is safe to draw. The one place
 * that knows libharu. Lengths are points (1/72 inch), y grows upwards as in PDF. One document, one
 * thread, inside the render role.
 */
#ifndef SLUICE_REPORT_PAGE_H
#define SLUICE_REPORT_PAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buffer.h"
#include "agent/util/cleanup.h"
#include "agent/util/zone.h"

struct characters;
struct paper;

/* ISO 216 A4: 210 x 297 mm. */
#define PAPER_WIDTH  595.0F
#define PAPER_HEIGHT 842.0F
#define PAPER_LEFT   48.0F
#define PAPER_RIGHT  547.0F
#define PAPER_TOP    790.0F
#define PAPER_BOTTOM 60.0F
#define PAPER_INSIDE (PAPER_RIGHT - PAPER_LEFT)

struct colour {
	float red, green, blue;
};

/* Told apart also by the colour-blind. Source: Okabe and Ito, "Color Universal Design", 2008. */
enum ink {
	INK_TEXT,
	INK_FAINT, /* second text */
	INK_LINE,  /* rules and grids */
	INK_BLUE,
	INK_ORANGE,
	INK_GREEN,
	INK_PURPLE,
	INK_SKY,
	INK_YELLOW,
	INK_RED,
	INK_GREY,
	INK_COUNT
};

struct paper_facts {
	const char *title, *subtitle; /* of the document; the head of every page */
	const char *author, *product;
	bool is_demo;
	const struct characters
		*characters; /* all that will be drawn; others become their number */
	int64_t unix_s;	     /* the document's date: the same data make the same bytes */
};

int paper_new(const struct paper_facts *facts, struct paper **out);
void paper_free(struct paper *paper); /* accepts NULL */
DEFINE_CLEANUP(paper_free, struct paper)
/* paper_finish - page numbers, then the file. Returns 0, -ENOMEM, -EIO. */
int paper_finish(struct paper *paper, struct buffer *out);
/* paper_error - a failure so far; drawing goes on without effect. */
int paper_error(const struct paper *paper);

void paper_new_page(struct paper *paper);
/* paper_need - a new page unless so much room is left. */
void paper_need(struct paper *paper, float height);
float paper_y(const struct paper *paper);
void paper_move(struct paper *paper, float down);
size_t paper_pages(const struct paper *paper);
/* paper_bookmark - an entry of the outline at the pen. */
void paper_bookmark(struct paper *paper, const char *title);

struct text_style {
	float size;
	bool is_bold;
	enum ink ink;
};

/* paper_text - at (x, y), cut with an ellipsis at @width; 0 = no bound. @align: -1 left, 0 middle,
 * 1 right, of the width or of x. */
struct text_box {
	float x, y, width;
	int align;
};
void paper_text(struct paper *paper, const struct text_box *box, const struct text_style *style,
		const char *text);
/* paper_text_folded - what is too wide is drawn smaller, then in two lines; @width is not 0. What
 * is too wide for those is cut. */
void paper_text_folded(struct paper *paper, const struct text_box *box,
		       const struct text_style *style, const char *text);
float paper_text_width(struct paper *paper, const struct text_style *style, const char *text);
/* paper_paragraph - wrapped between the margins at the pen, which moves below it. */
void paper_paragraph(struct paper *paper, const struct text_style *style, const char *text);
/* paper_heading - with a bookmark; keeps @follows points with it. */
void paper_heading(struct paper *paper, const char *text, float follows);

struct rect {
	float x, y, width, height; /* of its lower left corner */
};
void paper_fill(struct paper *paper, const struct rect *rect, struct colour colour);
struct colour paper_colour(enum ink ink);
/* paper_shade - between white (0) and the ink (1). */
struct colour paper_shade(enum ink ink, float strength);

struct point {
	float x, y;
};
/* paper_lines - a polyline; paper_area - the same, filled. */
void paper_lines(struct paper *paper, const struct point *points, size_t count, enum ink ink,
		 float width);
void paper_area(struct paper *paper, const struct point *points, size_t count, enum ink ink);

/* text_safe - what may be drawn of @text: UTF-8 whose every character has a glyph and does not
 * steer; all else as \u{XXXX}, broken bytes as U+FFFD. @has_glyph: of a code point. */
void text_safe(const char *text, bool (*has_glyph)(void *arg, uint32_t code), void *arg,
	       struct buffer *out);

#endif
