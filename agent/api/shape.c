/*
 * Shapes as describe.def writes them, turned into JSON Schema of OpenAPI 3.0.
 */
#include "agent/api/shape.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/cleanup.h"

#define WORD_MAX  256
#define DEPTH_MAX 8

static struct json *parse_type(const char **at, bool is_body, int depth);

static void skip_blanks(const char **at)
{
	while (**at == ' ')
		(*at)++;
}

/* Letters, digits and what stands inside a word. Returns its length. */
static size_t take_word(const char **at, char out[static WORD_MAX])
{
	size_t len = 0;

	while ((isalnum((unsigned char)**at) || **at == '_' || **at == '|' || **at == '-') &&
	       len + 1 < WORD_MAX)
		out[len++] = *(*at)++;
	out[len] = '\0';
	return len;
}

static struct json *of_type(const char *type, const char *format)
{
	struct json *schema = json_new_object();

	json_set_string(schema, "type", type);
	if (format)
		json_set_string(schema, "format", format);
	return schema;
}

static struct json *one_of(const char *words)
{
	struct json *schema = of_type("string", NULL), *list = json_new_array();
	char word[WORD_MAX];

	for (const char *at = words; *at;) {
		size_t len = strcspn(at, "|");

		(void)snprintf(word, sizeof(word), "%.*s", (int)len, at);
		json_add_string(list, word);
		at += len + (at[len] == '|');
	}
	json_set(schema, "enum", list);
	return schema;
}

static struct json *simple(const char *word)
{
	static const struct {
		const char *word, *type, *format;
	} types[] = {
		{ "text", "string", NULL },	   { "int", "integer", "int64" },
		{ "num", "number", NULL },	   { "bool", "boolean", NULL },
		{ "time", "string", "date-time" },
	};

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		if (!strcmp(types[i].word, word))
			return of_type(types[i].type, types[i].format);
	if (!strcmp(word, "any"))
		return json_new_object();
	return strchr(word, '|') ? one_of(word) : NULL;
}

static struct json *reference(const char *name)
{
	struct json *schema = json_new_object();
	char text[WORD_MAX + 32];

	(void)snprintf(text, sizeof(text), "#/components/schemas/%s", name);
	json_set_string(schema, "$ref", text);
	return schema;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep, over our own table */
static struct json *parse_array(const char **at, bool is_body, int depth)
{
	struct json *schema, *items = parse_type(at, is_body, depth);

	if (!items || **at != ']') {
		json_free(items);
		return NULL;
	}
	(*at)++;
	schema = of_type("array", NULL);
	json_set(schema, "items", items);
	return schema;
}

/* "name:type ..." up to @end.
 * NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep, over our own table */
static struct json *parse_members(const char **at, char end, bool is_body, int depth)
{
	CLEANUP(json_free) struct json *properties = json_new_object();
	CLEANUP(json_free) struct json *required = json_new_array();
	struct json *schema;
	char name[WORD_MAX];

	for (skip_blanks(at); **at != end; skip_blanks(at)) {
		bool must = !is_body;
		struct json *type;

		if (!take_word(at, name))
			return NULL;
		if (**at == '!' || **at == '~')
			must = *(*at)++ == '!';
		if (*(*at)++ != ':')
			return NULL;
		type = parse_type(at, is_body, depth);
		if (!type)
			return NULL;
		json_set(properties, name, type);
		if (must)
			json_add_string(required, name);
	}
	if (end)
		(*at)++;
	schema = of_type("object", NULL);
	json_set(schema, "properties", TAKE(properties));
	if (json_array_len(required))
		json_set(schema, "required", TAKE(required));
	return schema;
}

/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep, over our own table */
static struct json *parse_plain(const char **at, bool is_body, int depth)
{
	char word[WORD_MAX];

	switch (**at) {
	case '[':
		(*at)++;
		return parse_array(at, is_body, depth);
	case '{':
		(*at)++;
		return parse_members(at, '}', is_body, depth);
	case '@':
		(*at)++;
		return take_word(at, word) ? reference(word) : NULL;
	default:
		return take_word(at, word) ? simple(word) : NULL;
	}
}

/* NOLINTNEXTLINE(misc-no-recursion): at most DEPTH_MAX deep, over our own table */
static struct json *parse_type(const char **at, bool is_body, int depth)
{
	bool is_reference = **at == '@';
	struct json *type = depth < DEPTH_MAX ? parse_plain(at, is_body, depth + 1) : NULL;

	if (!type || **at != '?')
		return type;
	(*at)++;
	if (is_reference) {
		/* beside a $ref nothing counts (OpenAPI 3.0.3, Reference Object) */
		struct json *wrap = json_new_object(), *all = json_new_array();

		json_add(all, type);
		json_set(wrap, "allOf", all);
		type = wrap;
	}
	json_set_bool(type, "nullable", true);
	return type;
}

/* All of @text was used, or nothing counts. */
static struct json *whole(struct json *schema, const char *rest)
{
	if (schema && !*rest)
		return schema;
	json_free(schema);
	return NULL;
}

struct json *shape_type(const char *text)
{
	const char *at = text;
	struct json *schema = parse_type(&at, false, 0);

	return whole(schema, at);
}

struct json *shape_parse(const char *text, bool is_body)
{
	const char *at = text;
	bool is_type = *text == '[' || *text == '@' || !strcmp(text, "any");
	struct json *schema =
		is_type ? parse_type(&at, is_body, 0) : parse_members(&at, '\0', is_body, 0);

	return whole(schema, at);
}
