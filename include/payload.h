/*
 * What a packet carries behind its headers, as capture hands it up and names reads it.
 */
#ifndef SLUICE_INCLUDE_PAYLOAD_H
#define SLUICE_INCLUDE_PAYLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/flow.h"

struct payload {
	struct five_tuple tuple; /* as on the wire */
	uint8_t direction;	 /* enum direction */
	uint8_t iface;
	uint8_t tcp_flags;
	bool is_frame;	  /* ARP, neighbour discovery: data begins at the Ethernet header */
	bool is_fragment; /* data begins behind the IP header, ports as known */
	bool more;	  /* fragment: others follow */
	uint16_t offset;  /* fragment: where data lies in the datagram, bytes */
	uint32_t seq;	  /* TCP: sequence number of data[0]; fragment: identification */
	uint32_t whole;	  /* payload bytes in the packet; more than len: cut */
	uint32_t rule_id; /* that dropped the packet by the name in it; 0: it passed */
	uint64_t at_ns;	  /* monotonic */
	const uint8_t *data;
	size_t len;
};

#endif
