/*
 * Text from the network on paper: names may hold any character, and some reverse the line, hide, or
 * look like others. What a reader could not see as it is becomes its number.
 */
#include <string.h>

#include "agent/report/page.h"
#include "agent/util/utf8.h"

#define TEXT_MAX_CODES 2000 /* one cell; more is cut */

static uint32_t decode(const char *text, size_t len)
{
	static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (uint8_t)text[0] & first_bits[len];

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((uint8_t)text[i] & 0x3f);
	return code;
}

/* Controls, and characters without a body: they join, hide, or turn the direction of text. Source:
 * Unicode 15.0, general categories Cc, Cf, Zl, Zp, Zs but the space, Co; variation selectors and
 * combining marks would change the character before them. */
static bool steers(uint32_t code)
{
	static const struct {
		uint32_t first, last;
	} ranges[] = {
		{ 0x0, 0x1f },	    { 0x7f, 0xa0 },	{ 0xad, 0xad },	    { 0x300, 0x36f },
		{ 0x591, 0x5bd },   { 0x600, 0x605 },	{ 0x610, 0x61c },   { 0x64b, 0x65f },
		{ 0x6dd, 0x6dd },   { 0x70f, 0x70f },	{ 0x115f, 0x1160 }, { 0x1680, 0x1680 },
		{ 0x17b4, 0x17b5 }, { 0x180b, 0x180f }, { 0x1ab0, 0x1aff }, { 0x1dc0, 0x1dff },
		{ 0x2000, 0x200f }, { 0x2028, 0x202f }, { 0x205f, 0x206f }, { 0x20d0, 0x20ff },
		{ 0x3000, 0x3000 }, { 0x3164, 0x3164 }, { 0xd800, 0xf8ff }, { 0xfe00, 0xfe0f },
		{ 0xfe20, 0xfe2f }, { 0xfeff, 0xfeff }, { 0xfff0, 0xfffb }, { 0xfffe, 0x10ffff }
	};

	for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
		if (code >= ranges[i].first && code <= ranges[i].last)
			return true;
	return false;
}

void text_safe(const char *text, bool (*has_glyph)(void *arg, uint32_t code), void *arg,
	       struct buffer *out)
{
	size_t len = strlen(text), codes = 0;

	while (len && codes++ < TEXT_MAX_CODES) {
		bool is_valid;
		size_t step = utf8_sequence_len(text, len, &is_valid);
		uint32_t code = is_valid ? decode(text, step) : 0xfffd;

		if (!is_valid)
			buffer_append_text(out, "\xef\xbf\xbd");
		else if (steers(code) || !has_glyph(arg, code))
			buffer_append_format(out, "\\u{%X}", (unsigned int)code);
		else
			buffer_append(out, text, step);
		text += step;
		len -= step;
	}
}
