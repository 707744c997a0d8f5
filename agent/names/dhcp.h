/*
 * DHCP over IPv4, as far as it names devices. A pure parser and the small memory between a request
 * and its answer; only agent/names includes it.
 */
#ifndef SLUICE_NAMES_DHCP_H
#define SLUICE_NAMES_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "include/device.h"

/* RFC 2132 9.6 */
#define DHCP_REQUEST 3
#define DHCP_ACK     5

struct dhcp_message {
	bool is_reply;
	uint8_t type; /* option 53 */
	uint32_t xid;
	/* ACK: the one that is given; else the one that is asked for or used; ADDR_NONE without */
	struct addr addr;
	char host[DEVICE_NAME_MAX]; /* options 12, else 81; "" = none */
};

/* dhcp_parse - one message, as parsers do (internal.h); options count up to the first that is cut.
 */
ssize_t dhcp_parse(const uint8_t *data, size_t len, struct dhcp_message *out);

#endif
