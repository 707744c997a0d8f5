/*
 * Cells of CSV files.
 */
#include "agent/util/csv.h"

#include <string.h>

void csv_append_text(struct buffer *out, const char *text)
{
	if (!text || !*text)
		return;
	if (!strpbrk(text, ",\"\r\n") && !strchr("=+-@\t", *text)) {
		buffer_append_text(out, text);
		return;
	}
	buffer_append_text(out, strchr("=+-@\t\r", *text) ? "\"'" : "\"");
	for (; *text; text++)
		buffer_append(out, *text == '"' ? "\"\"" : text, *text == '"' ? 2 : 1);
	buffer_append_text(out, "\"");
}
