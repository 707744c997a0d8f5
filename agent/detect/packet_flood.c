/*
 * UDP and ICMP floods: more packets a second to one host than it has any use for. Of UDP those that
 * it answers do not count: a download over QUIC or through a tunnel is as fast, and acknowledged.
 */
#include <netinet/in.h>

#include "agent/detect/detector.h"
#include "agent/detect/try.h"
#include "agent/detect/victims.h"

/* Measured starting value: 20 kpps; made-up packets are small, and
 * nobody sends so many small ones to a host that is silent. Of QUIC, one acknowledgement per 10
 * packets is usual (RFC 9000 13.2.2 asks for one per 2, clients that merge send fewer); so one per
 * 50 is none. */
static const struct flood udp = {
	.detector = DETECTOR_UDP_FLOOD,
	.what = "UDP packets",
	.floor_pps = 20000,
	.small_pps = 5000,
	.history_pps = 2000,
	.per_answer = 50,
};

/* Nobody pings a thousand times a second but on purpose; the flood of ping(8) reaches it. */
static const struct flood icmp = {
	.detector = DETECTOR_ICMP_FLOOD,
	.what = "ICMP packets",
	.floor_pps = 1000,
	.small_pps = 1000,
	.history_pps = 200,
};

/* Answers that nobody asked for: others were asked in the victim's name (smurf; RFC 2644). */
static const struct flood icmp_answers = {
	.detector = DETECTOR_ICMP_FLOOD,
	.what = "ICMP packets it did not ask for",
	.floor_pps = 1000,
	.small_pps = 1000,
	.history_pps = 1000,
	.per_answer = 2,
	.senders_min = 20,
};
#define BY_ANSWERS 1 /* in place of a port: a host's other row */

static void udp_flood_delta(void *state, const struct flow_delta *delta)
{
	struct victims *victims = state;
	struct victim *victim, *source;

	if (delta->tuple.proto != IPPROTO_UDP || try_is_group(&delta->tuple.dst))
		return;
	victim = victims_take(victims, &delta->tuple, 0, delta->last_ns);
	victims_count(victims, victim, delta);
	source = rowset_find(&victims->table,
			     rowset_key(&victims->table, &delta->tuple.src, NULL, 0));
	if (source)
		source->answered += delta->packets;
}

bool udp_flood_is_on(const void *state, const struct addr *dst)
{
	const struct victims *victims = state;
	const struct victim *victim =
		rowset_find(&victims->table, rowset_key(&victims->table, dst, NULL, 0));

	return victim && victim->is_on;
}

static void udp_flood_flow(void *state, const struct flow *flow)
{
	if (flow->tuple.proto == IPPROTO_UDP)
		victims_keep(state, flow, 0);
}

static bool is_icmp(uint8_t proto)
{
	return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6;
}

static struct victim *find_row(struct victims *victims, const struct addr *host, uint16_t port)
{
	return rowset_find(&victims->table, rowset_key(&victims->table, host, NULL, port));
}

/* Who asks floods; so do answers of many, unless whoever gets them asked. Questions and answers of
 * one second come in no order. */
static void icmp_flood_delta(void *state, const struct flow_delta *delta)
{
	const struct five_tuple *tuple = &delta->tuple;
	struct victims *victims = state;
	struct victim *other;

	if (!is_icmp(tuple->proto) || try_is_group(&tuple->dst))
		return;
	victims_count(victims,
		      victims_take(victims, tuple, delta->asks ? 0 : BY_ANSWERS, delta->last_ns),
		      delta);
	other = find_row(victims, &tuple->src, delta->asks ? BY_ANSWERS : 0);
	if (other)
		other->answered += delta->packets;
}

static void icmp_flood_flow(void *state, const struct flow *flow)
{
	if (!is_icmp(flow->tuple.proto))
		return;
	victims_keep(state, flow, 0);
	victims_keep(state, flow, BY_ANSWERS);
}

static bool judge_udp(void *state, void *row, const struct detect_moment *moment)
{
	victims_judge(state, &udp, row, moment);
	return false;
}

static bool judge_icmp(void *state, void *row, const struct detect_moment *moment)
{
	const struct victim *victim = row;

	victims_judge(state, victim->port == BY_ANSWERS ? &icmp_answers : &icmp, row, moment);
	return false;
}

static void udp_flood_tick(void *state, const struct detect_moment *moment)
{
	struct victims *victims = state;

	rowset_judge(&victims->table, judge_udp, victims, moment);
}

static void icmp_flood_tick(void *state, const struct detect_moment *moment)
{
	struct victims *victims = state;

	rowset_judge(&victims->table, judge_icmp, victims, moment);
}

const struct detector_ops udp_flood_detector = {
	.open = victims_open,
	.close = victims_close,
	.delta = udp_flood_delta,
	.flow = udp_flood_flow,
	.tick = udp_flood_tick,
	.full = victims_full,
};

const struct detector_ops icmp_flood_detector = {
	.open = victims_open,
	.close = victims_close,
	.delta = icmp_flood_delta,
	.flow = icmp_flood_flow,
	.tick = icmp_flood_tick,
	.full = victims_full,
};
