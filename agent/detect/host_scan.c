/*
 * Horizontal scan: one source tries many hosts at the same port, by ping or by ARP, and most of
 * them do not answer. Ports that stand for the same service count as one.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/detect/detector.h"
#include "agent/detect/evidence.h"
#include "agent/detect/lan.h"
#include "agent/detect/learned.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/detect/spread.h"
#include "agent/detect/try.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

/* A flow's answer is settled by then; its later traffic need not be looked at. */
#define SETTLED_NS    (60 * NS_PER_S)
#define MEMORY_NS     (SPREAD_MEMORY_S * NS_PER_S)
#define EVIDENCE_AT   12
#define MUCH	      1000 /* hosts: severity one up */
#define ROWS_PER_HOST 4	   /* a table of a quarter of the pairs: rows are 1.6 KB */

/* Keys beside ports. */
#define BY_PING 0x10000
#define BY_ARP	0x20000

/* facts measured as starting values: 30 hosts in 10 s, 100 in 1 h. Worms try one login port at
 * random hosts, about one a second (Mirai in a capture of 2017); ARP asks for whoever is there. */
struct floor {
	uint32_t window_ms, hosts, failed_tenths;
	const char *window;
};
static const struct floor fast = { 10000, 30, 7, "10 s" };
static const struct floor login = { 60000, 20, 9, "60 s" };
static const struct floor slow = { SPREAD_MEMORY_S * 1000, 100, 7, "1 h" };
/* nmap -sn through a router reaches 30 hosts after 3.4 s, 20 after 1.4 s (measured: tests/net,
 * 2026-11-30); pings that all go unanswered are nothing else's. */
static const struct floor pings = { 5000, 20, 10, "5 s" };
static const struct floor by_arp = { 10000, 60, 0, "10 s" };

struct sweep {
	struct row row;
	struct addr src, last; /* last: of those tried, for the finding */
	uint32_t port;	       /* or BY_PING, BY_ARP */
	uint8_t proto;
	uint64_t reported_ns, said_ns;
	struct spread hosts; /* last: its lists need not be cleared */
};

struct host_scan {
	struct rowset sweeps;
	struct learned learned; /* hosts in 10 s, per source */
	struct evidence evidence;
};

static const struct row_shape sweep_shape = { .size = sizeof(struct sweep),
					      .clear_size = offsetof(struct sweep, hosts.what),
					      .keep_ns = MEMORY_NS };

static void host_scan_close(void *state)
{
	struct host_scan *scan = state;

	if (!scan)
		return;
	rowset_done(&scan->sweeps);
	learned_done(&scan->learned);
	evidence_done(&scan->evidence);
	free(scan);
}

static int host_scan_open(unsigned int hosts_max, void **state)
{
	struct host_scan *scan = calloc(1, sizeof(*scan));
	int error;

	if (!scan)
		return -ENOMEM;
	error = rowset_init(&scan->sweeps, hosts_max / ROWS_PER_HOST + 1, &sweep_shape);
	if (!error)
		error = learned_init(&scan->learned, hosts_max / ROWS_PER_HOST + 1);
	if (!error)
		error = evidence_init(&scan->evidence);
	if (error)
		host_scan_close(scan);
	else
		*state = scan;
	return error;
}

static uint64_t host_scan_full(const void *state)
{
	const struct host_scan *scan = state;

	return scan->sweeps.full;
}

/* ---- what was tried ---------------------------------------------------------------------------
 */

/* What a scanner tries in place of the well-known one. */
static uint16_t service_of(uint16_t port)
{
	static const uint16_t same[][2] = { { 2323, 23 },  { 2222, 22 },   { 8080, 80 },
					    { 8000, 80 },  { 8888, 80 },   { 81, 80 },
					    { 8443, 443 }, { 3390, 3389 }, { 5901, 5900 } };

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++)
		if (same[i][0] == port)
			return same[i][1];
	return port;
}

/* Where worms knock: services with passwords or holes, and no browser goes. */
static bool is_login(uint32_t port)
{
	static const uint16_t ports[] = { 21,	22,   23,   135,  139,	445,  1433, 2375,
					  3306, 3389, 5432, 5555, 5900, 6379, 7547, 37215 };

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i] == port)
			return true;
	return false;
}

/* Programs that keep lists of peers ask many of which most are gone: BitTorrent (BEP 3, BEP 5),
 * Gnutella, eDonkey, IPFS, Bitcoin, Syncthing, Ethereum, Transmission (their documented ports). */
static bool is_peer_port(const struct flow *flow)
{
	static const uint16_t ports[] = { 4001, 4662, 4672, 6346, 6347, 8333, 22000, 30303, 51413 };
	uint16_t port = flow->tuple.dst_port;

	for (size_t i = 0; i < sizeof(ports) / sizeof(ports[0]); i++)
		if (ports[i] == port)
			return true;
	return port >= 6881 && port <= 6999;
}

struct attempt {
	struct addr src, dst;
	uint32_t port;
	uint8_t proto;
	bool has_answered;
	uint64_t at_ns, now_ns;
};

static uint32_t hash_of(const struct addr *addr)
{
	return (uint32_t)addr_hash(addr, 0x5357454550ULL);
}

static uint64_t key_of(const struct host_scan *scan, const struct attempt *attempt)
{
	return rowset_key(&scan->sweeps, &attempt->src, NULL,
			  (uint64_t)attempt->proto << 32 | attempt->port);
}

static struct sweep *take_attempt(struct host_scan *scan, const struct attempt *attempt)
{
	uint64_t key = key_of(scan, attempt);
	const struct spread_item item = { .what = hash_of(&attempt->dst),
					  .is_good = attempt->has_answered,
					  .at_ns = attempt->at_ns };
	bool is_new;
	struct sweep *sweep = rowset_take(&scan->sweeps, key, attempt->now_ns, &is_new);

	if (is_new) {
		sweep->src = attempt->src;
		sweep->port = attempt->port;
		sweep->proto = attempt->proto;
	}
	if (spread_add(&sweep->hosts, &item))
		sweep->last = attempt->dst;
	rowset_weigh(&scan->sweeps, sweep, sweep->hosts.total);
	if (sweep->hosts.count >= login.hosts)
		rowset_mark(&scan->sweeps, sweep);
	return sweep;
}

/* Its answer may have been read before it and looked like a try the other way. */
static void forget_reverse(struct host_scan *scan, const struct flow *flow)
{
	const struct five_tuple *tuple = &flow->tuple;
	uint64_t key = rowset_key(&scan->sweeps, &tuple->dst, NULL,
				  (uint64_t)tuple->proto << 32 | service_of(tuple->src_port));
	struct sweep *sweep = rowset_find(&scan->sweeps, key);

	if (sweep)
		spread_remove(&sweep->hosts, hash_of(&tuple->src));
}

static void host_scan_flow(void *state, const struct flow *flow)
{
	struct host_scan *scan = state;
	const struct attempt attempt = {
		.src = flow->tuple.src,
		.dst = flow->tuple.dst,
		.port = service_of(flow->tuple.dst_port),
		.proto = flow->tuple.proto,
		.has_answered = try_has_answered(flow),
		.at_ns = flow->first_ns,
		.now_ns = flow->last_ns,
	};
	struct sweep *sweep;

	if (flow->last_ns > flow->first_ns + SETTLED_NS || !try_is_try(flow) ||
	    is_peer_port(flow) || try_is_group(&flow->tuple.dst))
		return;
	/* most hosts answer: only who met one that did not is followed */
	if (attempt.has_answered && !rowset_find(&scan->sweeps, key_of(scan, &attempt)))
		return;
	sweep = take_attempt(scan, &attempt);
	if (sweep->hosts.count >= EVIDENCE_AT)
		evidence_keep(&scan->evidence, sweep->row.key, flow);
	if (flow->packets_in)
		forget_reverse(scan, flow);
}

/* Echo requests and what comes back; other ICMP asks nobody. */
static void host_scan_delta(void *state, const struct flow_delta *delta)
{
	struct host_scan *scan = state;
	const struct five_tuple *tuple = &delta->tuple;
	const struct attempt attempt = { .src = tuple->src,
					 .dst = tuple->dst,
					 .port = BY_PING,
					 .proto = tuple->proto,
					 .at_ns = delta->first_ns,
					 .now_ns = delta->last_ns };
	struct sweep *sweep;
	uint64_t key;

	if (tuple->proto != IPPROTO_ICMP && tuple->proto != IPPROTO_ICMPV6)
		return;
	if (delta->asks && !try_is_group(&tuple->dst)) {
		(void)take_attempt(scan, &attempt);
		return;
	}
	key = rowset_key(&scan->sweeps, &tuple->dst, NULL, (uint64_t)tuple->proto << 32 | BY_PING);
	sweep = rowset_find(&scan->sweeps, key);
	if (sweep)
		spread_make_good(&sweep->hosts, hash_of(&tuple->src));
}

static void host_scan_lan(void *state, const struct lan_fact *fact)
{
	struct host_scan *scan = state;
	const struct attempt attempt = { .src = fact->sender,
					 .dst = fact->target,
					 .port = BY_ARP,
					 .at_ns = fact->at_ns,
					 .now_ns = fact->at_ns };

	if (fact->kind == LAN_ASK && fact->is_broadcast && fact->sender.family != ADDR_NONE &&
	    !addr_is_equal(&fact->sender, &fact->target))
		(void)take_attempt(scan, &attempt);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static bool is_sweep(const struct spread_sum *sum, const struct floor *floor, uint32_t limit)
{
	return sum->count >= limit &&
	       (sum->count - sum->good) * 10 >= sum->count * floor->failed_tenths;
}

/* Hosts within the floor's window; the source's own where it has a history. */
static uint32_t limit_of(const struct host_scan *scan, const struct sweep *sweep,
			 const struct floor *floor)
{
	return floor == &fast ? learned_limit(&scan->learned, &sweep->src, fast.hosts)
			      : floor->hosts;
}

/* The first floor that is reached; NULL when none is. */
static const struct floor *judge_floors(const struct host_scan *scan, const struct sweep *sweep,
					struct spread_sum *sum)
{
	const struct floor *const floors[] = { &fast, is_login(sweep->port) ? &login : NULL,
					       sweep->port == BY_PING ? &pings : NULL, &slow };

	if (sweep->port == BY_ARP) {
		*sum = spread_window(&sweep->hosts, by_arp.window_ms, true);
		return is_sweep(sum, &by_arp, by_arp.hosts) ? &by_arp : NULL;
	}
	for (size_t i = 0; i < sizeof(floors) / sizeof(floors[0]); i++) {
		if (!floors[i])
			continue;
		*sum = spread_window(&sweep->hosts, floors[i]->window_ms, true);
		if (is_sweep(sum, floors[i], limit_of(scan, sweep, floors[i])))
			return floors[i];
	}
	return NULL;
}

static void write_reason(const struct sweep *sweep, const struct spread_sum *sum,
			 const struct floor *floor, char *reason)
{
	char src[ADDR_TEXT_MAX], span[32], how[48];

	say_span(sum->until_ns - sum->since_ns, span, sizeof(span));
	if (sweep->port == BY_ARP) {
		(void)snprintf(reason, FINDING_REASON_MAX,
			       "%s asked by ARP for %u addresses of its network in %s. Normal is "
			       "under %u in %s.",
			       addr_format(&sweep->src, src), sum->count, span, floor->hosts,
			       floor->window);
		return;
	}
	if (sweep->port == BY_PING)
		(void)snprintf(how, sizeof(how), "pinged %u hosts", sum->count);
	else
		(void)snprintf(how, sizeof(how), "tried %s port %u of %u hosts",
			       sweep->proto == IPPROTO_UDP ? "UDP" : "TCP", sweep->port,
			       sum->count);
	(void)snprintf(reason, FINDING_REASON_MAX,
		       "%s %s in %s; %u gave no answer or refused. Normal is under %u hosts in "
		       "%s.",
		       addr_format(&sweep->src, src), how, span, sum->count - sum->good,
		       floor->hosts, floor->window);
}

static void say(const struct host_scan *scan, const struct sweep *sweep,
		const struct spread_sum *sum, const struct floor *floor,
		const struct detect_moment *moment)
{
	double failed = sweep->port == BY_ARP ? 1 : (sum->count - sum->good) / (double)sum->count;
	struct finding finding = {
		.detector = DETECTOR_HOST_SCAN,
		.severity = say_severity(DETECTOR_HOST_SCAN, sum->count, MUCH),
		.score = say_score(failed, sum->count, floor->hosts),
		.src = sweep->src,
		.dst = sweep->last,
		.dst_port = sweep->port < BY_PING ? (uint16_t)sweep->port : 0,
		.proto = sweep->proto,
		.first_unix_ms = detect_unix_ms(moment, sum->since_ns),
		.last_unix_ms = detect_unix_ms(moment, sum->until_ns),
		.count = sum->count,
	};

	write_reason(sweep, sum, floor, finding.reason);
	evidence_give(&scan->evidence, sweep->row.key, &finding);
	say_number(&finding, &(struct say_number){
				     sweep->port == BY_ARP ? "addresses asked for" : "hosts tried",
				     "hosts", sum->count, 0, limit_of(scan, sweep, floor) - 1.0 });
	if (sweep->port != BY_ARP)
		say_number(&finding, &(struct say_number){ "share that failed", "share", failed, 0,
							   floor->failed_tenths / 10.0 });
	moment->on_finding(moment->arg, &finding);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct host_scan *scan = state;
	struct sweep *sweep = row;
	struct spread_sum sum;
	const struct floor *floor = judge_floors(scan, sweep, &sum);

	if (!floor) {
		if (sweep->port != BY_ARP)
			learned_note(&scan->learned, &sweep->src,
				     spread_window(&sweep->hosts, fast.window_ms, false).count,
				     moment->now_ns);
		return false;
	}
	if (sweep->said_ns && sweep->reported_ns >= sum.until_ns)
		return false;
	if (sweep->said_ns && moment->now_ns < sweep->said_ns + SAY_REPEAT_NS)
		return true;
	say(scan, sweep, &sum, floor, moment);
	sweep->reported_ns = sum.until_ns;
	sweep->said_ns = moment->now_ns;
	return false;
}

static void host_scan_tick(void *state, const struct detect_moment *moment)
{
	struct host_scan *scan = state;

	rowset_judge(&scan->sweeps, judge, scan, moment);
}

const struct detector_ops host_scan_detector = {
	.open = host_scan_open,
	.close = host_scan_close,
	.flow = host_scan_flow,
	.delta = host_scan_delta,
	.lan = host_scan_lan,
	.tick = host_scan_tick,
	.glance = host_scan_tick,
	.full = host_scan_full,
};
