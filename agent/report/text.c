/*
 * Text from the network on paper: names may hold any character, and some reverse the line, hide, or
 * look like others. What a reader could not see as it is becomes its number.
 */
#include <string.h>

#include "agent/report/page.h"
#include "agent/util/utf8.h"

#define TEXT_MAX_CODES 2000 /* one cell; more is cut */

void text_safe(const char *text, bool (*has_glyph)(void *arg, uint32_t code), void *arg,
	       struct buffer *out)
{
	size_t len = strlen(text), codes = 0;

	while (len && codes++ < TEXT_MAX_CODES) {
		bool is_valid;
		size_t step = utf8_sequence_len(text, len, &is_valid);
		uint32_t code = is_valid ? utf8_decode(text, step) : 0xfffd;

		if (!is_valid)
			buffer_append_text(out, "\xef\xbf\xbd");
		else if (utf8_is_steering(code) || !has_glyph(arg, code))
			buffer_append_format(out, "\\u{%X}", (unsigned int)code);
		else
			buffer_append(out, text, step);
		text += step;
		len -= step;
	}
}
