/*
 * Names on their way: a payload becomes a name, the name goes to its flow; the five-tuple of a
 * blocked one is remembered while the datapath is drained, and blocked right after.
 */
#include "agent/app/naming.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/app/aliases.h"
#include "agent/app/facts.h"
#include "agent/app/hits.h"
#include "agent/app/outlet.h"
#include "agent/capture/capture.h"
#include "agent/detect/detect.h"
#include "agent/flow/flow.h"
#include "agent/names/names.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "include/block.h"
#include "include/coverage.h"

#define STREAMS_MAX   4096  /* hellos and requests being put together at once */
#define ADDRS_MAX     16384 /* addresses whose names are known */
#define VERDICTS_MAX  1024  /* of one drain: more names than the kernel's event budget allows */
#define FLOW_BLOCK_NS (120 * NS_PER_S) /* longer than a TCP client retransmits its hello */

/* How long an alias of a blocked name is judged by it: its TTL, within these. */
#define ALIAS_LEAST_NS (60 * NS_PER_S)
#define ALIAS_MOST_NS  (3600 * NS_PER_S)
#define TYPE_CNAME     5 /* RFC 1035 3.2.2 */

struct verdict {
	struct five_tuple tuple;
	uint32_t rule_id;
	uint8_t layer;
};

struct naming_way {
	struct capture *capture;
	struct flow_table *flows;
	struct detect *detect;
	const struct hits *hits;
	struct facts *facts;
	struct names *names;
	struct aliases *aliases;
	struct outlet *outlet;
	struct verdict verdicts[VERDICTS_MAX];
	size_t verdict_count;
	uint64_t lost;
	struct log_limit limit;
};

/* ---- up: to the flow ------------------------------------------------------------------------- */

static const char *host_of(const struct http_message *http)
{
	return *http->authority ? http->authority : http->host;
}

static void name_flow(struct naming_way *way, const struct name_event *event)
{
	struct flow_naming naming = { 0 };

	switch (event->kind) {
	case NAME_TLS_HELLO:
	case NAME_QUIC_HELLO:
		naming.sni = event->hello->sni;
		naming.ja4 = event->hello->ja4;
		break;
	case NAME_HTTP_REQUEST:
		naming.host = host_of(event->http);
		break;
	case NAME_DNS_QUERY:
		if (event->dns->question_count)
			naming.host = event->dns->questions[0].name;
		break;
	default:
		return;
	}
	flow_table_name(way->flows, &event->tuple, event->iface, &naming);
}

void naming_way_begin(struct naming_way *way, const struct flow *flow)
{
	const struct five_tuple *tuple = &flow->tuple;
	const char *name =
		names_of_addr(way->names, &tuple->src, &tuple->dst, capture_now_ns(way->capture));
	const struct flow_naming naming = { .host = name };

	if (name)
		flow_table_name(way->flows, tuple, flow->iface, &naming);
	if (way->facts) {
		facts_see(way->facts, &tuple->src);
		facts_see(way->facts, &tuple->dst);
	}
}

/* ---- down: a blocked name ---------------------------------------------------------------------
 */

static void remember(struct naming_way *way, const struct name_event *event, uint8_t layer,
		     const char *name)
{
	uint32_t rule_id = *name ? capture_domain_find(way->capture, name) : 0;
	const char *target;

	if (!rule_id && layer != HIT_DNS && *name) {
		target = aliases_find(way->aliases, name, capture_now_ns(way->capture));
		rule_id = target ? capture_domain_find(way->capture, target) : 0;
	}
	if (!rule_id)
		return;
	if (way->verdict_count == VERDICTS_MAX) {
		way->lost++;
		log_write_limited(&way->limit, LOG_LEVEL_WARN,
				  "blocked names in more flows than can be cut at once lost=%llu",
				  (unsigned long long)way->lost);
		return;
	}
	way->verdicts[way->verdict_count++] =
		(struct verdict){ .tuple = event->tuple, .rule_id = rule_id, .layer = layer };
}

/*
 * An answer that leads on to a blocked name: a service asked for by the alias is cut like one asked
 * for by that name. Only where the question was seen: else anybody's packet could make an alias.
 */
static void learn_aliases(struct naming_way *way, const struct dns_message *dns)
{
	uint64_t now_ns = capture_now_ns(way->capture);

	for (unsigned int i = 0; dns->latency_ns && i < dns->answer_count; i++) {
		const struct dns_record *record = &dns->answers[i];
		uint64_t life_ns = record->ttl_s * NS_PER_S;

		if (record->type != TYPE_CNAME || !*record->rdata ||
		    strlen(record->rdata) >= NAME_TEXT_MAX ||
		    !capture_domain_find(way->capture, record->rdata))
			continue;
		life_ns = life_ns < ALIAS_LEAST_NS ? ALIAS_LEAST_NS : life_ns;
		life_ns = life_ns > ALIAS_MOST_NS ? ALIAS_MOST_NS : life_ns;
		aliases_put(way->aliases, record->name, record->rdata, now_ns + life_ns);
		if (dns->question_count)
			aliases_put(way->aliases, dns->questions[0].name, record->rdata,
				    now_ns + life_ns);
	}
}

static void judge(struct naming_way *way, const struct name_event *event)
{
	switch (event->kind) {
	case NAME_TLS_HELLO:
		remember(way, event, HIT_TLS, event->hello->sni);
		break;
	case NAME_QUIC_HELLO:
		remember(way, event, HIT_QUIC, event->hello->sni);
		break;
	case NAME_HTTP_REQUEST: /* servers differ in which of the two they go by */
		remember(way, event, HIT_HTTP, event->http->authority);
		remember(way, event, HIT_HTTP, event->http->host);
		break;
	case NAME_DNS_QUERY:
	case NAME_DNS_ANSWER:
		/* Of one packet the kernel judges the first question by itself, and a resolver's
		 * five-tuple carries others. A second one breaks the protocol (RFC 9619): whoever
		 * asks so hides something. */
		for (unsigned int i = event->is_pieced ? 0 : 1; i < event->dns->question_count; i++)
			remember(way, event, HIT_DNS, event->dns->questions[i].name);
		if (event->kind == NAME_DNS_ANSWER)
			learn_aliases(way, event->dns);
		break;
	default:
		break;
	}
}

/* ---- a name that is only counted --------------------------------------------------------------
 */

static void tell_counted(struct naming_way *way, const struct name_event *event, const char *name)
{
	uint32_t rule_id = *name ? capture_domain_counted(way->capture, name) : 0;
	const struct detect_contact contact = {
		.tuple = event->tuple,
		.is_outgoing = true, /* whoever asks for a name goes there */
		.list = hits_list_of(way->hits, rule_id),
		.domain = name,
		.at_ns = capture_now_ns(way->capture),
	};

	if (rule_id)
		detect_listed(way->detect, &contact);
}

static void look_counted(struct naming_way *way, const struct name_event *event)
{
	switch (event->kind) {
	case NAME_TLS_HELLO:
	case NAME_QUIC_HELLO:
		tell_counted(way, event, event->hello->sni);
		break;
	case NAME_HTTP_REQUEST:
		tell_counted(way, event, host_of(event->http));
		break;
	case NAME_DNS_QUERY:
		for (unsigned int i = 0; i < event->dns->question_count; i++)
			tell_counted(way, event, event->dns->questions[i].name);
		break;
	default:
		break;
	}
}

static void name_read(void *arg, const struct name_event *event)
{
	struct naming_way *way = arg;

	name_flow(way, event);
	detect_name(way->detect, event);
	look_counted(way, event);
	outlet_name(way->outlet, event);
	if (!event->rule_id)
		judge(way, event);
}

static void device_named(void *arg, const struct device_name *device)
{
	const struct naming_way *way = arg;

	if (way->facts)
		facts_learn(way->facts, device);
}

void naming_way_tell(struct naming_way *way, struct outlet *outlet)
{
	way->outlet = outlet;
}

void naming_way_enforce(struct naming_way *way)
{
	uint64_t until_ns = clock_boot_ns() + FLOW_BLOCK_NS;

	for (size_t i = 0; i < way->verdict_count; i++) {
		const struct verdict *verdict = &way->verdicts[i];
		int error = capture_flow_block(way->capture, &verdict->tuple, verdict->rule_id,
					       verdict->layer, until_ns);

		if (error)
			log_write_limited(&way->limit, LOG_LEVEL_ERROR,
					  "cannot cut a flow with a blocked name error=%s",
					  strerror(-error));
	}
	way->verdict_count = 0;
}

/* ---- life -------------------------------------------------------------------------------------
 */

void naming_way_take(struct naming_way *way, const struct payload *payload)
{
	names_take(way->names, payload);
}

void naming_way_expire(struct naming_way *way, uint64_t now_ns)
{
	names_expire(way->names, now_ns);
}

void naming_way_count(const struct naming_way *way, struct coverage_names *out)
{
	struct names_counters counters;

	names_count(way->names, &counters);
	*out = (struct coverage_names){ .payloads = counters.payloads,
					.malformed = counters.malformed,
					.cut = counters.cut,
					.full = counters.full,
					.undecrypted = counters.undecrypted,
					.unplaced = flow_table_names_lost(way->flows),
					.unblocked = way->lost };
}

struct names *naming_way_names(struct naming_way *way)
{
	return way->names;
}

int naming_way_new(const struct naming_ends *ends, struct naming_way **out)
{
	CLEANUP(naming_way_free) struct naming_way *way = calloc(1, sizeof(*way));
	const struct names_options options = {
		.streams = STREAMS_MAX,
		.addrs = ADDRS_MAX,
		.arg = way,
		.on_name = name_read,
		.on_device = device_named,
	};
	int error;

	if (!way)
		return -ENOMEM;
	way->capture = ends->capture;
	way->flows = ends->flows;
	way->detect = ends->detect;
	way->hits = ends->hits;
	way->facts = ends->facts;
	error = names_new(&options, &way->names);
	if (!error)
		error = aliases_new(&way->aliases);
	if (error)
		return error;
	*out = TAKE(way);
	return 0;
}

void naming_way_free(struct naming_way *way)
{
	if (!way)
		return;
	names_free(way->names);
	aliases_free(way->aliases);
	free(way);
}
