/*
 * The grammar, by recursive descent, bounded in depth:
 *   any  = all { OR all }          all  = one { [AND] one }
 *   one  = NOT one | ( any ) | word
 *   word = FIELD OPERATOR VALUE{,VALUE} | an address, port, protocol or name by itself
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/query/internal.h"
#include "agent/util/proto.h"

static int parse_any(struct parser *parser, int *node);

static int refuse(struct parser *parser, const char *at, const char *text)
{
	return lexer_error(&parser->lexer, at, parser->error, "%s", text);
}

/* Nodes cannot run out before terms do, but for NOT NOT NOT, which depth bounds. */
static int add_node(struct parser *parser, enum node_kind kind, int child, int *node)
{
	struct flow_query *query = parser->query;

	if (query->node_count == NODES_MAX)
		return refuse(parser, parser->lexer.token.at, "The search is too long here");
	query->nodes[query->node_count] =
		(struct node){ .kind = kind, .term = -1, .child = child, .next = -1 };
	*node = query->node_count++;
	return 0;
}

static int add_term(struct parser *parser, const struct term *term, const char *at, int *node)
{
	struct flow_query *query = parser->query;
	int error;

	if (query->term_count == FLOW_QUERY_TERMS_MAX)
		return lexer_error(&parser->lexer, at, parser->error,
				   "Too many conditions: at most %d in one search",
				   FLOW_QUERY_TERMS_MAX);
	error = add_node(parser, NODE_TERM, -1, node);
	if (error)
		return error;
	query->nodes[*node].term = (int)query->term_count;
	query->terms[query->term_count++] = *term;
	return 0;
}

static int join_two(struct parser *parser, int first, int second, int *node)
{
	if (first < 0 || second < 0) {
		*node = first < 0 ? second : first;
		return 0;
	}
	parser->query->nodes[first].next = second;
	return add_node(parser, NODE_OR, first, node);
}

/* ---- values of a condition ------------------------------------------------------------------- */

/* One value up to a comma outside quotes; *@at moves behind it. */
static int take_value(struct parser *parser, const char **at, const char *end, struct value *value)
{
	const char *c = *at;
	bool inside = false;
	size_t len = 0;

	value->at = c;
	value->is_quoted = false;
	for (; c < end && (inside || *c != ','); c++) {
		if (*c == '"') {
			inside = !inside;
			value->is_quoted = true;
			continue;
		}
		if (inside && *c == '\\' && c + 1 < end)
			c++;
		if ((unsigned char)*c < 0x20)
			return refuse(parser, c, "A control character is no part of a search");
		value->text[len++] = *c; /* never longer than the search */
	}
	value->text[len] = '\0';
	*at = c;
	return 0;
}

static bool is_host_address(const struct field *field, const struct value *value)
{
	return field->type == VALUE_HOST && !value->is_quoted && values_is_address(value->text);
}

/* host: takes both, so its addresses become a condition of their own. */
static int take_values(struct parser *parser, const struct field *field, enum operator op,
		       const char *at, const char *end)
{
	static const struct field either = { "host", VALUE_ADDR, SUBJECT_EITHER, 0 };
	struct term own = { .subject = field->subject, .texts = field->texts };
	struct term addrs = { .subject = SUBJECT_EITHER };
	const char *begin = at;
	int own_node = -1, addrs_node = -1, error = 0;

	for (; !error; at++) {
		struct value value;

		error = take_value(parser, &at, end, &value);
		if (!error && is_host_address(field, &value))
			error = values_add(parser, &either, op, &value, &addrs);
		else if (!error)
			error = values_add(parser, field, op, &value, &own);
		if (at >= end)
			break;
	}
	if (!error && own.count)
		error = add_term(parser, &own, begin, &own_node);
	if (!error && addrs.count)
		error = add_term(parser, &addrs, begin, &addrs_node);
	return error ? error : join_two(parser, own_node, addrs_node, &parser->query->root);
}

static bool is_single(const struct field *field, enum operator op)
{
	return (op != OP_IS && op != OP_EXACT && op != OP_NOT) || field->type == VALUE_SINCE ||
	       field->type == VALUE_UNTIL;
}

static bool has_comma(const char *at, const char *end)
{
	bool inside = false;

	for (; at < end; at++) {
		inside ^= *at == '"';
		if (*at == ',' && !inside)
			return true;
	}
	return false;
}

/* The node is left in query->root, which is free until the end. */
static int parse_condition(struct parser *parser, const struct field *field, enum operator op,
			   const char *at, const char *end)
{
	if (at == end)
		return lexer_error(&parser->lexer, at, parser->error,
				   "A value is missing behind \"%s\"; write it without a blank",
				   field->name);
	if (is_single(field, op) && has_comma(at, end))
		return lexer_error(&parser->lexer, at, parser->error, "\"%s\" takes one value here",
				   field->name);
	return take_values(parser, field, op == OP_NOT ? OP_EXACT : op, at, end);
}

/* ---- words ----------------------------------------------------------------------------------- */

/* The operator at @at; its length in *@len. ":>" is ">", as other tools write it. */
static enum operator find_operator(const char *at, const char *end, size_t *len)
{
	static const struct {
		const char *text;
		enum operator op;
	} operators[] = { { ":>=", OP_FROM }, { ":<=", OP_TO },	  { "!=", OP_NOT },
			  { ">=", OP_FROM },  { "<=", OP_TO },	  { ":>", OP_ABOVE },
			  { ":<", OP_BELOW }, { "==", OP_EXACT }, { ":", OP_IS },
			  { "=", OP_EXACT },  { ">", OP_ABOVE },  { "<", OP_BELOW } };

	for (size_t i = 0; i < sizeof(operators) / sizeof(operators[0]); i++) {
		*len = strlen(operators[i].text);
		if ((size_t)(end - at) >= *len && !strncmp(at, operators[i].text, *len))
			return operators[i].op;
	}
	*len = 0;
	return OP_IS;
}

static int refuse_field(struct parser *parser, const char *at, size_t len)
{
	const char *near = field_suggest(at, len);
	char known[256];

	field_list(known, sizeof(known));
	if (near)
		return lexer_error(&parser->lexer, at, parser->error,
				   "There is no field \"%.*s\"; did you mean \"%s\"?",
				   len > 32 ? 32 : (int)len, at, near);
	return lexer_error(&parser->lexer, at, parser->error,
			   "There is no field \"%.*s\"; there are %s", len > 32 ? 32 : (int)len, at,
			   known);
}

static bool is_number(const char *text)
{
	size_t digits = strspn(text, "0123456789");

	return digits && digits <= 5 && !text[digits];
}

/* An address, a port, a protocol, else a name. */
static int parse_plain(struct parser *parser, const struct token *token)
{
	static const struct field addr = { "ip", VALUE_ADDR, SUBJECT_EITHER, 0 };
	static const struct field port = { "port", VALUE_PORT, SUBJECT_PORT, 0 };
	static const struct field proto = { "proto", VALUE_PROTO, SUBJECT_PROTO, 0 };
	static const struct field name = { "name", VALUE_NAME, SUBJECT_TEXT,
					   TEXT_SNI | TEXT_HOST | TEXT_JA4 | TEXT_DEVICE };
	const struct field *field = &name;
	const char *at = token->at;
	struct term term;
	struct value value;
	uint8_t number;
	int error = take_value(parser, &at, token->at + token->len, &value);

	if (error)
		return error;
	if (at < token->at + token->len)
		return refuse(parser, at, "A list of values needs its field before it");
	if (!value.is_quoted && values_is_address(value.text))
		field = &addr;
	else if (!value.is_quoted && is_number(value.text))
		field = &port;
	else if (!value.is_quoted && !proto_parse(value.text, &number))
		field = &proto;
	term = (struct term){ .subject = field->subject, .texts = field->texts };
	error = values_add(parser, field, OP_IS, &value, &term);
	return error ? error : add_term(parser, &term, token->at, &parser->query->root);
}

static bool is_plain_address(const struct token *token)
{
	char text[2 * 64];

	if (token->len >= sizeof(text))
		return false;
	(void)snprintf(text, sizeof(text), "%.*s", (int)token->len, token->at);
	return values_is_address(text);
}

static int parse_word(struct parser *parser, int *node)
{
	const struct token token = parser->lexer.token;
	const char *end = token.at + token.len;
	size_t name_len = 0, op_len;
	const struct field *field;
	enum operator op;
	int error;

	while (name_len < token.len && !strchr(":=!<>\"", token.at[name_len]))
		name_len++;
	op = find_operator(token.at + name_len, end, &op_len);
	if (!op_len || is_plain_address(&token)) { /* an IPv6 address has colons */
		error = parse_plain(parser, &token);
		*node = parser->query->root;
		return error;
	}
	if (!name_len)
		return refuse(parser, token.at,
			      "A field is missing here; write it without blanks, as bytes>1M");
	field = field_find(token.at, name_len);
	if (!field)
		return refuse_field(parser, token.at, name_len);
	error = parse_condition(parser, field, op, token.at + name_len + op_len, end);
	*node = parser->query->root;
	if (!error && op == OP_NOT)
		error = add_node(parser, NODE_NOT, *node, node);
	return error;
}

/* ---- joined words ---------------------------------------------------------------------------- */

static int parse_group(struct parser *parser, int *node)
{
	const char *open = parser->lexer.token.at;
	int error = lexer_next(&parser->lexer, parser->error);

	if (!error)
		error = parse_any(parser, node);
	if (!error && parser->lexer.token.kind != TOKEN_CLOSE)
		return refuse(parser, open, "This parenthesis is not closed");
	return error ? error : lexer_next(&parser->lexer, parser->error);
}

static int parse_not(struct parser *parser, int *node);

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parentheses of a query, FLOW_QUERY_DEPTH_MAX */
static int parse_one(struct parser *parser, int *node)
{
	int error;

	switch (parser->lexer.token.kind) {
	case TOKEN_NOT:
		return parse_not(parser, node);
	case TOKEN_OPEN:
		if (parser->depth == FLOW_QUERY_DEPTH_MAX)
			return refuse(parser, parser->lexer.token.at,
				      "Parentheses are too deep here: at most 16");
		parser->depth++;
		error = parse_group(parser, node);
		parser->depth--;
		return error;
	case TOKEN_WORD:
		error = parse_word(parser, node);
		return error ? error : lexer_next(&parser->lexer, parser->error);
	default:
		return refuse(parser, parser->lexer.token.at,
			      parser->lexer.token.kind == TOKEN_CLOSE
				      ? "Nothing is open here"
				      : "A condition is missing here");
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the parentheses of a query, FLOW_QUERY_DEPTH_MAX */
static int parse_not(struct parser *parser, int *node)
{
	const char *at = parser->lexer.token.at;
	int error, child = -1;

	if (parser->depth == FLOW_QUERY_DEPTH_MAX)
		return refuse(parser, at, "NOT is too deep here: at most 16");
	error = lexer_next(&parser->lexer, parser->error);
	parser->depth++;
	if (!error)
		error = parse_one(parser, &child);
	parser->depth--;
	return error ? error : add_node(parser, NODE_NOT, child, node);
}

static bool begins_condition(enum token_kind kind)
{
	return kind == TOKEN_WORD || kind == TOKEN_NOT || kind == TOKEN_OPEN;
}

typedef int (*parse_fn)(struct parser *parser, int *node);

/* A list of children under one node of @kind, or the only child itself. */
static int parse_list(struct parser *parser, enum node_kind kind, parse_fn child_of, int *node)
{
	const enum token_kind joint = kind == NODE_AND ? TOKEN_AND : TOKEN_OR;
	int first = -1, last = -1, error = 0;

	for (;;) {
		int child = -1;

		error = child_of(parser, &child);
		if (error)
			return error;
		if (last >= 0)
			parser->query->nodes[last].next = child;
		else
			first = child;
		last = child;
		if (parser->lexer.token.kind == joint)
			error = lexer_next(&parser->lexer, parser->error);
		else if (kind != NODE_AND || !begins_condition(parser->lexer.token.kind))
			break;
		if (error)
			return error;
	}
	*node = first;
	return first == last ? 0 : add_node(parser, kind, first, node);
}

static int parse_all(struct parser *parser, int *node)
{
	return parse_list(parser, NODE_AND, parse_one, node);
}

static int parse_any(struct parser *parser, int *node)
{
	return parse_list(parser, NODE_OR, parse_all, node);
}

int parse_query(struct parser *parser)
{
	int root = -1, error = lexer_next(&parser->lexer, parser->error);

	if (error)
		return error;
	if (parser->lexer.token.kind == TOKEN_END)
		error = add_node(parser, NODE_ALL, -1, &root);
	else
		error = parse_any(parser, &root);
	if (error)
		return error;
	if (parser->lexer.token.kind != TOKEN_END)
		return refuse(parser, parser->lexer.token.at, "Nothing is open here");
	parser->query->root = root;
	return 0;
}

int flow_query_parse(const char *text, int64_t now_unix_ms, struct flow_query **out,
		     struct flow_query_error *error)
{
	CLEANUP(flow_query_free) struct flow_query *query = calloc(1, sizeof(*query));
	struct parser parser = { .lexer = { .text = text, .at = text },
				 .query = query,
				 .error = error,
				 .now_unix_ms = now_unix_ms < 0 ? 0 : now_unix_ms };
	int failure;

	*error = (struct flow_query_error){ 0 };
	if (!query)
		return -ENOMEM;
	if (strlen(text) > FLOW_QUERY_TEXT_MAX)
		return lexer_error(&parser.lexer, text + FLOW_QUERY_TEXT_MAX, error,
				   "The search is too long: at most %d bytes", FLOW_QUERY_TEXT_MAX);
	failure = parse_query(&parser);
	if (failure)
		return failure;
	compile_query(query);
	plan_query(query);
	*out = TAKE(query);
	return 0;
}

int flow_query_time(const char *text, int64_t now_unix_ms, int64_t *unix_ms)
{
	return *text ? number_parse_time(text, now_unix_ms, unix_ms) : -EINVAL;
}

void flow_query_free(struct flow_query *query)
{
	free(query);
}
