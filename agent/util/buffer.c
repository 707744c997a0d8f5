/*
 * Growing bytes with a ceiling. Growth doubles, so that n appends cost O(n) copies.
 */
#include "agent/util/buffer.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY 256

void buffer_init(struct buffer *buffer, size_t max)
{
	*buffer = (struct buffer){ .max = max };
}

void buffer_done(struct buffer *buffer)
{
	free(buffer->data);
	*buffer = (struct buffer){ .max = buffer->max };
}

/* Room for @len more bytes and the NUL; false leaves the failure in buffer->error. */
static bool reserve(struct buffer *buffer, size_t len)
{
	size_t wanted, capacity;
	uint8_t *grown;

	if (buffer->error)
		return false;
	if (__builtin_add_overflow(buffer->len, len, &wanted) || wanted > buffer->max) {
		buffer->error = -E2BIG;
		return false;
	}
	if (buffer->data && wanted <= buffer->capacity)
		return true;
	capacity = buffer->capacity < FIRST_CAPACITY ? FIRST_CAPACITY : buffer->capacity;
	while (capacity < wanted)
		capacity = capacity > SIZE_MAX / 2 ? wanted : capacity * 2;
	if (capacity > buffer->max)
		capacity = buffer->max;
	grown = capacity < SIZE_MAX ? realloc(buffer->data, capacity + 1) : NULL;
	if (!grown) {
		buffer->error = -ENOMEM;
		return false;
	}
	buffer->data = grown;
	buffer->capacity = capacity;
	buffer->data[buffer->len] = '\0';
	return true;
}

void buffer_append(struct buffer *buffer, const void *data, size_t len)
{
	if (!reserve(buffer, len))
		return;
	if (len > 0)
		memcpy(buffer->data + buffer->len, data, len);
	buffer->len += len;
	buffer->data[buffer->len] = '\0';
}

void buffer_append_text(struct buffer *buffer, const char *text)
{
	buffer_append(buffer, text, strlen(text));
}

void buffer_append_format(struct buffer *buffer, const char *format, ...)
{
	va_list args, again;
	int len;

	va_start(args, format);
	va_copy(again, args);
	len = vsnprintf(NULL, 0, format, args);
	if (len < 0)
		buffer->error = buffer->error ? buffer->error : -EINVAL;
	else if (reserve(buffer, (size_t)len)) {
		(void)vsnprintf((char *)buffer->data + buffer->len, (size_t)len + 1, format, again);
		buffer->len += (size_t)len;
	}
	va_end(again);
	va_end(args);
}

void buffer_consume(struct buffer *buffer, size_t len)
{
	if (len == 0 || !buffer->data)
		return;
	if (len > buffer->len)
		len = buffer->len;
	buffer->len -= len;
	memmove(buffer->data, buffer->data + len, buffer->len + 1); /* with the NUL */
}

char *buffer_take(struct buffer *buffer, size_t *len)
{
	char *taken;

	if (!reserve(buffer, 0)) /* an empty buffer gives "" */
		return NULL;
	taken = (char *)buffer->data;
	if (len)
		*len = buffer->len;
	*buffer = (struct buffer){ .max = buffer->max };
	return taken;
}
