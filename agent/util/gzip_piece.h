/*
 * Pieces of gzip members that are made once and sent to many. A piece refers to nothing before it
 * and ends on a whole byte, so the same bytes may follow any other piece in any member: a stream is
 * a head, pieces in its own order, and an end with the checksum of what it had. Any thread.
 * Source: RFC 1951 3.2.4 (the empty stored block of a flush), RFC 1952 2.3.
 */
#ifndef SLUICE_UTIL_GZIP_PIECE_H
#define SLUICE_UTIL_GZIP_PIECE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define GZIP_HEAD_BYTES 10
#define GZIP_END_BYTES	10 /* an empty last block, CRC, length */

struct gzip_piece {
	uint8_t *bytes;
	size_t len;
	uint32_t plain_len, crc; /* of the plain text, for the end of the member */
	uint32_t shift;		 /* what moves a CRC past this piece (zlib.h, crc32_combine_gen) */
};

/* What a member has had so far; begins as zeros. */
struct gzip_sum {
	uint32_t crc, len;
};

/*
 * gzip_piece_make - @plain as a piece.
 * @is_stored: as it is, without compression: the length tells nothing of what is in it
 * Returns 0, -E2BIG above 1 GiB, -ENOMEM. Freed by gzip_piece_done.
 */
int gzip_piece_make(const void *plain, size_t len, bool is_stored, struct gzip_piece *out);
void gzip_piece_done(struct gzip_piece *piece); /* may be called twice */

void gzip_head(uint8_t out[static GZIP_HEAD_BYTES]);
/* gzip_sum_add - @piece was sent whole. */
void gzip_sum_add(struct gzip_sum *sum, const struct gzip_piece *piece);
void gzip_end(const struct gzip_sum *sum, uint8_t out[static GZIP_END_BYTES]);

#endif
