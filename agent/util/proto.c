/*
 * The few protocols that have a name here, and the letters of the TCP flags.
 */
#include "agent/util/proto.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* The first name of a number is the one written. Numbers: IANA, by netinet/in.h. */
static const struct {
	const char *name;
	uint8_t proto;
} names[] = {
	{ "TCP", IPPROTO_TCP },		 { "UDP", IPPROTO_UDP },   { "ICMP", IPPROTO_ICMP },
	{ "IPv6-ICMP", IPPROTO_ICMPV6 }, { "SCTP", IPPROTO_SCTP }, { "ICMPv6", IPPROTO_ICMPV6 },
};
#define NAME_COUNT (sizeof(names) / sizeof(names[0]))

const char *proto_format(uint8_t proto, char text[static PROTO_TEXT_MAX])
{
	for (size_t i = 0; i < NAME_COUNT; i++) {
		if (names[i].proto == proto) {
			memcpy(text, names[i].name, strlen(names[i].name) + 1); /* fits */
			return text;
		}
	}
	(void)snprintf(text, PROTO_TEXT_MAX, "%03u", proto); /* three digits */
	return text;
}

int proto_parse(const char *text, uint8_t *proto)
{
	size_t digits = strspn(text, "0123456789");
	unsigned int value = 0;

	for (size_t i = 0; i < NAME_COUNT; i++) {
		if (strcasecmp(text, names[i].name) == 0) {
			*proto = names[i].proto;
			return 0;
		}
	}
	if (digits == 0 || digits > 3 || text[digits] != '\0')
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned int)(text[i] - '0');
	if (value > UINT8_MAX)
		return -EINVAL;
	*proto = (uint8_t)value;
	return 0;
}

const char *tcp_flags_format(uint8_t flags, char text[static TCP_FLAGS_TEXT_MAX])
{
	static const char letters[] = "FSRPAUEC";
	size_t len = 0;

	for (unsigned int bit = 0; bit < 8; bit++) {
		if (flags & (1U << bit))
			text[len++] = letters[bit];
	}
	text[len] = '\0';
	return text;
}
