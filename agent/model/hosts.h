/*
 * The hosts that are watched and what each did in its open windows. Bounded: memory is
 * taken as it is used up to a maximum, hosts long silent make room, the rest is counted "full". A
 * remote address gets a place with its second flow, so that a flood of spoofed sources takes none.
 * One owner.
 */
#ifndef SLUICE_MODEL_HOSTS_H
#define SLUICE_MODEL_HOSTS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/model/model.h"
#include "agent/util/sketch_moments.h"
#include "include/addr.h"

#define HOST_SLOTS	 32
#define HOST_HLL_TO_BITS 6
#define HOST_HLL_ON_BITS 5

/* Counters of one open window; all zero is none: a window begins with what falls into it first. */
struct host_window {
	uint64_t begun_ns; /* 0 = not open */
	bool is_tainted;   /* it suffered an attack meanwhile */
	uint32_t flows, fresh, ended, failed, tiny, dns, load;
	float duration_ms; /* sum */
	uint64_t bytes_out, bytes_in;
	uint8_t to[1 << HOST_HLL_TO_BITS]; /* HyperLogLog of destinations */
	uint8_t on[1 << HOST_HLL_ON_BITS]; /* of protocol and port */
	uint16_t pairs[HOST_SLOTS];	   /* flows by destination and port */
	uint16_t ports[HOST_SLOTS];
};

struct host {
	struct addr addr;
	uint8_t place; /* enum learning_place */
	bool is_used;
	uint32_t next; /* of the same bucket; 0 = none, else number + 1 */
	uint64_t first_ns, last_ns;
	uint64_t told_ns;	    /* its last alarm that was told */
	uint64_t flagged_until_ns;  /* by a detector */
	uint64_t suffered_until_ns; /* it was what that went against */
	uint64_t open_until_ns;	    /* an incident of it is open */
	struct ew flows[MODEL_WINDOWS], bytes[MODEL_WINDOWS], load[MODEL_WINDOWS];
	struct host_window windows[MODEL_WINDOWS];
};

struct hosts;

int hosts_new(uint32_t max, struct hosts **out);
void hosts_free(struct hosts *hosts);
DEFINE_CLEANUP(hosts_free, struct hosts)
/* hosts_get - the host, made if it may be; NULL: not yet, or full (counted). */
struct host *hosts_get(struct hosts *hosts, const struct addr *addr, uint8_t place,
		       uint64_t now_ns);
struct host *hosts_find(struct hosts *hosts, const struct addr *addr);
/* hosts_is_fresh - (source, destination, port) was not seen before; it is from now on. */
bool hosts_is_fresh(struct hosts *hosts, uint64_t hash);
/* hosts_at - by number below hosts_len; NULL where none is. */
struct host *hosts_at(struct hosts *hosts, uint32_t number);
uint32_t hosts_len(const struct hosts *hosts);
uint32_t hosts_used(const struct hosts *hosts);
uint64_t hosts_full(const struct hosts *hosts);

#endif
