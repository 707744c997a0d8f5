/*
 * JSON in and out; the one place that knows json-c. A tree has one owner: adding a child to a
 * parent hands it over. Building remembers a failure (no memory) until json_print. Any thread, one
 * tree at a time.
 */
#ifndef SLUICE_UTIL_JSON_H
#define SLUICE_UTIL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

struct json; /* one value of a tree */

struct json *json_new_object(void);
struct json *json_new_array(void);
struct json *json_new_string(const char *text);
/* json_free - a root; children go with it. Accepts NULL. */
void json_free(struct json *json);
DEFINE_CLEANUP(json_free, struct json)

/* Bytes that are no valid UTF-8 become U+FFFD; NULL text becomes null. */
void json_set_string(struct json *object, const char *key, const char *text);
void json_set_int(struct json *object, const char *key, int64_t value);
void json_set_uint(struct json *object, const char *key, uint64_t value);
/* Not finite becomes null (RFC 8259 6 has no such number). */
void json_set_double(struct json *object, const char *key, double value);
void json_set_bool(struct json *object, const char *key, bool value);
void json_set_null(struct json *object, const char *key);
/* json_set_time - RFC 3339 text, or null for 0. */
void json_set_time(struct json *object, const char *key, int64_t unix_ms);
/* json_set, json_add - take @child, also on failure. */
void json_set(struct json *object, const char *key, struct json *child);
void json_add(struct json *array, struct json *child);
void json_add_string(struct json *array, const char *text);
void json_add_int(struct json *array, int64_t value);

/* json_print - compact text on one line; caller frees; NULL without memory. */
char *json_print(const struct json *json, size_t *len);
/* json_print_pretty - indented, for people. */
char *json_print_pretty(const struct json *json, size_t *len);

/*
 * json_parse - one whole document of @len bytes, at most 32 levels deep, UTF-8, no key twice in one
 * object, nothing after it.
 * @error: at least 128 bytes; on failure a sentence with the offset.
 * Returns 0, -EINVAL, -ENOMEM. Source: RFC 8259.
 */
int json_parse(const char *text, size_t len, struct json **out, char *error);

bool json_is_object(const struct json *json);
bool json_is_array(const struct json *json);
bool json_is_null(const struct json *json);
size_t json_array_len(const struct json *json);
/* Borrowed from the tree; NULL when absent. */
const struct json *json_array_get(const struct json *json, size_t index);
const struct json *json_get(const struct json *object, const char *key);
/* The value itself, when of that type: 0, else -EINVAL. Strings are borrowed from the tree; one
 * with an embedded NUL is refused. */
int json_string(const struct json *json, const char **text);
int json_int(const struct json *json, int64_t *value);
int json_double(const struct json *json, double *value);
int json_bool(const struct json *json, bool *value);
/* json_get_* - as above by key: -ENOENT when absent or null, -EINVAL for another type. */
int json_get_string(const struct json *object, const char *key, const char **text);
int json_get_int(const struct json *object, const char *key, int64_t *value);
int json_get_double(const struct json *object, const char *key, double *value);
int json_get_bool(const struct json *object, const char *key, bool *value);
/* json_key - the key of the @index-th member of an object, or NULL. */
const char *json_key(const struct json *object, size_t index);

#endif
