/*
 * Nouns of what is known about an address beside its traffic: what its device calls itself, and
 * where on the map it is said to be. Both are others' word: shown, searched, never believed for a
 * verdict.
 */
#ifndef SLUICE_INCLUDE_DEVICE_H
#define SLUICE_INCLUDE_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

#include "include/addr.h"
#include "include/geo.h"

/* Who said so, the later ones the nearer to the device; the numbers are stored. */
enum device_source {
	DEVICE_DNS = 0,	 /* reverse look-up */
	DEVICE_MDNS = 1, /* RFC 6762 */
	DEVICE_DHCP = 2, /* RFC 2132 3.14, RFC 4702, RFC 4704 */
	DEVICE_SOURCE_COUNT
};

/* Printable ASCII; other bytes as \DDD (RFC 1035 5.1). Longer names are cut between two of them. */
#define DEVICE_NAME_MAX 128

struct device_name {
	int64_t last_unix_s; /* when it was said last; 0 = just now */
	struct addr addr;
	uint8_t source; /* enum device_source */
	char name[DEVICE_NAME_MAX];
};

/* All of it about one address. */
struct addr_facts {
	struct geo_place place;
	char name[DEVICE_NAME_MAX]; /* "" = unknown */
	uint8_t source;		    /* of the name: enum device_source */
};

/* Both ends of a flow. */
struct flow_ends {
	struct addr_facts src, dst;
};

#endif
