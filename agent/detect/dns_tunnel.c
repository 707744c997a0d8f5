/*
 * DNS tunnel: data in the names below one domain. Many different long names a minute, or types of
 * records that carry much and that hardly anybody else asks for.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include "agent/detect/detector.h"
#include "agent/detect/domain.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/detect/spread.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/name.h"

#define WINDOW_MS     60000
#define MEMORY_NS     (600 * NS_PER_S)
#define ROWS_PER_HOST 8
#define PORT_DNS      53

/* Measured starting values: 50 different names in 60 s of 30 characters; an iodine session sends 15
 * a second, half of them of 8 characters, as NULL records (capture of iodine, nDPI's). */
#define LONG_NAMES  50
#define LONG_BYTES  30
#define NULL_NAMES  20
#define CARRY_NAMES 30
#define CARRY_BYTES 16

/* Types: RFC 1035 3.2.2, RFC 6895 3.1 (private use begins at 65280). */
enum {
	TYPE_CNAME = 5,
	TYPE_NULL = 10,
	TYPE_MX = 15,
	TYPE_TXT = 16,
	TYPE_SRV = 33,
	TYPE_PRIVATE = 65280,
};

/* A name's value in the list: its bytes, and what type of record was asked for. */
#define VALUE_BYTES 0xffff
#define VALUE_NULL  0x10000
#define VALUE_CARRY 0x20000

struct tunnel {
	struct row row;
	struct addr src, dst;
	char base[DOMAIN_BASE_MAX];
	uint8_t proto;
	uint64_t reported_ns, said_ns;
	struct spread names; /* last: its lists need not be cleared */
};

struct dns_tunnel {
	struct rowset tunnels;
};

static const struct row_shape tunnel_shape = { .size = sizeof(struct tunnel),
					       .clear_size = offsetof(struct tunnel, names.what),
					       .keep_ns = MEMORY_NS };

static void dns_tunnel_close(void *state)
{
	struct dns_tunnel *dns = state;

	if (!dns)
		return;
	rowset_done(&dns->tunnels);
	free(dns);
}

static int dns_tunnel_open(unsigned int hosts_max, void **state)
{
	struct dns_tunnel *dns = calloc(1, sizeof(*dns));
	int error;

	if (!dns)
		return -ENOMEM;
	error = rowset_init(&dns->tunnels, hosts_max / ROWS_PER_HOST + 1, &tunnel_shape);
	if (error)
		dns_tunnel_close(dns);
	else
		*state = dns;
	return error;
}

static uint64_t dns_tunnel_full(const void *state)
{
	const struct dns_tunnel *dns = state;

	return dns->tunnels.full;
}

static uint32_t value_of(const struct domain *domain, uint16_t type)
{
	uint32_t value = domain->sub_bytes & VALUE_BYTES;

	if (type == TYPE_NULL || type >= TYPE_PRIVATE)
		return value | VALUE_NULL;
	if (type == TYPE_TXT || type == TYPE_CNAME || type == TYPE_MX || type == TYPE_SRV)
		return value | VALUE_CARRY;
	return value;
}

static void take_question(struct dns_tunnel *dns, const struct name_event *event,
			  const struct dns_question *question)
{
	const struct five_tuple *tuple = &event->tuple;
	struct domain domain;
	struct spread_item item = { .at_ns = event->at_ns };
	struct tunnel *tunnel;
	bool is_new;

	if (!domain_split(question->name, &domain) || domain.is_reverse || domain.is_lookup ||
	    !domain.labels)
		return;
	item.what = domain.name_hash;
	item.value = value_of(&domain, question->type);
	tunnel = rowset_take(&dns->tunnels,
			     rowset_key(&dns->tunnels, &tuple->src, NULL, domain.base_hash),
			     event->at_ns, &is_new);
	if (is_new) {
		tunnel->src = tuple->src;
		(void)snprintf(tunnel->base, sizeof(tunnel->base), "%s", domain.base);
	}
	tunnel->dst = tuple->dst;
	tunnel->proto = tuple->proto;
	(void)spread_add(&tunnel->names, &item); /* asked again: no news */
	rowset_weigh(&dns->tunnels, tunnel, tunnel->names.total);
	if (tunnel->names.count >= NULL_NAMES)
		rowset_mark(&dns->tunnels, tunnel);
}

static void dns_tunnel_name(void *state, const struct name_event *event)
{
	if (event->kind != NAME_DNS_QUERY || event->tuple.dst_port != PORT_DNS)
		return; /* multicast DNS names neighbours */
	for (unsigned int i = 0; i < event->dns->question_count; i++)
		take_question(state, event, &event->dns->questions[i]);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

struct names_sum {
	unsigned int count, nulls, carries;
	unsigned int mean_bytes;
};

static struct names_sum sum_names(const struct tunnel *tunnel)
{
	uint32_t values[SPREAD_ITEMS];
	struct names_sum sum = { .count = spread_values(&tunnel->names, WINDOW_MS, values) };
	uint64_t bytes = 0;

	for (unsigned int i = 0; i < sum.count; i++) {
		bytes += values[i] & VALUE_BYTES;
		sum.nulls += !!(values[i] & VALUE_NULL);
		sum.carries += !!(values[i] & VALUE_CARRY);
	}
	sum.mean_bytes = sum.count ? (unsigned int)(bytes / sum.count) : 0;
	return sum;
}

/* The floor that is reached; 0: none. */
static unsigned int judge_sum(const struct names_sum *sum)
{
	if (sum->count >= NULL_NAMES && sum->nulls * 2 >= sum->count)
		return NULL_NAMES;
	if (sum->count >= LONG_NAMES && sum->mean_bytes >= LONG_BYTES)
		return LONG_NAMES;
	if (sum->count >= CARRY_NAMES && sum->mean_bytes >= CARRY_BYTES &&
	    sum->carries * 10 >= sum->count * 7)
		return CARRY_NAMES;
	return 0;
}

static void say(const struct tunnel *tunnel, const struct names_sum *sum, unsigned int floor,
		const struct detect_moment *moment)
{
	struct spread_sum window = spread_window(&tunnel->names, WINDOW_MS, true);
	char src[ADDR_TEXT_MAX], span[32], types[64] = "";
	struct finding finding = {
		.detector = DETECTOR_DNS_TUNNEL,
		.severity = detect_severity(DETECTOR_DNS_TUNNEL),
		.score = say_score(1, window.count, floor),
		.src = tunnel->src,
		.dst = tunnel->dst,
		.dst_port = PORT_DNS,
		.proto = tunnel->proto,
		.first_unix_ms = detect_unix_ms(moment, window.since_ns),
		.last_unix_ms = detect_unix_ms(moment, window.until_ns),
		.count = window.count,
	};

	say_span(window.until_ns - window.since_ns, span, sizeof(span));
	if (sum->nulls || sum->carries)
		(void)snprintf(types, sizeof(types), ", %u of %u for NULL, TXT or the like",
			       sum->nulls + sum->carries, sum->count);
	(void)snprintf(finding.reason, FINDING_REASON_MAX,
		       "%s asked for %u different names below %s in %s, %u characters long in the "
		       "mean%s. Normal is under %u in 60 s.",
		       addr_format(&tunnel->src, src), window.count, tunnel->base, span,
		       sum->mean_bytes, types, floor);
	say_number(&finding, &(struct say_number){ "different names", "names", window.count, 0,
						   floor - 1.0 });
	say_number(&finding, &(struct say_number){ "mean length of names", "bytes", sum->mean_bytes,
						   0, LONG_BYTES - 1 });
	say_number(&finding, &(struct say_number){ "share of NULL, TXT and the like", "share",
						   (sum->nulls + sum->carries) / (double)sum->count,
						   0, 0.5 });
	moment->on_finding(moment->arg, &finding);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct tunnel *tunnel = row;
	struct names_sum sum = sum_names(tunnel);
	unsigned int floor = judge_sum(&sum);

	(void)state;
	if (!floor || (tunnel->said_ns && tunnel->reported_ns >= tunnel->names.newest_ns))
		return false;
	if (tunnel->said_ns && moment->now_ns < tunnel->said_ns + SAY_REPEAT_NS)
		return true;
	say(tunnel, &sum, floor, moment);
	tunnel->reported_ns = tunnel->names.newest_ns;
	tunnel->said_ns = moment->now_ns;
	return false;
}

static void dns_tunnel_tick(void *state, const struct detect_moment *moment)
{
	struct dns_tunnel *dns = state;

	rowset_judge(&dns->tunnels, judge, dns, moment);
}

const struct detector_ops dns_tunnel_detector = {
	.open = dns_tunnel_open,
	.close = dns_tunnel_close,
	.name = dns_tunnel_name,
	.tick = dns_tunnel_tick,
	.full = dns_tunnel_full,
};
