/*
 * Bytes from outside become text here, and nowhere else: bounded, escaped, ended.
 */
#include <string.h>

#include "agent/names/internal.h"

void text_start(struct text *text, char *out, size_t size)
{
	*text = (struct text){ .out = out, .size = size };
	out[0] = '\0';
}

/* All of @len or nothing, so that no escape is ever cut in half. */
static void put_whole(struct text *text, const char *words, size_t len)
{
	if (text->is_cut || len >= text->size - text->len) {
		text->is_cut = true;
		return;
	}
	memcpy(text->out + text->len, words, len);
	text->len += len;
	text->out[text->len] = '\0';
}

void text_put(struct text *text, const char *words)
{
	put_whole(text, words, strlen(words));
}

void text_put_number(struct text *text, uint32_t number)
{
	char digits[10]; /* of 4294967295 */
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put_whole(text, digits + at, sizeof(digits) - at);
}

static void put_escaped(struct text *text, uint8_t byte)
{
	char escape[4] = { '\\', (char)('0' + byte / 100), (char)('0' + byte / 10 % 10),
			   (char)('0' + byte % 10) };

	put_whole(text, escape, sizeof(escape));
}

void text_put_bytes(struct text *text, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && !text->is_cut; i++) {
		char plain = (char)data[i];

		if (data[i] < 0x20 || data[i] > 0x7e || data[i] == '\\')
			put_escaped(text, data[i]);
		else
			put_whole(text, &plain, 1);
	}
}

void text_put_label(struct text *text, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len && !text->is_cut; i++) {
		if (data[i] == '.' || data[i] == ' ')
			put_escaped(text, data[i]);
		else
			text_put_bytes(text, data + i, 1);
	}
}
