/* Events as text, plain and compressed. */
#include "agent/front/blob.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "agent/front/sse.h"
#include "agent/util/buffer.h"
#include "include/user.h"

struct blob *blob_ref(struct blob *blob)
{
	blob->refs++;
	return blob;
}

void blob_unref(struct blob *blob)
{
	if (!blob || --blob->refs)
		return;
	gzip_piece_done(&blob->piece);
	free(blob->text);
	free(blob);
}

const char *blob_bytes(const struct blob *blob, bool is_gzip, size_t *len)
{
	*len = is_gzip ? blob->piece.len : blob->len;
	return is_gzip ? (const char *)blob->piece.bytes : blob->text;
}

size_t blob_size(const struct blob *blob)
{
	return blob->len + blob->piece.len;
}

/* Takes what is in @text. */
static struct blob *make(struct buffer *text, uint8_t min_role)
{
	struct blob *blob = calloc(1, sizeof(*blob));

	if (!blob || text->error) {
		free(blob);
		buffer_done(text);
		return NULL;
	}
	blob->refs = 1;
	blob->min_role = min_role;
	blob->text = buffer_take(text, &blob->len);
	if (gzip_piece_make(blob->text, blob->len, min_role > ROLE_VIEWER, &blob->piece)) {
		blob_unref(blob);
		return NULL;
	}
	return blob;
}

struct blob *blob_new(const struct event *event)
{
	struct buffer text;
	struct blob *blob;

	/* beside name and data: three labels, a 20-digit id, line ends */
	buffer_init(&text, SSE_EVENT_BYTES_MAX + 128);
	if (strpbrk(event->data, "\r\n") || strpbrk(event->name, "\r\n") ||
	    strlen(event->name) >= SSE_NAME_MAX || strlen(event->data) > SSE_EVENT_BYTES_MAX)
		return NULL;
	buffer_append_format(&text, "id: %" PRIu64 "\nevent: %s\ndata: ", event->id, event->name);
	buffer_append_text(&text, event->data);
	buffer_append_text(&text, "\n\n");
	blob = make(&text, event->min_role);
	if (!blob)
		return NULL;
	blob->id = event->id;
	blob->max_role = event->max_role;
	return blob;
}

struct blob *blob_new_text(const char *text)
{
	struct buffer copy;

	buffer_init(&copy, SSE_EVENT_BYTES_MAX);
	buffer_append_text(&copy, text);
	return make(&copy, 0);
}

struct blob *blob_new_first(const char *text)
{
	struct blob *blob = blob_new_text(text);
	uint8_t *bytes = blob ? malloc(GZIP_HEAD_BYTES + blob->piece.len) : NULL;

	if (!bytes) {
		blob_unref(blob);
		return NULL;
	}
	gzip_head(bytes);
	memcpy(bytes + GZIP_HEAD_BYTES, blob->piece.bytes, blob->piece.len);
	free(blob->piece.bytes);
	blob->piece.bytes = bytes;
	blob->piece.len += GZIP_HEAD_BYTES;
	return blob;
}
