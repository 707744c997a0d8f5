/*
 * A byte buffer that grows up to a stated maximum and remembers a failure, so that a sequence of
 * appends is checked once at the end. Owner: whoever holds the struct; one thread at a time.
 */
#ifndef SLUICE_UTIL_BUFFER_H
#define SLUICE_UTIL_BUFFER_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

struct buffer {
	uint8_t *data; /* NULL until the first append; always followed by a NUL byte */
	size_t len;
	size_t capacity;
	size_t max;
	int error; /* 0, -ENOMEM, or -E2BIG past max; sticky */
};

void buffer_init(struct buffer *buffer, size_t max);
void buffer_done(struct buffer *buffer);
void buffer_append(struct buffer *buffer, const void *data, size_t len);
void buffer_append_text(struct buffer *buffer, const char *text);
void buffer_append_format(struct buffer *buffer, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* buffer_consume - drop the first @len bytes. */
void buffer_consume(struct buffer *buffer, size_t len);
/* buffer_take - the bytes, NUL-terminated; caller frees; NULL when an append failed. */
char *buffer_take(struct buffer *buffer, size_t *len);

static inline void buffer_done_cleanup(struct buffer *buffer)
{
	buffer_done(buffer);
}

#endif
