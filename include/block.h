/*
 * Nouns of blocking: the order a person gives (stored in main.db), the rule the kernel holds, and
 * the counters that come back.
 */
#ifndef SLUICE_INCLUDE_BLOCK_H
#define SLUICE_INCLUDE_BLOCK_H

#include <stdbool.h>
#include <stdint.h>

#include "include/addr.h"

enum block_action {
	BLOCK_DROP = 0,
	BLOCK_COUNT = 1,  /* count what would have been dropped, let it pass */
	BLOCK_REFUSE = 2, /* names: DNS questions over UDP are answered REFUSED, else as drop */
};

enum block_direction {
	BLOCK_BOTH = 0,
	BLOCK_IN = 1,  /* packets that enter from the blocked source */
	BLOCK_OUT = 2, /* packets that leave to the blocked destination */
};

enum block_state {
	BLOCK_ACTIVE = 0,
	BLOCK_EXPIRED = 1,
	BLOCK_REMOVED = 2,
	BLOCK_OFF = 3,	       /* kept, but drops nothing */
	BLOCK_PENDING = 4,     /* drops until confirm_by_unix_ms, unless confirmed */
	BLOCK_ROLLED_BACK = 5, /* not confirmed in time */
};

/* Where an order came from. */
enum block_source {
	BLOCK_BY_PERSON = 0,
	BLOCK_BY_INCIDENT = 1, /* a person, from an incident */
	BLOCK_BY_RESPONSE = 2, /* by itself, from an incident */
};

#define BLOCK_REASON_MAX 512
#define BLOCK_LIST_MAX	 65    /* name of a list, with the end */
#define BLOCK_RULES_MAX	 65536 /* rule table of the datapath, bpf/maps.h */

/* At which layer a rule dropped: include/abi.h, which modules above capture cannot see. */
enum hit_layer {
	HIT_ADDRESS = 0,
	HIT_DNS,
	HIT_TLS,
	HIT_HTTP,
	HIT_QUIC,
	HIT_LAYER_COUNT
};

#define DOMAIN_TEXT_MAX 254 /* RFC 1035 2.3.4, and the end */

/* What the datapath is told. Rule ids are slots of the rule table, chosen by the block service. */
struct block_rule {
	uint32_t rule_id; /* 1 .. BLOCK_RULES_MAX - 1; 0 is never a rule */
	struct prefix target;
	const char *domain;   /* a name instead of @target, lower case, no final dot; NULL: none */
	bool is_inactive;     /* the entry stays, the rule does nothing */
	uint8_t action;	      /* enum block_action */
	uint8_t direction;    /* enum block_direction */
	uint8_t proto;	      /* 0 = any */
	uint16_t port;	      /* destination port of the packet, host order; 0 = any */
	uint64_t end_boot_ns; /* CLOCK_BOOTTIME; 0 = no end */
	/* not for the datapath: what the history says of the packets it dropped */
	int64_t block_id;
	int64_t incident_id; /* 0 = none */
	const char *list;    /* the list's name; NULL: none */
};

struct block_hits {
	uint64_t packets;
	uint64_t bytes;			  /* IP bytes */
	int64_t last_unix_ms;		  /* 0 = never */
	uint64_t layers[HIT_LAYER_COUNT]; /* packets by enum hit_layer; of addresses all in the
					     first */
};

/* What a list's row says of its content. */
struct block_list_facts {
	uint64_t entries;		   /* in force */
	uint64_t pending_entries;	   /* of the version that waits for its confirmation */
	uint32_t version, pending_version; /* 0 = none */
	uint32_t pending_rule_id;	   /* holds what the pending version adds; 0 = none */
	int64_t updated_unix_ms;
};

/* One row of the block list: an address or prefix, a name, or a list. */
struct block {
	int64_t id;
	uint32_t rule_id;
	struct prefix target;
	uint8_t action, direction, proto, state, source;
	uint16_t port;
	int64_t created_unix_ms;
	int64_t expires_unix_ms;      /* 0 = never */
	int64_t ended_unix_ms;	      /* when removed or expired; 0 while active */
	int64_t incident_id;	      /* 0 = none */
	int64_t confirm_by_unix_ms;   /* 0 = nothing to confirm */
	int64_t parent_id;	      /* the name's block this address belongs to; 0 = none */
	char domain[DOMAIN_TEXT_MAX]; /* a name instead of @target; "" = none */
	char list[BLOCK_LIST_MAX];    /* a list instead of @target; "" = none */
	struct block_list_facts facts;
	char author[65];
	char reason[BLOCK_REASON_MAX];
	struct block_hits hits;
};

/* Why an address may never be blocked: names shown to people. */
enum safe_kind {
	SAFE_MANUAL = 0,
	SAFE_LOOPBACK,
	SAFE_OWN,
	SAFE_GATEWAY,
	SAFE_RESOLVER,
	SAFE_ADMIN,   /* address of a logged-in admin */
	SAFE_SSH,     /* peer of a running SSH session */
	SAFE_SPECIAL, /* unspecified, multicast, link-local, broadcast */
	SAFE_CONFIG,  /* [Block] safe= */
};

struct safe_entry {
	int64_t id; /* row id for SAFE_MANUAL, else 0 */
	struct prefix prefix;
	uint8_t kind;	/* enum safe_kind */
	char note[128]; /* interface, resolver file, user name: where it came from */
};

#endif
