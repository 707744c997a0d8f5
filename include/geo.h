/*
 * Nouns of geography: where an address is said to be, and the user's files that say so.
 */
#ifndef SLUICE_INCLUDE_GEO_H
#define SLUICE_INCLUDE_GEO_H

#include <stdint.h>

/* "XX" of ISO 3166-1, what a registry's holder calls itself: printable, cut. */
#define GEO_COUNTRY_MAX 3
#define GEO_OWNER_MAX	96

struct geo_place {
	char country[GEO_COUNTRY_MAX]; /* "" = unknown */
	uint32_t asn;		       /* autonomous system; 0 = unknown */
	char owner[GEO_OWNER_MAX];     /* of it; "" = unknown */
};

#define GEO_FILES_MAX 8
#define GEO_PATH_MAX  1024

struct geo_state {
	char path[GEO_PATH_MAX];
	char kind[64];	       /* what the file calls itself; "" = not loaded */
	int64_t built_unix_ms; /* 0 = not loaded */
	char error[160];       /* a sentence; "" = all is well */
};

#endif
