/*
 * What a replay adds up beside its flows, and how it is told at the end: one JSON object, or a page
 * for people. One thread.
 */
#ifndef SLUICE_APP_REPLAY_SUM_H
#define SLUICE_APP_REPLAY_SUM_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/capture/capture.h"
#include "agent/names/names.h"
#include "agent/util/cleanup.h"

#define REPLAY_TALKERS 10

struct replay_hosts;

struct replay_host {
	struct addr addr;
	uint64_t packets, bytes; /* to and from it */
};

struct replay_sum {
	const char *file, *datapath;
	uint64_t packets;	 /* read from the file and fed */
	uint64_t refused;	 /* which the datapath would not take */
	uint64_t cut;		 /* shorter in the file than on the wire */
	uint64_t flows, records; /* begun, written */
	uint64_t flow_packets, flow_bytes;
	uint64_t protos[256]; /* flows by protocol number */
	int64_t first_unix_ns, last_unix_ns;
	double seconds; /* it took */
	struct coverage coverage;
	struct names_counters names;
	struct capture_file_losses losses;
	struct replay_hosts *hosts;
};

int replay_hosts_new(struct replay_hosts **out);
void replay_hosts_free(struct replay_hosts *hosts); /* accepts NULL */
DEFINE_CLEANUP(replay_hosts_free, struct replay_hosts)
/* replay_hosts_add - beyond its room an address is counted with the others. */
void replay_hosts_add(struct replay_hosts *hosts, const struct flow_delta *delta);
/* replay_hosts_top - the busiest by bytes, most first. Returns how many. */
unsigned int replay_hosts_top(const struct replay_hosts *hosts,
			      struct replay_host top[REPLAY_TALKERS]);

/* replay_sum_json - one object. Returns 0 or -ENOMEM. */
int replay_sum_json(const struct replay_sum *sum);
void replay_sum_print(const struct replay_sum *sum);

#endif
