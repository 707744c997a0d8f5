/*
 * One event as the text that browsers get, encoded and compressed once, and shared by the ring, the
 * sticky table and the streams that are sending it (sse.c). One thread.
 *
 * Compression and secrets: a piece is compressed by itself, so its length depends on no other
 * event. No event holds a session, a token or a password, and what is kept from viewers (the sealed
 * words of an incident, beside names that outsiders choose) is stored as it is: lengths tell
 * nothing. Source: BREACH, Gluck, Harris, Prado, 2013.
 */
#ifndef SLUICE_FRONT_BLOB_H
#define SLUICE_FRONT_BLOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/gzip_piece.h"
#include "include/request.h"

#define SSE_NAME_MAX 32 /* of an event, with its end */

struct blob {
	unsigned int refs;
	uint64_t id, seq;
	uint8_t min_role, max_role;
	struct blob_form {
		uint8_t *chunk; /* a line with the size, @len bytes, CRLF (RFC 9112 7.1) */
		size_t head, len;
	} plain, gzip;		 /* @gzip: as a piece of a member */
	struct gzip_piece piece; /* what it adds to the member's sum; its bytes are in @gzip */
};

/* blob_new - @event as text, with one reference; NULL when it is too long or not one line, or
 * without memory. Source: WHATWG HTML 9.2.6. */
struct blob *blob_new(const struct event *event);
/* blob_new_text - lines of a stream that are no event, for all roles; NULL without memory. */
struct blob *blob_new_text(const char *text);
/* blob_new_first - the same; its piece has the head of a member before it. */
struct blob *blob_new_first(const char *text);
struct blob *blob_ref(struct blob *blob);
void blob_unref(struct blob *blob); /* accepts NULL; the last one frees */
/* blob_bytes - what a stream sends. */
const uint8_t *blob_bytes(const struct blob *blob, bool is_gzip, size_t *len);
/* blob_chunk - the same as one chunk of HTTP/1.1. */
const uint8_t *blob_chunk(const struct blob *blob, bool is_gzip, size_t *len);
/* blob_size - memory of both forms. */
size_t blob_size(const struct blob *blob);

#endif
