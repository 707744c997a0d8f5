/*
 * The parts of the search language and what they share. Only agent/query includes it.
 *   fields.c    the one table of fields; which word a mistyped one was meant to be
 *   lex.c       words, parentheses, operators, with their place
 *   values.c    values of a condition: addresses, numbers, sizes, times, texts
 *   parse.c     the grammar: conditions into a tree
 *   compile.c   the tree into a list of conditions with jumps, cheap ones first
 *   plan.c      what must be read
 *   match.c     one record against the list
 *   text.c      wildcards and names
 *   group.c     keys to group by
 *   indicator.c, hunt.c   what a hunt looks for
 */
#ifndef SLUICE_QUERY_INTERNAL_H
#define SLUICE_QUERY_INTERNAL_H

#include "agent/query/query.h"

/* ---- fields.c -------------------------------------------------------------------------------- */

/* What values of a field look like. */
enum value_type {
	VALUE_ADDR,
	VALUE_HOST, /* an address, else a name */
	VALUE_PORT,
	VALUE_PROTO,
	VALUE_SIZE,
	VALUE_COUNT, /* a plain number, with k M G */
	VALUE_ASN,   /* a number, "AS" before it or not */
	VALUE_DURATION,
	VALUE_STATE,
	VALUE_VERDICT,
	VALUE_DIR,
	VALUE_FLAGS,
	VALUE_NAME,   /* a part of it, or wildcards */
	VALUE_DOMAIN, /* the name and everything below it */
	VALUE_WORD,   /* the whole, or wildcards */
	VALUE_SINCE,
	VALUE_UNTIL
};

/* What a condition looks at. */
enum subject {
	SUBJECT_SRC,
	SUBJECT_DST,
	SUBJECT_EITHER, /* source or destination */
	SUBJECT_SPORT,
	SUBJECT_DPORT,
	SUBJECT_PORT, /* source or destination port */
	SUBJECT_PROTO,
	SUBJECT_BYTES,
	SUBJECT_BYTES_OUT,
	SUBJECT_BYTES_IN,
	SUBJECT_PACKETS,
	SUBJECT_PACKETS_OUT,
	SUBJECT_PACKETS_IN,
	SUBJECT_DURATION,
	SUBJECT_STATE,
	SUBJECT_VERDICT,
	SUBJECT_RULE,
	SUBJECT_INCIDENT,
	SUBJECT_VLAN,
	SUBJECT_DIR,
	SUBJECT_IP_VERSION,
	SUBJECT_ID,
	SUBJECT_PID,
	SUBJECT_UID,
	SUBJECT_ASN, /* of source or destination */
	SUBJECT_END,
	SUBJECT_FLAGS,
	SUBJECT_TEXT /* enum text_bit says which */
};

enum text_bit {
	TEXT_SNI = 1 << 0,
	TEXT_HOST = 1 << 1,
	TEXT_JA4 = 1 << 2,
	TEXT_IFACE = 1 << 3,
	TEXT_PROCESS = 1 << 4,
	TEXT_UNIT = 1 << 5,
	/* of both ends */
	TEXT_COUNTRY = 1 << 6,
	TEXT_OWNER = 1 << 7,
	TEXT_DEVICE = 1 << 8,
	TEXT_ENDS = TEXT_COUNTRY | TEXT_OWNER | TEXT_DEVICE,
};

struct field {
	const char *name;
	enum value_type type;
	enum subject subject;
	unsigned int texts; /* enum text_bit */
};

/* field_find - by name or alias, in any case; NULL. */
const struct field *field_find(const char *name, size_t len);
/* field_suggest - the nearest name, or NULL when none is near. */
const char *field_suggest(const char *name, size_t len);
/* field_list - every name, space separated, without aliases. */
void field_list(char *text, size_t size);

/* ---- the parsed query ------------------------------------------------------------------------ */

struct number_range {
	uint64_t low, high; /* both in it */
};

struct addr_range {
	struct addr low, high; /* of one family, both in it */
};

enum pattern_how {
	PATTERN_PART,  /* somewhere in it */
	PATTERN_WHOLE, /* it */
	PATTERN_BELOW, /* it, or a name below it */
	PATTERN_WILD,  /* '*' any text, '?' one character, all of it */
};

struct pattern {
	enum pattern_how how;
	const char *text; /* lower case; in the query's pool */
};

enum flags_how {
	FLAGS_ALL, /* these are among them */
	FLAGS_ARE, /* exactly these */
};

/* One condition: true when any of its values fits. */
struct term {
	enum subject subject;
	unsigned int texts;
	unsigned int first, count; /* into the array of its kind of value */
	enum flags_how flags_how;
	/* where to go on: a term's index, or one of the two below */
	int on_true, on_false;
};

#define TERM_ACCEPT (-1)
#define TERM_REJECT (-2)

enum node_kind {
	NODE_TERM,
	NODE_NOT,
	NODE_AND,
	NODE_OR,
	NODE_ALL /* everything */
};

/* Children are a list: a AND b AND c is one node of three. */
struct node {
	enum node_kind kind;
	int term;	 /* NODE_TERM */
	int child, next; /* -1 = none */
	unsigned int cost;
};

/* Every term is a node, joined by as many AND, OR and NOT at most, and the root. */
#define NODES_MAX (4 * FLOW_QUERY_TERMS_MAX)

struct flow_query {
	struct node nodes[NODES_MAX];
	struct term terms[FLOW_QUERY_TERMS_MAX];
	struct number_range numbers[FLOW_QUERY_VALUES_MAX];
	struct addr_range ranges[FLOW_QUERY_VALUES_MAX];
	struct pattern patterns[FLOW_QUERY_VALUES_MAX];
	struct addr addrs[FLOW_QUERY_ADDRS_MAX];
	int node_count, root;
	unsigned int term_count, number_count, range_count, pattern_count;
	int start; /* the first term, or TERM_ACCEPT */
	struct flow_query_plan plan;
	size_t pool_used;
	char pool[2 * FLOW_QUERY_TEXT_MAX]; /* texts of patterns: a free word is one pattern */
};

/* ---- lex.c ----------------------------------------------------------------------------------- */

enum token_kind {
	TOKEN_END,
	TOKEN_OPEN,
	TOKEN_CLOSE,
	TOKEN_AND,
	TOKEN_OR,
	TOKEN_NOT, /* NOT, or a minus or ! before a word or parenthesis */
	TOKEN_WORD
};

enum operator{
	OP_IS,
	OP_EXACT,
	OP_NOT,
	OP_ABOVE,
	OP_FROM,
	OP_BELOW,
	OP_TO
};

struct token {
	enum token_kind kind;
	const char *at; /* in the text */
	size_t len;
};

struct lexer {
	const char *text, *at;
	struct token token; /* the one to be looked at */
};

/* lexer_next - Returns 0 or -EINVAL with @error: a quote that does not end. */
int lexer_next(struct lexer *lexer, struct flow_query_error *error);
/* lexer_column - of a place in the text, from 1, in characters. */
unsigned int lexer_column(const struct lexer *lexer, const char *at);
/* lexer_error - a sentence ending in "(column N)". Returns -EINVAL. */
int lexer_error(const struct lexer *lexer, const char *at, struct flow_query_error *error,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* ---- values.c -------------------------------------------------------------------------------- */

/* What the parser needs while it works. */
struct parser {
	struct lexer lexer;
	struct flow_query *query;
	struct flow_query_error *error;
	int64_t now_unix_ms;
	unsigned int depth;
};

/* One value on its way in. */
struct value {
	const char *at; /* where it stands, for errors */
	char text[FLOW_QUERY_TEXT_MAX + 1];
	bool is_quoted; /* wildcards and ".." mean themselves */
};

/* values_add - one value of @field under @op into @term's array. 0 or -EINVAL. */
int values_add(struct parser *parser, const struct field *field, enum operator op,
	       const struct value *value, struct term *term);
/* values_is_address - whether the text is an address, prefix or part of an IPv4 address. */
bool values_is_address(const char *text);
int values_add_pattern(struct parser *parser, const struct value *value, enum pattern_how how,
		       struct term *term);

/* numbers.c: without a place; -EINVAL or -ERANGE. */
int number_parse_size(const char *text, uint64_t *value);
int number_parse_duration_ms(const char *text, uint64_t *ms);
int number_parse_time(const char *text, int64_t now_unix_ms, int64_t *unix_ms);

/* addresses.c */
int addr_range_parse(const char *text, struct addr_range *range);
bool addr_range_has(const struct addr_range *range, const struct addr *addr);

/* ---- the rest -------------------------------------------------------------------------------- */

/* parse_query - the tree of parser->query. 0 or -EINVAL. */
int parse_query(struct parser *parser);
void compile_query(struct flow_query *query);
void plan_query(struct flow_query *query);

/* text.c */
bool text_matches(const struct pattern *pattern, const char *text);
/* text_part - case-blind; @part is in lower case. */
char text_lower(char c);
bool text_has_part(const char *text, const char *part);

#endif
