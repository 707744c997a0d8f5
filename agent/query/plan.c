/*
 * What must be read: the range of time and the addresses without which no record matches, from the
 * bottom of the tree up. What NOT says is not used: it would only widen.
 */
#include <string.h>

#include "agent/query/internal.h"
#include "agent/util/addr.h"

/* What is known of the matches of one node. */
struct known {
	int64_t from, to;	   /* from <= end < to */
	unsigned int first, count; /* ranges of addresses, exact ones; a term's */
	const struct node *either; /* OR: its children's addresses together */
	size_t addrs;		   /* how many; 0 = any may match */
};

static const struct known everything = { .from = 0, .to = INT64_MAX };

static struct known known_of(const struct flow_query *query, int index);

static bool is_exact(const struct addr_range *range)
{
	return addr_is_equal(&range->low, &range->high);
}

static struct known known_of_term(const struct flow_query *query, const struct term *term)
{
	struct known known = everything;

	if (term->subject == SUBJECT_END) {
		const struct number_range *range = &query->numbers[term->first];

		known.from = (int64_t)range->low;
		known.to = range->high >= INT64_MAX ? INT64_MAX : (int64_t)range->high + 1;
		return known;
	}
	if (term->subject != SUBJECT_SRC && term->subject != SUBJECT_DST &&
	    term->subject != SUBJECT_EITHER)
		return known;
	for (unsigned int i = 0; i < term->count; i++)
		if (!is_exact(&query->ranges[term->first + i]))
			return known;
	known.first = term->first;
	known.count = term->count;
	known.addrs = term->count;
	return known;
}

/* All of them hold: the narrowest time, the fewest addresses. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parentheses of a query, FLOW_QUERY_DEPTH_MAX */
static struct known known_of_all(const struct flow_query *query, const struct node *node)
{
	struct known known = everything;

	for (int at = node->child; at >= 0; at = query->nodes[at].next) {
		struct known child = known_of(query, at);
		int64_t from = child.from > known.from ? child.from : known.from;
		int64_t to = child.to < known.to ? child.to : known.to;

		if (child.addrs && (!known.addrs || child.addrs < known.addrs))
			known = child;
		known.from = from;
		known.to = to;
	}
	return known;
}

/* One of them holds: the widest time, and every address, if each of them needs one. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parentheses of a query, FLOW_QUERY_DEPTH_MAX */
static struct known known_of_any(const struct flow_query *query, const struct node *node)
{
	struct known known = { .from = INT64_MAX, .to = 0, .either = node };
	bool all_have = true;

	for (int at = node->child; at >= 0; at = query->nodes[at].next) {
		struct known child = known_of(query, at);

		if (child.from < known.from)
			known.from = child.from;
		if (child.to > known.to)
			known.to = child.to;
		all_have &= child.addrs > 0;
		known.addrs += child.addrs;
	}
	if (!all_have || known.addrs > FLOW_QUERY_ADDRS_MAX) {
		known.addrs = 0;
		known.either = NULL;
	}
	return known;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parentheses of a query, FLOW_QUERY_DEPTH_MAX */
static struct known known_of(const struct flow_query *query, int index)
{
	const struct node *node = &query->nodes[index];

	switch (node->kind) {
	case NODE_TERM:
		return known_of_term(query, &query->terms[node->term]);
	case NODE_AND:
		return known_of_all(query, node);
	case NODE_OR:
		return known_of_any(query, node);
	case NODE_NOT:
	case NODE_ALL:
		break;
	}
	return everything;
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parentheses of a query, FLOW_QUERY_DEPTH_MAX */
static void collect(struct flow_query *query, const struct known *known)
{
	if (known->either) {
		for (int at = known->either->child; at >= 0; at = query->nodes[at].next) {
			struct known child = known_of(query, at);

			collect(query, &child);
		}
		return;
	}
	for (unsigned int i = 0; i < known->count; i++)
		query->addrs[query->plan.addr_count++] = query->ranges[known->first + i].low;
}

static unsigned int needs_of_texts(unsigned int texts)
{
	unsigned int needs = texts & TEXT_ENDS ? FLOW_NEED_ADDRS : 0;

	if (texts & TEXT_IFACE)
		needs |= FLOW_NEED_STATE;
	if (texts & ~(unsigned int)(TEXT_ENDS | TEXT_IFACE))
		needs |= FLOW_NEED_NAMES;
	return needs;
}

static unsigned int needs_of(const struct term *term)
{
	switch (term->subject) {
	case SUBJECT_SRC:
	case SUBJECT_DST:
	case SUBJECT_EITHER:
	case SUBJECT_IP_VERSION:
		return FLOW_NEED_ADDRS;
	case SUBJECT_SPORT:
	case SUBJECT_DPORT:
	case SUBJECT_PORT:
		return FLOW_NEED_PORTS;
	case SUBJECT_PROTO:
		return FLOW_NEED_PROTO;
	case SUBJECT_BYTES:
	case SUBJECT_BYTES_OUT:
	case SUBJECT_BYTES_IN:
		return FLOW_NEED_BYTES;
	case SUBJECT_PACKETS:
	case SUBJECT_PACKETS_OUT:
	case SUBJECT_PACKETS_IN:
		return FLOW_NEED_PACKETS;
	case SUBJECT_DURATION:
		return FLOW_NEED_START;
	case SUBJECT_FLAGS:
		return FLOW_NEED_TCP;
	case SUBJECT_STATE:
	case SUBJECT_DIR:
		return FLOW_NEED_STATE;
	case SUBJECT_VLAN:
		return FLOW_NEED_VLAN;
	case SUBJECT_ID:
		return FLOW_NEED_ID;
	case SUBJECT_VERDICT:
	case SUBJECT_END:
		return 0;
	case SUBJECT_TEXT:
		return needs_of_texts(term->texts);
	case SUBJECT_ASN:
		return FLOW_NEED_ADDRS;
	default:
		return FLOW_NEED_NAMES;
	}
}

static bool is_of_history(const struct term *term)
{
	return term->subject == SUBJECT_VERDICT || term->subject == SUBJECT_RULE ||
	       term->subject == SUBJECT_INCIDENT;
}

void plan_query(struct flow_query *query)
{
	struct known known = known_of(query, query->root);

	query->plan.from_unix_ms = known.from;
	query->plan.to_unix_ms = known.to > known.from ? known.to : known.from;
	query->plan.addrs = query->addrs;
	if (known.addrs)
		collect(query, &known);
	for (unsigned int i = 0; i < query->term_count; i++) {
		query->plan.needs |= needs_of(&query->terms[i]);
		query->plan.has_verdict |= is_of_history(&query->terms[i]);
	}
}

const struct flow_query_plan *flow_query_plan(const struct flow_query *query)
{
	return &query->plan;
}
