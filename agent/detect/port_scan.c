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
#include "agent/util/addr.h"
#include "agent/util/clock.h"

/* facts: detection, "Starting values": 20 ports in 10 s or 60 in 1 h, 70 % of them failed. */
#define FAST_PORTS    20
#define FAST_MS	      10000
#define SLOW_PORTS    60
#define FAILED_TENTHS 7
#define REPEAT_NS     (10 * NS_PER_S)

/* A flow's answer is settled by then; its later traffic need not be looked at. */
#define SETTLED_NS (60 * NS_PER_S)

/* The most an answer without data takes per packet: IP header and TCP header with timestamps,
 * RFC 791 3.1, RFC 8200 3, RFC 9293 3.1, RFC 7323 3.2. */
#define BARE_BYTES_IPV4 60
#define BARE_BYTES_IPV6 80

/* traceroute(8): UDP probes begin at port 33434, one more each, 30 hops of 3. */
#define TRACEROUTE_FIRST 33434
#define TRACEROUTE_LAST	 33534
/* System ports end here, clients' ports begin there: RFC 6335 6, Linux ip_local_port_range. */
#define SYSTEM_PORT_MAX 1023
#define CLIENT_PORT_MIN 32768

#define SYN TCP_FLAG_SYN
#define ACK TCP_FLAG_ACK
#define RST TCP_FLAG_RST

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
 * A flow of which one side is known may be the answer of a server, its request not read yet. Only
 * what an answer never looks like is a try: SYN without ACK, and the packets of FIN, NULL and Xmas
 * scans, which carry neither ACK nor RST (RFC 9293 3.5.2, 3.10.7: every answer has one of them).
 */
static bool is_try_tcp(const struct flow *flow)
{
	if (!flow->packets_in)
		return !(flow->tcp_flags_out & (ACK | RST));
	if (flow->tcp_flags_out & SYN || !(flow->tcp_flags_out & (ACK | RST)))
		return true;
	return flow->tcp_flags_out == ACK && flow->tcp_flags_in == RST; /* ACK scan */
}

static bool is_group_addr(const struct addr *addr)
{
	const uint8_t *b = addr->bytes;

	if (addr->family == ADDR_IPV6)
		return b[0] == 0xff;
	return b[12] >= 224; /* multicast, and 255.255.255.255 */
}

static bool is_try_udp(const struct flow *flow)
{
	const struct five_tuple *tuple = &flow->tuple;

	if (flow->packets_in)
		return true;
	if (tuple->dst_port >= TRACEROUTE_FIRST && tuple->dst_port <= TRACEROUTE_LAST)
		return false;
	if (tuple->src_port <= SYSTEM_PORT_MAX && tuple->dst_port >= CLIENT_PORT_MIN)
		return false; /* a late answer of a service */
	return !is_group_addr(&tuple->dst);
}

static bool is_try(const struct flow *flow)
{
	if (!flow->tuple.dst_port) /* later fragments have no ports */
		return false;
	if (flow->tuple.proto == IPPROTO_TCP)
		return is_try_tcp(flow);
	return flow->tuple.proto == IPPROTO_UDP && is_try_udp(flow);
}

static bool has_answered(const struct flow *flow)
{
	uint64_t bare = flow->tuple.src.family == ADDR_IPV4 ? BARE_BYTES_IPV4 : BARE_BYTES_IPV6;

	if (!flow->packets_in)
		return false;
	if (flow->tuple.proto != IPPROTO_TCP)
		return true;
	/* Refused: a reset without data, and nothing was ever accepted. */
	return !(flow->tcp_flags_in & RST) || flow->tcp_flags_in & SYN ||
	       flow->bytes_in > bare * flow->packets_in;
}

static void port_scan_flow(void *state, const struct flow *flow)
{
	const struct pair_try try = {
		.port = flow->tuple.dst_port,
		.has_answered = has_answered(flow),
		.at_ns = flow->first_ns,
	};

	if (flow->last_ns > flow->first_ns + SETTLED_NS || !is_try(flow))
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

static void format_span(uint64_t ns, char *text, size_t size)
{
	uint64_t s = (ns + NS_PER_S - 1) / NS_PER_S;

	if (s < 120)
		(void)snprintf(text, size, "%llu s", (unsigned long long)(s ? s : 1));
	else if (s < 7200)
		(void)snprintf(text, size, "%llu min", (unsigned long long)(s + 59) / 60);
	else
		(void)snprintf(text, size, "%llu h", (unsigned long long)(s + 3599) / 3600);
}

static void write_reason(const struct pair *pair, const struct verdict *verdict, char *reason)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], span[32];

	format_span(verdict->until_ns - verdict->since_ns, span, sizeof(span));
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
	.full = port_scan_full,
};
