/* Inflates what tools/embed.c compressed at build time. */
#include "agent/util/gzip.h"

#include <errno.h>
#include <limits.h>
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
