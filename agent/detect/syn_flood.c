/*
 * SYN flood: one port is asked for more connections than are ever completed. Fed before the flow
 * table, which a flood of made-up sources fills; a slot of the datapath that holds nothing but SYN
 * is a connection not completed (RFC 9293 3.5, RFC 4987 2).
 */
#include <netinet/in.h>

#include "agent/detect/detector.h"
#include "agent/detect/victims.h"
#include "agent/util/clock.h"

#define SYN TCP_FLAG_SYN
#define ACK TCP_FLAG_ACK
#define RST TCP_FLAG_RST

/* A slot that began lately: its handshake is of now. */
#define YOUNG_NS (5 * NS_PER_S)

/* Measured starting values: 500 a second, ten for each completed. Sources: a scan with decoys has
 * fewer (nmap takes at most 128). */
static const struct flood flood = {
	.detector = DETECTOR_SYN_FLOOD,
	.what = "half-open connections",
	.floor_pps = 500,
	.small_pps = 500,
	.history_pps = 500,
	.per_answer = 10,
	.sources_min = 150,
};

static void syn_flood_delta(void *state, const struct flow_delta *delta)
{
	struct victims *victims = state;
	const struct five_tuple *tuple = &delta->tuple;
	struct victim *port, *host;

	if (tuple->proto != IPPROTO_TCP || !(delta->tcp_flags & SYN))
		return;
	if ((delta->tcp_flags & (SYN | ACK | RST)) == SYN) {
		port = victims_take(victims, tuple, tuple->dst_port, delta->last_ns);
		victims_count(victims, port, delta);
		host = victims_take(victims, tuple, 0, delta->last_ns);
		victims_count(victims, host, delta);
		return;
	}
	/* SYN and ACK from the one who answers are not a completed handshake, but are to a port
	 * nobody floods */
	if (delta->last_ns > delta->first_ns + YOUNG_NS)
		return;
	port = rowset_find(&victims->table,
			   rowset_key(&victims->table, &tuple->dst, NULL, tuple->dst_port));
	host = rowset_find(&victims->table, rowset_key(&victims->table, &tuple->dst, NULL, 0));
	if (port)
		port->answered++;
	if (host)
		host->answered++;
}

static void syn_flood_flow(void *state, const struct flow *flow)
{
	if (flow->tuple.proto == IPPROTO_TCP)
		victims_keep(state, flow, flow->tuple.dst_port);
}

/* Said of the port: not again of the host. */
static void quieten_host(struct victims *victims, const struct victim *victim,
			 const struct detect_moment *moment)
{
	struct victim *host;

	if (!victim->port || victim->said_ns != moment->now_ns)
		return;
	host = rowset_find(&victims->table, rowset_key(&victims->table, &victim->dst, NULL, 0));
	if (host)
		host->said_ns = moment->now_ns;
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	victims_judge(state, &flood, row, moment);
	quieten_host(state, row, moment);
	return false;
}

static bool glance(void *state, void *row, const struct detect_moment *moment)
{
	victims_glance(state, &flood, row, moment);
	quieten_host(state, row, moment);
	return true; /* its second goes on */
}

static void syn_flood_glance(void *state, const struct detect_moment *moment)
{
	struct victims *victims = state;

	rowset_judge(&victims->table, glance, victims, moment);
}

static void syn_flood_tick(void *state, const struct detect_moment *moment)
{
	struct victims *victims = state;

	rowset_judge(&victims->table, judge, victims, moment);
}

const struct detector_ops syn_flood_detector = {
	.open = victims_open,
	.close = victims_close,
	.delta = syn_flood_delta,
	.flow = syn_flood_flow,
	.tick = syn_flood_tick,
	.glance = syn_flood_glance,
	.full = victims_full,
};
