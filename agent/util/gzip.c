/* Inflates what tools/embed.c compressed at build time; deflates answers. */
#include "agent/util/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <zlib.h>

int gzip_inflate(const void *gzip, size_t len, void *out, size_t out_len)
{
	z_stream z = { 0 };
	unsigned char nothing = 0;
	int code;

	if (len > UINT_MAX || out_len > UINT_MAX)
		return -EBADMSG;
	/* 15 + 16: the largest window, gzip framing only (zlib.h, inflateInit2) */
	if (inflateInit2(&z, 15 + 16) != Z_OK)
		return -ENOMEM;
	z.next_in = (z_const Bytef *)gzip;
	z.avail_in = (uInt)len;
	z.next_out = out_len ? out : &nothing;
	z.avail_out = (uInt)out_len;
	code = inflate(&z, Z_FINISH);
	(void)inflateEnd(&z); /* frees; its result repeats that of inflate */
	if (code == Z_MEM_ERROR)
		return -ENOMEM;
	if (code != Z_STREAM_END || z.total_out != out_len || z.avail_in)
		return -EBADMSG;
	return 0;
}

int gzip_deflate(const void *plain, size_t len, void **out, size_t *out_len)
{
	CLEANUP(free) unsigned char *bytes = malloc(len + 1);
	z_stream z = { 0 };
	int code;

	if (len > UINT_MAX - 1)
		return -E2BIG;
	/* 8: the default memory level (zlib.h, deflateInit2) */
	if (!bytes || deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	z.next_in = (z_const Bytef *)plain;
	z.avail_in = (uInt)len;
	z.next_out = bytes;
	z.avail_out = (uInt)len;
	code = deflate(&z, Z_FINISH);
	if (code == Z_STREAM_END)
		*out_len = z.total_out;
	(void)deflateEnd(&z); /* frees; it complains of what did not fit */
	if (code != Z_STREAM_END)
		return -E2BIG;
	*out = TAKE(bytes);
	return 0;
}
