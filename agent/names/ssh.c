/*
 * The line by which SSH clients and servers identify themselves (RFC 4253 4.2).
 */
#include <errno.h>
#include <string.h>

#include "agent/names/internal.h"

#define LINE_BYTES 255 /* RFC 4253 4.2, with CR LF */

static const char prefix[] = "SSH-";
#define PREFIX_BYTES (sizeof(prefix) - 1)

ssize_t ssh_parse(const uint8_t *data, size_t len, char out[SSH_TEXT_MAX])
{
	size_t start = len < PREFIX_BYTES ? len : PREFIX_BYTES;
	size_t bound = len < LINE_BYTES ? len : LINE_BYTES;
	const uint8_t *end;
	struct text text;
	size_t line;

	if (memcmp(data, prefix, start) != 0)
		return -EBADMSG;
	end = memchr(data, '\n', bound);
	if (!end)
		return len < LINE_BYTES ? 0 : -EBADMSG;
	line = (size_t)(end - data);
	if (line > 0 && data[line - 1] == '\r')
		line--;
	text_start(&text, out, SSH_TEXT_MAX);
	text_put_bytes(&text, data, line);
	return end - data + 1;
}
