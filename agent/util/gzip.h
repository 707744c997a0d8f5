/*
 * Bytes out of a gzip member and into one, lines out of a text file that may be gzip; with
 * tools/embed.c the one place that knows zlib. Any thread; a reader has one owner.
 */
#ifndef SLUICE_UTIL_GZIP_H
#define SLUICE_UTIL_GZIP_H

#include <stddef.h>

#include "agent/util/cleanup.h"

/*
 * gzip_inflate - one whole gzip member of known plain length.
 * @out: @out_len bytes, all of them filled on success.
 *
 * Returns 0, -EBADMSG when the member is damaged or not of that length, -ENOMEM.
 * Source: RFC 1952.
 */
int gzip_inflate(const void *gzip, size_t len, void *out, size_t out_len);

/*
 * gzip_deflate - @plain as one gzip member, fast rather than small (level 1).
 * @out, @out_len: the caller frees; written on success
 *
 * Returns 0, -E2BIG above 4 GiB or when it would not get smaller, -ENOMEM.
 */
int gzip_deflate(const void *plain, size_t len, void **out, size_t *out_len);

struct gzip_lines;

/* gzip_lines_open - a text file, gzip or plain ("-": standard input). Returns 0 or -errno. */
int gzip_lines_open(const char *path, struct gzip_lines **out);
void gzip_lines_close(struct gzip_lines *lines); /* accepts NULL */
DEFINE_CLEANUP(gzip_lines_close, struct gzip_lines)
/*
 * gzip_lines_next - one line without its end (LF or CR LF).
 * @line: out; NUL-terminated, may be changed by the caller; valid until the next call
 *
 * Returns 1, 0 at the end, -E2BIG for a line longer than 1 MiB, -EBADMSG for damaged or cut gzip or
 * a NUL byte, or the error of read(2).
 */
int gzip_lines_next(struct gzip_lines *lines, char **line);

#endif
