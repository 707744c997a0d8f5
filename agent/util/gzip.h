/*
 * Bytes out of a gzip member; with tools/embed.c the one place that knows zlib. Pure; any thread.
 */
#ifndef SLUICE_UTIL_GZIP_H
#define SLUICE_UTIL_GZIP_H

#include <stddef.h>

/*
 * gzip_inflate - one whole gzip member of known plain length.
 * @out: @out_len bytes, all of them filled on success.
 *
 * Returns 0, -EBADMSG when the member is damaged or not of that length, -ENOMEM.
 * Source: RFC 1952.
 */
int gzip_inflate(const void *gzip, size_t len, void *out, size_t out_len);

#endif
