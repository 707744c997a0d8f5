/*
 * Addresses of a condition as ranges: an address, a prefix, 192.0.2.*, 192.0.2, a..b.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/query/internal.h"
#include "agent/util/addr.h"

static void range_of_prefix(const struct prefix *prefix, struct addr_range *range)
{
	/* IPv4 stands in the last 32 of 128 bits */
	unsigned int len = prefix->len + (prefix->addr.family == ADDR_IPV4 ? 96 : 0);

	range->low = range->high = prefix->addr;
	for (unsigned int bit = len; bit < 128; bit++)
		range->high.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
}

/* "192.0.2", "192.0.2." and "192.0.2.*": the octets that are there. */
static int parse_octets(const char *text, struct prefix *prefix)
{
	char whole[ADDR_TEXT_MAX];
	unsigned int octets = 0;
	const char *at = text;
	size_t len = strspn(text, "0123456789.");

	if ((text[len] && strcmp(text + len, "*") != 0) || len > 12 || !strchr(text, '.'))
		return -EINVAL;
	while (at < text + len) {
		size_t digits = strspn(at, "0123456789");

		octets += digits > 0;
		at += digits;
		if (!digits || (*at == '.' && octets == 4))
			return -EINVAL;
		at += *at == '.';
	}
	if (!octets || octets > 3 || (text[len] == '*' && text[len - 1] != '.'))
		return -EINVAL;
	if (text[len - 1] == '.')
		len--;
	(void)snprintf(whole, sizeof(whole), "%.*s%.*s/%u", (int)len, text, (int)(4 - octets) * 2,
		       ".0.0.0", octets * 8);
	return prefix_parse(whole, false, prefix);
}

int addr_range_parse(const char *text, struct addr_range *range)
{
	const char *dots = strstr(text, "..");
	struct prefix prefix;
	char low[ADDR_TEXT_MAX];

	if (!prefix_parse(text, true, &prefix) || !parse_octets(text, &prefix)) {
		range_of_prefix(&prefix, range);
		return 0;
	}
	if (!dots || (size_t)(dots - text) >= sizeof(low))
		return -EINVAL;
	(void)snprintf(low, sizeof(low), "%.*s", (int)(dots - text), text);
	if (addr_parse(low, &range->low) || addr_parse(dots + 2, &range->high) ||
	    range->low.family != range->high.family)
		return -EINVAL;
	return addr_compare(&range->low, &range->high) <= 0 ? 0 : -ERANGE;
}

bool addr_range_has(const struct addr_range *range, const struct addr *addr)
{
	return addr->family == range->low.family &&
	       memcmp(addr->bytes, range->low.bytes, sizeof(addr->bytes)) >= 0 &&
	       memcmp(addr->bytes, range->high.bytes, sizeof(addr->bytes)) <= 0;
}

bool values_is_address(const char *text)
{
	struct addr_range range;

	return !addr_range_parse(text, &range);
}
