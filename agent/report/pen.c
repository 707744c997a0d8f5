/*
 * Text and shapes on the page at hand.
 */
#include <hpdf_fontdef.h>
#include <string.h>

#include "agent/report/page_internal.h"

#define TEXT_BYTES_MAX 16384
#define ELLIPSIS       "\xe2\x80\xa6"
#define LEADING	       1.4F
#define FOLDED	       0.72F /* of the size: two lines in the room of one */
#define SQUEEZED       0.8F  /* at most, before that */
#define FOLD_AFTER     " :.-/"

static const struct colour inks[INK_COUNT] = {
	[INK_TEXT] = { 0.12F, 0.14F, 0.18F },	   [INK_FAINT] = { 0.42F, 0.45F, 0.50F },
	[INK_LINE] = { 0.84F, 0.86F, 0.89F },	   [INK_BLUE] = { 0.00F, 0.447F, 0.698F },
	[INK_ORANGE] = { 0.902F, 0.624F, 0.0F },   [INK_GREEN] = { 0.0F, 0.62F, 0.451F },
	[INK_PURPLE] = { 0.80F, 0.475F, 0.655F },  [INK_SKY] = { 0.337F, 0.706F, 0.914F },
	[INK_YELLOW] = { 0.941F, 0.894F, 0.259F }, [INK_RED] = { 0.835F, 0.369F, 0.0F },
	[INK_GREY] = { 0.66F, 0.68F, 0.71F },
};

struct colour paper_colour(enum ink ink)
{
	return inks[ink];
}

struct colour paper_shade(enum ink ink, float strength)
{
	const struct colour *full = &inks[ink];

	return (struct colour){ 1 - (1 - full->red) * strength, 1 - (1 - full->green) * strength,
				1 - (1 - full->blue) * strength };
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool has_glyph(void *arg, uint32_t code)
{
	const struct paper *paper = arg;

	return characters_has(&paper->characters, code);
}

static float measure(const struct paper *paper, const struct text_style *style, const char *text,
		     size_t len)
{
	HPDF_TextWidth width = HPDF_Font_TextWidth(paper->fonts[style->is_bold],
						   (const HPDF_BYTE *)text, (HPDF_UINT)len);

	return (float)width.width * style->size / 1000.0F;
}

float paper_text_width(struct paper *paper, const struct text_style *style, const char *text)
{
	CLEANUP(buffer_done) struct buffer safe;

	buffer_init(&safe, TEXT_BYTES_MAX);
	text_safe(text, has_glyph, paper, &safe);
	return safe.len ? measure(paper, style, (const char *)safe.data, safe.len) : 0;
}

static bool begins_character(const uint8_t *text, size_t at)
{
	return (text[at] & 0xc0) != 0x80;
}

/* How many bytes of @safe, whole characters, fit @width. */
static size_t fit(const struct paper *paper, const struct text_style *style,
		  const struct buffer *safe, float width)
{
	size_t low = 0, high = safe->len;

	while (low < high) {
		size_t middle = (low + high + 1) / 2;

		while (middle > low && middle < safe->len && !begins_character(safe->data, middle))
			middle--;
		if (middle == low)
			break;
		if (measure(paper, style, (const char *)safe->data, middle) <= width)
			low = middle;
		else
			high = middle - 1;
	}
	while (low && low < safe->len && !begins_character(safe->data, low))
		low--;
	return low;
}

static void show(struct paper *paper, const struct text_style *style, struct point at,
		 const char *text)
{
	const struct colour *ink = &inks[style->ink];

	(void)HPDF_Page_BeginText(paper->page);
	(void)HPDF_Page_SetFontAndSize(paper->page, paper->fonts[style->is_bold], style->size);
	(void)HPDF_Page_SetRGBFill(paper->page, ink->red, ink->green, ink->blue);
	(void)HPDF_Page_TextOut(paper->page, at.x, at.y, text);
	(void)HPDF_Page_EndText(paper->page);
}

/* @safe, which is not empty; cut where it is too wide. */
static void draw_line(struct paper *paper, const struct text_box *box,
		      const struct text_style *style, struct buffer *safe)
{
	float width = measure(paper, style, (const char *)safe->data, safe->len), x = box->x;

	if (box->width > 0 && width > box->width) {
		safe->len =
			fit(paper, style, safe, box->width - measure(paper, style, ELLIPSIS, 3));
		buffer_append_text(safe, ELLIPSIS);
		width = measure(paper, style, (const char *)safe->data, safe->len);
	}
	if (box->align > 0)
		x += box->width - width;
	else if (box->align == 0)
		x += (box->width - width) / 2;
	show(paper, style, (struct point){ x, box->y }, (const char *)safe->data);
}

void paper_text(struct paper *paper, const struct text_box *box, const struct text_style *style,
		const char *text)
{
	CLEANUP(buffer_done) struct buffer safe;

	buffer_init(&safe, TEXT_BYTES_MAX);
	if (paper->error || !paper->page)
		return;
	text_safe(text, has_glyph, paper, &safe);
	if (safe.len)
		draw_line(paper, box, style, &safe);
}

/* Where the second line begins: behind the last mark in the latter half of the first. */
static size_t fold_at(const struct paper *paper, const struct text_style *style,
		      const struct buffer *safe, float width)
{
	size_t end = fit(paper, style, safe, width);

	for (size_t at = end; at > end / 2; at--)
		if (strchr(FOLD_AFTER, safe->data[at - 1]))
			return at;
	return end;
}

void paper_text_folded(struct paper *paper, const struct text_box *box,
		       const struct text_style *style, const char *text)
{
	CLEANUP(buffer_done) struct buffer safe;
	CLEANUP(buffer_done) struct buffer second;
	struct text_style small = *style;
	struct text_box line = *box;
	float width;

	buffer_init(&safe, TEXT_BYTES_MAX);
	buffer_init(&second, TEXT_BYTES_MAX);
	if (paper->error || !paper->page)
		return;
	text_safe(text, has_glyph, paper, &safe);
	if (!safe.len)
		return;
	width = measure(paper, style, (const char *)safe.data, safe.len);
	if (width > box->width)
		small.size *= box->width / width;
	if (small.size >= style->size * SQUEEZED) {
		draw_line(paper, box, &small, &safe);
		return;
	}
	small.size = style->size * FOLDED;
	size_t at = fold_at(paper, &small, &safe, box->width);
	buffer_append(&second, safe.data + at, safe.len - at);
	safe.data[at] = '\0';
	safe.len = at;
	line.y += small.size * 0.5F;
	if (at)
		draw_line(paper, &line, &small, &safe);
	line.y -= small.size;
	if (second.len)
		draw_line(paper, &line, &small, &second);
}

/* How many bytes of words fit one line; a word that fits none is cut by paper_text. */
static size_t fit_line(const struct paper *paper, const struct text_style *style, const char *text)
{
	size_t fits = 0, at = 0;

	while (text[at]) {
		size_t word = at + strcspn(text + at, " ");

		if (fits && measure(paper, style, text, word) > PAPER_INSIDE)
			return fits;
		fits = word;
		at = text[word] ? word + 1 : word;
	}
	return fits;
}

void paper_paragraph(struct paper *paper, const struct text_style *style, const char *text)
{
	CLEANUP(buffer_done) struct buffer safe;
	const char *at;

	buffer_init(&safe, TEXT_BYTES_MAX);
	text_safe(text, has_glyph, paper, &safe);
	for (at = safe.len ? (const char *)safe.data : ""; *at && !paper->error;) {
		size_t len = fit_line(paper, style, at);
		CLEANUP(buffer_done) struct buffer line;

		buffer_init(&line, TEXT_BYTES_MAX);
		buffer_append(&line, at, len);
		paper_need(paper, style->size * LEADING);
		paper_move(paper, style->size * LEADING);
		paper_text(paper, &(struct text_box){ PAPER_LEFT, paper->y, PAPER_INSIDE, -1 },
			   style, line.data ? (const char *)line.data : "");
		at += len;
		at += *at == ' ';
		if (!len)
			break;
	}
}

void paper_heading(struct paper *paper, const char *text, float follows)
{
	const struct text_style style = { 13, true, INK_TEXT };

	paper_need(paper, 34 + follows);
	paper_move(paper, 28);
	paper_bookmark(paper, text);
	paper_text(paper, &(struct text_box){ PAPER_LEFT, paper->y, PAPER_INSIDE, -1 }, &style,
		   text);
	paper_move(paper, 6);
}

/* ---- shapes ---------------------------------------------------------------------------------- */

void paper_fill(struct paper *paper, const struct rect *rect, struct colour colour)
{
	if (paper->error || !paper->page || rect->width <= 0 || rect->height <= 0)
		return;
	(void)HPDF_Page_SetRGBFill(paper->page, colour.red, colour.green, colour.blue);
	(void)HPDF_Page_Rectangle(paper->page, rect->x, rect->y, rect->width, rect->height);
	(void)HPDF_Page_Fill(paper->page);
}

static bool trace(struct paper *paper, const struct point *points, size_t count)
{
	if (paper->error || !paper->page || count < 2)
		return false;
	(void)HPDF_Page_MoveTo(paper->page, points[0].x, points[0].y);
	for (size_t i = 1; i < count; i++)
		(void)HPDF_Page_LineTo(paper->page, points[i].x, points[i].y);
	return true;
}

void paper_lines(struct paper *paper, const struct point *points, size_t count, enum ink ink,
		 float width)
{
	if (paper->error || !paper->page)
		return;
	(void)HPDF_Page_SetRGBStroke(paper->page, inks[ink].red, inks[ink].green, inks[ink].blue);
	(void)HPDF_Page_SetLineWidth(paper->page, width);
	(void)HPDF_Page_SetLineJoin(paper->page, HPDF_ROUND_JOIN);
	if (trace(paper, points, count))
		(void)HPDF_Page_Stroke(paper->page);
}

void paper_area(struct paper *paper, const struct point *points, size_t count, enum ink ink)
{
	if (paper->error || !paper->page)
		return;
	(void)HPDF_Page_SetRGBFill(paper->page, inks[ink].red, inks[ink].green, inks[ink].blue);
	if (trace(paper, points, count))
		(void)HPDF_Page_Fill(paper->page);
}
