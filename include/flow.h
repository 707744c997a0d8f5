/*
 * Nouns of flow accounting: what capture hands up (a delta of one direction), and what the flow
 * table makes of it (both directions). Bytes are IP bytes everywhere: IPv4 total length, or
 * 40 + IPv6 payload length (IPFIX octetDeltaCount, RFC 5102 5.10.1).
 */
#ifndef SLUICE_INCLUDE_FLOW_H
#define SLUICE_INCLUDE_FLOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "include/addr.h"

enum direction {
	DIRECTION_INGRESS = 0, /* into this host through the interface */
	DIRECTION_EGRESS = 1,
};

/* TCP flag bits as on the wire (RFC 9293 3.1). */
enum tcp_flag {
	TCP_FLAG_FIN = 0x01,
	TCP_FLAG_SYN = 0x02,
	TCP_FLAG_RST = 0x04,
	TCP_FLAG_PSH = 0x08,
	TCP_FLAG_ACK = 0x10,
	TCP_FLAG_URG = 0x20,
};

struct five_tuple {
	struct addr src;
	struct addr dst;
	uint16_t src_port; /* host order; 0 where there is none */
	uint16_t dst_port;
	uint8_t proto;
};

/* What one direction of a flow gained since the last delta of the same slot and generation. */
struct flow_delta {
	struct five_tuple tuple; /* as on the wire: src sent these packets */
	uint8_t direction;	 /* enum direction */
	uint8_t iface;		 /* one-byte interface index, see struct coverage_iface */
	uint8_t tcp_flags;	 /* OR over the slot's life, enum tcp_flag */
	uint8_t new_flags;	 /* of them, what no delta of this slot told before */
	bool asks;		 /* ICMP: an echo request is among them */
	uint16_t vlan;		 /* outermost tag seen, 0 = none; never part of the key */
	uint64_t packets;
	uint64_t bytes;
	uint64_t first_ns; /* monotonic; of the slot's life, grain one jiffy */
	uint64_t last_ns;
	uint64_t owner; /* reserved for attribution; 0 = unknown */
};

enum flow_state {
	FLOW_NEW,	  /* one direction seen, or TCP without a full handshake */
	FLOW_ESTABLISHED, /* both directions seen; TCP: SYN answered */
	FLOW_CLOSED,	  /* TCP: FIN both ways or RST */
	FLOW_EXPIRED,	  /* idle past its timeout */
};

#define FLOW_NAME_MAX 256 /* 253 characters of a DNS name (RFC 1035 2.3.4), a dot and the end */

/* One bidirectional flow. "out" is src to dst, where src is the initiator. */
struct flow {
	uint64_t id; /* unique within the state directory's life; never reused */
	struct five_tuple tuple;
	uint8_t iface;
	uint8_t state; /* enum flow_state */
	uint8_t tcp_flags_out;
	uint8_t tcp_flags_in;
	uint16_t vlan;
	bool ingress;  /* the initiator's packets come in through iface */
	bool is_final; /* no more packets will be added (closed or expired) */
	uint64_t packets_out, bytes_out;
	uint64_t packets_in, bytes_in;
	uint64_t first_ns, last_ns;		 /* monotonic */
	int64_t start_unix_ms, end_unix_ms;	 /* wall */
	uint64_t cut_packets_out, cut_bytes_out; /* already written to the history */
	uint64_t cut_packets_in, cut_bytes_in;
	/* What it calls itself: in a snapshot, index + 1 in its names; 0 = unknown. Elsewhere the
	 * flow table's own number. */
	uint32_t name;
};

/* What a flow calls itself; immutable, counted by reference. "" = unknown. */
struct flow_names {
	atomic_uint refs;
	const char *sni;  /* TLS or QUIC */
	const char *host; /* HTTP Host, else the name its client looked up */
	const char *ja4;
	char text[]; /* all three */
};

#endif
