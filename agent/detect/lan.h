/*
 * What neighbours say of each other: ARP (RFC 826) and IPv6 neighbour discovery (RFC 4861) read out
 * of whole frames. Everything in them is hostile. Pure; only agent/detect includes it.
 */
#ifndef SLUICE_DETECT_LAN_H
#define SLUICE_DETECT_LAN_H

#include <stdbool.h>
#include <stdint.h>

#include "include/addr.h"

struct payload;

#define MAC_BYTES    6
#define MAC_TEXT_MAX 18

enum lan_kind {
	LAN_ASK,      /* who has target? */
	LAN_ANSWER,   /* sender is at mac, told to one that asked */
	LAN_ANNOUNCE, /* the same, told to all, of its own accord */
};

struct lan_fact {
	enum lan_kind kind;
	bool is_broadcast;	    /* the frame went to all, or to a group */
	uint8_t mac[MAC_BYTES];	    /* whose address is claimed to be sender */
	uint8_t source[MAC_BYTES];  /* that sent the frame */
	uint8_t to[MAC_BYTES];	    /* that it was sent to */
	struct addr sender, target; /* ADDR_NONE: not said */
	uint64_t at_ns;
	uint64_t watched_ns; /* by the caller: how long everything was seen by then */
};

/* lan_parse - returns 0, or -EBADMSG when the frame is none of these or not well formed. */
int lan_parse(const struct payload *payload, struct lan_fact *fact);
/* lan_mac_format - "02:00:5e:10:00:01". Returns @text. */
const char *lan_mac_format(const uint8_t mac[static MAC_BYTES], char text[static MAC_TEXT_MAX]);

#endif
