/*
 * UTF-8 by Table 3-7 of the Unicode standard: the second byte alone decides between shortest
 * forms, surrogates and code points past U+10FFFF.
 */
#include "agent/util/utf8.h"

static const struct {
	uint8_t first_min, first_max;	/* of the lead byte */
	uint8_t second_min, second_max; /* of the byte after it; later ones are 80..BF */
	uint8_t len;
} sequences[] = {
	{ 0x00, 0x7f, 0, 0, 1 },       { 0xc2, 0xdf, 0x80, 0xbf, 2 }, { 0xe0, 0xe0, 0xa0, 0xbf, 3 },
	{ 0xe1, 0xec, 0x80, 0xbf, 3 }, { 0xed, 0xed, 0x80, 0x9f, 3 }, { 0xee, 0xef, 0x80, 0xbf, 3 },
	{ 0xf0, 0xf0, 0x90, 0xbf, 4 }, { 0xf1, 0xf3, 0x80, 0xbf, 4 }, { 0xf4, 0xf4, 0x80, 0x8f, 4 },
};
#define SEQUENCE_COUNT (sizeof(sequences) / sizeof(sequences[0]))

size_t utf8_sequence_len(const char *text, size_t len, bool *is_valid)
{
	const uint8_t *bytes = (const uint8_t *)text;
	size_t kind = 0, have;

	*is_valid = false;
	while (kind < SEQUENCE_COUNT &&
	       (bytes[0] < sequences[kind].first_min || bytes[0] > sequences[kind].first_max))
		kind++;
	if (kind == SEQUENCE_COUNT)
		return 1;
	for (have = 1; have < sequences[kind].len; have++) {
		uint8_t min = have == 1 ? sequences[kind].second_min : 0x80;
		uint8_t max = have == 1 ? sequences[kind].second_max : 0xbf;

		if (have == len || bytes[have] < min || bytes[have] > max)
			return have;
	}
	*is_valid = true;
	return have;
}

bool utf8_is_valid(const char *text, size_t len)
{
	bool is_valid = true;

	for (size_t at = 0; is_valid && at < len;)
		at += utf8_sequence_len(text + at, len - at, &is_valid);
	return is_valid;
}

void utf8_append(struct buffer *out, const char *text, size_t len)
{
	size_t start = 0, at = 0; /* [start, at) is good and not yet written */

	while (at < len) {
		bool is_valid;
		size_t step = utf8_sequence_len(text + at, len - at, &is_valid);

		at += step;
		if (is_valid)
			continue;
		buffer_append(out, text + start, at - step - start);
		buffer_append_text(out, "\xef\xbf\xbd"); /* U+FFFD */
		start = at;
	}
	buffer_append(out, text + start, len - start);
}

uint32_t utf8_decode(const char *text, size_t len)
{
	static const uint8_t first_bits[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	uint32_t code = (uint8_t)text[0] & first_bits[len];

	for (size_t i = 1; i < len; i++)
		code = code << 6 | ((uint8_t)text[i] & 0x3f);
	return code;
}

bool utf8_is_steering(uint32_t code)
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
