/*
 * Members of one name: RFC 8259 4 leaves open which of them counts, so readers differ, and what one
 * checks another may not use. Documents with them are refused; json-c keeps the last in silence.
 */
#include <ctype.h>
#include <string.h>

#include "agent/util/json_internal.h"

#define LEVELS_MAX 33
/* Of each object this many keys are compared to find the name for the message. */
#define KEYS_MAX 64

struct key_level {
	unsigned int count;
	struct {
		size_t at, len;
	} keys[KEYS_MAX];
};

/* NOLINTNEXTLINE(misc-no-recursion): as deep as the reader lets a document be */
size_t json_count_members(const struct json_object *object)
{
	size_t count = 0;

	if (json_object_is_type(object, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(object); i++)
			count += json_count_members(json_object_array_get_idx(object, i));
	} else if (json_object_is_type(object, json_type_object)) {
		json_object_object_foreach(object, key, value)
		{
			(void)key; /* the macro declares it */
			count += 1 + json_count_members(value);
		}
	}
	return count;
}

static size_t end_of_string(const char *text, size_t len, size_t at)
{
	for (at++; at < len && text[at] != '"'; at++)
		at += text[at] == '\\';
	return at;
}

static bool is_key(const char *text, size_t len, size_t after)
{
	while (after < len && isspace((unsigned char)text[after]))
		after++;
	return after < len && text[after] == ':';
}

/* Whether the key was there before; else it is remembered. */
static bool is_known(struct key_level *level, const char *text, size_t at, size_t len)
{
	for (unsigned int i = 0; i < level->count; i++)
		if (level->keys[i].len == len && !memcmp(text + level->keys[i].at, text + at, len))
			return true;
	if (level->count < KEYS_MAX) {
		level->keys[level->count].at = at;
		level->keys[level->count++].len = len;
	}
	return false;
}

bool json_find_repeated_key(const char *text, size_t len, size_t *at, size_t *key_len)
{
	struct key_level levels[LEVELS_MAX + 1];
	unsigned int depth = 0;

	levels[0].count = 0;
	for (size_t i = 0; i < len; i++) {
		if ((text[i] == '{' || text[i] == '[') && depth < LEVELS_MAX)
			levels[++depth].count = 0;
		else if ((text[i] == '}' || text[i] == ']') && depth)
			depth--;
		if (text[i] != '"')
			continue;
		size_t end = end_of_string(text, len, i);

		if (is_key(text, len, end + 1) && is_known(&levels[depth], text, i, end - i)) {
			*at = i;
			*key_len = end - i - 1;
			return true;
		}
		i = end;
	}
	return false;
}
