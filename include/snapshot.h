/*
 * An immutable picture of the pipeline, made once a second and shared by reference count. Readers
 * (API, events) never touch the pipeline's own tables.
 */
#ifndef SLUICE_INCLUDE_SNAPSHOT_H
#define SLUICE_INCLUDE_SNAPSHOT_H

#include <stdatomic.h>
#include <stdint.h>

#include "include/coverage.h"
#include "include/flow.h"

/* Totals of one second over all interfaces. */
struct totals {
	int64_t unix_s;
	uint64_t packets_in, bytes_in;	 /* ingress */
	uint64_t packets_out, bytes_out; /* egress */
	uint64_t dropped_packets, dropped_bytes;
	uint64_t new_flows;
};

/* Traffic of one address over the last minute. */
struct host_total {
	struct addr addr;
	uint64_t packets, bytes; /* both directions */
	uint64_t flows;
	uint32_t ports; /* distinct destination ports it used, at most 65535 */
	int64_t last_unix_ms;
};

struct proto_total {
	uint8_t proto;
	uint64_t packets, bytes, flows;
};

#define SNAPSHOT_HOSTS_MAX  256
#define SNAPSHOT_PROTOS_MAX 16

struct snapshot {
	atomic_uint refs;
	uint64_t seq;
	int64_t unix_ms;
	uint64_t processed_packets; /* since start */
	struct totals last;	    /* the last full second */
	struct coverage coverage;
	struct host_total hosts[SNAPSHOT_HOSTS_MAX]; /* by bytes, most first */
	unsigned int host_count;
	struct proto_total protos[SNAPSHOT_PROTOS_MAX];
	unsigned int proto_count;
	uint64_t flows_full;	   /* flows the table could not take */
	struct flow_names **names; /* of the flows below; a reference each */
	unsigned int name_count;
	unsigned int flow_capacity;
	unsigned int flow_count;
	struct flow flows[]; /* active and lately ended ones, newest first */
};

#endif
