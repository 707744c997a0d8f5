/* Events as text, plain and compressed. */
#include "agent/front/blob.h"

#include <inttypes.h>
#include <stdio.h>
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
	free(blob->plain.chunk);
	free(blob->gzip.chunk);
	free(blob);
}

static const struct blob_form *form_of(const struct blob *blob, bool is_gzip)
{
	return is_gzip ? &blob->gzip : &blob->plain;
}

const uint8_t *blob_bytes(const struct blob *blob, bool is_gzip, size_t *len)
{
	const struct blob_form *form = form_of(blob, is_gzip);

	*len = form->len;
	return form->chunk + form->head;
}

const uint8_t *blob_chunk(const struct blob *blob, bool is_gzip, size_t *len)
{
	const struct blob_form *form = form_of(blob, is_gzip);

	*len = form->head + form->len + 2;
	return form->chunk;
}

size_t blob_size(const struct blob *blob)
{
	return blob->plain.len + blob->gzip.len;
}

/* @first and @rest as one chunk. */
static bool fill_form(struct blob_form *form, const uint8_t *first, size_t first_len,
		      const uint8_t *rest, size_t rest_len)
{
	char line[20]; /* a size of 64 bits and CRLF */

	form->len = first_len + rest_len;
	form->head = (size_t)snprintf(line, sizeof(line), "%zx\r\n", form->len);
	form->chunk = malloc(form->head + form->len + 2);
	if (!form->chunk)
		return false;
	memcpy(form->chunk, line, form->head);
	if (first_len)
		memcpy(form->chunk + form->head, first, first_len);
	memcpy(form->chunk + form->head + first_len, rest, rest_len);
	memcpy(form->chunk + form->head + form->len, "\r\n", 2);
	return true;
}

/* @is_first: the head of a member comes before the piece. */
static struct blob *make(const struct buffer *text, uint8_t min_role, bool is_first)
{
	struct blob *blob = text->error ? NULL : calloc(1, sizeof(*blob));
	uint8_t head[GZIP_HEAD_BYTES];
	bool is_whole;

	if (!blob)
		return NULL;
	blob->refs = 1;
	blob->min_role = min_role;
	gzip_head(head);
	is_whole = fill_form(&blob->plain, NULL, 0, text->data, text->len) &&
		   !gzip_piece_make(text->data, text->len, min_role > ROLE_VIEWER, &blob->piece) &&
		   fill_form(&blob->gzip, head, is_first ? sizeof(head) : 0, blob->piece.bytes,
			     blob->piece.len);
	free(blob->piece.bytes);
	blob->piece.bytes = NULL;
	if (is_whole)
		return blob;
	blob_unref(blob);
	return NULL;
}

struct blob *blob_new(const struct event *event)
{
	CLEANUP(buffer_done) struct buffer text;
	struct blob *blob;

	/* beside name and data: three labels, a 20-digit id, line ends */
	buffer_init(&text, SSE_EVENT_BYTES_MAX + 128);
	if (strpbrk(event->data, "\r\n") || strpbrk(event->name, "\r\n") ||
	    strlen(event->name) >= SSE_NAME_MAX || strlen(event->data) > SSE_EVENT_BYTES_MAX)
		return NULL;
	buffer_append_format(&text, "id: %" PRIu64 "\nevent: %s\ndata: ", event->id, event->name);
	buffer_append_text(&text, event->data);
	buffer_append_text(&text, "\n\n");
	blob = make(&text, event->min_role, false);
	if (!blob)
		return NULL;
	blob->id = event->id;
	blob->max_role = event->max_role;
	return blob;
}

static struct blob *make_lines(const char *lines, bool is_first)
{
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, SSE_EVENT_BYTES_MAX);
	buffer_append_text(&text, lines);
	return make(&text, 0, is_first);
}

struct blob *blob_new_text(const char *text)
{
	return make_lines(text, false);
}

struct blob *blob_new_first(const char *text)
{
	return make_lines(text, true);
}
