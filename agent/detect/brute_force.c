/*
 * Password guessing: one source opens many short connections of similar size to one login service,
 * which is known by its banner, else by its port.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/detect/detector.h"
#include "agent/detect/evidence.h"
#include "agent/detect/learned.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/detect/spread.h"
#include "agent/detect/try.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/name.h"

/* Measured starting values: 10 in 60 s. */
#define WINDOW_MS     60000
#define SERVICE_NS    (24ULL * 3600 * NS_PER_S) /* what a banner said is believed so long */
#define MEMORY_NS     (SPREAD_MEMORY_S * NS_PER_S)
#define EVIDENCE_AT   4
#define MUCH	      100 /* attempts: severity one up */
#define ROWS_PER_HOST 8

/*
 * A refused login is short, whatever the protocol: SSH takes 2.5 kB each way with one password and
 * 0.4 kB for each further one, up to six (measured: capture of an SSH brute force, 2019; OpenSSH
 * MaxAuthTries). Beyond it somebody works there.
 */
#define BYTES_MAX    12000
#define BYTES_MIN    200 /* less is a connection without a word */
#define DURATION_MAX (60 * NS_PER_S)
#define HEAD_BYTES   80 /* RFC 8200 3, RFC 9293 3.1: IPv6 and TCP with 20 bytes of options */

/* So many of ten lie within 30 % of the median: attempts that a server cuts short, because there
 * are too many at once, are a second size among them. */
#define SIMILAR_TENTHS 6
#define SIMILAR_PARTS  10
#define SIMILAR_WITHIN 3

struct service {
	uint16_t port;
	uint8_t floor;
	bool is_public_only; /* programs within a network connect to it as often */
	const char *name;
};

/* Ports of the IANA registry. */
static const struct service services[] = {
	{ 21, 10, false, "FTP" },	  { 22, 10, false, "SSH" },
	{ 23, 10, false, "telnet" },	  { 110, 20, false, "POP3" },
	{ 143, 20, false, "IMAP" },	  { 445, 20, true, "SMB" },
	{ 465, 20, false, "mail" },	  { 587, 20, false, "mail" },
	{ 993, 20, false, "IMAP" },	  { 995, 20, false, "POP3" },
	{ 1433, 20, true, "SQL Server" }, { 2222, 10, false, "SSH" },
	{ 2323, 10, false, "telnet" },	  { 3306, 20, true, "MySQL" },
	{ 3389, 10, false, "RDP" },	  { 5432, 20, true, "PostgreSQL" },
	{ 5900, 10, false, "VNC" },	  { 5985, 20, true, "WinRM" },
	{ 6379, 20, true, "Redis" },	  { 8291, 10, false, "Winbox" },
};
static const struct service by_banner = { 0, 10, false, "SSH" };

struct guessing {
	struct row row;
	struct addr src, dst;
	uint16_t port;
	const struct service *service;
	uint64_t reported_ns, said_ns;
	struct spread tries; /* by flow, value: bytes of both ways; its lists need not be cleared */
};

struct banner {
	struct row row;
};

struct brute_force {
	struct rowset guessings, banners;
	struct learned learned; /* connections in 60 s, per source */
	struct evidence evidence;
};

static const struct row_shape guessing_shape = { .size = sizeof(struct guessing),
						 .clear_size =
							 offsetof(struct guessing, tries.what),
						 .keep_ns = MEMORY_NS };
static const struct row_shape banner_shape = { .size = sizeof(struct banner),
					       .keep_ns = SERVICE_NS };

static void brute_force_close(void *state)
{
	struct brute_force *force = state;

	if (!force)
		return;
	rowset_done(&force->guessings);
	rowset_done(&force->banners);
	learned_done(&force->learned);
	evidence_done(&force->evidence);
	free(force);
}

static int brute_force_open(unsigned int hosts_max, void **state)
{
	struct brute_force *force = calloc(1, sizeof(*force));
	unsigned int rows = hosts_max / ROWS_PER_HOST + 1;
	int error;

	if (!force)
		return -ENOMEM;
	error = rowset_init(&force->guessings, rows, &guessing_shape);
	if (!error)
		error = rowset_init(&force->banners, rows, &banner_shape);
	if (!error)
		error = learned_init(&force->learned, rows);
	if (!error)
		error = evidence_init(&force->evidence);
	if (error)
		brute_force_close(force);
	else
		*state = force;
	return error;
}

static uint64_t brute_force_full(const void *state)
{
	const struct brute_force *force = state;

	return force->guessings.full + force->banners.full;
}

/* ---- which service ----------------------------------------------------------------------------
 */

/* Both ends say who they are (RFC 4253 4.2); whichever of them listens is one of the two. */
static void brute_force_name(void *state, const struct name_event *event)
{
	struct brute_force *force = state;
	const struct five_tuple *tuple = &event->tuple;
	bool is_new;

	if (event->kind != NAME_SSH_BANNER)
		return;
	(void)rowset_take(&force->banners,
			  rowset_key(&force->banners, &tuple->src, NULL, tuple->src_port),
			  event->at_ns, &is_new);
}

static const struct service *find_service(const struct brute_force *force,
					  const struct five_tuple *tuple)
{
	uint64_t key;

	for (size_t i = 0; i < sizeof(services) / sizeof(services[0]); i++)
		if (services[i].port == tuple->dst_port)
			return services[i].is_public_only && try_is_private(&tuple->src)
				       ? NULL
				       : &services[i];
	key = rowset_key(&force->banners, &tuple->dst, NULL, tuple->dst_port);
	return rowset_find(&force->banners, key) ? &by_banner : NULL;
}

/* ---- what a flow says -------------------------------------------------------------------------
 */

#define DATA (TCP_FLAG_SYN | TCP_FLAG_ACK)

/* A login sends something. Who only connects, takes the greeting and leaves looks whether the
 * service is there: balancers do every two seconds. */
static bool has_spoken(const struct flow *flow)
{
	return flow->tcp_flags_out & TCP_FLAG_PSH ||
	       flow->bytes_out > HEAD_BYTES * flow->packets_out;
}

static bool is_attempt(const struct flow *flow)
{
	uint64_t bytes = flow->bytes_out + flow->bytes_in;

	return has_spoken(flow) && flow->tuple.proto == IPPROTO_TCP && flow->state == FLOW_CLOSED &&
	       (flow->tcp_flags_in & DATA) == DATA && bytes >= BYTES_MIN && bytes <= BYTES_MAX &&
	       flow->last_ns - flow->first_ns <= DURATION_MAX;
}

static void brute_force_flow(void *state, const struct flow *flow)
{
	struct brute_force *force = state;
	const struct five_tuple *tuple = &flow->tuple;
	const struct spread_item item = {
		.what = (uint32_t)flow->id,
		.value = (uint32_t)(flow->bytes_out + flow->bytes_in),
		.at_ns = flow->first_ns,
	};
	const struct service *service;
	struct guessing *guessing;
	bool is_new;

	if (!is_attempt(flow))
		return;
	service = find_service(force, tuple);
	if (!service)
		return;
	guessing = rowset_take(
		&force->guessings,
		rowset_key(&force->guessings, &tuple->src, &tuple->dst, tuple->dst_port),
		flow->last_ns, &is_new);
	if (is_new) {
		guessing->src = tuple->src;
		guessing->dst = tuple->dst;
		guessing->port = tuple->dst_port;
	}
	guessing->service = service;
	(void)spread_add(&guessing->tries, &item); /* known: only its size has changed */
	rowset_weigh(&force->guessings, guessing, guessing->tries.total);
	if (guessing->tries.count >= EVIDENCE_AT)
		evidence_keep(&force->evidence, guessing->row.key, flow);
	rowset_mark(&force->guessings, guessing);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* What its connections of the last minute are like. */
struct tries_sum {
	unsigned int count, similar;
	uint32_t median; /* bytes */
	uint32_t limit;	 /* connections in 60 s, of this source */
};

/* How many of them are about as large as the one in the middle, whose size is @median. */
static unsigned int count_similar(const uint32_t *sizes, unsigned int count, uint32_t *median)
{
	unsigned int similar = 0;

	*median = sizes[count / 2];
	for (unsigned int i = 0; i < count; i++) {
		uint32_t off = sizes[i] > *median ? sizes[i] - *median : *median - sizes[i];

		similar += (uint64_t)off * SIMILAR_PARTS <= (uint64_t)*median * SIMILAR_WITHIN;
	}
	return similar;
}

static void say(const struct brute_force *force, const struct guessing *guessing,
		const struct spread_sum *sum, const struct tries_sum *tries,
		const struct detect_moment *moment)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], span[32];
	struct finding finding = {
		.detector = DETECTOR_BRUTE_FORCE,
		.severity = say_severity(DETECTOR_BRUTE_FORCE, guessing->tries.total, MUCH),
		.score = say_score(1, sum->count, tries->limit),
		.src = guessing->src,
		.dst = guessing->dst,
		.dst_port = guessing->port,
		.proto = IPPROTO_TCP,
		.first_unix_ms = detect_unix_ms(moment, sum->since_ns),
		.last_unix_ms = detect_unix_ms(moment, sum->until_ns),
		.count = sum->count,
	};

	say_span(sum->until_ns - sum->since_ns, span, sizeof(span));
	(void)snprintf(finding.reason, FINDING_REASON_MAX,
		       "%s connected %u times in %s to %s port %u (%s), each time for about %u "
		       "bytes, as refused logins do. Normal is under %u such connections in 60 s.",
		       addr_format(&guessing->src, src), sum->count, span,
		       addr_format(&guessing->dst, dst), guessing->port, guessing->service->name,
		       tries->median, tries->limit);
	evidence_give(&force->evidence, guessing->row.key, &finding);
	say_number(&finding,
		   &(struct say_number){ "connections", "", sum->count, 0, tries->limit - 1.0 });
	say_number(&finding, &(struct say_number){ "share of like size", "share",
						   tries->similar / (double)tries->count, 0,
						   SIMILAR_TENTHS / 10.0 });
	moment->on_finding(moment->arg, &finding);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct brute_force *force = state;
	struct guessing *guessing = row;
	struct spread_sum sum = spread_window(&guessing->tries, WINDOW_MS, true);
	uint32_t sizes[SPREAD_ITEMS];
	struct tries_sum tries = {
		.count = spread_values(&guessing->tries, WINDOW_MS, sizes),
		.limit = learned_limit(&force->learned, &guessing->src, guessing->service->floor),
	};

	if (!tries.count || sum.count < tries.limit) {
		learned_note(&force->learned, &guessing->src, sum.count, moment->now_ns);
		return false;
	}
	tries.similar = count_similar(sizes, tries.count, &tries.median);
	if (tries.similar * 10 < tries.count * SIMILAR_TENTHS ||
	    guessing->reported_ns >= sum.until_ns)
		return false;
	if (guessing->said_ns && moment->now_ns < guessing->said_ns + SAY_REPEAT_NS)
		return true;
	say(force, guessing, &sum, &tries, moment);
	guessing->reported_ns = sum.until_ns;
	guessing->said_ns = moment->now_ns;
	return false;
}

static void brute_force_tick(void *state, const struct detect_moment *moment)
{
	struct brute_force *force = state;

	rowset_judge(&force->guessings, judge, force, moment);
}

const struct detector_ops brute_force_detector = {
	.open = brute_force_open,
	.close = brute_force_close,
	.flow = brute_force_flow,
	.name = brute_force_name,
	.tick = brute_force_tick,
	.full = brute_force_full,
};
