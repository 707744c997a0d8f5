/*
 * The characters of a document, and the tables of a font.
 */
#include "agent/report/font_source.h"

#include <errno.h>
#include <string.h>

#include "agent/util/utf8.h"

/* ---- characters ------------------------------------------------------------------------------ */

bool characters_has(const struct characters *set, uint32_t code)
{
	return code < FONT_CODES && set->bits[code / 8] >> code % 8 & 1;
}

uint32_t characters_next(const struct characters *set, uint32_t code)
{
	while (code < FONT_CODES && !characters_has(set, code))
		code += code % 8 || set->bits[code / 8] ? 1 : 8;
	return code;
}

void characters_add(struct characters *set, uint32_t code)
{
	if (code < FONT_CODES)
		set->bits[code / 8] |= (uint8_t)(1U << code % 8);
}

void characters_add_text(struct characters *set, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		bool is_valid;
		size_t step = utf8_sequence_len(text, len, &is_valid);

		if (is_valid)
			characters_add(set, utf8_decode(text, step));
		text += step;
		len -= step;
	}
}

/* ---- reading ----------------------------------------------------------------------------------
 */

struct table font_table(const struct font_bytes *font, const char *tag)
{
	size_t count = font->len >= FONT_HEAD_BYTES ? get16(font->data + 4) : 0;

	for (size_t i = 0; i < count && FONT_HEAD_BYTES + (i + 1) * FONT_ENTRY_BYTES <= font->len;
	     i++) {
		const uint8_t *entry = font->data + FONT_HEAD_BYTES + i * FONT_ENTRY_BYTES;
		size_t at = get32(entry + 8), len = get32(entry + 12);

		if (!memcmp(entry, tag, 4) && at <= font->len && len <= font->len - at)
			return (struct table){ font->data + at, len };
	}
	return (struct table){ 0 };
}

/* The format 4 map of Windows' Unicode, which every font for text has. */
static struct table find_map(const struct table *cmap)
{
	size_t count = cmap->len >= 4 ? get16(cmap->data + 2) : 0;

	for (size_t i = 0; i < count && 4 + (i + 1) * 8 <= cmap->len; i++) {
		const uint8_t *entry = cmap->data + 4 + i * 8;
		size_t at = get32(entry + 4);

		if (get16(entry) == 3 && get16(entry + 2) == 1 && at + 14 <= cmap->len &&
		    get16(cmap->data + at) == 4)
			return (struct table){ cmap->data + at, cmap->len - at };
	}
	return (struct table){ 0 };
}

int font_source_read(const struct font_bytes *font, struct source *out)
{
	struct table cmap = font_table(font, "cmap");

	*out = (struct source){ .font = font,
				.cmap = find_map(&cmap),
				.glyf = font_table(font, "glyf"),
				.loca = font_table(font, "loca"),
				.hmtx = font_table(font, "hmtx"),
				.head = font_table(font, "head"),
				.hhea = font_table(font, "hhea"),
				.maxp = font_table(font, "maxp") };
	if (!out->cmap.data || out->head.len < 54 || out->hhea.len < 36 || out->maxp.len < 6 ||
	    get16(out->head.data + FONT_LOCA_FORMAT_AT) != 1)
		return -EINVAL; /* DejaVu's offsets are long ones */
	out->glyph_count = get16(out->maxp.data + FONT_GLYPHS_AT);
	out->metrics = get16(out->hhea.data + FONT_METRICS_AT);
	if (!out->metrics || out->loca.len < (out->glyph_count + 1) * 4 ||
	    out->hmtx.len < out->metrics * 4)
		return -EINVAL;
	return 0;
}

/* One segment of the map: the glyph of @code, 0 when it has none. */
static uint16_t glyph_in(const struct table *map, size_t segments, size_t i, uint32_t code)
{
	size_t starts = 16 + segments * 2, deltas = starts + segments * 2,
	       offsets = deltas + segments * 2;
	uint16_t start = get16(map->data + starts + i * 2);
	uint16_t delta = get16(map->data + deltas + i * 2);
	uint16_t offset = get16(map->data + offsets + i * 2), glyph;
	size_t at = offsets + i * 2 + offset + 2 * (size_t)(code - start);

	if (code < start)
		return 0;
	if (!offset)
		return (uint16_t)(code + delta);
	glyph = at + 2 <= map->len ? get16(map->data + at) : 0;
	return glyph ? (uint16_t)(glyph + delta) : 0;
}

uint16_t font_glyph(const struct source *source, uint32_t code)
{
	const struct table *map = &source->cmap;
	size_t segments = get16(map->data + 6) / 2;
	size_t low = 0, high = segments;
	uint16_t glyph;

	if (16 + segments * 8 > map->len)
		return 0;
	while (low < high) { /* the first whose end is not below it */
		size_t middle = (low + high) / 2;

		if (get16(map->data + 14 + middle * 2) < code)
			low = middle + 1;
		else
			high = middle;
	}
	glyph = low < segments ? glyph_in(map, segments, low, code) : 0;
	return glyph < source->glyph_count ? glyph : 0;
}

struct table font_outline(const struct source *source, uint16_t glyph)
{
	size_t begin = get32(source->loca.data + 4 * (size_t)glyph);
	size_t end = get32(source->loca.data + 4 * (size_t)glyph + 4);

	if (begin > end || end > source->glyf.len || end - begin < 10)
		return (struct table){ 0 };
	return (struct table){ source->glyf.data + begin, end - begin };
}
