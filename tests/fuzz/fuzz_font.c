/*
 * The font cutter. The fonts are our own, so a damaged one must end in an error and nothing worse;
 * the characters are anybody's. The first two bytes say how many characters follow, in UTF-8; what
 * is behind them overwrites parts of a small font (four bytes where, one what) or, with an odd
 * first byte, is the font. What was cut can be cut again.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/report/fonts.h"
#include "agent/report/subset.h"

#define FONT_MAX (256U << 10)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the font that damage is done to: a few characters, so that it is small. */
static const char letters[] = "abcdefghijklmnopqrstuvwxyz\xc3\xa4\xc3\xa9";

static void cut(const struct font_bytes *font, struct characters *set, struct buffer *out)
{
	buffer_init(out, FONT_MAX);
	if (font_subset(font, set, out))
		buffer_done(out);
}

static const struct buffer *small_font(void)
{
	static struct buffer made;
	static struct characters set;
	const struct font_bytes font = {
		.data = report_font_regular,
		.len = (size_t)(report_font_regular_end - report_font_regular),
	};

	if (made.len)
		return &made;
	characters_add_text(&set, letters);
	cut(&font, &set, &made);
	return &made;
}

static void damage(uint8_t *font, size_t len, const uint8_t *data, size_t size)
{
	for (; size >= 5; data += 5, size -= 5) {
		uint32_t where;

		memcpy(&where, data, sizeof(where));
		font[where % len] = data[4];
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct characters set, again;
	const struct buffer *base = small_font();
	struct font_bytes font;
	struct buffer once, twice;
	char text[256] = "";
	uint8_t *copy;
	size_t len = size < 2 ? 0 : data[1];

	if (size < 2 || size - 2 < len || !base->len)
		return 0;
	memcpy(text, data + 2, len);
	memset(&set, 0, sizeof(set));
	characters_add_text(&set, text);
	characters_add_text(&set, letters);
	font.len = data[0] & 1 ? size - 2 - len : base->len;
	copy = malloc(font.len + 1); /* so that a read beyond its end is seen */
	if (!copy)
		abort();
	memcpy(copy, data[0] & 1 ? data + 2 + len : base->data, font.len);
	if (!(data[0] & 1))
		damage(copy, font.len, data + 2 + len, size - 2 - len);
	font.data = copy;
	cut(&font, &set, &once);
	if (once.len) {
		const struct font_bytes next = { .data = once.data, .len = once.len };

		again = set;
		cut(&next, &again, &twice);
		if (twice.len > FONT_MAX)
			abort();
		buffer_done(&twice);
	}
	buffer_done(&once);
	free(copy);
	return 0;
}
