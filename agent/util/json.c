/*
 * JSON out: trees built value by value and printed once. A value that could not be made or added
 * gets a serializer that always fails, so that no later print can show a document with a hole.
 */
#include "agent/util/json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/json_internal.h"
#include "agent/util/utf8.h"

#define DOUBLE_TEXT_MAX 32 /* "%.17g" needs 24: sign, 17 digits, point, e-308 */

static int refuse_to_print(struct json_object *object, struct printbuf *out, int level, int flags)
{
	(void)object;
	(void)out;
	(void)level;
	(void)flags;
	return -1;
}

static void mark_failed(struct json *json)
{
	json_object_set_serializer(json_inner(json), refuse_to_print, NULL, NULL);
}

struct json *json_new_object(void)
{
	return json_outer(json_object_new_object());
}

struct json *json_new_array(void)
{
	return json_outer(json_object_new_array());
}

struct json *json_new_string(const char *text)
{
	size_t len = strlen(text);
	struct json_object *made = NULL;
	struct buffer clean;

	if (len < INT_MAX && utf8_is_valid(text, len))
		return json_outer(json_object_new_string_len(text, (int)len));
	buffer_init(&clean, INT_MAX);
	utf8_append(&clean, text, len);
	if (!clean.error)
		made = json_object_new_string_len((const char *)clean.data, (int)clean.len);
	buffer_done(&clean);
	return json_outer(made);
}

void json_free(struct json *json)
{
	(void)json_object_put(json_inner(json)); /* whether it was the last reference: one owner */
}

/* @child may be NULL only as JSON's null. */
static void attach(struct json *object, const char *key, struct json *child)
{
	if (!object) {
		json_free(child);
	} else if (json_object_object_add(json_inner(object), key, json_inner(child))) {
		json_free(child);
		mark_failed(object);
	}
}

static void append(struct json *array, struct json *child)
{
	if (!array) {
		json_free(child);
	} else if (json_object_array_add(json_inner(array), json_inner(child))) {
		json_free(child);
		mark_failed(array);
	}
}

void json_set(struct json *object, const char *key, struct json *child)
{
	if (child)
		attach(object, key, child);
	else if (object)
		mark_failed(object);
}

void json_add(struct json *array, struct json *child)
{
	if (child)
		append(array, child);
	else if (array)
		mark_failed(array);
}

void json_set_null(struct json *object, const char *key)
{
	attach(object, key, NULL);
}

void json_set_string(struct json *object, const char *key, const char *text)
{
	if (text)
		json_set(object, key, json_new_string(text));
	else
		json_set_null(object, key);
}

void json_set_int(struct json *object, const char *key, int64_t value)
{
	json_set(object, key, json_outer(json_object_new_int64(value)));
}

void json_set_uint(struct json *object, const char *key, uint64_t value)
{
	json_set(object, key, json_outer(json_object_new_uint64(value)));
}

void json_set_double(struct json *object, const char *key, double value)
{
	char text[DOUBLE_TEXT_MAX];

	if (!isfinite(value)) {
		json_set_null(object, key);
		return;
	}
	/* 15 digits are what people wrote; 17 always bring the same double back (C17 5.2.4.2.2). */
	(void)snprintf(text, sizeof(text), "%.15g", value);
	if (strtod(text, NULL) != value)
		(void)snprintf(text, sizeof(text), "%.17g", value);
	json_set(object, key, json_outer(json_object_new_double_s(value, text)));
}

void json_set_bool(struct json *object, const char *key, bool value)
{
	json_set(object, key, json_outer(json_object_new_boolean(value)));
}

void json_set_time(struct json *object, const char *key, int64_t unix_ms)
{
	char text[CLOCK_TEXT_MAX];

	if (unix_ms == 0)
		json_set_null(object, key);
	else
		json_set_string(object, key, clock_format(unix_ms, text));
}

void json_add_string(struct json *array, const char *text)
{
	if (text)
		json_add(array, json_new_string(text));
	else
		append(array, NULL);
}

void json_add_int(struct json *array, int64_t value)
{
	json_add(array, json_outer(json_object_new_int64(value)));
}

static char *print(const struct json *json, int flags, size_t *len)
{
	struct json_object *object = json_inner(json); /* json-c keeps the text inside it */
	size_t text_len = 0;
	const char *text = NULL;
	char *copy;

	if (object)
		text = json_object_to_json_string_length(object, flags, &text_len);
	if (!text)
		return NULL;
	copy = malloc(text_len + 1);
	if (!copy)
		return NULL;
	memcpy(copy, text, text_len + 1);
	if (len)
		*len = text_len;
	return copy;
}

char *json_print(const struct json *json, size_t *len)
{
	return print(json, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE, len);
}

char *json_print_pretty(const struct json *json, size_t *len)
{
	return print(json,
		     JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
			     JSON_C_TO_STRING_NOSLASHESCAPE,
		     len);
}
