/*
 * The document: fonts, pages with head and foot, bookmarks, contents, the file at the end.
 */
#include <errno.h>
#include <hpdf_doc.h>
#include <hpdf_fontdef.h>
#include <hpdf_streams.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report/fonts.h"
#include "agent/report/page_internal.h"

#define FONT_CHUNK	 (64U << 10)
#define FONT_MAX	 (8U << 20)
#define MAP_MAX		 (32U << 10) /* 256 ranges */
#define READ_CHUNK	 (64U << 10)
#define CONTENTS_FROM	 5 /* pages; a shorter document is seen at a glance */
#define CONTENTS_STEP	 13.0F
#define CONTENTS_COLUMNS 3
#define CONTENTS_WIDTH	 153.0F /* of each column */

static void take_error(HPDF_STATUS number, HPDF_STATUS detail, void *user)
{
	struct paper *paper = user;

	(void)detail;
	if (!paper->error)
		paper->error = number == HPDF_FAILD_TO_ALLOC_MEM ? -ENOMEM : -EIO;
}

/* The two weights have characters of their own: what one lacks is drawn by neither. */
static int cut_fonts(struct paper *paper, struct buffer fonts[static 2])
{
	static const struct font_range {
		const unsigned char *begin, *end;
	} whole[2] = { { report_font_regular, report_font_regular_end },
		       { report_font_bold, report_font_bold_end } };
	int error = 0;

	paper->characters = *paper->facts.characters;
	for (int round = 0; round < 2 && !error; round++) /* the second one knows what both have */
		for (int i = 0; i < 2 && !error; i++) {
			const struct font_bytes font = { whole[i].begin,
							 (size_t)(whole[i].end - whole[i].begin) };

			fonts[i].len = 0;
			error = font_subset(&font, &paper->characters, &fonts[i]);
		}
	return error;
}

/* From memory: the public function reads files, which this role has none of. Does what that one
 * does (libharu 2.3.0, hpdf_doc.c, LoadTTFontFromStream). */
static HPDF_Font load_font(struct paper *paper, const struct buffer *font)
{
	HPDF_Stream stream = HPDF_MemStream_New(paper->pdf->mmgr, FONT_CHUNK);
	HPDF_FontDef definition;

	if (HPDF_Stream_Write(stream, font->data, (HPDF_UINT)font->len) ||
	    HPDF_Stream_Seek(stream, 0, HPDF_SEEK_SET))
		return NULL;
	/* the definition takes the stream, also when it fails */
	definition = HPDF_TTFontDef_Load(paper->pdf->mmgr, stream, HPDF_TRUE);
	if (!definition || HPDF_List_Add(paper->pdf->fontdef_list, definition))
		return NULL;
	return HPDF_GetFont(paper->pdf, definition->base_font, "UTF-8");
}

static void write_ranges(const struct characters *set, struct buffer *out)
{
	for (unsigned int row = 0; row < 256; row++) {
		static const uint8_t none[32] = { 0 };

		if (memcmp(set->bits + (size_t)row * 32, none, sizeof(none)) != 0)
			buffer_append_format(
				out, "1 beginbfrange <%02X00> <%02XFF> <%02X00> endbfrange\n", row,
				row, row);
	}
}

/* What readers copy and search: codes are UCS-2 already. libharu writes a map of another type
 * there, which poppler calls invalid (ISO 32000-1 9.10.3 wants bfchar and bfrange). */
static int map_to_unicode(struct paper *paper, HPDF_Font font)
{
	HPDF_Dict map = HPDF_DictStream_New(paper->pdf->mmgr, paper->pdf->xref);
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, MAP_MAX);
	buffer_append_text(&text, "/CIDInit /ProcSet findresource begin\n12 dict begin\nbegincmap\n"
				  "/CIDSystemInfo << /Registry (Adobe) /Ordering (UCS) "
				  "/Supplement 0 >> def\n/CMapName /Adobe-Identity-UCS def\n"
				  "/CMapType 2 def\n1 begincodespacerange <0000> <FFFF> "
				  "endcodespacerange\n");
	write_ranges(&paper->characters, &text);
	buffer_append_text(&text,
			   "endcmap\nCMapName currentdict /CMap defineresource pop\nend\nend\n");
	if (text.error || !map)
		return -ENOMEM;
	map->filter = HPDF_STREAM_FILTER_FLATE_DECODE;
	if (HPDF_Stream_Write(map->stream, text.data, (HPDF_UINT)text.len) ||
	    HPDF_Dict_Add(font, "ToUnicode", map))
		return -ENOMEM;
	return 0;
}

static int load_fonts(struct paper *paper)
{
	struct buffer fonts[2];
	int error;

	for (int i = 0; i < 2; i++)
		buffer_init(&fonts[i], FONT_MAX);
	error = cut_fonts(paper, fonts);
	for (int i = 0; i < 2 && !error; i++) {
		paper->fonts[i] = load_font(paper, &fonts[i]);
		error = paper->fonts[i] ? map_to_unicode(paper, paper->fonts[i])
			: paper->error	? paper->error
					: -ENOMEM;
	}
	for (int i = 0; i < 2; i++)
		buffer_done(&fonts[i]);
	return error;
}

/* Metadata are no place for surprises: printable ASCII. */
static void set_info(struct paper *paper, HPDF_InfoType type, const char *text)
{
	char plain[200];
	size_t len = 0;

	for (; *text && len + 1 < sizeof(plain); text++)
		plain[len++] = (char)(*text >= ' ' && *text < 0x7f ? *text : '?');
	plain[len] = '\0';
	(void)HPDF_SetInfoAttr(paper->pdf, type, plain); /* remembered in error */
}

static void set_date(struct paper *paper)
{
	struct zone_time at;
	HPDF_Date date = { .ind = 'Z' };

	zone_local(NULL, paper->facts.unix_s, &at);
	date.year = at.year;
	date.month = at.month;
	date.day = at.day;
	date.hour = at.hour;
	date.minutes = at.minute;
	date.seconds = at.second;
	(void)HPDF_SetInfoDateAttr(paper->pdf, HPDF_INFO_CREATION_DATE, date);
	(void)HPDF_SetInfoDateAttr(paper->pdf, HPDF_INFO_MOD_DATE, date);
}

int paper_new(const struct paper_facts *facts, struct paper **out)
{
	CLEANUP(paper_free) struct paper *paper = calloc(1, sizeof(*paper));
	int error;

	if (!paper)
		return -ENOMEM;
	paper->facts = *facts;
	paper->pdf = HPDF_New(take_error, paper);
	if (!paper->pdf || HPDF_UseUTFEncodings(paper->pdf) ||
	    HPDF_SetCompressionMode(paper->pdf, HPDF_COMP_ALL))
		return -ENOMEM;
	error = load_fonts(paper);
	if (error)
		return error;
	set_info(paper, HPDF_INFO_TITLE, facts->title);
	set_info(paper, HPDF_INFO_SUBJECT, facts->subtitle);
	set_info(paper, HPDF_INFO_AUTHOR, facts->author);
	set_info(paper, HPDF_INFO_CREATOR, facts->product);
	set_date(paper);
	(void)HPDF_SetPageMode(paper->pdf, HPDF_PAGE_MODE_USE_OUTLINE);
	*out = TAKE(paper);
	return 0;
}

void paper_free(struct paper *paper)
{
	if (!paper)
		return;
	if (paper->pdf)
		HPDF_Free(paper->pdf);
	free(paper->pages);
	free(paper);
}

int paper_error(const struct paper *paper)
{
	return paper->error;
}

/* ---- pages ----------------------------------------------------------------------------------- */

/* Under everything else: large, faint, across the page. */
static void draw_mark(struct paper *paper)
{
	static const float cosine = 0.5F, sine = 0.866F; /* 60 degrees */
	struct colour faint = paper_shade(INK_ORANGE, 0.16F);

	(void)HPDF_Page_BeginText(paper->page);
	(void)HPDF_Page_SetFontAndSize(paper->page, paper->fonts[1], 150);
	(void)HPDF_Page_SetRGBFill(paper->page, faint.red, faint.green, faint.blue);
	(void)HPDF_Page_SetTextMatrix(paper->page, cosine, sine, -sine, cosine, 230, 210);
	(void)HPDF_Page_ShowText(paper->page, "DEMO");
	(void)HPDF_Page_EndText(paper->page);
}

static void draw_head(struct paper *paper)
{
	const struct text_style small = { 8, false, INK_FAINT };
	const struct text_style demo = { 8, true, INK_RED };
	const struct rect rule = { PAPER_LEFT, 803, PAPER_INSIDE, 0.5F };

	if (paper->facts.is_demo)
		draw_mark(paper);
	paper_text(paper, &(struct text_box){ PAPER_LEFT, 809, 370, -1 }, &small,
		   paper->facts.subtitle);
	if (paper->facts.is_demo)
		paper_text(paper, &(struct text_box){ PAPER_RIGHT, 809, 0, 1 }, &demo,
			   "Demo: simulated traffic");
	else
		paper_text(paper, &(struct text_box){ PAPER_RIGHT, 809, 0, 1 }, &small,
			   paper->facts.product);
	paper_fill(paper, &rule, paper_colour(INK_LINE));
}

static void begin_page(struct paper *paper, HPDF_Page page)
{
	paper->page = page;
	(void)HPDF_Page_SetWidth(page, PAPER_WIDTH);
	(void)HPDF_Page_SetHeight(page, PAPER_HEIGHT);
	draw_head(paper);
}

void paper_new_page(struct paper *paper)
{
	if (paper->error)
		return;
	if (paper->page_count + 1 >= paper->page_capacity) { /* one more for contents */
		size_t capacity = paper->page_capacity ? paper->page_capacity * 2 : 64;
		HPDF_Page *pages = realloc(paper->pages, capacity * sizeof(HPDF_Page));

		if (!pages || paper->page_count == PAGES_MAX) {
			paper->error = pages ? -E2BIG : -ENOMEM;
			paper->pages = pages ? pages : paper->pages;
			return;
		}
		paper->pages = pages;
		paper->page_capacity = capacity;
	}
	HPDF_Page page = HPDF_AddPage(paper->pdf);
	if (!page)
		return;
	paper->pages[paper->page_count++] = page;
	begin_page(paper, page);
	paper->y = PAPER_TOP;
}

void paper_need(struct paper *paper, float height)
{
	if (!paper->page || paper->y - height < PAPER_BOTTOM)
		paper_new_page(paper);
}

float paper_y(const struct paper *paper)
{
	return paper->y;
}

void paper_move(struct paper *paper, float down)
{
	paper->y -= down;
	if (paper->page_count == 1)
		paper->contents_y = paper->y;
}

size_t paper_pages(const struct paper *paper)
{
	return paper->page_count;
}

void paper_bookmark(struct paper *paper, const char *title)
{
	if (paper->bookmark_count < BOOKMARKS_MAX && paper->page_count)
		paper->bookmarks[paper->bookmark_count++] =
			(struct bookmark){ title, paper->page_count - 1, paper->y + 24 };
}

/* ---- the end --------------------------------------------------------------------------------- */

static HPDF_Destination destination(struct paper *paper, const struct bookmark *mark)
{
	HPDF_Destination to = HPDF_Page_CreateDestination(paper->pages[mark->page]);

	if (to)
		(void)HPDF_Destination_SetFitH(to, mark->y);
	return to;
}

static void write_outline(struct paper *paper)
{
	for (size_t i = 0; i < paper->bookmark_count && !paper->error; i++) {
		HPDF_Outline entry =
			HPDF_CreateOutline(paper->pdf, NULL, paper->bookmarks[i].title, NULL);

		if (entry)
			(void)HPDF_Outline_SetDestination(entry,
							  destination(paper, &paper->bookmarks[i]));
	}
}

static void write_contents_line(struct paper *paper, const struct bookmark *mark, struct point at)
{
	const struct text_style style = { 9, false, INK_TEXT };
	const HPDF_Rect area = { at.x, at.y - 3, at.x + CONTENTS_WIDTH, at.y + 9 };
	char number[16];
	HPDF_Annotation link;

	(void)snprintf(number, sizeof(number), "%zu", mark->page + 1);
	paper_text(paper, &(struct text_box){ at.x, at.y, CONTENTS_WIDTH - 30, -1 }, &style,
		   mark->title);
	paper_text(paper, &(struct text_box){ at.x + CONTENTS_WIDTH, at.y, 0, 1 }, &style, number);
	link = HPDF_Page_CreateLinkAnnot(paper->page, area, destination(paper, mark));
	if (link)
		(void)HPDF_LinkAnnot_SetBorderStyle(link, 0, 0, 0);
}

/* A page of its own behind page 1: all that follow are one further back. */
static void insert_contents_page(struct paper *paper)
{
	HPDF_Page page = paper->page_count < paper->page_capacity
				 ? HPDF_InsertPage(paper->pdf, paper->pages[1])
				 : NULL;

	if (!page) {
		paper->error = paper->error ? paper->error : -ENOMEM;
		return;
	}
	memmove(&paper->pages[2], &paper->pages[1], (paper->page_count - 1) * sizeof(HPDF_Page));
	paper->pages[1] = page;
	paper->page_count++;
	for (size_t i = 0; i < paper->bookmark_count; i++)
		paper->bookmarks[i].page += paper->bookmarks[i].page > 0;
	begin_page(paper, page);
}

/* At the foot of page 1, in columns; a page of their own where that has no room. */
static void write_contents(struct paper *paper)
{
	const struct text_style bold = { 11, true, INK_TEXT };
	size_t rows = (paper->bookmark_count + CONTENTS_COLUMNS - 1) / CONTENTS_COLUMNS;
	float step = (PAPER_INSIDE - CONTENTS_WIDTH) / (CONTENTS_COLUMNS - 1);
	float y = PAPER_BOTTOM + 8 + CONTENTS_STEP * (float)rows;

	if (paper->error || paper->page_count < CONTENTS_FROM || !paper->bookmark_count)
		return;
	if (y + 24 > paper->contents_y) {
		insert_contents_page(paper);
		y = PAPER_TOP - 30;
	}
	if (paper->error)
		return;
	paper->page = paper->pages[y > paper->contents_y ? 1 : 0];
	paper_text(paper, &(struct text_box){ PAPER_LEFT, y + 4, 0, -1 }, &bold, "Contents");
	for (size_t i = 0; i < paper->bookmark_count && !paper->error; i++)
		write_contents_line(paper, &paper->bookmarks[i],
				    (struct point){ PAPER_LEFT + step * (float)(i / rows),
						    y - CONTENTS_STEP * (float)(i % rows + 1) });
}

static void write_feet(struct paper *paper)
{
	const struct text_style small = { 8, false, INK_FAINT };
	char text[64];

	for (size_t i = 0; i < paper->page_count && !paper->error; i++) {
		paper->page = paper->pages[i];
		(void)snprintf(text, sizeof(text), "Page %zu of %zu", i + 1, paper->page_count);
		paper_text(paper, &(struct text_box){ PAPER_RIGHT, 36, 0, 1 }, &small, text);
		paper_text(paper, &(struct text_box){ PAPER_LEFT, 36, 380, -1 }, &small,
			   paper->facts.title);
	}
}

int paper_finish(struct paper *paper, struct buffer *out)
{
	HPDF_BYTE chunk[READ_CHUNK];
	HPDF_STATUS status = HPDF_OK;

	write_contents(paper);
	write_feet(paper);
	write_outline(paper);
	if (!paper->error)
		(void)HPDF_SaveToStream(paper->pdf); /* remembered in error */
	while (!paper->error && status == HPDF_OK) {
		HPDF_UINT32 len = sizeof(chunk);

		status = HPDF_ReadFromStream(paper->pdf, chunk, &len);
		if (status != HPDF_OK && status != HPDF_STREAM_EOF)
			return -EIO;
		buffer_append(out, chunk, len);
		if (!len)
			break;
	}
	return paper->error ? paper->error : out->error;
}
