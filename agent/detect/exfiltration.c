/*
 * Large upload: one host sends much more to one other than it sends to anybody otherwise. Counted
 * before the flow table, each packet once; who began is learned from the flows.
 */
#include <errno.h>
#include <math.h>
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
#include "agent/util/units.h"

/* Measured starting values: 100 MB in 24 h, 80 % outwards, 6 deviations on logs. */
#define BYTES_MIN      100000000ULL
#define BYTES_MUCH     10000000000ULL
#define OUT_TENTHS     8
#define DEVIATIONS_MIN 6
#define HOURS_MIN      20 /* pairs' hours of a host before deviations mean anything */
#define FACTOR	       2  /* beyond the largest of them: a host whose hours differ much */
#define ALPHA	       0.05
#define LEAST	       0.25 /* added to the variance of logs */
#define DAY_NS	       (24ULL * 3600 * NS_PER_S)
#define HOUR_NS	       (3600 * NS_PER_S)
#define MEMORY_NS      (7 * DAY_NS)
#define REPEAT_NS      (60 * NS_PER_S)
#define DELTA_MIN      1000    /* bytes: smaller ones are never an upload */
#define FLOW_MIN       1000000 /* bytes of a flow that says who uploads */

struct pair {
	struct row row;
	struct addr ends[2]; /* in the order of addr_compare */
	uint64_t bytes[2];   /* sent by each, in the day */
	uint64_t hour_bytes[2];
	uint64_t first_ns, day_ns, hour_ns, last_ns;
	uint64_t said_ns, said_bytes;
	uint16_t port;
	uint8_t proto;
	uint8_t from; /* whose upload it is */
	bool is_known_from, is_outgoing;
	bool was_large; /* on an earlier day: a backup, then */
	bool was_said;	/* in this hour */
};

/* What a host sends to one other in an hour. */
struct sender {
	struct row row;
	double mean, variance;
	uint64_t largest;
	uint32_t hours;
};

/* An hour of a pair against those before it. */
struct against {
	bool is_known; /* there is a history */
	bool is_beyond;
	double usual, limit; /* bytes in an hour */
};

struct exfiltration {
	struct rowset pairs, senders;
	struct evidence evidence;
};

static const struct row_shape pair_shape = { .size = sizeof(struct pair), .keep_ns = MEMORY_NS };
static const struct row_shape sender_shape = { .size = sizeof(struct sender),
					       .keep_ns = MEMORY_NS };

static void exfiltration_close(void *state)
{
	struct exfiltration *x = state;

	if (!x)
		return;
	rowset_done(&x->pairs);
	rowset_done(&x->senders);
	evidence_done(&x->evidence);
	free(x);
}

static int exfiltration_open(unsigned int hosts_max, void **state)
{
	struct exfiltration *x = calloc(1, sizeof(*x));
	int error;

	if (!x)
		return -ENOMEM;
	error = rowset_init(&x->pairs, hosts_max / 2 + 1, &pair_shape);
	if (!error)
		error = rowset_init(&x->senders, hosts_max / 8 + 1, &sender_shape);
	if (!error)
		error = evidence_init(&x->evidence);
	if (error)
		exfiltration_close(x);
	else
		*state = x;
	return error;
}

static uint64_t exfiltration_full(const void *state)
{
	const struct exfiltration *x = state;

	return x->pairs.full + x->senders.full;
}

/* ---- counting ---------------------------------------------------------------------------------
 */

static uint64_t key_of(const struct exfiltration *x, const struct five_tuple *tuple, int *from)
{
	*from = addr_compare(&tuple->src, &tuple->dst) > 0;
	return *from ? rowset_key(&x->pairs, &tuple->dst, &tuple->src, 0)
		     : rowset_key(&x->pairs, &tuple->src, &tuple->dst, 0);
}

static void learn_hour(struct exfiltration *x, const struct pair *pair, int from)
{
	double value = log1p((double)pair->hour_bytes[from]);
	bool is_new;
	struct sender *sender =
		rowset_take(&x->senders, rowset_key(&x->senders, &pair->ends[from], NULL, 0),
			    pair->last_ns, &is_new);
	double d = value - sender->mean;

	if (pair->hour_bytes[from] > sender->largest)
		sender->largest = pair->hour_bytes[from];
	if (is_new)
		sender->mean = value;
	else
		sender->mean += ALPHA * d;
	if (!is_new)
		sender->variance = (1 - ALPHA) * (sender->variance + ALPHA * d * d);
	rowset_weigh(&x->senders, sender, ++sender->hours);
}

static void turn_hour(struct exfiltration *x, struct pair *pair, uint64_t now_ns)
{
	if (now_ns < pair->hour_ns + HOUR_NS)
		return;
	for (int i = 0; i < 2; i++)
		if (pair->hour_bytes[i] && !pair->was_said)
			learn_hour(x, pair, i); /* what was said to be one teaches nothing */
	pair->was_said = false;
	pair->hour_bytes[0] = pair->hour_bytes[1] = 0;
	pair->hour_ns = now_ns;
	if (now_ns < pair->day_ns + DAY_NS)
		return;
	if (pair->is_known_from && pair->bytes[pair->from] >= BYTES_MIN)
		pair->was_large = true;
	pair->bytes[0] = pair->bytes[1] = 0;
	pair->said_bytes = 0;
	pair->day_ns = now_ns;
}

static void exfiltration_delta(void *state, const struct flow_delta *delta)
{
	struct exfiltration *x = state;
	struct pair *pair;
	uint64_t key;
	bool is_new;
	int from;

	if (delta->bytes < DELTA_MIN || try_is_group(&delta->tuple.dst))
		return;
	key = key_of(x, &delta->tuple, &from);
	pair = rowset_take(&x->pairs, key, delta->last_ns, &is_new);
	if (is_new) {
		pair->ends[from] = delta->tuple.src;
		pair->ends[!from] = delta->tuple.dst;
		pair->first_ns = pair->day_ns = pair->hour_ns = delta->first_ns;
	}
	turn_hour(x, pair, delta->last_ns);
	pair->bytes[from] += delta->bytes;
	pair->hour_bytes[from] += delta->bytes;
	pair->last_ns = delta->last_ns;
	rowset_weigh(&x->pairs, pair, (pair->bytes[0] + pair->bytes[1]) >> 20);
	if (pair->bytes[from] >= BYTES_MIN && pair->is_known_from && pair->from == from)
		rowset_mark(&x->pairs, pair);
}

static void exfiltration_flow(void *state, const struct flow *flow)
{
	struct exfiltration *x = state;
	struct pair *pair;
	int from;

	if (flow->bytes_out < FLOW_MIN || flow->bytes_out < flow->bytes_in)
		return;
	pair = rowset_find(&x->pairs, key_of(x, &flow->tuple, &from));
	if (!pair)
		return;
	pair->is_known_from = true;
	pair->from = (uint8_t)from;
	pair->port = flow->tuple.dst_port;
	pair->proto = flow->tuple.proto;
	pair->is_outgoing = !flow->ingress ||
			    (try_is_private(&flow->tuple.src) && !try_is_private(&flow->tuple.dst));
	evidence_keep(&x->evidence, pair->row.key, flow);
	if (pair->bytes[from] >= BYTES_MIN)
		rowset_mark(&x->pairs, pair);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* 6 deviations above what the host sends to one other in an hour, or twice the most of it. */
static struct against compare(const struct exfiltration *x, const struct pair *pair)
{
	const struct sender *sender =
		rowset_find(&x->senders, rowset_key(&x->senders, &pair->ends[pair->from], NULL, 0));
	uint64_t hour = pair->hour_bytes[pair->from];
	struct against against = { .limit = BYTES_MIN };
	double far;

	if (!sender || sender->hours < HOURS_MIN)
		return against;
	far = expm1(sender->mean + DEVIATIONS_MIN * sqrt(sender->variance + LEAST));
	against.is_known = true;
	against.usual = expm1(sender->mean);
	against.limit = fmax(BYTES_MIN, fmin(far, FACTOR * (double)sender->largest));
	against.is_beyond = (double)hour >= against.limit;
	return against;
}

static uint8_t severity_of(const struct pair *pair, const struct against *against,
			   const struct detect_moment *moment)
{
	/* without a history, or there from the beginning: it may be meant to be */
	if (!against->is_known || !pair->is_outgoing || pair->first_ns < moment->learn_until_ns)
		return SEVERITY_LOW;
	return say_severity(DETECTOR_EXFILTRATION, pair->bytes[pair->from], BYTES_MUCH);
}

static void write_reason(const struct pair *pair, const struct against *against, char *reason)
{
	char from[ADDR_TEXT_MAX], to[ADDR_TEXT_MAX], sent[24], got[24], span[32];
	char usual[24], limit[24], normal[96] = "under 100 MB a day (no history yet)";

	units_format_bytes(pair->bytes[pair->from], sent, sizeof(sent));
	units_format_bytes(pair->bytes[!pair->from], got, sizeof(got));
	say_span(pair->last_ns - pair->day_ns, span, sizeof(span));
	units_format_bytes((uint64_t)against->usual, usual, sizeof(usual));
	units_format_bytes((uint64_t)against->limit, limit, sizeof(limit));
	if (against->is_known)
		(void)snprintf(normal, sizeof(normal), "%s an hour to one host, at most %s", usual,
			       limit);
	(void)snprintf(reason, FINDING_REASON_MAX,
		       "%s sent %s to %s in %s and got %s back. Normal is %s.",
		       addr_format(&pair->ends[pair->from], from), sent,
		       addr_format(&pair->ends[!pair->from], to), span, got, normal);
}

static void say(const struct exfiltration *x, const struct pair *pair,
		const struct against *against, const struct detect_moment *moment)
{
	uint64_t out = pair->bytes[pair->from], in = pair->bytes[!pair->from];
	double share = (double)out / (double)(out + in);
	struct finding finding = {
		.detector = DETECTOR_EXFILTRATION,
		.severity = severity_of(pair, against, moment),
		.score = say_score(share, (double)out, BYTES_MIN),
		.src = pair->ends[pair->from],
		.dst = pair->ends[!pair->from],
		.dst_port = pair->port,
		.proto = pair->proto,
		.first_unix_ms = detect_unix_ms(moment, pair->day_ns),
		.last_unix_ms = detect_unix_ms(moment, pair->last_ns),
		.count = out,
	};

	write_reason(pair, against, finding.reason);
	evidence_give(&x->evidence, pair->row.key, &finding);
	say_number(&finding, &(struct say_number){ "bytes sent to it in this hour", "bytes",
						   (double)pair->hour_bytes[pair->from],
						   against->usual, against->limit });
	say_number(&finding, &(struct say_number){ "share that went out", "share", share, 0,
						   OUT_TENTHS / 10.0 });
	moment->on_finding(moment->arg, &finding);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct exfiltration *x = state;
	struct pair *pair = row;
	uint64_t out = pair->bytes[pair->from], in = pair->bytes[!pair->from];
	struct against against;

	/* said again when it doubled: an upload goes on for hours */
	if (!pair->is_known_from || out < BYTES_MIN || out < 2 * pair->said_bytes ||
	    out * 10 < (out + in) * OUT_TENTHS || pair->was_large)
		return false;
	if (pair->said_ns && moment->now_ns < pair->said_ns + REPEAT_NS)
		return true;
	against = compare(x, pair);
	if (against.is_known && !against.is_beyond)
		return false;
	say(x, pair, &against, moment);
	pair->was_said = true;
	pair->said_ns = moment->now_ns;
	pair->said_bytes = out;
	return false;
}

static void exfiltration_tick(void *state, const struct detect_moment *moment)
{
	struct exfiltration *x = state;

	rowset_judge(&x->pairs, judge, x, moment);
}

const struct detector_ops exfiltration_detector = {
	.open = exfiltration_open,
	.close = exfiltration_close,
	.delta = exfiltration_delta,
	.flow = exfiltration_flow,
	.tick = exfiltration_tick,
	.full = exfiltration_full,
};
