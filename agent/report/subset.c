/*
 * Cutting a font down: glyphs in the order of their characters, so that a run of characters is a
 * run of glyphs and one segment of the character map; parts of composed glyphs behind them. Their
 * programs, which fit them to coarse pixels, are left out: half of the bytes, and paper has none.
 */
#include "agent/report/subset.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report/font_source.h"
#include "agent/util/cleanup.h"

#define NAME_STYLE	2
#define NAME_POSTSCRIPT 6
#define TAG_BYTES	14 /* "ABCDEF+" in UTF-16 */
#define FONT_MAX	(8U << 20)

/* Flags of a composed glyph's part. */
#define PART_WORDS	0x0001
#define PART_SCALE	0x0008
#define PART_MORE	0x0020
#define PART_XY_SCALE	0x0040
#define PART_TWO_BY_TWO 0x0080
#define PART_PROGRAM	0x0100 /* one for the glyph, behind its last part */

struct cut {
	struct source source;
	const struct characters *set;
	uint16_t *old_of; /* of each new glyph; 0 is .notdef */
	uint16_t *new_of; /* of each old glyph; 0 = not taken */
	size_t count;
};

/* ---- which glyphs ---------------------------------------------------------------------------- */

static void take_glyph(struct cut *cut, uint16_t old)
{
	if (old && !cut->new_of[old]) {
		cut->new_of[old] = (uint16_t)cut->count;
		cut->old_of[cut->count++] = old;
	}
}

static size_t end_of_part(const struct table *outline, size_t at)
{
	uint16_t flags = get16(outline->data + at);
	size_t len = flags & PART_WORDS ? 8 : 6;

	if (flags & PART_SCALE)
		len += 2;
	else if (flags & PART_XY_SCALE)
		len += 4;
	else if (flags & PART_TWO_BY_TWO)
		len += 8;
	return at + len < outline->len ? at + len : outline->len;
}

/* Where the part after the one at @at begins; 0 = it was the last. */
static size_t next_part(const struct table *outline, size_t at)
{
	size_t end = end_of_part(outline, at);

	return get16(outline->data + at) & PART_MORE && end + 4 <= outline->len ? end : 0;
}

static bool is_composed(const struct table *outline)
{
	return outline->len >= 14 && get16(outline->data) & 0x8000; /* -1 contours */
}

static void take_parts(struct cut *cut)
{
	for (size_t i = 1; i < cut->count; i++) {
		struct table outline = font_outline(&cut->source, cut->old_of[i]);

		for (size_t at = is_composed(&outline) ? 10 : 0; at; at = next_part(&outline, at)) {
			uint16_t part = get16(outline.data + at + 2);

			if (part < cut->source.glyph_count)
				take_glyph(cut, part);
		}
	}
}

static void remove_character(struct characters *set, uint32_t code)
{
	set->bits[code / 8] &= (uint8_t) ~(1U << code % 8);
}

/* A glyph that two characters share would end a run; each gets its own number, which costs a copy
 * of its outline. */
static void take_characters(struct cut *cut, struct characters *set)
{
	for (uint32_t code = 0; (code = characters_next(set, code)) < FONT_CODES; code++) {
		uint16_t glyph = font_glyph(&cut->source, code);

		if (!glyph || code == 0xffff) {
			remove_character(set, code);
			continue;
		}
		if (!cut->new_of[glyph])
			cut->new_of[glyph] = (uint16_t)cut->count;
		cut->old_of[cut->count++] = glyph;
	}
}

/* ---- writing --------------------------------------------------------------------------------- */

static void put16(struct buffer *out, uint32_t value)
{
	const uint8_t bytes[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	buffer_append(out, bytes, sizeof(bytes));
}

static void put32(struct buffer *out, size_t value)
{
	put16(out, (uint32_t)(value >> 16) & 0xffff);
	put16(out, (uint32_t)value & 0xffff);
}

static void set16(struct buffer *out, size_t at, size_t value)
{
	if (out->error)
		return;
	out->data[at] = (uint8_t)(value >> 8);
	out->data[at + 1] = (uint8_t)value;
}

static void copy(struct buffer *out, const struct table *table)
{
	buffer_append(out, table->data, table->len);
}

/* Parts by their new numbers, without the glyph's program. */
static void write_composed(const struct cut *cut, const struct table *outline, struct buffer *out)
{
	size_t begin = out->len;

	buffer_append(out, outline->data, 10);
	for (size_t at = 10; at; at = next_part(outline, at)) {
		uint16_t part = get16(outline->data + at + 2);

		buffer_append(out, outline->data + at, end_of_part(outline, at) - at);
		set16(out, begin + at, get16(outline->data + at) & ~PART_PROGRAM);
		set16(out, begin + at + 2, part < cut->source.glyph_count ? cut->new_of[part] : 0);
	}
}

/* Ends of contours, the length of a program, the program, points: all but the program. */
static void write_simple(const struct table *outline, struct buffer *out)
{
	size_t length_at = 10 + (size_t)2 * get16(outline->data), points_at;

	if (length_at + 2 > outline->len)
		return; /* no outline */
	points_at = length_at + 2 + get16(outline->data + length_at);
	if (points_at > outline->len)
		return;
	buffer_append(out, outline->data, length_at);
	put16(out, 0);
	buffer_append(out, outline->data + points_at, outline->len - points_at);
}

static void write_outline(const struct cut *cut, uint16_t old, struct buffer *out)
{
	struct table outline = font_outline(&cut->source, old);

	if (is_composed(&outline))
		write_composed(cut, &outline, out);
	else if (outline.len)
		write_simple(&outline, out);
	while (out->len % 4)
		buffer_append(out, "", 1);
}

static void write_glyphs(const struct cut *cut, struct buffer *glyf, struct buffer *loca)
{
	for (size_t i = 0; i < cut->count; i++) {
		put32(loca, glyf->len);
		write_outline(cut, cut->old_of[i], glyf);
	}
	put32(loca, glyf->len);
}

/* Beyond the metrics all are as wide as the last. */
static void write_metrics(const struct cut *cut, struct buffer *out)
{
	for (size_t i = 0; i < cut->count; i++) {
		size_t old = cut->old_of[i], last = cut->source.metrics - 1;

		buffer_append(out, cut->source.hmtx.data + 4 * (old < last ? old : last), 4);
	}
}

struct run {
	uint32_t first, last;
	size_t glyph; /* of the first */
};

/* Runs of characters; glyph numbers follow them. The table's end is a run, too. */
static size_t find_runs(const struct cut *cut, struct run *runs, size_t max)
{
	size_t count = 0, glyph = 1;

	for (uint32_t code = 0;
	     (code = characters_next(cut->set, code)) < FONT_CODES - 1 && count + 1 < max; code++) {
		if (count && runs[count - 1].last + 1 == code)
			runs[count - 1].last = code;
		else
			runs[count++] = (struct run){ code, code, glyph };
		glyph++;
	}
	runs[count++] = (struct run){ 0xffff, 0xffff, 0 };
	return count;
}

static int write_map(const struct cut *cut, struct buffer *out)
{
	size_t max = cut->count + 2, power = 1, log = 0;
	CLEANUP(free) struct run *runs = calloc(max, sizeof(*runs));
	size_t count = runs ? find_runs(cut, runs, max) : 0;

	if (!runs)
		return -ENOMEM;
	while (power * 2 <= count) {
		power *= 2;
		log++;
	}
	put32(out, 1); /* version 0, one map */
	put16(out, 3);
	put16(out, 1);
	put32(out, 12);
	put16(out, 4);
	put16(out, (uint32_t)(16 + count * 8));
	put16(out, 0);
	put16(out, (uint32_t)count * 2);
	put16(out, (uint32_t)power * 2);
	put16(out, (uint32_t)log);
	put16(out, (uint32_t)(count - power) * 2);
	for (size_t i = 0; i < count; i++)
		put16(out, runs[i].last);
	put16(out, 0);
	for (size_t i = 0; i < count; i++)
		put16(out, runs[i].first);
	for (size_t i = 0; i < count; i++)
		put16(out,
		      (uint32_t)(runs[i].glyph - runs[i].first + (i + 1 == count ? 0x10000 : 0)) &
			      0xffff);
	for (size_t i = 0; i < count; i++)
		put16(out, 0);
	return 16 + count * 8 > 0xffff ? -E2BIG : 0;
}

/* Six letters for these characters, so that readers do not take two parts of a font for the same:
 * ISO 32000-1, 9.6.4. By FNV-1a: Fowler, Noll, Vo, draft-eastlake-fnv. */
static void write_tag(const struct characters *set, struct buffer *out)
{
	uint32_t hash = 2166136261U;

	for (size_t i = 0; i < sizeof(set->bits); i++)
		hash = (hash ^ set->bits[i]) * 16777619U;
	for (int i = 0; i < 6; i++) {
		put16(out, 'A' + hash % 26);
		hash /= 26;
	}
	put16(out, '+');
}

/* Style and PostScript name, for Windows: what the PDF calls the font. */
static void write_names(const struct cut *cut, struct buffer *out)
{
	struct table names = font_table(cut->source.font, "name");
	size_t count = names.len >= 6 ? get16(names.data + 2) : 0, kept = 0, used = 0;
	size_t texts = names.len >= 6 ? get16(names.data + 4) : 0;
	const uint8_t *records[4];

	for (size_t i = 0; i < count && 6 + (i + 1) * 12 <= names.len && kept < 4; i++) {
		const uint8_t *record = names.data + 6 + i * 12;
		uint16_t id = get16(record + 6);

		if (get16(record) == 3 && (id == NAME_STYLE || id == NAME_POSTSCRIPT) &&
		    texts + get16(record + 10) + get16(record + 8) <= names.len)
			records[kept++] = record;
	}
	put16(out, 0);
	put16(out, (uint32_t)kept);
	put16(out, (uint32_t)(6 + kept * 12));
	for (size_t i = 0; i < kept; i++) {
		size_t len = get16(records[i] + 8);

		len += get16(records[i] + 6) == NAME_POSTSCRIPT ? TAG_BYTES : 0;
		buffer_append(out, records[i], 8);
		put16(out, (uint32_t)len);
		put16(out, (uint32_t)used);
		used += len;
	}
	for (size_t i = 0; i < kept; i++) {
		if (get16(records[i] + 6) == NAME_POSTSCRIPT)
			write_tag(cut->set, out);
		buffer_append(out, names.data + texts + get16(records[i] + 10),
			      get16(records[i] + 8));
	}
}

/* ---- the file -------------------------------------------------------------------------------- */

enum {
	OS2,
	CMAP,
	CVT,
	FPGM,
	GLYF,
	HEAD,
	HHEA,
	HMTX,
	LOCA,
	MAXP,
	NAME,
	POST,
	PREP,
	TABLES
};

static const char tags[TABLES][5] = { "OS/2", "cmap", "cvt ", "fpgm", "glyf", "head", "hhea",
				      "hmtx", "loca", "maxp", "name", "post", "prep" };

static uint32_t sum_of(const struct buffer *table)
{
	uint32_t sum = 0;

	for (size_t at = 0; at + 4 <= table->len; at += 4)
		sum += get32(table->data + at);
	return sum; /* the padding of the last word is written with it */
}

static int write_file(struct buffer *tables, struct buffer *out)
{
	size_t at = FONT_HEAD_BYTES + (size_t)TABLES * FONT_ENTRY_BYTES;

	put32(out, 0x00010000);
	put16(out, TABLES);
	put16(out,
	      8 * FONT_ENTRY_BYTES); /* of 13: the power of two below, its logarithm, the rest */
	put16(out, 3);
	put16(out, (TABLES - 8U) * FONT_ENTRY_BYTES);
	for (int i = 0; i < TABLES; i++) {
		size_t len = tables[i].len;

		while (tables[i].len % 4)
			buffer_append(&tables[i], "", 1);
		if (tables[i].error)
			return tables[i].error;
		buffer_append(out, tags[i], 4);
		put32(out, sum_of(&tables[i]));
		put32(out, at);
		put32(out, len);
		at += tables[i].len;
	}
	for (int i = 0; i < TABLES; i++)
		buffer_append(out, tables[i].data, tables[i].len);
	return out->error;
}

static int write_tables(const struct cut *cut, struct buffer *tables)
{
	static const int copied[] = { OS2, HEAD, HHEA, MAXP, POST };

	for (size_t i = 0; i < sizeof(copied) / sizeof(copied[0]); i++) {
		struct table table = font_table(cut->source.font, tags[copied[i]]);

		if (copied[i] == POST) /* without the names of glyphs: format 3 */
			table.len = table.len < 32 ? table.len : 32;
		copy(&tables[copied[i]], &table);
	}
	if (tables[POST].len == 32)
		set16(&tables[POST], 0, 3);
	if (tables[POST].len == 32)
		set16(&tables[POST], 2, 0);
	/* libharu wants the tables of hinting: a value, and the program SVTCA[y], that change
	 * nothing */
	put16(&tables[CVT], 0);
	buffer_append(&tables[FPGM], "", 1);
	buffer_append(&tables[PREP], "", 1);
	set16(&tables[HHEA], FONT_METRICS_AT, cut->count);
	set16(&tables[MAXP], FONT_GLYPHS_AT, cut->count);
	write_glyphs(cut, &tables[GLYF], &tables[LOCA]);
	write_metrics(cut, &tables[HMTX]);
	write_names(cut, &tables[NAME]);
	return write_map(cut, &tables[CMAP]);
}

int font_subset(const struct font_bytes *font, struct characters *set, struct buffer *out)
{
	struct buffer tables[TABLES];
	struct cut cut = { .set = set, .count = 1 };
	int error = font_source_read(font, &cut.source);
	CLEANUP(free) uint16_t *old_of = calloc((size_t)2 * FONT_CODES, sizeof(*old_of));
	CLEANUP(free) uint16_t *new_of = calloc(FONT_CODES, sizeof(*new_of));

	if (error || !old_of || !new_of)
		return error ? error : -ENOMEM;
	for (int i = 0; i < TABLES; i++)
		buffer_init(&tables[i], FONT_MAX);
	cut.old_of = old_of;
	cut.new_of = new_of;
	take_characters(&cut, set);
	take_parts(&cut);
	error = cut.count > 0xffff ? -E2BIG : write_tables(&cut, tables);
	if (!error)
		error = write_file(tables, out);
	for (int i = 0; i < TABLES; i++)
		buffer_done(&tables[i]);
	return error;
}
