/*
 * Vertical port scan: one source tries many ports of one destination and most of them fail. What
 * counts is the port, not the connection: thousands of connections to one port are one port, and a
 * port that answered once is no failure.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/detect/detector.h"
#include "agent/detect/pairs.h"
#include "agent/detect/say.h"
#include "agent/detect/try.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

/* facts: detection, "Starting values": 20 ports in 10 s or 60 in 1 h, 70 % of them failed. */
#define FAST_PORTS    20
#define FAST_MS	      10000
#define SLOW_PORTS    60
#define FAILED_TENTHS 7
#define REPEAT_NS     (10 * NS_PER_S)
/* A flood over many UDP ports looks like a scan until its first whole second is judged. */
#define FLOOD_WAIT_NS (2100 * NS_PER_MS)

/* A flow's answer is settled by then; its later traffic need not be looked at. */
#define SETTLED_NS (60 * NS_PER_S)

static int port_scan_open(unsigned int hosts_max, void **state)
{
	struct pairs *pairs = calloc(1, sizeof(*pairs));
	int error = pairs ? pairs_init(pairs, hosts_max) : -ENOMEM;

	if (error && pairs) {
		pairs_done(pairs);
		free(pairs);
	}
	if (!error)
		*state = pairs;
	return error;
}

static void port_scan_close(void *state)
{
	if (state)
		pairs_done(state);
	free(state);
}

static uint64_t port_scan_full(const void *state)
{
	const struct pairs *pairs = state;

	return pairs->full;
}

/* ---- what a flow says -------------------------------------------------------------------------
 */

/*
 * Maimon's scan (Phrack 49, 1996): FIN and ACK, refused. So is a late end of a connection that the
 * other side has forgotten, but those come from the service's port, the lower one.
 */
static bool is_maimon(const struct flow *flow)
{
	const struct five_tuple *tuple = &flow->tuple;

	return tuple->proto == IPPROTO_TCP && tuple->src_port > tuple->dst_port &&
	       flow->tcp_flags_out == (TCP_FLAG_FIN | TCP_FLAG_ACK) && flow->packets_in &&
	       (flow->tcp_flags_in & ~TCP_FLAG_ACK) == TCP_FLAG_RST;
}

static void port_scan_flow(void *state, const struct flow *flow)
{
	const struct pair_try try = {
		.port = flow->tuple.dst_port,
		.has_answered = try_has_answered(flow),
		.at_ns = flow->first_ns,
	};

	if (flow->last_ns > flow->first_ns + SETTLED_NS || (!try_is_try(flow) && !is_maimon(flow)))
		return;
	pairs_try(state, flow, &try);
	/* Its answer may have been read before it and looked like a try the other way. */
	if (flow->packets_in)
		pairs_forget(state, flow);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

struct verdict {
	unsigned int tried, failed, floor;
	uint64_t since_ns, until_ns;
	uint64_t news_ns; /* when it last grew; what is not newer was said already */
};

static bool is_scan(const struct verdict *verdict)
{
	return verdict->tried >= verdict->floor &&
	       verdict->failed * 10 >= verdict->tried * FAILED_TENTHS;
}

/* Of the ports kept with their times: those tried at most @window_ms before the newest. */
static struct verdict judge_list(const struct pair *pair, uint32_t window_ms, unsigned int floor)
{
	struct verdict verdict = { .floor = floor,
				   .until_ns = pair->newest_ns,
				   .news_ns = pair->newest_ns };
	uint32_t oldest = 0;

	for (unsigned int i = 0; i < pair->count; i++) {
		uint32_t age = pair_age_ms(pair, i);

		if (age > window_ms)
			continue;
		verdict.tried++;
		verdict.failed += !(pair->answered >> i & 1);
		if (age > oldest)
			oldest = age;
	}
	verdict.since_ns = pair->newest_ns - oldest * NS_PER_MS;
	return verdict;
}

static struct verdict judge_wide(const struct pair *pair, const struct pair_case *pair_case)
{
	return (struct verdict){
		.tried = pair_case->tried,
		.failed = pair_case->tried - pair_case->answered,
		.floor = pair_case->is_fast ? FAST_PORTS : SLOW_PORTS,
		.since_ns = pair_case->since_ns,
		.until_ns = pair->last_new_ns,
		.news_ns = pair->last_new_ns,
	};
}

static struct verdict judge(const struct pairs *pairs, const struct pair *pair)
{
	const struct pair_case *pair_case = pair_case_of(pairs, pair);
	struct verdict verdict;

	if (pair_case && pair_case->is_wide)
		return judge_wide(pair, pair_case);
	verdict = judge_list(pair, FAST_MS, FAST_PORTS);
	if (is_scan(&verdict))
		return verdict;
	verdict = judge_list(pair, PAIR_MEMORY_S * 1000, SLOW_PORTS);
	verdict.news_ns = pair->last_new_ns; /* a port polled after the scan is no news */
	return verdict;
}

/* ---- saying -----------------------------------------------------------------------------------
 */

static void write_reason(const struct pair *pair, const struct verdict *verdict, char *reason)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], span[32];

	say_span(verdict->until_ns - verdict->since_ns, span, sizeof(span));
	(void)snprintf(reason, FINDING_REASON_MAX,
		       "%s tried %u %sports of %s in %s; %u gave no answer or were refused. "
		       "Normal is under %u ports in %s.",
		       addr_format(&pair->src, src), verdict->tried,
		       pair->proto == IPPROTO_UDP ? "UDP " : "", addr_format(&pair->dst, dst), span,
		       verdict->failed, verdict->floor,
		       verdict->floor == FAST_PORTS ? "10 s" : "1 h");
}

/*
 * The share that failed, times how far the number of ports lies beyond the floor: 0.5 at the floor,
 * towards 1 beyond it (saturation n / (n + k), Michaelis and Menten 1913, with k the floor).
 */
static double score(const struct verdict *verdict)
{
	double exact = (double)verdict->failed / (verdict->tried + verdict->floor);

	return (double)(unsigned int)(exact * 1000 + 0.5) /
	       1000; /* more digits would say nothing */
}

static void say(const struct pairs *pairs, const struct pair *pair, const struct verdict *verdict,
		const struct detect_moment *moment)
{
	const struct pair_case *pair_case = pair_case_of(pairs, pair);
	struct finding finding = {
		.detector = DETECTOR_PORT_SCAN,
		.severity = detect_severity(DETECTOR_PORT_SCAN),
		.score = score(verdict),
		.src = pair->src,
		.dst = pair->dst,
		.proto = pair->proto,
		.first_unix_ms = detect_unix_ms(moment, verdict->since_ns),
		.last_unix_ms = detect_unix_ms(moment, verdict->until_ns),
		.count = verdict->tried,
	};

	write_reason(pair, verdict, finding.reason);
	if (pair_case) {
		finding.evidence_count = pair_case->evidence_count;
		for (unsigned int i = 0; i < pair_case->evidence_count; i++)
			finding.evidence[i] = pair_case->evidence[i];
	}
	say_number(&finding, &(struct say_number){ "ports tried", "ports", verdict->tried, 0,
						   verdict->floor - 1.0 });
	say_number(&finding, &(struct say_number){ "share that failed", "share",
						   (double)verdict->failed / verdict->tried, 0,
						   FAILED_TENTHS / 10.0 });
	moment->on_finding(moment->arg, &finding);
}

/* Returns whether the pair has news that must wait for the time to repeat. */
static bool judge_pair(struct pairs *pairs, struct pair *pair, const struct detect_moment *moment)
{
	const struct pair_case *pair_case = pair_case_of(pairs, pair);
	bool is_wide = pair_case && pair_case->is_wide;
	struct verdict verdict;

	if (!is_wide)
		pair_prune(pair);
	if (!is_wide && pair->count < FAST_PORTS)
		return false;
	verdict = judge(pairs, pair);
	if (!is_scan(&verdict) || pair->reported_ns >= verdict.news_ns)
		return false;
	if (pair->finding_ns && moment->now_ns < pair->finding_ns + REPEAT_NS)
		return true;
	if (pair->proto == IPPROTO_UDP && moment->now_ns < verdict.since_ns + FLOOD_WAIT_NS)
		return true;
	if (pair->proto != IPPROTO_UDP || !udp_flood_is_on(moment->udp_floods, &pair->dst))
		say(pairs, pair, &verdict, moment);
	pair->reported_ns = verdict.news_ns;
	pair->finding_ns = moment->now_ns;
	return false;
}

static void port_scan_tick(void *state, const struct detect_moment *moment)
{
	struct pairs *pairs = state;
	uint32_t waiting = 0;

	for (uint32_t i = 0; i < pairs->dirty_count; i++) {
		uint32_t number = pairs->dirty[i];
		struct pair *pair = &pairs->pairs[number];

		pair->is_dirty = judge_pair(pairs, pair, moment);
		if (pair->is_dirty)
			pairs->dirty[waiting++] = number;
	}
	pairs->dirty_count = waiting;
}

const struct detector_ops port_scan_detector = {
	.open = port_scan_open,
	.close = port_scan_close,
	.flow = port_scan_flow,
	.tick = port_scan_tick,
	.glance = port_scan_tick,
	.full = port_scan_full,
};
