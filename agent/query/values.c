/*
 * Values of conditions, checked against their field, into the query's arrays.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"
#include "agent/util/proto.h"
#include "include/flow.h"
#include "include/history.h"

static int refuse(struct parser *parser, const struct value *value, const char *what)
{
	return lexer_error(&parser->lexer, value->at, parser->error, "\"%.64s\" is no %s",
			   value->text, what);
}

static int refuse_many(struct parser *parser, const struct value *value)
{
	return lexer_error(&parser->lexer, value->at, parser->error,
			   "Too many values: at most %d in one search", FLOW_QUERY_VALUES_MAX);
}

/* ---- numbers --------------------------------------------------------------------------------- */

static int add_range(struct parser *parser, const struct value *value, struct number_range range,
		     struct term *term)
{
	struct flow_query *query = parser->query;

	if (query->number_count == FLOW_QUERY_VALUES_MAX)
		return refuse_many(parser, value);
	if (!term->count++)
		term->first = query->number_count;
	query->numbers[query->number_count++] = range;
	return 0;
}

/* What each type of number is called in an error, with an example. */
static const char *const type_names[] = {
	[VALUE_PORT] = "port (0 to 65535, as 443 or 8000..8100)",
	[VALUE_PROTO] = "protocol (tcp, udp, icmp, ipv6-icmp, sctp or a number to 255)",
	[VALUE_SIZE] = "size (as 500, 10k, 1.5M or 2GiB)",
	[VALUE_COUNT] = "number (as 7, 10k or 5..9)",
	[VALUE_ASN] = "network (as 64496 or AS64496)",
	[VALUE_DURATION] = "duration (as 500ms, 30s, 15m or 2h)",
	[VALUE_STATE] = "state (new, established, closed or expired)",
	[VALUE_VERDICT] = "verdict (pass or drop)",
	[VALUE_DIR] = "direction (in or out)",
};

/* The number whose name is @text; names end with the first "". */
static int find_name(const char *(*name_of)(uint8_t number), const char *text, uint64_t *number)
{
	for (uint8_t i = 0; *name_of(i); i++)
		if (!strcasecmp(name_of(i), text)) {
			*number = i;
			return 0;
		}
	return -EINVAL;
}

static int find_direction(const char *text, uint64_t *number)
{
	bool is_in = !strcasecmp(text, "in") || !strcasecmp(text, "ingress");
	bool is_out = !strcasecmp(text, "out") || !strcasecmp(text, "egress");

	*number = is_in ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	return is_in || is_out ? 0 : -EINVAL;
}

static int parse_number(enum value_type type, const char *text, uint64_t *number)
{
	uint8_t proto;

	switch (type) {
	case VALUE_PORT:
		return number_parse_size(text, number) || *number > UINT16_MAX ? -EINVAL : 0;
	case VALUE_PROTO:
		if (proto_parse(text, &proto))
			return -EINVAL;
		*number = proto;
		return 0;
	case VALUE_DURATION:
		return number_parse_duration_ms(text, number);
	case VALUE_ASN:
		return number_parse_size(text + (strncasecmp(text, "as", 2) ? 0 : 2), number);
	case VALUE_STATE:
		return find_name(flow_state_name, text, number);
	case VALUE_VERDICT:
		return find_name(flow_verdict_name, text, number);
	case VALUE_DIR:
		return find_direction(text, number);
	default:
		return number_parse_size(text, number);
	}
}

/* "a..b", "a.." and "..b"; a lone value is a range of itself. */
static int parse_range(enum value_type type, const char *text, struct number_range *range)
{
	const char *dots = strstr(text, "..");
	char low[64];

	*range = (struct number_range){ 0, UINT64_MAX };
	if (!dots) {
		if (parse_number(type, text, &range->low))
			return -EINVAL;
		range->high = range->low;
		return 0;
	}
	if ((size_t)(dots - text) >= sizeof(low) || (dots == text && !dots[2]))
		return -EINVAL;
	(void)snprintf(low, sizeof(low), "%.*s", (int)(dots - text), text);
	if ((*low && parse_number(type, low, &range->low)) ||
	    (dots[2] && parse_number(type, dots + 2, &range->high)))
		return -EINVAL;
	return range->low <= range->high ? 0 : -ERANGE;
}

static int turn_into_order(enum operator op, struct number_range *range)
{
	uint64_t value = range->low;

	if (op == OP_ABOVE && value == UINT64_MAX)
		return -ERANGE;
	if (op == OP_BELOW && !value)
		return -ERANGE;
	if (op == OP_ABOVE || op == OP_FROM)
		*range = (struct number_range){ value + (op == OP_ABOVE), UINT64_MAX };
	else
		*range = (struct number_range){ 0, value - (op == OP_BELOW) };
	return 0;
}

static bool is_order(enum operator op)
{
	return op == OP_ABOVE || op == OP_FROM || op == OP_BELOW || op == OP_TO;
}

static int add_number(struct parser *parser, const struct field *field, enum operator op,
		      const struct value *value, struct term *term)
{
	struct number_range range;
	int error = parse_range(field->type, value->text, &range);

	if (error == -ERANGE)
		return lexer_error(&parser->lexer, value->at, parser->error,
				   "The range \"%.64s\" ends before it begins", value->text);
	if (!error && is_order(op) && strstr(value->text, ".."))
		error = -EINVAL; /* neither end is the one that is meant */
	if (error)
		return refuse(parser, value, type_names[field->type]);
	if (is_order(op) && turn_into_order(op, &range))
		return lexer_error(&parser->lexer, value->at, parser->error,
				   "Nothing is beyond \"%.64s\"", value->text);
	return add_range(parser, value, range, term);
}

/* ---- times, flags ---------------------------------------------------------------------------- */

static int add_time(struct parser *parser, const struct field *field, const struct value *value,
		    struct term *term)
{
	struct number_range range = { 0, INT64_MAX };
	int64_t at;

	if (number_parse_time(value->text, parser->now_unix_ms, &at))
		return refuse(parser, value,
			      "time (as 1h, 2d, today, 2026-11-24 or 2026-11-24T13:45:00Z)");
	if (at < 0)
		at = 0;
	if (field->type == VALUE_SINCE)
		range.low = (uint64_t)at;
	else if (at == 0)
		range = (struct number_range){ 1, 0 }; /* nothing ended before 1970 */
	else
		range.high = (uint64_t)at - 1;
	parser->query->plan.has_time = true;
	return add_range(parser, value, range, term);
}

/* The letters of the API, in any order; "none" is no flag at all. */
static int add_flags(struct parser *parser, enum operator op, const struct value *value,
		     struct term *term)
{
	static const char letters[] = "FSRPAUEC"; /* bit 0 first: util/proto */
	struct number_range flags = { 0, 0 };
	bool is_none = !strcasecmp(value->text, "none");

	for (const char *c = is_none ? "" : value->text; *c; c++) {
		const char *letter = strchr(letters, *c & ~0x20);

		if (!letter || !*letter)
			return refuse(parser, value,
				      "set of TCP flags (letters of FSRPAUEC, or none)");
		flags.low |= 1U << (letter - letters);
	}
	if (!is_none && !*value->text)
		return refuse(parser, value, "set of TCP flags (letters of FSRPAUEC, or none)");
	term->flags_how = op == OP_EXACT || is_none ? FLAGS_ARE : FLAGS_ALL;
	return add_range(parser, value, flags, term);
}

/* ---- addresses and texts --------------------------------------------------------------------- */

static int add_addr(struct parser *parser, const struct value *value, struct term *term)
{
	struct flow_query *query = parser->query;
	struct addr_range range;
	int error = addr_range_parse(value->text, &range);

	if (error == -ERANGE)
		return lexer_error(&parser->lexer, value->at, parser->error,
				   "The range \"%.64s\" ends before it begins", value->text);
	if (error)
		return refuse(parser, value,
			      "address or prefix (as 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32)");
	if (query->range_count == FLOW_QUERY_VALUES_MAX)
		return refuse_many(parser, value);
	if (!term->count++)
		term->first = query->range_count;
	query->ranges[query->range_count++] = range;
	return 0;
}

/* Lower case; a name without the dot of the root. */
static const char *keep_text(struct flow_query *query, const char *text)
{
	size_t len = strlen(text);
	char *kept = query->pool + query->pool_used;

	if (query->pool_used + len + 1 > sizeof(query->pool))
		return NULL;
	for (size_t i = 0; i < len; i++)
		kept[i] = text_lower(text[i]);
	if (len > 1 && kept[len - 1] == '.')
		len--;
	kept[len] = '\0';
	query->pool_used += len + 1;
	return kept;
}

int values_add_pattern(struct parser *parser, const struct value *value, enum pattern_how how,
		       struct term *term)
{
	struct flow_query *query = parser->query;
	const char *text;

	if (query->pattern_count == FLOW_QUERY_VALUES_MAX)
		return refuse_many(parser, value);
	text = keep_text(query, value->text);
	if (!text)
		return refuse_many(parser, value);
	if (!*text)
		how = PATTERN_WHOLE;
	else if (!value->is_quoted && strpbrk(text, "*?"))
		how = PATTERN_WILD;
	if (!term->count++)
		term->first = query->pattern_count;
	query->patterns[query->pattern_count++] = (struct pattern){ how, text };
	return 0;
}

static int add_text(struct parser *parser, const struct field *field, enum operator op,
		    const struct value *value, struct term *term)
{
	enum pattern_how how = PATTERN_WHOLE;

	if (!*value->text && !value->is_quoted)
		return lexer_error(&parser->lexer, value->at, parser->error,
				   "A value is missing here; \"\" means none at all");
	if (op != OP_EXACT && (field->type == VALUE_NAME || field->type == VALUE_HOST))
		how = PATTERN_PART;
	if (op != OP_EXACT && field->type == VALUE_DOMAIN)
		how = PATTERN_BELOW;
	return values_add_pattern(parser, value, how, term);
}

static bool can_order(enum value_type type)
{
	return type == VALUE_PORT || type == VALUE_SIZE || type == VALUE_COUNT ||
	       type == VALUE_DURATION;
}

int values_add(struct parser *parser, const struct field *field, enum operator op,
	       const struct value *value, struct term *term)
{
	if (is_order(op) && !can_order(field->type))
		return lexer_error(&parser->lexer, value->at, parser->error,
				   "%s has no larger or smaller; use %s: or %s!=", field->name,
				   field->name, field->name);
	switch (field->type) {
	case VALUE_ADDR:
		return add_addr(parser, value, term);
	case VALUE_SINCE:
	case VALUE_UNTIL:
		return add_time(parser, field, value, term);
	case VALUE_FLAGS:
		return add_flags(parser, op, value, term);
	case VALUE_HOST:
	case VALUE_NAME:
	case VALUE_DOMAIN:
	case VALUE_WORD:
		return add_text(parser, field, op, value, term);
	default:
		return add_number(parser, field, op, value, term);
	}
}
