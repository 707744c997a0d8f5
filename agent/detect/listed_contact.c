/*
 * Contact with what a list holds that only counts: one finding per host, place and list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/sketch_hash.h"

#define CONTACTS  4096
#define MEMORY_NS (24ULL * 3600 * NS_PER_S)
#define REPEAT_NS (600 * NS_PER_S)

struct listed {
	struct row row;
	struct five_tuple tuple;
	char list[64], domain[256];
	bool is_outgoing;
	uint64_t first_ns, last_ns, said_ns;
	uint32_t count;
};

struct listed_contact {
	struct rowset contacts;
};

static const struct row_shape listed_shape = { .size = sizeof(struct listed),
					       .keep_ns = MEMORY_NS };

static void listed_contact_close(void *state)
{
	struct listed_contact *contact = state;

	if (!contact)
		return;
	rowset_done(&contact->contacts);
	free(contact);
}

static int listed_contact_open(unsigned int hosts_max, void **state)
{
	struct listed_contact *contact = calloc(1, sizeof(*contact));
	int error;

	(void)hosts_max; /* what is listed is rare, else the list is wrong */
	if (!contact)
		return -ENOMEM;
	error = rowset_init(&contact->contacts, CONTACTS, &listed_shape);
	if (error)
		listed_contact_close(contact);
	else
		*state = contact;
	return error;
}

static uint64_t listed_contact_full(const void *state)
{
	const struct listed_contact *contact = state;

	return contact->contacts.full;
}

static uint64_t hash_text(const char *text)
{
	return text ? hash_bytes(text, strlen(text), 0) : 0;
}

void listed_contact_take(void *state, const struct detect_contact *hit)
{
	struct listed_contact *contact = state;
	uint64_t what = hash_pair(hash_text(hit->list), hash_text(hit->domain));
	struct listed *listed;
	bool is_new;

	listed = rowset_take(&contact->contacts,
			     rowset_key(&contact->contacts, &hit->tuple.src, &hit->tuple.dst, what),
			     hit->at_ns, &is_new);
	if (is_new) {
		listed->tuple = hit->tuple;
		listed->is_outgoing = hit->is_outgoing;
		listed->first_ns = hit->at_ns;
		(void)snprintf(listed->list, sizeof(listed->list), "%s", hit->list);
		if (hit->domain)
			(void)snprintf(listed->domain, sizeof(listed->domain), "%s", hit->domain);
	}
	listed->last_ns = hit->at_ns;
	rowset_weigh(&contact->contacts, listed, ++listed->count);
	rowset_mark(&contact->contacts, listed);
}

static void write_reason(const struct listed *listed, char *reason)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];
	const struct five_tuple *tuple = &listed->tuple;

	const char *holder = *listed->list ? "the list " : "a block entry that only counts";

	if (*listed->domain)
		(void)snprintf(reason, FINDING_REASON_MAX,
			       "%s asked %s for %.200s, which %s%s holds, %u times. Normal is 0.",
			       addr_format(&tuple->src, src), addr_format(&tuple->dst, dst),
			       listed->domain, holder, listed->list, listed->count);
	else
		(void)snprintf(reason, FINDING_REASON_MAX,
			       "%s sent packets to %s port %u, and %s%s holds %s; %u were looked "
			       "at. Normal is 0.",
			       addr_format(&tuple->src, src), addr_format(&tuple->dst, dst),
			       tuple->dst_port, holder, listed->list,
			       listed->is_outgoing ? "the latter" : "the former", listed->count);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct listed *listed = row;
	const struct five_tuple *tuple = &listed->tuple;
	struct finding finding = {
		.detector = DETECTOR_LISTED_CONTACT,
		/* from outside anybody may come; who goes there is another matter */
		.severity = listed->is_outgoing ? detect_severity(DETECTOR_LISTED_CONTACT)
						: SEVERITY_LOW,
		.score = 1,
		.src = tuple->src,
		.dst = tuple->dst,
		.dst_port = tuple->dst_port,
		.proto = tuple->proto,
		.first_unix_ms = detect_unix_ms(moment, listed->first_ns),
		.last_unix_ms = detect_unix_ms(moment, listed->last_ns),
		.count = listed->count,
	};

	(void)state;
	if (listed->said_ns && moment->now_ns < listed->said_ns + REPEAT_NS)
		return false;
	write_reason(listed, finding.reason);
	say_number(&finding,
		   &(struct say_number){ listed->domain[0] ? "questions for the name" : "packets",
					 "", listed->count, 0, 0 });
	moment->on_finding(moment->arg, &finding);
	listed->said_ns = moment->now_ns;
	return false;
}

static void listed_contact_tick(void *state, const struct detect_moment *moment)
{
	struct listed_contact *contact = state;

	rowset_judge(&contact->contacts, judge, contact, moment);
}

const struct detector_ops listed_contact_detector = {
	.open = listed_contact_open,
	.close = listed_contact_close,
	.tick = listed_contact_tick,
	.full = listed_contact_full,
};
