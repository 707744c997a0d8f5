/*
 * One record against the list of conditions.
 */
#include <string.h>

#include "agent/query/internal.h"
#include "agent/util/addr.h"
#include "include/device.h"
#include "include/flow.h"
#include "include/history.h"

static bool in_numbers(const struct flow_query *query, const struct term *term, uint64_t value)
{
	const struct number_range *range = &query->numbers[term->first];

	for (unsigned int i = 0; i < term->count; i++, range++)
		if (value >= range->low && value <= range->high)
			return true;
	return false;
}

static bool in_ranges(const struct flow_query *query, const struct term *term,
		      const struct addr *addr)
{
	for (unsigned int i = 0; i < term->count; i++)
		if (addr_range_has(&query->ranges[term->first + i], addr))
			return true;
	return false;
}

static bool has_flags(const struct flow_query *query, const struct term *term, unsigned int flags)
{
	for (unsigned int i = 0; i < term->count; i++) {
		unsigned int asked = (unsigned int)query->numbers[term->first + i].low;

		if (term->flags_how == FLAGS_ARE ? flags == asked : (flags & asked) == asked)
			return true;
	}
	return false;
}

static uint64_t duration_ms(const struct flow_record *record)
{
	return record->end_unix_ms > record->start_unix_ms
		       ? (uint64_t)(record->end_unix_ms - record->start_unix_ms)
		       : 0;
}

static uint64_t number_of(enum subject subject, const struct flow_record *record)
{
	switch (subject) {
	case SUBJECT_SPORT:
		return record->tuple.src_port;
	case SUBJECT_DPORT:
		return record->tuple.dst_port;
	case SUBJECT_PROTO:
		return record->tuple.proto;
	case SUBJECT_BYTES:
		return record->bytes_out + record->bytes_in;
	case SUBJECT_BYTES_OUT:
		return record->bytes_out;
	case SUBJECT_BYTES_IN:
		return record->bytes_in;
	case SUBJECT_PACKETS:
		return record->packets_out + record->packets_in;
	case SUBJECT_PACKETS_OUT:
		return record->packets_out;
	case SUBJECT_PACKETS_IN:
		return record->packets_in;
	case SUBJECT_DURATION:
		return duration_ms(record);
	case SUBJECT_STATE:
		return record->state;
	case SUBJECT_VERDICT:
		return record->verdict;
	case SUBJECT_RULE:
		return record->rule_id;
	case SUBJECT_INCIDENT:
		return (uint64_t)record->incident_id;
	case SUBJECT_VLAN:
		return record->vlan;
	case SUBJECT_DIR:
		return record->ingress ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	case SUBJECT_IP_VERSION:
		return record->tuple.src.family;
	case SUBJECT_ID:
		return record->id;
	case SUBJECT_PID:
		return record->pid;
	case SUBJECT_UID:
		return record->uid;
	default:
		return (uint64_t)record->end_unix_ms;
	}
}

static bool has_text(const struct flow_query *query, const struct term *term, const char *text)
{
	for (unsigned int i = 0; i < term->count; i++)
		if (text_matches(&query->patterns[term->first + i], text ? text : ""))
			return true;
	return false;
}

static const struct flow_ends *ends_of(const struct flow_texts *texts,
				       const struct flow_record *record)
{
	static const struct flow_ends unknown;
	const struct flow_ends *ends =
		texts && texts->ends ? texts->ends(texts->ends_arg, record) : NULL;

	return ends ? ends : &unknown;
}

/* In the order of enum text_bit; of the last ones, each end has one. */
#define OWN_TEXTS 6
#define ALL_TEXTS 12

static unsigned int list_texts(const struct term *term, const struct flow_texts *of,
			       const struct flow_record *record, const char *all[ALL_TEXTS])
{
	const char *const own[OWN_TEXTS] = { of->sni,	of->host,    of->ja4,
					     of->iface, of->process, of->unit };
	const struct flow_ends *ends;

	memcpy(all, own, sizeof(own));
	if (!(term->texts & TEXT_ENDS))
		return OWN_TEXTS;
	ends = ends_of(of, record);
	all[6] = ends->src.place.country;
	all[7] = ends->dst.place.country;
	all[8] = ends->src.place.owner;
	all[9] = ends->dst.place.owner;
	all[10] = ends->src.name;
	all[11] = ends->dst.name;
	return ALL_TEXTS;
}

static bool is_meant(const struct term *term, unsigned int at)
{
	return term->texts & 1U << (at < OWN_TEXTS ? at : OWN_TEXTS + (at - OWN_TEXTS) / 2);
}

static bool has_asn(const struct flow_query *query, const struct term *term,
		    const struct flow_ends *ends)
{
	return in_numbers(query, term, ends->src.place.asn) ||
	       in_numbers(query, term, ends->dst.place.asn);
}

/* "" asks that all of them be unknown; anything else that one of them fits. */
static bool has_texts(const struct flow_query *query, const struct term *term,
		      const struct flow_texts *texts, const struct flow_record *record)
{
	static const struct flow_texts unknown;
	const char *all[ALL_TEXTS];
	unsigned int count = list_texts(term, texts ? texts : &unknown, record, all);
	bool any_known = false;

	for (unsigned int i = 0; i < count; i++) {
		if (!is_meant(term, i) || !all[i] || !*all[i])
			continue;
		any_known = true;
		if (has_text(query, term, all[i]))
			return true;
	}
	return !any_known && has_text(query, term, "");
}

/* A record on its way through; its texts are read once. */
struct walk {
	const struct flow_query *query;
	const struct flow_record *record;
	flow_texts_fn ask;
	void *arg;
	const struct flow_texts *texts;
	bool has_asked;
};

static const struct flow_texts *texts_of(struct walk *walk)
{
	if (!walk->has_asked && walk->ask)
		walk->texts = walk->ask(walk->arg, walk->record);
	walk->has_asked = true;
	return walk->texts;
}

static bool is_true(struct walk *walk, const struct term *term)
{
	const struct flow_query *query = walk->query;
	const struct flow_record *record = walk->record;

	switch (term->subject) {
	case SUBJECT_SRC:
		return in_ranges(query, term, &record->tuple.src);
	case SUBJECT_DST:
		return in_ranges(query, term, &record->tuple.dst);
	case SUBJECT_EITHER:
		return in_ranges(query, term, &record->tuple.src) ||
		       in_ranges(query, term, &record->tuple.dst);
	case SUBJECT_PORT:
		return in_numbers(query, term, record->tuple.src_port) ||
		       in_numbers(query, term, record->tuple.dst_port);
	case SUBJECT_FLAGS:
		return has_flags(query, term, record->tcp_flags_out | record->tcp_flags_in);
	case SUBJECT_TEXT:
		return has_texts(query, term, texts_of(walk), record);
	case SUBJECT_ASN:
		return has_asn(query, term, ends_of(texts_of(walk), record));
	default:
		return in_numbers(query, term, number_of(term->subject, record));
	}
}

bool flow_query_matches(const struct flow_query *query, const struct flow_record *record,
			flow_texts_fn texts, void *arg)
{
	struct walk walk = { .query = query, .record = record, .ask = texts, .arg = arg };
	int at = query->start;

	while (at >= 0) {
		const struct term *term = &query->terms[at];

		at = is_true(&walk, term) ? term->on_true : term->on_false;
	}
	return at == TERM_ACCEPT;
}
