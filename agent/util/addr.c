/*
 * Addresses between text and bytes. glibc's inet_pton and inet_ntop do the grammar (they refuse
 * zones and leading zeros); what is ours is the mapping of IPv4 and the prefixes.
 */
#include "agent/util/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define V4_OFFSET 12 /* of the IPv4 bytes behind ::ffff (RFC 4291 2.5.5.2) */
#define V4_BITS	  (V4_OFFSET * 8)

static const uint8_t mapped[V4_OFFSET] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

struct addr addr_from_ipv6(const void *network)
{
	struct addr addr = { .family = ADDR_IPV6 };

	memcpy(addr.bytes, network, sizeof(addr.bytes));
	return addr;
}

/* As written: a mapped text stays IPv6 here, the callers decide when it is folded. */
static int parse_as_written(const char *text, struct addr *addr)
{
	uint8_t network[16];

	if (inet_pton(AF_INET, text, network) == 1)
		*addr = addr_from_ipv4(network);
	else if (inet_pton(AF_INET6, text, network) == 1)
		*addr = addr_from_ipv6(network);
	else
		return -EINVAL;
	return 0;
}

static bool is_mapped_ipv6(const struct addr *addr)
{
	return addr->family == ADDR_IPV6 && memcmp(addr->bytes, mapped, sizeof(mapped)) == 0;
}

int addr_parse(const char *text, struct addr *addr)
{
	struct addr parsed;

	if (parse_as_written(text, &parsed))
		return -EINVAL;
	if (is_mapped_ipv6(&parsed))
		parsed.family = ADDR_IPV4;
	*addr = parsed;
	return 0;
}

/* As inet_ntop, which goes through printf: exports write two addresses a line. */
static void format_ipv4(const uint8_t bytes[static 4], char *text)
{
	for (int i = 0; i < 4; i++) {
		uint8_t byte = bytes[i];

		if (byte >= 100)
			*text++ = (char)('0' + byte / 100);
		if (byte >= 10)
			*text++ = (char)('0' + byte / 10 % 10);
		*text++ = (char)('0' + byte % 10);
		*text++ = i < 3 ? '.' : '\0';
	}
}

const char *addr_format(const struct addr *addr, char text[static ADDR_TEXT_MAX])
{
	text[0] = '\0';
	if (addr->family == ADDR_IPV4)
		format_ipv4(addr->bytes + V4_OFFSET, text);
	else if (addr->family == ADDR_IPV6 &&
		 !inet_ntop(AF_INET6, addr->bytes, text, ADDR_TEXT_MAX))
		text[0] = '\0';
	return text;
}

bool addr_is_equal(const struct addr *a, const struct addr *b)
{
	return addr_compare(a, b) == 0;
}

int addr_compare(const struct addr *a, const struct addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

/* The finalizer of MurmurHash3 (Appleby, public domain): every input bit reaches every output bit.
 */
static uint64_t mix(uint64_t x)
{
	x ^= x >> 33;
	x *= 0xff51afd7ed558ccdULL;
	x ^= x >> 33;
	x *= 0xc4ceb9fe1a85ec53ULL;
	return x ^ (x >> 33);
}

uint64_t addr_hash(const struct addr *addr, uint64_t seed)
{
	uint64_t high, low;

	memcpy(&high, addr->bytes, sizeof(high));
	memcpy(&low, addr->bytes + sizeof(high), sizeof(low));
	return mix(mix(mix(seed ^ addr->family) ^ high) ^ low);
}

/* Bit position in the 16 bytes behind which the host bits begin. */
static unsigned int host_bits_from(const struct addr *addr, uint8_t len)
{
	return addr->family == ADDR_IPV4 ? V4_BITS + len : len;
}

/* Clear everything from bit @from on; true when something was set there. */
static bool clear_from(uint8_t bytes[16], unsigned int from)
{
	uint8_t found = 0;

	for (unsigned int i = from / 8; i < 16; i++) {
		uint8_t keep = i == from / 8 ? (uint8_t) ~(0xffU >> (from % 8)) : 0;

		found |= bytes[i] & (uint8_t)~keep;
		bytes[i] &= keep;
	}
	return found != 0;
}

/* "0".."128" without sign, blank or leading zero. */
static int parse_prefix_len(const char *text, unsigned int max, unsigned int *len)
{
	unsigned int value = 0;
	size_t digits = strspn(text, "0123456789");

	if (digits == 0 || digits > 3 || text[digits] != '\0' || (digits > 1 && text[0] == '0'))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned int)(text[i] - '0');
	if (value > max)
		return -EINVAL;
	*len = value;
	return 0;
}

int prefix_parse(const char *text, bool mask_host_bits, struct prefix *prefix)
{
	char address[ADDR_TEXT_MAX];
	size_t address_len = strcspn(text, "/");
	unsigned int len, max;
	struct prefix parsed;

	if (address_len >= sizeof(address))
		return -EINVAL;
	memcpy(address, text, address_len);
	address[address_len] = '\0';
	if (parse_as_written(address, &parsed.addr))
		return -EINVAL;
	max = parsed.addr.family == ADDR_IPV4 ? 32 : 128;
	len = max;
	if (text[address_len] == '/' && parse_prefix_len(text + address_len + 1, max, &len))
		return -EINVAL;
	if (is_mapped_ipv6(&parsed.addr) && len >= V4_BITS) {
		parsed.addr.family = ADDR_IPV4;
		len -= V4_BITS;
	}
	parsed.len = (uint8_t)len;
	if (clear_from(parsed.addr.bytes, host_bits_from(&parsed.addr, parsed.len)) &&
	    !mask_host_bits)
		return -ERANGE;
	*prefix = parsed;
	return 0;
}

const char *prefix_format(const struct prefix *prefix, char text[static PREFIX_TEXT_MAX])
{
	char address[ADDR_TEXT_MAX];

	(void)addr_format(&prefix->addr, address); /* returns its argument */
	if (prefix_is_exact(prefix) || prefix->addr.family == ADDR_NONE)
		(void)snprintf(text, PREFIX_TEXT_MAX, "%s", address); /* 45 characters at most */
	else
		(void)snprintf(text, PREFIX_TEXT_MAX, "%s/%u", address, prefix->len); /* 49 */
	return text;
}

bool prefix_is_exact(const struct prefix *prefix)
{
	return prefix->addr.family != ADDR_NONE &&
	       host_bits_from(&prefix->addr, prefix->len) == 128;
}

bool prefix_is_equal(const struct prefix *a, const struct prefix *b)
{
	return a->len == b->len && addr_is_equal(&a->addr, &b->addr);
}

bool prefix_has_addr(const struct prefix *prefix, const struct addr *addr)
{
	struct addr network = *addr;

	if (network.family == ADDR_NONE || network.family != prefix->addr.family)
		return false;
	(void)clear_from(network.bytes,
			 host_bits_from(&network, prefix->len)); /* host bits or not */
	return memcmp(network.bytes, prefix->addr.bytes, sizeof(network.bytes)) == 0;
}

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return a->len <= b->len ? prefix_has_addr(a, &b->addr) : prefix_has_addr(b, &a->addr);
}

struct prefix prefix_from_addr(const struct addr *addr)
{
	return (struct prefix){ .addr = *addr, .len = addr->family == ADDR_IPV4 ? 32 : 128 };
}
