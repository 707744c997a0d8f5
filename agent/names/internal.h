/*
 * What the files of names share. Data goes names.c → stream.c or fragment.c (pieces put together) →
 * one parser per protocol → names.c → on_name. Parsers are pure functions of bytes. They all return
 * the bytes they used (> 0), 0 when @data is a beginning that goes on, or -EBADMSG when it is not
 * well formed; what they write to @out counts only when they return > 0.
 */
#ifndef SLUICE_NAMES_INTERNAL_H
#define SLUICE_NAMES_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/name.h"
#include "include/payload.h"

/* ---- text.c: bytes from outside as text that is safe to print ---------------------------------
 */

/* A text being written. It always ends with NUL; what does not fit whole is left out. */
struct text {
	char *out;
	size_t size, len;
	bool is_cut;
};

/* text_start - @out becomes "" (@size at least 1). */
void text_start(struct text *text, char *out, size_t size);
/* text_put - our own words, as they are. */
void text_put(struct text *text, const char *words);
/* text_put_number - in decimal. */
void text_put_number(struct text *text, uint32_t number);
/* text_put_bytes - backslashes and bytes outside 0x20..0x7e as \DDD (RFC 1035 5.1). */
void text_put_bytes(struct text *text, const uint8_t *data, size_t len);
/* text_put_label - as text_put_bytes; dots and spaces are escaped too: one label of a name. */
void text_put_label(struct text *text, const uint8_t *data, size_t len);

#endif
