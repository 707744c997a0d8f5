/*
 * Sets of names: one text with all of them, each with its end, and where each begins, in order.
 */
#include "agent/util/name_set.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#define ROOM_NAMES 64
#define ROOM_BYTES 4096

/* Name and version, count; then the names, each with its end. */
static const uint8_t code_magic[4] = { 'S', 'N', 'M', '1' };
#define CODE_HEAD 8

struct name_set {
	atomic_size_t refs;
	char *text;
	uint32_t *at; /* in @text, by order */
	size_t count;
};

struct name_set_builder {
	char *text;
	uint32_t *at;
	size_t count, max, room;
	size_t sorted;	    /* so many are in order, each once */
	size_t used, bytes; /* of text */
};

/* ---- building ---- */

struct name_set_builder *name_set_builder_new(size_t max)
{
	struct name_set_builder *builder = calloc(1, sizeof(*builder));

	if (builder)
		builder->max = max;
	return builder;
}

void name_set_builder_free(struct name_set_builder *builder)
{
	if (!builder)
		return;
	free(builder->text);
	free(builder->at);
	free(builder);
}

static const char *text_of(const struct name_set_builder *builder, size_t index)
{
	return builder->text + builder->at[index];
}

static int compare(const void *a, const void *b, void *text)
{
	const char *base = text;

	return strcmp(base + *(const uint32_t *)a, base + *(const uint32_t *)b);
}

/* In order, each once; the bytes of what came twice stay. */
static void builder_sort(struct name_set_builder *builder)
{
	size_t kept = 0;

	if (!builder->count)
		return;
	qsort_r(builder->at, builder->count, sizeof(*builder->at), compare, builder->text);
	for (size_t i = 0; i < builder->count; i++)
		if (!kept || strcmp(text_of(builder, i), text_of(builder, kept - 1)) != 0)
			builder->at[kept++] = builder->at[i];
	builder->sorted = builder->count = kept;
}

/* The one of @count names in order that equals @name; NULL: none. */
static const char *find(const char *text, const uint32_t *at, size_t count, const char *name)
{
	size_t low = 0;

	while (count) {
		size_t half = count / 2;
		int order = strcmp(text + at[low + half], name);

		if (!order)
			return text + at[low + half];
		if (order < 0) {
			low += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return NULL;
}

/* Among those in order: what is there already takes no room, however often it comes. */
static bool builder_has(const struct name_set_builder *builder, const char *name)
{
	return find(builder->text, builder->at, builder->sorted, name) != NULL;
}

/* Room for one more name of @len bytes. Returns 0, -ENOMEM, -ENOSPC. */
static int grow(struct name_set_builder *builder, size_t len)
{
	size_t room = builder->room ? builder->room + builder->room / 2 : ROOM_NAMES;
	size_t bytes = builder->bytes ? builder->bytes + builder->bytes / 2 : ROOM_BYTES;
	uint32_t *at;
	char *text;

	if (builder->used + len >= UINT32_MAX)
		return -ENOSPC;
	if (builder->count == builder->room) {
		at = reallocarray(builder->at, room, sizeof(*at));
		if (!at)
			return -ENOMEM;
		builder->at = at;
		builder->room = room;
	}
	if (builder->used + len < builder->bytes)
		return 0;
	text = realloc(builder->text, bytes);
	if (!text)
		return -ENOMEM;
	builder->text = text;
	builder->bytes = bytes;
	return 0;
}

static bool is_valid(const char *name, size_t len)
{
	if (!len || len > NAME_SET_TEXT_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] <= ' ' || (unsigned char)name[i] == 0x7f)
			return false;
	return true;
}

int name_set_builder_add(struct name_set_builder *builder, const char *name)
{
	size_t len = strnlen(name, NAME_SET_TEXT_MAX + 1);
	int err;

	if (!is_valid(name, len))
		return -EINVAL;
	if (builder_has(builder, name))
		return 0;
	if (builder->count >= builder->max) {
		builder_sort(builder);
		if (builder_has(builder, name))
			return 0;
		if (builder->count >= builder->max)
			return -ENOSPC;
	}
	err = grow(builder, len);
	if (err)
		return err;
	builder->at[builder->count++] = (uint32_t)builder->used;
	memcpy(builder->text + builder->used, name, len + 1);
	builder->used += len + 1;
	return 0;
}

/* The names one after the other in their order; what came twice is gone. */
static int lay_out(struct name_set *set, const struct name_set_builder *builder)
{
	size_t used = 0;

	for (size_t i = 0; i < builder->count; i++)
		used += strlen(text_of(builder, i)) + 1;
	set->text = malloc(used + 1);
	set->at = calloc(builder->count + 1, sizeof(*set->at));
	if (!set->text || !set->at)
		return -ENOMEM;
	used = 0;
	for (size_t i = 0; i < builder->count; i++) {
		size_t len = strlen(text_of(builder, i)) + 1;

		memcpy(set->text + used, text_of(builder, i), len);
		set->at[i] = (uint32_t)used;
		used += len;
	}
	set->at[builder->count] = (uint32_t)used;
	set->count = builder->count;
	return 0;
}

struct name_set *name_set_builder_finish(struct name_set_builder *builder)
{
	CLEANUP(name_set_builder_free) struct name_set_builder *owned = builder;
	CLEANUP(name_set_unref) struct name_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	atomic_init(&set->refs, 1);
	builder_sort(owned);
	return lay_out(set, owned) ? NULL : TAKE(set);
}

struct name_set *name_set_ref(struct name_set *set)
{
	if (set)
		atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void name_set_unref(struct name_set *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) > 1)
		return;
	free(set->text);
	free(set->at);
	free(set);
}

/* ---- reading ---- */

size_t name_set_len(const struct name_set *set)
{
	return set ? set->count : 0;
}

const char *name_set_at(const struct name_set *set, size_t index)
{
	return set->text + set->at[index];
}

static const char *find_in(const struct name_set *set, const char *name)
{
	return set ? find(set->text, set->at, set->count, name) : NULL;
}

bool name_set_has(const struct name_set *set, const char *name)
{
	return find_in(set, name) != NULL;
}

const char *name_set_holder(const struct name_set *set, const char *name)
{
	const char *found = NULL;

	for (const char *at = name; *at && !found;) {
		found = find_in(set, at);
		at += strcspn(at, ".");
		at += *at == '.';
	}
	return found;
}

int name_set_diff_next(struct name_set_diff *diff, const char **name)
{
	for (;;) {
		bool has_before = diff->at_before < name_set_len(diff->before);
		bool has_after = diff->at_after < name_set_len(diff->after);
		const char *before = has_before ? name_set_at(diff->before, diff->at_before) : NULL;
		const char *after = has_after ? name_set_at(diff->after, diff->at_after) : NULL;
		int order;

		if (!before && !after)
			return 0;
		order = !before ? 1 : !after ? -1 : strcmp(before, after);
		diff->at_before += order <= 0;
		diff->at_after += order >= 0;
		if (!order)
			continue;
		*name = order < 0 ? before : after;
		return order < 0 ? -1 : 1;
	}
}

/* ---- for the store ---- */

uint8_t *name_set_encode(const struct name_set *set, size_t *size)
{
	size_t count = name_set_len(set), bytes = count ? set->at[count] : 0;
	uint8_t *code = malloc(CODE_HEAD + bytes);

	if (!code)
		return NULL;
	for (int i = 0; i < 4; i++)
		code[i] = code_magic[i];
	for (int i = 0; i < 4; i++)
		code[4 + i] = (uint8_t)(count >> (24 - 8 * i));
	if (bytes)
		memcpy(code + CODE_HEAD, set->text, bytes);
	*size = CODE_HEAD + bytes;
	return code;
}

int name_set_decode(const uint8_t *data, size_t size, struct name_set **out)
{
	CLEANUP(name_set_builder_free) struct name_set_builder *builder = NULL;
	const char *at = (const char *)data + CODE_HEAD, *end = (const char *)data + size;
	const char *last = "";
	size_t count = 0;
	struct name_set *set;

	if (size < CODE_HEAD || memcmp(data, code_magic, sizeof(code_magic)) != 0 ||
	    (at < end && end[-1]))
		return -EINVAL;
	for (int i = 0; i < 4; i++)
		count = count << 8 | data[4 + i];
	builder = name_set_builder_new(count + 1);
	if (!builder)
		return -ENOMEM;
	for (; at < end; at += strlen(at) + 1) {
		int err = strcmp(last, at) < 0 && builder->count < count
				  ? name_set_builder_add(builder, at)
				  : -EINVAL;

		if (err)
			return err;
		last = at;
	}
	if (builder->count != count)
		return -EINVAL;
	set = name_set_builder_finish(TAKE(builder));
	if (!set)
		return -ENOMEM;
	*out = set;
	return 0;
}
