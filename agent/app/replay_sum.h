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
#include "include/incident.h"

#define REPLAY_TALKERS 10
#define REPLAY_ALERTS  256

struct json;
struct replay_hosts;

struct replay_host {
	struct addr addr;
	uint64_t packets, bytes; /* to and from it */
};

/* One per source and detector: its strongest finding. */
struct replay_alert {
	uint8_t detector, severity, proto;
	uint16_t dst_port;
	struct addr src, dst;
	int64_t first_unix_ms, last_unix_ms;
	uint64_t count;
	double score;
	char reason[FINDING_REASON_MAX];
};

struct replay_alerts {
	unsigned int count;
	uint64_t more; /* findings for which there was no room */
	struct replay_alert at[REPLAY_ALERTS];
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
	struct replay_alerts alerts;
};

int replay_hosts_new(struct replay_hosts **out);
void replay_hosts_free(struct replay_hosts *hosts); /* accepts NULL */
DEFINE_CLEANUP(replay_hosts_free, struct replay_hosts)
/* replay_hosts_add - beyond its room an address is counted with the others. */
void replay_hosts_add(struct replay_hosts *hosts, const struct flow_delta *delta);
/* replay_hosts_top - the busiest by bytes, most first. Returns how many. */
unsigned int replay_hosts_top(const struct replay_hosts *hosts,
			      struct replay_host top[REPLAY_TALKERS]);

/* replay_alerts_add - returns whether it is worth a line: new, or worse than what was said. */
bool replay_alerts_add(struct replay_alerts *alerts, const struct finding *finding);
/* replay_alerts_encode - an array; the caller owns it. */
struct json *replay_alerts_encode(const struct replay_alerts *alerts);
void replay_alerts_print(const struct replay_alerts *alerts);

/* replay_sum_json - one object. Returns 0 or -ENOMEM. */
int replay_sum_json(const struct replay_sum *sum);
void replay_sum_print(const struct replay_sum *sum);

#endif
