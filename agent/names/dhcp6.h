/*
 * DHCP over IPv6 (RFC 8415), as far as it names devices: between a client and what it hears on its
 * own link; messages between relays and servers are not read. A pure parser; only agent/names
 * includes it.
 */
#ifndef SLUICE_NAMES_DHCP6_H
#define SLUICE_NAMES_DHCP6_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/device.h"

/* A device asks for one address, or for a second that it changes now and then (RFC 8981). */
#define DHCP6_ADDRS_MAX 4

struct dhcp6_message {
	bool is_reply;	  /* it gives @addrs; else they are asked for or used */
	bool is_question; /* a client's that a reply answers */
	uint32_t xid;	  /* 24 bits */
	unsigned int addr_count;
	struct addr addrs[DHCP6_ADDRS_MAX];
	char host[DEVICE_NAME_MAX]; /* option 39; "" = none */
};

/* dhcp6_parse - one message, as parsers do (internal.h); options count up to the first that is
 * cut. Of other kinds of messages neither flag is set. */
ssize_t dhcp6_parse(const uint8_t *data, size_t len, struct dhcp6_message *out);

#endif
