/* The web files, compressed and embedded at build time by tools/embed.c. Constant. */
#ifndef SLUICE_FRONT_ASSETS_H
#define SLUICE_FRONT_ASSETS_H

struct asset {
	const char *path;	   /* "/app.js" */
	const unsigned char *gzip; /* gzip framing */
	unsigned long gzip_len;
	unsigned long plain_len;
	unsigned long crc; /* of the compressed bytes: the ETag */
};

extern const struct asset assets[];
extern const unsigned long asset_count;

#endif
