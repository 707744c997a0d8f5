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

#define COVERAGE_MAPS_MAX 12

struct coverage {
	struct coverage_iface ifaces[COVERAGE_IFACES_MAX];
	unsigned int iface_count;
	struct coverage_map maps[COVERAGE_MAPS_MAX];
	unsigned int map_count;
	uint64_t events_lost;	 /* events the kernel could not hand over */
	uint64_t events_skipped; /* over their budget: sampled out on purpose, nothing is missing */
	bool complete;		 /* nothing unattributed and no event lost */
};

#endif
