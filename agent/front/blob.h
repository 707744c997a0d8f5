/*
 * One event as the text that browsers get, encoded once and shared by the ring, the sticky table
 * and the streams that are sending it (sse.c). Counting references is the owner's business: the
 * hub's mutex is held for it.
 */
#ifndef SLUICE_FRONT_BLOB_H
#define SLUICE_FRONT_BLOB_H

#include <stddef.h>
#include <stdint.h>

#include "include/request.h"

#define SSE_NAME_MAX 32 /* of an event, with its end */

struct blob {
	unsigned int refs;
	uint64_t id, seq;
	uint8_t min_role, max_role;
	size_t len;
	char *text;
};

/* blob_new - @event as text, with one reference; NULL when it is too long or not one line, or
 * without memory. Source: WHATWG HTML 9.2.6. */
struct blob *blob_new(const struct event *event);
struct blob *blob_ref(struct blob *blob);
void blob_unref(struct blob *blob); /* accepts NULL; the last one frees */

#endif
