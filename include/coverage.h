/*
 * The coverage meter: what was seen, and what of it was not counted as a flow, per interface and
 * direction. Independent counts; when idle: seen = in_flows + dropped + not_flow + unattributed.
 */
#ifndef SLUICE_INCLUDE_COVERAGE_H
#define SLUICE_INCLUDE_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

/* One-byte interface index: as many interfaces as one instance watches at once. */
#define COVERAGE_IFACES_MAX 64
#define IFACE_NAME_MAX	    16 /* IFNAMSIZ, linux/if.h */

enum not_flow_reason {
#define NOT_FLOW(id, name, help) NOT_FLOW_##id,
#include "include/not_flow.def"
#undef NOT_FLOW
	NOT_FLOW_COUNT
};

enum attach_mode {
	ATTACH_NONE,
	ATTACH_XDP,  /* native XDP */
	ATTACH_TC,   /* tc ingress (clsact) */
	ATTACH_USER, /* user-space datapath: demo and replay */
};

struct coverage_direction {
	uint64_t seen;
	uint64_t in_flows;
	uint64_t dropped;
	uint64_t unattributed;
	uint64_t not_flow[NOT_FLOW_COUNT];
	uint64_t bytes;	     /* IP bytes counted into flows */
	uint64_t wire_bytes; /* frames as the interface saw them */
	uint64_t dropped_bytes;
};

struct coverage_iface {
	char name[IFACE_NAME_MAX];
	uint32_t ifindex; /* 0 = gone at the moment */
	uint8_t index;	  /* the one-byte index in flow_delta.iface */
	uint8_t mode;	  /* enum attach_mode of the ingress side */
	char note[160];	  /* why not native XDP, and the remedy; empty when all is well */
	struct coverage_direction dir[2]; /* by enum direction */
};

struct coverage_map {
	const char *name; /* static */
	uint64_t entries;
	uint64_t capacity;
};

/* Names read out of first bytes by core, and what was not read and why; since its start. */
struct coverage_names {
	uint64_t payloads;    /* first bytes taken in */
	uint64_t malformed;   /* looked like a name's protocol and was not well formed */
	uint64_t cut;	      /* the event held too little of it */
	uint64_t full;	      /* pieces given up: no room, or the rest never came */
	uint64_t undecrypted; /* QUIC Initials whose keys did not fit */
	uint64_t unplaced;    /* names read without a flow to write them on, or without room */
	uint64_t unblocked;   /* flows with a blocked name that were not cut: too many at once */
};

#define COVERAGE_MAPS_MAX 12

struct coverage {
	struct coverage_iface ifaces[COVERAGE_IFACES_MAX];
	unsigned int iface_count;
	struct coverage_map maps[COVERAGE_MAPS_MAX];
	unsigned int map_count;
	struct coverage_names names;
	uint64_t events_lost;	 /* events the kernel could not hand over */
	uint64_t events_skipped; /* over their budget: sampled out on purpose, nothing is missing */
	uint64_t hits_unrecorded; /* sampled drops without room for a record in the history */
	bool complete;		  /* nothing unattributed and no event lost */
};

#endif
