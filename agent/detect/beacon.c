/*
 * Regular contact: a program calls home. Times and sizes of its connections are alike, and hardly
 * any other host goes there. Regularity alone would name clocks and resolvers first (measured: NTP
 * and DNS score 0.97 to 1.00, a real botnet's master 0.63), so their ports are left out.
 */
#include <assert.h>
#include <errno.h>
#include <math.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "agent/detect/evidence.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/detect/try.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

/* Measured starting values: 24 connections, score 0.9, at most 2 % of the hosts. */
#define CONNECTIONS_MIN 24
#define SCORE_MIN	0.9
#define PREVALENCE	50 /* one host in so many */
#define KEPT		48
#define INTERVAL_MIN_MS 200 /* faster is a program at work, not one that waits */
#define MEMORY_NS	(7ULL * 24 * 3600 * NS_PER_S)
#define REPEAT_NS	(24ULL * 3600 * NS_PER_S)
#define EVIDENCE_AT	20
#define HOST_WORDS	64 /* bits of hosts seen: 4096 of them */
#define PLACE_BITS	64
#define SILENT		(-1)

/* Regular by their nature: DNS, DHCP, NTP, NetBIOS, SNMP, IKE, syslog, DNS over TLS, SSDP, STUN,
 * SIP, mDNS, LLMNR, and tunnels' keep-alives (IANA registry). */
static const uint16_t regular_ports[] = { 53,  67,   68,   123,	 137,  138,  161,  162,	 500,  514,
					  853, 1900, 3478, 4500, 5060, 5061, 5353, 5355, 51820 };

struct contact {
	struct row row;
	struct addr src, dst;
	uint16_t port;
	uint8_t proto;
	bool is_outgoing, is_answered;
	uint64_t first_ns; /* beginning of the first connection */
	uint64_t said_ns;
	uint32_t count; /* of all */
	uint32_t kept;
	/* the latest, in order of time: their beginnings, and bytes of both ways. A scan of the
	 * datapath hands flows up in no order. */
	uint64_t start_ns[KEPT];
	uint32_t size[KEPT];
};

/* A destination: by how many hosts it is contacted. */
struct place {
	struct row row;
	uint64_t sources;
};

struct beacon {
	struct rowset contacts, places;
	struct evidence evidence;
	uint64_t hosts[HOST_WORDS];
	unsigned int host_bits;
};

static const struct row_shape contact_shape = { .size = sizeof(struct contact),
						.clear_size = offsetof(struct contact, start_ns),
						.keep_ns = MEMORY_NS };
static const struct row_shape place_shape = { .size = sizeof(struct place), .keep_ns = MEMORY_NS };

static void beacon_close(void *state)
{
	struct beacon *beacon = state;

	if (!beacon)
		return;
	rowset_done(&beacon->contacts);
	rowset_done(&beacon->places);
	evidence_done(&beacon->evidence);
	free(beacon);
}

static int beacon_open(unsigned int hosts_max, void **state)
{
	struct beacon *beacon = calloc(1, sizeof(*beacon));
	int error;

	if (!beacon)
		return -ENOMEM;
	error = rowset_init(&beacon->contacts, hosts_max / 2 + 1, &contact_shape);
	if (!error)
		error = rowset_init(&beacon->places, hosts_max / 2 + 1, &place_shape);
	if (!error)
		error = evidence_init(&beacon->evidence);
	if (error)
		beacon_close(beacon);
	else
		*state = beacon;
	return error;
}

static uint64_t beacon_full(const void *state)
{
	const struct beacon *beacon = state;

	return beacon->contacts.full + beacon->places.full;
}

/* ---- connections ------------------------------------------------------------------------------
 */

static bool is_regular(const struct flow *flow)
{
	const struct five_tuple *tuple = &flow->tuple;

	if ((tuple->proto != IPPROTO_TCP && tuple->proto != IPPROTO_UDP) || !tuple->dst_port ||
	    try_is_group(&tuple->dst))
		return true;
	for (size_t i = 0; i < sizeof(regular_ports) / sizeof(regular_ports[0]); i++)
		if (regular_ports[i] == tuple->dst_port)
			return true;
	return false;
}

static struct place *take_place(struct beacon *beacon, const struct flow *flow)
{
	uint64_t key = rowset_key(&beacon->places, &flow->tuple.dst, NULL,
				  (uint64_t)flow->tuple.proto << 16 | flow->tuple.dst_port);
	uint64_t hash = addr_hash(&flow->tuple.src, 0x424541434fULL);
	unsigned int bit = (unsigned int)(hash % (HOST_WORDS * 64ULL));
	bool is_new;
	struct place *place = rowset_take(&beacon->places, key, flow->last_ns, &is_new);

	place->sources |= 1ULL << (hash >> 32) % PLACE_BITS;
	rowset_weigh(&beacon->places, place, (uint32_t)__builtin_popcountll(place->sources));
	if (!(beacon->hosts[bit / 64] >> (bit % 64) & 1)) {
		beacon->hosts[bit / 64] |= 1ULL << (bit % 64);
		beacon->host_bits++;
	}
	return place;
}

/* Where a connection that began at @start_ns is, or belongs: behind those that began before it. */
static uint32_t place_of(const struct contact *contact, uint64_t start_ns)
{
	uint32_t at = contact->kept;

	while (at > 0 && contact->start_ns[at - 1] >= start_ns)
		at--;
	return at;
}

static void insert(struct contact *contact, uint32_t at, uint64_t start_ns)
{
	if (contact->kept == KEPT) { /* the oldest goes */
		at--;
		memmove(contact->start_ns, contact->start_ns + 1,
			at * sizeof(contact->start_ns[0]));
		memmove(contact->size, contact->size + 1, at * sizeof(contact->size[0]));
	} else {
		uint32_t behind = contact->kept++ - at;

		memmove(contact->start_ns + at + 1, contact->start_ns + at,
			behind * sizeof(contact->start_ns[0]));
		memmove(contact->size + at + 1, contact->size + at,
			behind * sizeof(contact->size[0]));
	}
	contact->start_ns[at] = start_ns;
}

/* Returns whether it is a connection not known before. */
static bool note_connection(struct contact *contact, const struct flow *flow)
{
	uint64_t bytes = flow->bytes_out + flow->bytes_in;
	uint32_t at = place_of(contact, flow->first_ns);
	bool is_known = at < contact->kept && contact->start_ns[at] == flow->first_ns;

	if (!is_known && at == 0 && contact->kept == KEPT)
		return false; /* older than all that is kept */
	if (!is_known) {
		insert(contact, at, flow->first_ns);
		at -= contact->count >= KEPT;
		if (!contact->count++ || flow->first_ns < contact->first_ns)
			contact->first_ns = flow->first_ns;
	}
	contact->size[at] = bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
	return !is_known;
}

static void beacon_flow(void *state, const struct flow *flow)
{
	struct beacon *beacon = state;
	const struct five_tuple *tuple = &flow->tuple;
	struct contact *contact;
	bool is_new;

	if (is_regular(flow))
		return;
	contact = rowset_take(&beacon->contacts,
			      rowset_key(&beacon->contacts, &tuple->src, &tuple->dst,
					 (uint64_t)tuple->proto << 16 | tuple->dst_port),
			      flow->last_ns, &is_new);
	if (is_new) {
		contact->src = tuple->src;
		contact->dst = tuple->dst;
		contact->port = tuple->dst_port;
		contact->proto = tuple->proto;
		contact->is_outgoing = !flow->ingress || (try_is_private(&tuple->src) &&
							  !try_is_private(&tuple->dst));
	}
	contact->is_answered |= flow->packets_in > 0;
	if (note_connection(contact, flow)) {
		rowset_weigh(&beacon->contacts, contact, contact->count);
		(void)take_place(beacon, flow);
		if (contact->count > CONNECTIONS_MIN)
			rowset_mark(&beacon->contacts, contact);
	}
	if (contact->count >= EVIDENCE_AT)
		evidence_keep(&beacon->evidence, contact->row.key, flow);
}

/* ---- how regular ------------------------------------------------------------------------------
 */

struct quartiles {
	double low, middle, high;
	double deviation; /* median of the distances from the middle */
};

static void sort(double *values, unsigned int count)
{
	for (unsigned int i = 1; i < count; i++) {
		double value = values[i];
		unsigned int at = i;

		for (; at > 0 && values[at - 1] > value; at--)
			values[at] = values[at - 1];
		values[at] = value;
	}
}

static struct quartiles quartiles_of(double values[KEPT], unsigned int count)
{
	struct quartiles q;

	assert(count > 0);
	sort(values, count);
	q.low = values[count / 4];
	q.middle = values[count / 2];
	q.high = values[count * 3 / 4];
	for (unsigned int i = 0; i < count; i++)
		values[i] = fabs(values[i] - q.middle);
	sort(values, count);
	q.deviation = values[count / 2];
	return q;
}

/* 1: all alike; 0: the half of them differ by as much as they are. */
static double evenness(const struct quartiles *q)
{
	double off = q->middle > 0 ? q->deviation / q->middle : 1;

	return off < 1 ? 1 - off : 0;
}

/* 1: as far up as down (Bowley's measure of skewness). */
static double symmetry(const struct quartiles *q)
{
	double width = q->high - q->low;

	if (width <= 0 || width < q->middle / 100)
		return 1;
	return 1 - fabs((q->low + q->high - 2 * q->middle) / width);
}

/* Mostly the evenness of the intervals: a jitter of 20 % up and down still scores 0.94, random
 * arrivals below 0.6. */
static double score_of(const struct contact *contact, struct quartiles *intervals)
{
	unsigned int count = contact->kept - 1; /* the last one's size may still grow */
	double values[KEPT];
	struct quartiles sizes;

	for (unsigned int i = 0; i < count; i++)
		values[i] = contact->size[i];
	sizes = quartiles_of(values, count);
	for (unsigned int i = 0; i < count; i++)
		values[i] = (double)(contact->start_ns[i + 1] - contact->start_ns[i]) / NS_PER_MS;
	*intervals = quartiles_of(values, count);
	if (intervals->middle < INTERVAL_MIN_MS)
		return 0;
	return (3 * evenness(intervals) + symmetry(intervals) + evenness(&sizes)) / 5;
}

/* ---- judging ----------------------------------------------------------------------------------
 */

static unsigned int estimate(unsigned int set, unsigned int bits)
{
	if (set >= bits)
		return bits * 10;
	return (unsigned int)(bits * log(bits / (double)(bits - set)) + 0.5);
}

static bool is_rare(const struct beacon *beacon, const struct contact *contact,
		    unsigned int *sources)
{
	const struct place *place = rowset_find(
		&beacon->places, rowset_key(&beacon->places, &contact->dst, NULL,
					    (uint64_t)contact->proto << 16 | contact->port));
	unsigned int hosts = estimate(beacon->host_bits, HOST_WORDS * 64);
	unsigned int set = place ? (unsigned int)__builtin_popcountll(place->sources) : 1;

	*sources = estimate(set, PLACE_BITS);
	return *sources <= (hosts / PREVALENCE > 1 ? hosts / PREVALENCE : 1);
}

/*
 * Who is asked regularly from outside is watched or balanced; what was there while everything was
 * new is what this network does, unless it goes out of it: nobody knows whether that is meant to
 * be. SILENT: not said.
 */
static int severity_of(const struct contact *contact, const struct detect_moment *moment)
{
	if (!contact->is_outgoing)
		return SILENT;
	if (contact->first_ns > moment->learn_until_ns && contact->is_answered)
		return detect_severity(DETECTOR_BEACON);
	if (contact->first_ns > moment->learn_until_ns)
		return SEVERITY_LOW; /* a program that tries again and again what is not there */
	return try_is_private(&contact->dst) || contact->said_ns ? SILENT : SEVERITY_LOW;
}

static void say(const struct beacon *beacon, const struct contact *contact, double score,
		const struct quartiles *intervals, const struct detect_moment *moment)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
	struct finding finding = {
		.detector = DETECTOR_BEACON,
		.severity = (uint8_t)severity_of(contact, moment),
		.score = (double)(unsigned int)(score * 1000 + 0.5) / 1000,
		.src = contact->src,
		.dst = contact->dst,
		.dst_port = contact->port,
		.proto = contact->proto,
		.first_unix_ms = detect_unix_ms(moment, contact->first_ns),
		.last_unix_ms = detect_unix_ms(moment, contact->start_ns[contact->kept - 1]),
		.count = contact->count,
	};

	(void)snprintf(finding.reason, FINDING_REASON_MAX,
		       "%s contacted %s port %u %u times, every %.1f s give or take %.1f s, with "
		       "messages of like size, and hardly any other host goes there. Normal are "
		       "irregular times: a score under %.1f, this is %.2f.",
		       addr_format(&contact->src, src), addr_format(&contact->dst, dst),
		       contact->port, contact->count, intervals->middle / 1000,
		       intervals->deviation / 1000, SCORE_MIN, score);
	evidence_give(&beacon->evidence, contact->row.key, &finding);
	say_number(&finding, &(struct say_number){ "regularity", "", score, 0, SCORE_MIN });
	say_number(&finding,
		   &(struct say_number){ "connections", "", contact->count, 0, CONNECTIONS_MIN });
	say_number(&finding,
		   &(struct say_number){ "deviation from the interval", "share",
					 intervals->deviation / intervals->middle, 0.25, 1 });
	moment->on_finding(moment->arg, &finding);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct beacon *beacon = state;
	struct contact *contact = row;
	struct quartiles intervals;
	unsigned int sources;
	double score;

	if (contact->count <= CONNECTIONS_MIN || severity_of(contact, moment) == SILENT ||
	    (contact->said_ns && moment->now_ns < contact->said_ns + REPEAT_NS))
		return false;
	score = score_of(contact, &intervals);
	if (score < SCORE_MIN || !is_rare(beacon, contact, &sources))
		return false;
	say(beacon, contact, score, &intervals, moment);
	contact->said_ns = moment->now_ns;
	return false;
}

static void beacon_tick(void *state, const struct detect_moment *moment)
{
	struct beacon *beacon = state;

	rowset_judge(&beacon->contacts, judge, beacon, moment);
}

const struct detector_ops beacon_detector = {
	.open = beacon_open,
	.close = beacon_close,
	.flow = beacon_flow,
	.tick = beacon_tick,
	.full = beacon_full,
};
