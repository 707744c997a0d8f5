/*
 * json-c as json.c and json_read.c see it; nobody else includes this. Its type json_bool would
 * collide with our function of that name, so it is called otherwise while the headers are read.
 */
#ifndef SLUICE_UTIL_JSON_INTERNAL_H
#define SLUICE_UTIL_JSON_INTERNAL_H

#define json_bool json_c_bool
#include <json-c/json.h>
#undef json_bool

#include "agent/util/json.h"

/* A value as json-c's own; not const, because json-c is not even where it only reads. */
static inline struct json_object *json_inner(const struct json *json)
{
	return (struct json_object *)json;
}

static inline struct json *json_outer(struct json_object *object)
{
	return (struct json *)object;
}

/* json_keys.c: members of all objects below @object, itself among them. */
size_t json_count_members(const struct json_object *object);
/* The first key that its object has already, spelled the same; @at: its opening quote. */
bool json_find_repeated_key(const char *text, size_t len, size_t *at, size_t *key_len);

#endif
