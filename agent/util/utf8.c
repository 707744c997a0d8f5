/*
 * UTF-8 by Table 3-7 of the Unicode standard: the second byte alone decides between shortest
 * forms, surrogates and code points past U+10FFFF.
 */
#include "agent/util/utf8.h"

#include <stdint.h>

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
