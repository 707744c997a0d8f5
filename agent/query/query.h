/*
 * The search language of docs/search.md: text in, a checked query out, which says what to read (the
 * plan) and whether a record matches. Live flows and the history use the same matcher. Owns no
 * data of the store and reads no clock. Pure; a parsed query is read-only and may be shared.
 */
#ifndef SLUICE_QUERY_QUERY_H
#define SLUICE_QUERY_QUERY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct flow_ends;
struct flow_query;
struct flow_record;

/* A filter that a person types, or a script joins from a short list; longer ones are refused. */
#define FLOW_QUERY_TEXT_MAX   2048
#define FLOW_QUERY_TERMS_MAX  64   /* conditions */
#define FLOW_QUERY_VALUES_MAX 512  /* values of all conditions together */
#define FLOW_QUERY_DEPTH_MAX  16   /* parentheses and NOT inside each other */
#define FLOW_QUERY_ADDRS_MAX  1024 /* exact addresses of a plan; more are no plan */

struct flow_query_error {
	unsigned int column; /* of the word at fault, from 1, in characters */
	char text[320];	     /* a sentence with the word and the column */
};

/*
 * flow_query_parse - one line of the language; "" matches everything.
 * @now_unix_ms: what "since:1h" counts back from
 * @error: filled on -EINVAL
 * Returns 0, -EINVAL, -ENOMEM.
 */
int flow_query_parse(const char *text, int64_t now_unix_ms, struct flow_query **out,
		     struct flow_query_error *error);
void flow_query_free(struct flow_query *query); /* accepts NULL */
DEFINE_CLEANUP(flow_query_free, struct flow_query)

/* flow_query_time - one time as the language writes it: 1h, today, RFC 3339. -EINVAL. */
int flow_query_time(const char *text, int64_t now_unix_ms, int64_t *unix_ms);

/* What is known of the ends of @record: country, network, name. Borrowed until the next call. */
typedef const struct flow_ends *(*flow_ends_fn)(void *arg, const struct flow_record *record);

/* What a record does not hold itself; NULL or "" where unknown. */
struct flow_texts {
	const char *sni, *host, *ja4;
	const char *iface, *process, *unit;
	flow_ends_fn ends; /* asked only when it is needed; NULL: nobody knows */
	void *ends_arg;
};

/* The texts of @record, asked at most once per record and only when a condition needs them. */
typedef const struct flow_texts *(*flow_texts_fn)(void *arg, const struct flow_record *record);

/* flow_query_matches - @texts may be NULL: no text is known. */
bool flow_query_matches(const struct flow_query *query, const struct flow_record *record,
			flow_texts_fn texts, void *arg);

/* Parts of a record that conditions or groups look at. */
enum flow_need {
	FLOW_NEED_ADDRS = 1 << 0,
	FLOW_NEED_PORTS = 1 << 1,
	FLOW_NEED_PROTO = 1 << 2,
	FLOW_NEED_BYTES = 1 << 3,
	FLOW_NEED_PACKETS = 1 << 4,
	FLOW_NEED_START = 1 << 5,
	FLOW_NEED_TCP = 1 << 6,
	FLOW_NEED_STATE = 1 << 7, /* state, interface, direction */
	FLOW_NEED_VLAN = 1 << 8,
	FLOW_NEED_ID = 1 << 9,
	FLOW_NEED_NAMES = 1 << 10, /* texts but the interface's; rule, incident, pid, uid */
	FLOW_NEED_SRC = 1 << 11,   /* one of the addresses alone */
	FLOW_NEED_DST = 1 << 12,
};

/* What must be read to find every match; pointers live as long as the query. */
struct flow_query_plan {
	int64_t from_unix_ms, to_unix_ms; /* ends of records: from <= end < to */
	bool has_time;			  /* the text names a time */
	bool has_verdict;	  /* it asks for what flows of the moment never have: verdict, rule,
				     incident */
	unsigned int needs;	  /* enum flow_need */
	const struct addr *addrs; /* every match has one of these as source or destination */
	size_t addr_count;	  /* 0: any address may match */
};

const struct flow_query_plan *flow_query_plan(const struct flow_query *query);

/* Names shown to people, the same in answers and searches; "" beyond the enums. */
const char *flow_state_name(uint8_t state);
const char *flow_verdict_name(uint8_t verdict);

/* What records can be grouped by. */
enum flow_group {
	FLOW_GROUP_SRC,
	FLOW_GROUP_DST,
	FLOW_GROUP_SPORT,
	FLOW_GROUP_DPORT,
	FLOW_GROUP_PROTO,
	FLOW_GROUP_SNI,
	FLOW_GROUP_HOST,
	FLOW_GROUP_DOMAIN, /* the SNI, else the host name */
	FLOW_GROUP_JA4,
	FLOW_GROUP_IFACE,
	FLOW_GROUP_VLAN,
	FLOW_GROUP_STATE,
	FLOW_GROUP_VERDICT,
	FLOW_GROUP_RULE,
	FLOW_GROUP_DIR,
	FLOW_GROUP_PROCESS,
	FLOW_GROUP_UNIT,
	FLOW_GROUP_COUNTRY, /* of the destination, else of the source */
	FLOW_GROUP_ASN,	    /* likewise, with its owner */
	FLOW_GROUP_COUNT
};

/* flow_group_parse - a field's name. Returns 0 or -EINVAL. */
int flow_group_parse(const char *text, enum flow_group *group);
const char *flow_group_name(enum flow_group group);
/* flow_group_needs - enum flow_need. */
unsigned int flow_group_needs(enum flow_group group);
/* flow_group_is_text - the key is one of struct flow_texts. */
bool flow_group_is_text(enum flow_group group);

#define FLOW_GROUP_KEY_MAX 256
/*
 * flow_group_key - the bytes that records of one group share, at most FLOW_GROUP_KEY_MAX.
 * @texts: may be NULL. Returns the length; 0 is the group of what is unknown.
 */
size_t flow_group_key(enum flow_group group, const struct flow_record *record,
		      const struct flow_texts *texts, uint8_t key[static FLOW_GROUP_KEY_MAX]);
/* flow_group_format - a key as people read it; "" for an empty one. Returns @text. */
const char *flow_group_format(enum flow_group group, const uint8_t *key, size_t len,
			      char text[static FLOW_GROUP_KEY_MAX + 1]);

/* What an indicator of a hunt is: an address, a prefix, a name or a JA4 fingerprint. */
enum indicator_kind {
	INDICATOR_ADDRESS,
	INDICATOR_PREFIX,
	INDICATOR_DOMAIN,
	INDICATOR_JA4
};

#define INDICATOR_TEXT_MAX 256

struct indicator {
	enum indicator_kind kind;
	struct prefix prefix;
	char text[INDICATOR_TEXT_MAX]; /* as written, a name in lower case without its last dot */
};

/* indicator_parse - one word; defanged forms (hxxp, [.]) too. -EINVAL: it is none of them. */
int indicator_parse(const char *text, struct indicator *out);
const char *indicator_kind_name(enum indicator_kind kind);

struct indicator_set;

/*
 * indicator_set_new - copies; finding is a search by hash, also among many indicators.
 * Returns 0 or -ENOMEM.
 */
int indicator_set_new(const struct indicator *indicators, size_t count, struct indicator_set **out);
void indicator_set_free(struct indicator_set *set); /* accepts NULL */
DEFINE_CLEANUP(indicator_set_free, struct indicator_set)
/* indicator_set_list - as given; a hit names an index of it. */
const struct indicator *indicator_set_list(const struct indicator_set *set);
bool indicator_set_needs_texts(const struct indicator_set *set);
/* indicator_set_addrs - as in a plan: 0 when a match need not have one of them. */
size_t indicator_set_addrs(const struct indicator_set *set, const struct addr **addrs);
/* Called with the index of each indicator that the record shows. */
typedef void (*indicator_hit_fn)(void *arg, size_t index, const struct flow_record *record);
/* indicator_set_match - Returns how many indicators the record shows. */
size_t indicator_set_match(const struct indicator_set *set, const struct flow_record *record,
			   const struct flow_texts *texts, indicator_hit_fn hit, void *arg);

#endif
