/*
 * Text for people. What packets, notes and names say must not steer a terminal: control characters
 * and those that turn the direction of text are shown as '?'.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"

/* Bytes of the harmful character at @text, or 0. UTF-8: C1 (ECMA-48) is C2 80 .. C2 9F; the marks,
 * embeddings and isolates of UAX 9 are U+200E, U+200F, U+202A .. U+202E, U+2066 .. U+2069. */
static size_t harmful_bytes(const unsigned char *text)
{
	if ((*text < 0x20 && *text != '\n') || *text == 0x7f)
		return 1;
	if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f)
		return 2;
	if (text[0] != 0xe2)
		return 0;
	if (text[1] == 0x80 &&
	    (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xaa && text[2] <= 0xae)))
		return 3;
	return text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9 ? 3 : 0;
}

void make_printable(char *text)
{
	unsigned char *from = (unsigned char *)text, *to = from;

	while (*from) {
		size_t harmful = harmful_bytes(from);

		*to++ = harmful ? '?' : *from;
		from += harmful ? harmful : 1;
	}
	*to = '\0';
}

void say(const char *format, ...)
{
	CLEANUP(free) char *text = NULL;
	va_list list;
	int length;

	va_start(list, format);
	length = vasprintf(&text, format, list);
	va_end(list);
	if (length < 0) {
		text = NULL; /* no memory for a line of output: nothing better can be said */
		return;
	}
	make_printable(text);
	(void)fputs(text, stdout); /* a reader that has gone is seen by whoever checks stdout */
}
