/*
 * Whether bytes are UTF-8 (RFC 3629), and how to make them so. Pure functions; any thread.
 */
#ifndef SLUICE_UTIL_UTF8_H
#define SLUICE_UTIL_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buffer.h"

/*
 * utf8_sequence_len - one character at the start of @text.
 * @len: bytes there, at least 1
 * @is_valid: out; false: the bytes returned are a broken sequence
 *
 * Returns how many bytes it takes; of a broken one as many as could have begun a character
 * (Unicode 15.0 chapter 3.9, "maximal subparts": each is to become one U+FFFD).
 */
size_t utf8_sequence_len(const char *text, size_t len, bool *is_valid);

bool utf8_is_valid(const char *text, size_t len);

/* utf8_append - @text with each broken sequence replaced by U+FFFD; a failure sticks in @out. */
void utf8_append(struct buffer *out, const char *text, size_t len);

/* utf8_decode - the code point of a whole sequence of @len bytes, 1 to 4. */
uint32_t utf8_decode(const char *text, size_t len);

/* utf8_is_steering - controls, and characters without a body: they join, hide, or turn the
 * direction of text. Source: Unicode 15.0, general categories Cc, Cf, Zl, Zp, Zs but the space, Co;
 * variation selectors and combining marks would change the character before them. */
bool utf8_is_steering(uint32_t code);

#endif
