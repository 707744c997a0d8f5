/*
 * The text into words, parentheses and the three joining words. A quote keeps what is in it
 * together, inside a word too: sni:"a b".
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "agent/query/internal.h"

unsigned int lexer_column(const struct lexer *lexer, const char *at)
{
	unsigned int column = 1;

	for (const char *c = lexer->text; c < at && *c; c++)
		column += ((unsigned char)*c & 0xc0) != 0x80; /* RFC 3629: not the first byte */
	return column;
}

int lexer_error(const struct lexer *lexer, const char *at, struct flow_query_error *error,
		const char *format, ...)
{
	size_t used;
	va_list list;

	error->column = lexer_column(lexer, at);
	va_start(list, format);
	/* room for the column behind; a text cut short stays a sentence to people */
	(void)vsnprintf(error->text, sizeof(error->text) - 24, format, list);
	va_end(list);
	used = strlen(error->text);
	(void)snprintf(error->text + used, sizeof(error->text) - used, " (column %u)",
		       error->column);
	return -EINVAL;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* Behind the closing quote; NULL when there is none. */
static const char *skip_quoted(const char *at)
{
	for (at++; *at; at++) {
		if (*at == '\\' && at[1])
			at++;
		else if (*at == '"')
			return at + 1;
	}
	return NULL;
}

/* A word ends at a blank or a parenthesis outside quotes. */
static int take_word(struct lexer *lexer, struct flow_query_error *error)
{
	const char *at = lexer->at;

	while (*at && !is_blank(*at) && *at != '(' && *at != ')') {
		const char *after = *at == '"' ? skip_quoted(at) : at + 1;

		if (!after)
			return lexer_error(lexer, at, error, "This quote has no end");
		at = after;
	}
	lexer->token = (struct token){ TOKEN_WORD, lexer->at, (size_t)(at - lexer->at) };
	lexer->at = at;
	return 0;
}

static void name_joining_word(struct token *token)
{
	static const struct {
		const char *word;
		enum token_kind kind;
	} words[] = { { "and", TOKEN_AND },
		      { "or", TOKEN_OR },
		      { "not", TOKEN_NOT },
		      { "&&", TOKEN_AND },
		      { "||", TOKEN_OR } };

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strlen(words[i].word) == token->len &&
		    !strncasecmp(words[i].word, token->at, token->len))
			token->kind = words[i].kind;
}

int lexer_next(struct lexer *lexer, struct flow_query_error *error)
{
	int status;
	char c;

	while (is_blank(*lexer->at))
		lexer->at++;
	c = *lexer->at;
	lexer->token = (struct token){ TOKEN_END, lexer->at, c ? 1 : 0 };
	if (!c)
		return 0;
	if (c == '(' || c == ')') {
		lexer->token.kind = c == '(' ? TOKEN_OPEN : TOKEN_CLOSE;
		lexer->at++;
		return 0;
	}
	if ((c == '-' || c == '!') && lexer->at[1] && !is_blank(lexer->at[1]) &&
	    lexer->at[1] != ')' && lexer->at[1] != '=') {
		lexer->token.kind = TOKEN_NOT;
		lexer->at++;
		return 0;
	}
	status = take_word(lexer, error);
	if (!status)
		name_joining_word(&lexer->token);
	return status;
}
