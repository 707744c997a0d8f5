/*
 * Text and arithmetic of addresses and prefixes. Pure functions; any thread.
 */
#ifndef SLUICE_UTIL_ADDR_H
#define SLUICE_UTIL_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "include/addr.h"

/*
 * addr_set_ipv4 - @network: four bytes in network order. Written where it stays, piece by piece:
 * for each slot of a drain asks it twice, and a copy read again in one piece would stall.
 */
static inline void addr_set_ipv4(struct addr *addr, const void *network)
{
	memset(addr->bytes, 0, 10);
	memset(addr->bytes + 10, 0xff, 2);
	memcpy(addr->bytes + 12, network, 4);
	addr->family = ADDR_IPV4;
}

/* addr_from_ipv4 - the same by value. */
static inline struct addr addr_from_ipv4(const void *network)
{
	struct addr addr;

	addr_set_ipv4(&addr, network);
	return addr;
}

/* addr_from_ipv6 - @network: 16 bytes. */
struct addr addr_from_ipv6(const void *network);

/*
 * addr_parse - strict text form of one address; no zone, no leading zeros in IPv4 octets.
 * A v4-mapped text (::ffff:a.b.c.d) becomes the IPv4 address. Returns 0 or -EINVAL.
 */
int addr_parse(const char *text, struct addr *addr);

/* addr_format - RFC 5952 text; "" for ADDR_NONE. Returns @text. */
const char *addr_format(const struct addr *addr, char text[static ADDR_TEXT_MAX]);

bool addr_is_equal(const struct addr *a, const struct addr *b);
/* addr_compare - by family, then bytes; as memcmp. */
int addr_compare(const struct addr *a, const struct addr *b);
/* addr_hash - 64-bit mix with @seed, for tables; not cryptographic. */
uint64_t addr_hash(const struct addr *addr, uint64_t seed);

/*
 * prefix_parse - "a.b.c.d", "a.b.c.d/n", "x::y", "x::/n"; a v4-mapped prefix of at least /96
 * becomes IPv4. Host bits must be zero unless @mask_host_bits, which clears them.
 * Returns 0, -EINVAL for wrong text, -ERANGE when host bits are set and may not be.
 */
int prefix_parse(const char *text, bool mask_host_bits, struct prefix *prefix);
/* prefix_format - an exact address without "/32" or "/128". Returns @text. */
const char *prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX]);
bool prefix_is_exact(const struct prefix *prefix);
bool prefix_is_equal(const struct prefix *a, const struct prefix *b);
bool prefix_has_addr(const struct prefix *prefix, const struct addr *addr);
/* prefix_overlaps - one holds the other (prefixes never overlap in part). */
bool prefix_overlaps(const struct prefix *a, const struct prefix *b);
struct prefix prefix_from_addr(const struct addr *addr);

#endif
