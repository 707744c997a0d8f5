/*
 * Names that do not exist, many and different: a program looks for its master under generated names
 * (over many domains), or somebody wears down a domain's servers (below one).
 */
#include <errno.h>
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

/* Measured starting values: 30 different names in 60 s, 60 % of the answers. A search list makes
 * one domain of them all, which is no generator: more are needed there. */
#define WINDOW_MS      60000
#define NAMES_MIN      30
#define BASES_MIN      10
#define NAMES_ONE      100
#define SHARE_TENTHS   6
#define TUNNEL_BYTES   30 /* below one domain: data of a tunnel, which is told by its own name */
#define MEMORY_NS      (600 * NS_PER_S)
#define ROWS_PER_HOST  8
#define PORT_DNS       53
#define RCODE_NXDOMAIN 3 /* RFC 1035 4.1.1 */

struct asker {
	struct row row;
	struct addr src, dst;
	uint8_t proto;
	struct spread names;  /* not existing ones; value: hash of the domain */
	struct spread others; /* that were answered otherwise */
	uint64_t reported_ns, said_ns;
};

struct dga {
	struct rowset askers;
};

static const struct row_shape asker_shape = { .size = sizeof(struct asker), .keep_ns = MEMORY_NS };

static void dga_close(void *state)
{
	struct dga *dga = state;

	if (!dga)
		return;
	rowset_done(&dga->askers);
	free(dga);
}

static int dga_open(unsigned int hosts_max, void **state)
{
	struct dga *dga = calloc(1, sizeof(*dga));
	int error;

	if (!dga)
		return -ENOMEM;
	error = rowset_init(&dga->askers, hosts_max / ROWS_PER_HOST + 1, &asker_shape);
	if (error)
		dga_close(dga);
	else
		*state = dga;
	return error;
}

static uint64_t dga_full(const void *state)
{
	const struct dga *dga = state;

	return dga->askers.full;
}

static void dga_name(void *state, const struct name_event *event)
{
	struct dga *dga = state;
	const struct five_tuple *tuple = &event->tuple;
	struct spread_item item = { .at_ns = event->at_ns };
	struct domain domain;
	struct asker *asker;
	bool is_new;

	if (event->kind != NAME_DNS_ANSWER || tuple->dst_port != PORT_DNS ||
	    !event->dns->question_count || !domain_split(event->dns->questions[0].name, &domain) ||
	    domain.is_reverse || domain.is_lookup || domain.is_searched ||
	    domain.sub_bytes >= TUNNEL_BYTES)
		return;
	item.what = domain.name_hash;
	item.value = domain.base_hash;
	asker = rowset_take(&dga->askers, rowset_key(&dga->askers, &tuple->src, NULL, 0),
			    event->at_ns, &is_new);
	asker->src = tuple->src;
	if (event->dns->rcode != RCODE_NXDOMAIN) {
		(void)spread_add(&asker->others, &item); /* only how many there are counts */
		return;
	}
	asker->dst = tuple->dst;
	asker->proto = tuple->proto;
	(void)spread_add(&asker->names, &item); /* the same name again: no news */
	rowset_weigh(&dga->askers, asker, asker->names.total);
	if (asker->names.count >= NAMES_MIN)
		rowset_mark(&dga->askers, asker);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* How many different domains; the values come in order. */
static unsigned int count_bases(const struct spread *names)
{
	uint32_t bases[SPREAD_ITEMS];
	unsigned int count = spread_values(names, WINDOW_MS, bases), different = !!count;

	for (unsigned int i = 1; i < count; i++)
		different += bases[i] != bases[i - 1];
	return different;
}

static void say(const struct asker *asker, const struct spread_sum *sum, unsigned int bases,
		unsigned int others, const struct detect_moment *moment)
{
	unsigned int floor = bases >= BASES_MIN ? NAMES_MIN : NAMES_ONE;
	char src[ADDR_TEXT_MAX], span[32];
	struct finding finding = {
		.detector = DETECTOR_DGA,
		.severity = detect_severity(DETECTOR_DGA),
		.score = say_score(sum->count / (double)(sum->count + others), sum->count, floor),
		.src = asker->src,
		.dst = asker->dst,
		.dst_port = PORT_DNS,
		.proto = asker->proto,
		.first_unix_ms = detect_unix_ms(moment, sum->since_ns),
		.last_unix_ms = detect_unix_ms(moment, sum->until_ns),
		.count = sum->count,
	};

	say_span(sum->until_ns - sum->since_ns, span, sizeof(span));
	(void)snprintf(finding.reason, FINDING_REASON_MAX,
		       "%s asked for %u different names in %s that do not exist, below %u "
		       "domains; %u others exist. Normal is under %u in 60 s.",
		       addr_format(&asker->src, src), sum->count, span, bases, others, floor);
	say_number(&finding, &(struct say_number){ "names that do not exist", "names", sum->count,
						   0, floor - 1.0 });
	say_number(&finding, &(struct say_number){ "share of the answers", "share",
						   sum->count / (double)(sum->count + others), 0,
						   SHARE_TENTHS / 10.0 });
	say_number(&finding,
		   &(struct say_number){ "their domains", "domains", bases, 0, BASES_MIN - 1 });
	moment->on_finding(moment->arg, &finding);
}

/* Answered names that are as young as the newest one that does not exist. */
static unsigned int count_others(const struct asker *asker)
{
	if (asker->others.newest_ns + WINDOW_MS * NS_PER_MS < asker->names.newest_ns)
		return 0;
	return spread_window(&asker->others, WINDOW_MS, false).count;
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct asker *asker = row;
	struct spread_sum sum = spread_window(&asker->names, WINDOW_MS, false);
	unsigned int bases = count_bases(&asker->names), others = count_others(asker);

	(void)state;
	if (sum.count < (bases >= BASES_MIN ? NAMES_MIN : NAMES_ONE) ||
	    sum.count * 10 < (sum.count + others) * SHARE_TENTHS)
		return false;
	if (asker->said_ns && asker->reported_ns >= asker->names.newest_ns)
		return false;
	if (asker->said_ns && moment->now_ns < asker->said_ns + SAY_REPEAT_NS)
		return true;
	say(asker, &sum, bases, others, moment);
	asker->reported_ns = asker->names.newest_ns;
	asker->said_ns = moment->now_ns;
	return false;
}

static void dga_tick(void *state, const struct detect_moment *moment)
{
	struct dga *dga = state;

	rowset_judge(&dga->askers, judge, dga, moment);
}

const struct detector_ops dga_detector = {
	.open = dga_open,
	.close = dga_close,
	.name = dga_name,
	.tick = dga_tick,
	.full = dga_full,
};
