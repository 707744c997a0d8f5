/*
 * Addresses and prefixes as every module above the kernel sees them: 16 bytes, IPv4 mapped into
 * ::ffff:0:0/96, with the family beside them, so that there is one code path.
 * A mapped address seen on the wire as IPv6 keeps family 6 and is never equal to the IPv4 one.
 */
#ifndef SLUICE_INCLUDE_ADDR_H
#define SLUICE_INCLUDE_ADDR_H

#include <stdint.h>

enum addr_family {
	ADDR_NONE = 0,
	ADDR_IPV4 = 4,
	ADDR_IPV6 = 6,
};

struct addr {
	uint8_t bytes[16]; /* network order; IPv4 in the last four bytes, ::ffff before it */
	uint8_t family;	   /* enum addr_family */
};

/* The longest text of an address with its end: 45 for IPv6 (RFC 4291 2.2), +1. */
#define ADDR_TEXT_MAX 46
/* With "/128" added. */
#define PREFIX_TEXT_MAX 50

struct prefix {
	struct addr addr; /* host bits are zero */
	uint8_t len;	  /* in the address's own family: 0..32 or 0..128 */
};

#endif
