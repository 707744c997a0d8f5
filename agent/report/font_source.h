/*
 * Reading a TrueType font in memory: its tables, the glyph of a character, a glyph's outline. Only
 * agent/report includes it.
 */
#ifndef SLUICE_REPORT_FONT_SOURCE_H
#define SLUICE_REPORT_FONT_SOURCE_H

#include "agent/report/subset.h"

#define FONT_HEAD_BYTES	    12
#define FONT_ENTRY_BYTES    16
#define FONT_LOCA_FORMAT_AT 50 /* of head */
#define FONT_METRICS_AT	    34 /* numberOfHMetrics of hhea */
#define FONT_GLYPHS_AT	    4  /* numGlyphs of maxp */
#define FONT_CODES	    0x10000

struct table {
	const uint8_t *data;
	size_t len;
};

struct source {
	const struct font_bytes *font;
	struct table cmap, glyf, loca, hmtx, head, hhea, maxp;
	size_t glyph_count, metrics;
};

static inline uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static inline uint32_t get32(const uint8_t *at)
{
	return (uint32_t)get16(at) << 16 | get16(at + 2);
}

/* font_table - empty when there is none. */
struct table font_table(const struct font_bytes *font, const char *tag);
/* font_source_read - borrows @font. -EINVAL: not such a font. */
int font_source_read(const struct font_bytes *font, struct source *out);
/* font_glyph - of a character; 0 when it has none. */
uint16_t font_glyph(const struct source *source, uint32_t code);
/* font_outline - of a glyph below glyph_count; empty for one that draws nothing. */
struct table font_outline(const struct source *source, uint16_t glyph);

#endif
