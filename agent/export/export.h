/*
 * Suricata EVE JSON: one object a line, for EveBox, SIEMs and scripts. Turns flows and what they
 * call themselves into text and hands it on in big pieces; where it goes is the caller's. One
 * thread. Format: Suricata doc/userguide/output/eve/eve-json-format.rst and etc/schema.json.
 */
#ifndef SLUICE_EXPORT_EXPORT_H
#define SLUICE_EXPORT_EXPORT_H

#include <stddef.h>
#include <stdint.h>

#include "agent/export/outputs.h"
#include "agent/util/cleanup.h"
#include "include/flow.h"
#include "include/incident.h"
#include "include/name.h"

struct eve;

struct eve_options {
	const char *in_iface; /* NULL = leave it out; borrowed for the life of the writer */
	int64_t unix_ns;      /* wall time at monotonic 0 */
	void *arg;
	/* whole lines; returns 0 or -errno, which eve_flush reports */
	int (*write)(void *arg, const char *text, size_t len);
};

struct eve_stats {
	int64_t unix_ns;
	uint64_t uptime_s;
	uint64_t packets, bytes; /* seen by the datapath, as the wire had them */
	uint64_t dropped;	 /* lost before they were counted */
	uint64_t invalid;	 /* headers that could not be read */
	uint64_t flows;
};

/* eve_new - returns 0 or -ENOMEM. */
int eve_new(const struct eve_options *options, struct eve **out);
void eve_free(struct eve *eve); /* accepts NULL; what was not flushed is lost */
DEFINE_CLEANUP(eve_free, struct eve)

/* eve_flow - one record: what @flow gained since its last cut. */
void eve_flow(struct eve *eve, const struct flow *flow);
/* eve_name - dns, tls, quic, http or ssh; the client is the source. */
void eve_name(struct eve *eve, const struct name_event *event);
void eve_stats(struct eve *eve, const struct eve_stats *stats);
/* eve_alert - what a detector found, as of the finding's last time. */
void eve_alert(struct eve *eve, const struct finding *finding);
/* eve_flush - hand on what is buffered. Returns 0, or the first error since the start. */
int eve_flush(struct eve *eve);

/* eve_flow_id - the same for both directions of a five-tuple, below 2^53 (JavaScript readers). */
uint64_t eve_flow_id(const struct five_tuple *tuple);

#endif
