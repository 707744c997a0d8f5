/* Deflates a text so that many gzip members can share it. */
#include "agent/util/gzip_piece.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "agent/util/cleanup.h"

#define PIECE_MAX (1U << 30)
/* A window of 8 KiB: pieces are a few KiB, and the compressor then takes 64 KiB from the heap
 * instead of 256 from the kernel each time (zconf.h). */
#define WINDOW_BITS 13
#define MEMORY	    6
/* The flush: three bits of a block's head, up to seven to the next byte, 00 00 FF FF; and two
 * bytes more, so that avail_out is not 0 at the end (zlib.h, deflate). */
#define FLUSH_BYTES 16

/* Returns bytes, or 0 when zlib refused. */
static size_t deflate_whole(z_stream *z, const void *plain, size_t len, uint8_t *out, size_t max)
{
	int code;

	z->next_in = (z_const Bytef *)plain;
	z->avail_in = (uInt)len;
	z->next_out = out;
	z->avail_out = (uInt)max;
	code = deflate(z, Z_SYNC_FLUSH);
	return code == Z_OK && !z->avail_in && z->avail_out ? z->total_out : 0;
}

int gzip_piece_make(const void *plain, size_t len, bool is_stored, struct gzip_piece *out)
{
	CLEANUP(free) uint8_t *bytes = NULL;
	z_stream z = { 0 };
	size_t max, used;

	if (len > PIECE_MAX)
		return -E2BIG;
	if (deflateInit2(&z, is_stored ? Z_NO_COMPRESSION : Z_DEFAULT_COMPRESSION, Z_DEFLATED,
			 -WINDOW_BITS, MEMORY, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	max = deflateBound(&z, (uLong)len) + FLUSH_BYTES;
	bytes = malloc(max);
	used = bytes ? deflate_whole(&z, plain, len, bytes, max) : 0;
	(void)deflateEnd(&z); /* frees; it complains that the member has no end yet */
	if (!used)
		return -ENOMEM;
	*out = (struct gzip_piece){
		.bytes = TAKE(bytes),
		.len = used,
		.plain_len = (uint32_t)len,
		.crc = (uint32_t)crc32(0, plain, (uInt)len),
		.shift = (uint32_t)crc32_combine_gen((z_off_t)len),
	};
	return 0;
}

void gzip_piece_done(struct gzip_piece *piece)
{
	free(piece->bytes);
	*piece = (struct gzip_piece){ 0 };
}

void gzip_head(uint8_t out[static GZIP_HEAD_BYTES])
{
	/* magic, deflate, no flags, no time, no hint, system unknown (RFC 1952 2.3) */
	static const uint8_t head[GZIP_HEAD_BYTES] = { 0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255 };

	memcpy(out, head, sizeof(head));
}

void gzip_sum_add(struct gzip_sum *sum, const struct gzip_piece *piece)
{
	sum->crc = (uint32_t)crc32_combine_op(sum->crc, piece->crc, piece->shift);
	sum->len += piece->plain_len; /* modulo 2^32 (RFC 1952 2.3.1) */
}

static void put_le32(uint8_t *out, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		out[i] = (uint8_t)(value >> (8 * i));
}

void gzip_end(const struct gzip_sum *sum, uint8_t out[static GZIP_END_BYTES])
{
	/* a last block of fixed codes that holds its end only (RFC 1951 3.2.6) */
	out[0] = 0x03;
	out[1] = 0x00;
	put_le32(out + 2, sum->crc);
	put_le32(out + 6, sum->len);
}
