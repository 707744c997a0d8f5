/*
 * JSON in: RFC 8259 on top of json-c, which even in strict mode takes more than the standard (NaN,
 * single quotes, control characters, -01, overlong UTF-8) and silently changes some values
 * (integers beyond 64 bits, keys with a NUL). A pass over the tokens refuses those first; the
 * structure is json-c's work.
 */
#include "agent/util/json.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/json_internal.h"
#include "agent/util/utf8.h"

#define ERROR_SIZE 128
#define LEVELS_MAX 32 /* arrays and objects */

static void free_tokener(struct json_tokener *tokener)
{
	if (tokener) /* json-c 0.16 does not take NULL here */
		json_tokener_free(tokener);
}
DEFINE_CLEANUP(free_tokener, struct json_tokener)

/* A document while its tokens are looked at. */
struct scan {
	const char *text;
	size_t len, at;
	size_t colons; /* as many as there are members */
	unsigned int depth;
	bool has_nul; /* in the string read last */
};

static char peek(const struct scan *scan, size_t ahead)
{
	return (char)(scan->at + ahead < scan->len ? scan->text[scan->at + ahead] : '\0');
}

/* To the last byte of one character; json-c's own check lets overlong forms pass. */
static bool is_utf8_here(struct scan *scan)
{
	bool is_valid;

	scan->at += utf8_sequence_len(scan->text + scan->at, scan->len - scan->at, &is_valid) - 1;
	return is_valid;
}

/* From the opening quote to behind the closing one. Returns what is wrong, or NULL. */
static const char *scan_string(struct scan *scan)
{
	scan->has_nul = false;
	for (scan->at++; scan->at < scan->len; scan->at++) {
		unsigned char c = (unsigned char)scan->text[scan->at];

		if (c == '"') {
			scan->at++;
			return NULL;
		}
		if (c < 0x20)
			return "control character in a string";
		if (!is_utf8_here(scan))
			return "invalid UTF-8";
		if (c != '\\')
			continue;
		scan->at++;
		if (peek(scan, 0) == 'u' && scan->len - scan->at > 4 &&
		    memcmp(scan->text + scan->at + 1, "0000", 4) == 0)
			scan->has_nul = true;
	}
	return "string without end";
}

static size_t skip_digits(struct scan *scan)
{
	size_t start = scan->at;

	while (isdigit((unsigned char)peek(scan, 0)))
		scan->at++;
	return scan->at - start;
}

/* -?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)? */
static const char *scan_number(struct scan *scan)
{
	char integer[24]; /* a sign, 20 digits of 2^64, one more to see that it is too long */
	size_t start = scan->at, len;

	if (peek(scan, 0) == '-')
		scan->at++;
	if (peek(scan, 0) == '0' && !isdigit((unsigned char)peek(scan, 1)))
		scan->at++;
	else if (peek(scan, 0) == '0')
		return "number with a leading zero";
	else if (skip_digits(scan) == 0)
		return "number expected";
	len = scan->at - start;
	if (peek(scan, 0) == '.' || (peek(scan, 0) | 0x20) == 'e') {
		if (peek(scan, 0) == '.') {
			scan->at++;
			if (skip_digits(scan) == 0)
				return "digit expected";
		}
		if ((peek(scan, 0) | 0x20) != 'e')
			return NULL;
		scan->at += peek(scan, 1) == '+' || peek(scan, 1) == '-' ? 2 : 1;
		return skip_digits(scan) == 0 ? "digit expected" : NULL;
	}
	if (len >= sizeof(integer))
		return "integer beyond 64 bits";
	memcpy(integer, scan->text + start, len);
	integer[len] = '\0';
	errno = 0;
	if (integer[0] == '-')
		(void)strtoll(integer, NULL, 10); /* for its errno only */
	else
		(void)strtoull(integer, NULL, 10);
	return errno == ERANGE ? "integer beyond 64 bits" : NULL;
}

static const char *scan_literal(struct scan *scan)
{
	static const char *const literals[] = { "true", "false", "null" };

	for (size_t i = 0; i < sizeof(literals) / sizeof(literals[0]); i++) {
		size_t len = strlen(literals[i]);

		if (scan->len - scan->at >= len &&
		    memcmp(scan->text + scan->at, literals[i], len) == 0) {
			scan->at += len;
			return NULL;
		}
	}
	return "unexpected character";
}

static const char *scan_token(struct scan *scan)
{
	char c = scan->text[scan->at];

	if (c == '"')
		return scan_string(scan);
	if (c == '-' || isdigit((unsigned char)c))
		return scan_number(scan);
	if (c == ':' && scan->has_nul)
		return "NUL in a key";
	scan->colons += c == ':';
	if (c == '\0' || !strchr("{}[]:, \t\r\n", c))
		return scan_literal(scan);
	if ((c == '{' || c == '[') && ++scan->depth > LEVELS_MAX)
		return "nested too deep";
	if ((c == '}' || c == ']') && scan->depth > 0)
		scan->depth--;
	scan->at++;
	return NULL;
}

static int fail(char *error, const char *what, size_t offset)
{
	(void)snprintf(error, ERROR_SIZE, "%s at offset %zu", what, offset); /* cut is fine */
	return -EINVAL;
}

static int fail_repeated(char *error, const char *text, size_t len)
{
	size_t at = 0, key_len = 0;

	/* Spelled differently ("\u0061" and "a"), or far apart: then without the name. */
	if (!json_find_repeated_key(text, len, &at, &key_len))
		(void)snprintf(error, ERROR_SIZE, "the same key twice in an object");
	else
		(void)snprintf(error, ERROR_SIZE,
			       "the key \"%.*s\" twice in an object at offset %zu",
			       (int)(key_len < 40 ? key_len : 40), text + at + 1, at);
	return -EINVAL;
}

int json_parse(const char *text, size_t len, struct json **out, char *error)
{
	CLEANUP(free_tokener) struct json_tokener *tokener = NULL;
	struct scan scan = { .text = text, .len = len };
	enum json_tokener_error result;
	struct json_object *parsed;

	if (len >= INT_MAX) /* json-c counts in int */
		return fail(error, "document too long", 0);
	while (scan.at < len) {
		const char *wrong = scan_token(&scan);

		if (wrong)
			return fail(error, wrong, scan.at);
	}
	tokener = json_tokener_new_ex(LEVELS_MAX + 1); /* a scalar in the innermost counts too */
	if (!tokener) {
		(void)snprintf(error, ERROR_SIZE, "no memory");
		return -ENOMEM;
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
	parsed = json_tokener_parse_ex(tokener, text, (int)len);
	result = json_tokener_get_error(tokener);
	if (result == json_tokener_continue) { /* a number ends only at what follows it */
		parsed = json_tokener_parse_ex(tokener, " ", 1);
		result = json_tokener_get_error(tokener);
	}
	if (result == json_tokener_continue)
		return fail(error, "unexpected end", len);
	if (result != json_tokener_success)
		return fail(error, json_tokener_error_desc(result),
			    json_tokener_get_parse_end(tokener));
	if (json_count_members(parsed) != scan.colons) {
		(void)json_object_put(parsed); /* the only reference */
		return fail_repeated(error, text, len);
	}
	*out = json_outer(parsed);
	return 0;
}

bool json_is_object(const struct json *json)
{
	return json_object_is_type(json_inner(json), json_type_object);
}

bool json_is_array(const struct json *json)
{
	return json_object_is_type(json_inner(json), json_type_array);
}

bool json_is_null(const struct json *json)
{
	return !json;
}

size_t json_array_len(const struct json *json)
{
	return json_is_array(json) ? json_object_array_length(json_inner(json)) : 0;
}

const struct json *json_array_get(const struct json *json, size_t index)
{
	return json_is_array(json) ? json_outer(json_object_array_get_idx(json_inner(json), index))
				   : NULL;
}

const struct json *json_get(const struct json *object, const char *key)
{
	struct json_object *value = NULL;

	if (!json_is_object(object) || !json_object_object_get_ex(json_inner(object), key, &value))
		return NULL;
	return json_outer(value);
}

int json_string(const struct json *json, const char **text)
{
	const char *value;

	if (!json_object_is_type(json_inner(json), json_type_string))
		return -EINVAL;
	value = json_object_get_string(json_inner(json));
	if (!value || strlen(value) != (size_t)json_object_get_string_len(json_inner(json)))
		return -EINVAL;
	*text = value;
	return 0;
}

int json_int(const struct json *json, int64_t *value)
{
	if (!json_object_is_type(json_inner(json), json_type_int))
		return -EINVAL;
	if (json_object_get_uint64(json_inner(json)) > INT64_MAX) /* negative ones give 0 here */
		return -EINVAL;
	*value = json_object_get_int64(json_inner(json));
	return 0;
}

int json_double(const struct json *json, double *value)
{
	double number;

	if (!json_object_is_type(json_inner(json), json_type_int) &&
	    !json_object_is_type(json_inner(json), json_type_double))
		return -EINVAL;
	number = json_object_get_double(json_inner(json));
	if (!isfinite(number)) /* 1e999 */
		return -EINVAL;
	*value = number;
	return 0;
}

int json_bool(const struct json *json, bool *value)
{
	if (!json_object_is_type(json_inner(json), json_type_boolean))
		return -EINVAL;
	*value = json_object_get_boolean(json_inner(json)) != 0;
	return 0;
}

int json_get_string(const struct json *object, const char *key, const char **text)
{
	const struct json *value = json_get(object, key);

	return value ? json_string(value, text) : -ENOENT;
}

int json_get_int(const struct json *object, const char *key, int64_t *value)
{
	const struct json *member = json_get(object, key);

	return member ? json_int(member, value) : -ENOENT;
}

int json_get_double(const struct json *object, const char *key, double *value)
{
	const struct json *member = json_get(object, key);

	return member ? json_double(member, value) : -ENOENT;
}

int json_get_bool(const struct json *object, const char *key, bool *value)
{
	const struct json *member = json_get(object, key);

	return member ? json_bool(member, value) : -ENOENT;
}

const char *json_key(const struct json *object, size_t index)
{
	size_t at = 0;

	if (!json_is_object(object))
		return NULL;
	json_object_object_foreach(json_inner(object), key, value)
	{
		(void)value; /* the macro declares it */
		if (at++ == index)
			return key;
	}
	return NULL;
}
