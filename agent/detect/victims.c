/*
 * The floods' common ground. Which source leads is found by the majority vote of Boyer and Moore
 * ("MJRTY", 1981), weighted by packets; how many there are by linear counting (Whang et al., 1990).
 */
#include "agent/detect/victims.h"

#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/say.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

#define MEMORY_NS     (3600 * NS_PER_S)
#define SMALL_BYTES   200 /* a packet of telephony takes 200, of a log or a measurement more */
#define SOURCE_BITS   256
#define HISTORY_ALPHA 0.05 /* measured starting values: weight of the newest second */
#define HISTORY_S     300  /* before deviations mean anything */
#define HISTORY_Z     6
#define HISTORY_LEAST 0.01 /* added to the variance: a steady load has none */
#define END_NS	      (30 * NS_PER_S)
#define ROWS_PER_HOST 2

static const struct row_shape victim_shape = { .size = sizeof(struct victim),
					       .keep_ns = MEMORY_NS };

void victims_close(void *state)
{
	struct victims *victims = state;

	if (!victims)
		return;
	rowset_done(&victims->table);
	learned_done(&victims->learned);
	evidence_done(&victims->evidence);
	free(victims);
}

int victims_open(unsigned int hosts_max, void **state)
{
	struct victims *victims = calloc(1, sizeof(*victims));
	int error;

	if (!victims)
		return -ENOMEM;
	error = rowset_init(&victims->table, hosts_max / ROWS_PER_HOST + 1, &victim_shape);
	if (!error)
		error = learned_init(&victims->learned, hosts_max / ROWS_PER_HOST / 4 + 1);
	if (!error)
		error = evidence_init(&victims->evidence);
	if (error)
		victims_close(victims);
	else
		*state = victims;
	return error;
}

uint64_t victims_full(const void *state)
{
	const struct victims *victims = state;

	return victims->table.full;
}

struct victim *victims_take(struct victims *victims, const struct five_tuple *tuple, uint16_t port,
			    uint64_t now_ns)
{
	bool is_new;
	struct victim *victim =
		rowset_take(&victims->table, rowset_key(&victims->table, &tuple->dst, NULL, port),
			    now_ns, &is_new);

	if (is_new) {
		victim->dst = tuple->dst;
		victim->port = port;
	}
	return victim;
}

static void vote(struct victim *victim, const struct addr *src, uint64_t packets)
{
	if (victim->lead_count && addr_is_equal(&victim->lead, src)) {
		victim->lead_count += packets;
	} else if (victim->lead_count >= packets) {
		victim->lead_count -= packets;
	} else {
		victim->lead_count = packets - victim->lead_count;
		victim->lead = *src;
	}
}

void victims_count(struct victims *victims, struct victim *victim, const struct flow_delta *delta)
{
	uint32_t bit = (uint32_t)(addr_hash(&delta->tuple.src, 0x464c4f4f44ULL) % SOURCE_BITS);

	if (!victim->packets || delta->first_ns < victim->first_ns)
		victim->first_ns = delta->first_ns;
	if (!victim->packets || delta->last_ns > victim->last_ns)
		victim->last_ns = delta->last_ns;
	victim->packets += delta->packets;
	victim->bytes += delta->bytes;
	victim->sources[bit / 64] |= 1ULL << (bit % 64);
	rowset_weigh(&victims->table, victim, victim->packets);
	vote(victim, &delta->tuple.src, delta->packets);
	rowset_mark(&victims->table, victim);
}

void victims_keep(struct victims *victims, const struct flow *flow, uint16_t port)
{
	const struct victim *victim;
	uint64_t key;

	if (!victims->on)
		return;
	key = rowset_key(&victims->table, &flow->tuple.dst, NULL, port);
	victim = rowset_find(&victims->table, key);
	if (victim && victim->is_on)
		evidence_keep(&victims->evidence, key, flow);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static unsigned int count_sources(const struct victim *victim)
{
	unsigned int zero = SOURCE_BITS;

	for (int i = 0; i < 4; i++)
		zero -= (unsigned int)__builtin_popcountll(victim->sources[i]);
	if (!zero)
		return 1500; /* more than can be told apart: 256 ln 256 */
	return (unsigned int)(SOURCE_BITS * log(SOURCE_BITS / (double)zero) + 0.5);
}

/* More than six of ten packets are its. */
static bool has_lead(const struct victim *victim)
{
	return victim->lead_count * 4 >= victim->packets;
}

/* Deviations above the history; 0 while there is too little. */
static double deviation(const struct victim *victim, uint64_t pps)
{
	if (victim->seconds < HISTORY_S)
		return 0;
	return (log1p((double)pps) - victim->mean) / sqrt(victim->variance + HISTORY_LEAST);
}

static void remember(struct victims *victims, struct victim *victim, uint64_t pps, uint64_t now_ns)
{
	double x = log1p((double)pps), d = x - victim->mean;

	if (!victim->seconds++)
		victim->mean = x;
	else
		victim->mean += HISTORY_ALPHA * d;
	victim->variance = (1 - HISTORY_ALPHA) * (victim->variance + HISTORY_ALPHA * d * d);
	learned_note(&victims->learned, &victim->dst, pps < UINT32_MAX ? (uint32_t)pps : UINT32_MAX,
		     now_ns);
}

static uint32_t floor_of(const struct flood *flood, const struct victim *victim)
{
	return victim->bytes < SMALL_BYTES * victim->packets ? flood->small_pps : flood->floor_pps;
}

static uint32_t limit_of(const struct victims *victims, const struct flood *flood,
			 const struct victim *victim)
{
	return learned_limit(&victims->learned, &victim->dst, floor_of(flood, victim));
}

static bool is_flooded(const struct victims *victims, const struct flood *flood,
		       const struct victim *victim, uint64_t pps)
{
	if (pps < limit_of(victims, flood, victim) &&
	    (pps < flood->history_pps || deviation(victim, pps) < HISTORY_Z))
		return false;
	if (flood->senders_min &&
	    (!victim->seconds || has_lead(victim) || count_sources(victim) < flood->senders_min))
		return false;
	if (flood->per_answer && victim->packets < flood->per_answer * victim->answered)
		return false;
	/* many ports from few sources are a scan */
	return victim->port || !flood->sources_min ||
	       (!has_lead(victim) && count_sources(victim) >= flood->sources_min);
}

/* The limit that @pps is beyond: the learned one, else that of the history. */
static double highest_normal(const struct victims *victims, const struct flood *flood,
			     const struct victim *victim, uint64_t pps)
{
	uint32_t limit = limit_of(victims, flood, victim);

	if (pps >= limit)
		return limit;
	return expm1(victim->mean + HISTORY_Z * sqrt(victim->variance + HISTORY_LEAST));
}

static void write_reason(const struct flood *flood, const struct victim *victim, uint64_t pps,
			 char *reason)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], from[64], port[24] = "", normal[64];

	if (has_lead(victim))
		(void)snprintf(from, sizeof(from), "%s", addr_format(&victim->lead, src));
	else
		(void)snprintf(from, sizeof(from), "about %u sources", count_sources(victim));
	if (victim->port && flood->detector == DETECTOR_SYN_FLOOD)
		(void)snprintf(port, sizeof(port), " port %u", victim->port);
	if (victim->seconds >= HISTORY_S)
		(void)snprintf(normal, sizeof(normal), "about %.0f a second, limit %u",
			       expm1(victim->mean), floor_of(flood, victim));
	else
		(void)snprintf(normal, sizeof(normal), "under %u a second",
			       floor_of(flood, victim));
	(void)snprintf(reason, FINDING_REASON_MAX,
		       "%llu %s a second from %s to %s%s; %llu of %llu were answered. Normal is "
		       "%s.",
		       (unsigned long long)pps, flood->what, from, addr_format(&victim->dst, dst),
		       port,
		       (unsigned long long)(victim->answered < victim->packets ? victim->answered
									       : victim->packets),
		       (unsigned long long)victim->packets, normal);
}

static void say(struct victims *victims, const struct flood *flood, struct victim *victim,
		uint64_t pps, const struct detect_moment *moment)
{
	struct finding finding = {
		.detector = (uint8_t)flood->detector,
		.severity = detect_severity(flood->detector),
		.score = say_score(1, (double)pps, floor_of(flood, victim)),
		.src = has_lead(victim) ? victim->lead : say_addr_none(),
		.dst = victim->dst,
		.dst_port = flood->detector == DETECTOR_SYN_FLOOD ? victim->port : 0,
		.proto = flood->detector == DETECTOR_SYN_FLOOD	 ? IPPROTO_TCP
			 : flood->detector == DETECTOR_UDP_FLOOD ? IPPROTO_UDP
			 : victim->dst.family == ADDR_IPV6	 ? IPPROTO_ICMPV6
								 : IPPROTO_ICMP,
		.first_unix_ms = detect_unix_ms(moment, victim->began_ns),
		.last_unix_ms = detect_unix_ms(moment, victim->last_ns),
		.count = victim->total,
	};

	write_reason(flood, victim, pps, finding.reason);
	evidence_give(&victims->evidence, victim->row.key, &finding);
	say_number(&finding,
		   &(struct say_number){ flood->what, "per s", (double)pps,
					 victim->seconds >= HISTORY_S ? expm1(victim->mean) : 0,
					 highest_normal(victims, flood, victim, pps) });
	if (flood->per_answer)
		say_number(&finding, &(struct say_number){ "share that was answered", "share",
							   fmin(1, (double)victim->answered /
									   (double)victim->packets),
							   1.0 / flood->per_answer, 1 });
	moment->on_finding(moment->arg, &finding);
	victim->said_ns = moment->now_ns;
}

static void begin(struct victims *victims, struct victim *victim)
{
	if (victim->is_on)
		return;
	victim->is_on = true;
	victims->on++;
	victim->began_ns = victim->first_ns;
	victim->total = 0;
}

static void end_if_over(struct victims *victims, struct victim *victim, uint64_t now_ns)
{
	if (!victim->is_on || now_ns < victim->said_ns + END_NS)
		return;
	victim->is_on = false;
	if (victims->on)
		victims->on--; /* one that had to make room was never taken off */
}

void victims_judge(struct victims *victims, const struct flood *flood, struct victim *victim,
		   const struct detect_moment *moment)
{
	uint64_t pps = victim->packets * NS_PER_S / moment->elapsed_ns;

	if (is_flooded(victims, flood, victim, pps)) {
		begin(victims, victim);
		victim->total += victim->packets;
		if (!victim->said_ns || moment->now_ns >= victim->said_ns + SAY_REPEAT_NS)
			say(victims, flood, victim, pps, moment);
	} else {
		end_if_over(victims, victim, moment->now_ns);
		remember(victims, victim, pps, moment->now_ns);
	}
	victim->packets = victim->bytes = victim->answered = victim->lead_count = 0;
	memset(victim->sources, 0, sizeof(victim->sources));
}

void victims_glance(struct victims *victims, const struct flood *flood, struct victim *victim,
		    const struct detect_moment *moment)
{
	uint64_t so_far = victim->packets;

	if ((victim->said_ns && moment->now_ns < victim->said_ns + SAY_REPEAT_NS) ||
	    !is_flooded(victims, flood, victim, so_far))
		return;
	begin(victims, victim);
	victim->total += so_far;
	say(victims, flood, victim, so_far, moment);
	victim->total -= so_far; /* counted when its second is over */
}
