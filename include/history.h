/*
 * Nouns of the history: a stored flow record as readers get it, what goes with a flow into the
 * store, what the hourly roll-ups are by, and what is remembered as seen.
 */
#ifndef SLUICE_INCLUDE_HISTORY_H
#define SLUICE_INCLUDE_HISTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "include/flow.h"

enum flow_verdict {
	FLOW_PASSED,
	FLOW_DROPPED, /* by rule_id */
};

/* Why a record was written. */
enum flow_end {
	FLOW_END_CUT, /* the flow went on: one a minute, and at a stop of the service */
	FLOW_END_IDLE,
	FLOW_END_FIN, /* TCP: both sides said so */
	FLOW_END_RST, /* TCP */
};

/* What goes with a flow into the store; all may be 0. */
struct flow_extra {
	struct flow_names *names; /* NULL = unknown; the store takes a reference of its own */
	uint8_t verdict;	  /* enum flow_verdict */
	uint32_t rule_id;	  /* the block that decided; 0 = none */
	int64_t incident_id;	  /* it is evidence of; 0 = none */
};

/* Names of one record; "" = unknown. */
struct record_names {
	const char *sni;  /* TLS or QUIC */
	const char *host; /* HTTP Host, else the name its client looked up */
	const char *ja4;
	const char *process, *unit;
};

/* One record: what a flow gained since its last record. */
struct flow_record {
	int64_t hour; /* since 1970; with @row its place in the history, which never changes */
	int64_t row;  /* in its hour, from 1, in the order of writing */
	uint64_t id;  /* of the flow: records of one flow share it */
	int64_t start_unix_ms, end_unix_ms;
	struct five_tuple tuple; /* src is the initiator */
	uint16_t vlan;
	uint8_t iface;
	uint8_t state; /* enum flow_state */
	uint8_t end;   /* enum flow_end */
	uint8_t tcp_flags_out, tcp_flags_in;
	uint8_t verdict; /* enum flow_verdict */
	bool ingress;	 /* the initiator's packets come in */
	bool is_final;	 /* the last record of its flow */
	uint64_t packets_out, bytes_out;
	uint64_t packets_in, bytes_in;
	uint32_t name; /* of its hour's names; 0 = none */
	/* of the same row as the names; 0 = unknown */
	uint32_t rule_id;
	int64_t incident_id;
	uint32_t pid, uid;
};

/* What the hourly sums are by; the numbers are stored. */
enum top_by {
	TOP_SOURCE = 0,	     /* key: 4 or 16 bytes of the address */
	TOP_DESTINATION = 1, /* likewise */
	TOP_PORT = 2,	     /* destination port: protocol, then the port in network order */
	TOP_PROTOCOL = 3,    /* one byte */
	TOP_DOMAIN = 4,	     /* lower case: the SNI, else the host; "" = unknown */
	TOP_JA4 = 5,	     /* "" = unknown */
	TOP_BY_COUNT
};

#define TOP_KEY_MAX 256

struct top_sums {
	uint64_t records;
	uint64_t packets_out, bytes_out; /* from the initiator */
	uint64_t packets_in, bytes_in;
};

struct top_row {
	uint8_t key[TOP_KEY_MAX];
	uint16_t len;
	bool is_others; /* all that is not told apart; keys below it may have a part here */
	struct top_sums sums;
};

/* What is remembered with its first and last time; the numbers are stored. */
enum seen_kind {
	SEEN_DOMAIN = 0,      /* lower case */
	SEEN_DESTINATION = 1, /* 4 or 16 bytes */
	SEEN_JA4 = 2,
	SEEN_LISTENER = 3, /* protocol, port in network order, address of 4 or 16 bytes */
	SEEN_MAC = 4,	   /* 6 bytes */
	SEEN_KIND_COUNT
};

#define SEEN_KEY_MAX 256

struct seen_key {
	uint8_t kind; /* enum seen_kind */
	uint16_t len;
	uint8_t bytes[SEEN_KEY_MAX];
};

struct seen_entry {
	struct seen_key key;
	int64_t first_unix_s, last_unix_s;
};

#endif
