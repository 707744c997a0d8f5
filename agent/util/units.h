/*
 * Numbers as people read them.
 */
#ifndef SLUICE_UTIL_UNITS_H
#define SLUICE_UTIL_UNITS_H

#include <stddef.h>
#include <stdint.h>

/* units_format_bytes - "3.1 MB", powers of 1000. Any @size, cut to it. */
void units_format_bytes(uint64_t bytes, char *text, size_t size);

#endif
