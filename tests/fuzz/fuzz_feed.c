/*
 * A publisher's list of any content: each line gives a text that lies within the line, or nothing.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/intel/internal.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_line(const uint8_t *data, size_t len, unsigned int column)
{
	char *line = malloc(len + 1); /* of its own, so that a byte too far is seen */
	const char *kept;

	if (!line)
		abort();
	memcpy(line, data, len);
	line[len] = '\0';
	kept = column ? convert_column(line, column) : convert_line(line);
	if (kept &&
	    (kept < line || kept > line + len || strlen(kept) > (size_t)(line + len - kept)))
		abort();
	free(line);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	while (size) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t len = end ? (size_t)(end - data) : size;

		check_line(data, len, 0);
		check_line(data, len, 1);
		check_line(data, len, 3);
		len += end != NULL;
		data += len;
		size -= len;
	}
	return 0;
}
