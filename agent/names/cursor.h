/*
 * A place in bytes from outside, and its end. A read beyond the end takes nothing, gives zero, and
 * marks the cursor as failed: callers read what they want and look once. Any thread.
 */
#ifndef SLUICE_NAMES_CURSOR_H
#define SLUICE_NAMES_CURSOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
	const uint8_t *at;
	size_t left;
	bool has_failed;
};

static inline struct cursor cursor_over(const uint8_t *data, size_t len)
{
	return (struct cursor){ data, len, false };
}

/* cursor_take - the next @len bytes as a cursor of their own; empty and failed when fewer. */
static inline struct cursor cursor_take(struct cursor *cursor, size_t len)
{
	struct cursor part = { cursor->at, len, false };

	if (len > cursor->left || cursor->has_failed) {
		cursor->has_failed = true;
		cursor->left = 0;
		return (struct cursor){ cursor->at, 0, true };
	}
	if (len) { /* an empty cursor may have no place */
		cursor->at += len;
		cursor->left -= len;
	}
	return part;
}

/* cursor_number - the next @bytes (up to 8) as a number in network order. */
static inline uint64_t cursor_number(struct cursor *cursor, unsigned int bytes)
{
	struct cursor part = cursor_take(cursor, bytes);
	uint64_t number = 0;
	size_t i;

	for (i = 0; i < part.left; i++)
		number = number << 8 | part.at[i];
	return number;
}

/* cursor_vector - what a length of @bytes in front of it encloses (RFC 8446 3.4). */
static inline struct cursor cursor_vector(struct cursor *cursor, unsigned int bytes)
{
	return cursor_take(cursor, (size_t)cursor_number(cursor, bytes));
}

#endif
