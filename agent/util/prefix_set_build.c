/*
 * Building a set of prefixes: entries in any order in, sorted once.
 */
#include <assert.h>
#include <errno.h>

#include "agent/util/name_set.h"
#include "agent/util/prefix_set_internal.h"

#define ROOM_MIN    64
#define DIGIT_BITS  10 /* of the radix sort: four passes over 40 bits, tables that fit L1 */
#define DIGIT_COUNT (1U << DIGIT_BITS)
#define WORD_BITS   40

/* ---- order ---- */

/* One digit, stable; false when all words have the same and nothing moved. */
static bool radix_pass(const uint64_t *from, uint64_t *to, size_t count, unsigned int shift)
{
	size_t at[DIGIT_COUNT] = { 0 }, sum = 0;

	for (size_t i = 0; i < count; i++)
		at[from[i] >> shift & (DIGIT_COUNT - 1)]++;
	if (at[from[0] >> shift & (DIGIT_COUNT - 1)] == count)
		return false;
	for (size_t digit = 0; digit < DIGIT_COUNT; digit++) {
		size_t here = at[digit];

		at[digit] = sum;
		sum += here;
	}
	for (size_t i = 0; i < count; i++)
		to[at[from[i] >> shift & (DIGIT_COUNT - 1)]++] = from[i];
	return true;
}

/* Least digit first. Returns 0 or -ENOMEM. */
static int four_sort(uint64_t **four, size_t count)
{
	CLEANUP(free) uint64_t *other = NULL;

	if (prefix_four_is_sorted(*four, count))
		return 0;
	other = malloc(count * sizeof(*other));
	if (!other)
		return -ENOMEM;
	for (unsigned int shift = 0; shift < WORD_BITS; shift += DIGIT_BITS) {
		uint64_t *sorted = other;

		if (!radix_pass(*four, other, count, shift))
			continue;
		other = *four;
		*four = sorted;
	}
	return 0;
}

static int builder_sort(struct prefix_set_builder *builder)
{
	struct prefix_entries *entries = &builder->entries;
	size_t kept = 0;

	/* the other half of the sort has no more room than words: so has the array from now on */
	builder->room4 = entries->count4;
	if (four_sort(&entries->four, entries->count4))
		return -ENOMEM;
	for (size_t i = 0; i < entries->count4; i++)
		if (!kept || entries->four[i] != entries->four[kept - 1])
			entries->four[kept++] = entries->four[i];
	builder->sorted4 = entries->count4 = kept;
	if (entries->count6)
		qsort(entries->six, entries->count6, sizeof(*entries->six), prefix_six_compare);
	kept = 0;
	for (size_t i = 0; i < entries->count6; i++)
		if (!kept || prefix_six_compare(&entries->six[i], &entries->six[kept - 1]))
			entries->six[kept++] = entries->six[i];
	builder->sorted6 = entries->count6 = kept;
	return 0;
}
/* ---- building ---- */

struct prefix_set_builder *prefix_set_builder_new(size_t max)
{
	struct prefix_set_builder *builder = calloc(1, sizeof(*builder));

	if (builder)
		builder->max = max;
	return builder;
}

void prefix_set_builder_free(struct prefix_set_builder *builder)
{
	if (!builder)
		return;
	free(builder->entries.four);
	free(builder->entries.six);
	free(builder);
}

/* Room for one more of @count entries of @size bytes. Returns 0 or -ENOMEM. */
static int grow(void **array, size_t count, size_t *room, size_t size)
{
	size_t more = *room < ROOM_MIN ? ROOM_MIN : *room + *room / 2;
	void *moved;

	if (count < *room)
		return 0;
	moved = realloc(*array, more * size);
	if (!moved)
		return -ENOMEM;
	*array = moved;
	*room = more;
	return 0;
}

static int add4(struct prefix_set_builder *builder, uint64_t word)
{
	struct prefix_entries *entries = &builder->entries;
	void *four = entries->four;
	int err = grow(&four, entries->count4, &builder->room4, sizeof(*entries->four));

	entries->four = four;
	if (!err)
		entries->four[entries->count4++] = word;
	return err;
}

static int add6(struct prefix_set_builder *builder, const struct prefix_six *entry)
{
	struct prefix_entries *entries = &builder->entries;
	void *six = entries->six;
	int err = grow(&six, entries->count6, &builder->room6, sizeof(*entries->six));

	entries->six = six;
	if (!err)
		entries->six[entries->count6++] = *entry;
	return err;
}

/* Among those in order: what is there already takes no room, however often it comes. */
static bool builder_has(const struct prefix_set_builder *builder, const struct prefix *prefix)
{
	struct prefix_six entry;

	if (prefix->addr.family == ADDR_IPV4)
		return prefix_four_find(builder->entries.four, builder->sorted4,
					prefix_four(prefix)) != PREFIX_SET_NONE;
	entry = prefix_six_of(prefix);
	return prefix_six_find(builder->entries.six, builder->sorted6, &entry) != PREFIX_SET_NONE;
}

static bool builder_is_full(const struct prefix_set_builder *builder)
{
	return builder->entries.count4 + builder->entries.count6 >= builder->max;
}

int prefix_set_builder_add(struct prefix_set_builder *builder, const struct prefix *prefix)
{
	struct prefix_six entry;
	int err;

	if (!prefix_is_valid(prefix))
		return -EINVAL;
	if (builder_has(builder, prefix))
		return 0;
	if (builder_is_full(builder)) {
		err = builder_sort(builder);
		if (err || builder_has(builder, prefix))
			return err;
		if (builder_is_full(builder))
			return -ENOSPC;
	}
	if (prefix->addr.family == ADDR_IPV4)
		return add4(builder, prefix_four(prefix));
	entry = prefix_six_of(prefix);
	return add6(builder, &entry);
}

static void note_lens(struct prefix_entries *entries)
{
	assert((entries->four || !entries->count4) && (entries->six || !entries->count6));
	for (size_t i = 0; i < entries->count4; i++) {
		unsigned int len = entries->four[i] & 0xff;

		entries->lens4 |= 1ULL << len;
		entries->exact4 += len == 32;
	}
	for (size_t i = 0; i < entries->count6; i++) {
		uint64_t len = entries->six[i].len;

		entries->lens6[len / 64] |= 1ULL << len % 64;
		entries->exact6 += len == 128;
	}
}

/* Shrinking cannot fail in a way that matters: the larger block stays. */
static void *shrink(void *array, size_t size)
{
	void *smaller;

	if (!size) {
		free(array);
		return NULL;
	}
	smaller = realloc(array, size);
	return smaller ? smaller : array;
}

struct prefix_set *prefix_set_builder_finish(struct prefix_set_builder *builder)
{
	struct prefix_entries *entries = &builder->entries;
	struct prefix_set *set = calloc(1, sizeof(*set));

	if (!set || builder_sort(builder)) {
		free(set);
		prefix_set_builder_free(builder);
		return NULL;
	}
	entries->four = shrink(entries->four, entries->count4 * sizeof(*entries->four));
	entries->six = shrink(entries->six, entries->count6 * sizeof(*entries->six));
	note_lens(entries);
	atomic_init(&set->refs, 1);
	set->entries = *entries;
	free(builder);
	return set;
}

struct prefix_set *prefix_set_ref(struct prefix_set *set)
{
	atomic_fetch_add_explicit(&set->refs, 1, memory_order_relaxed);
	return set;
}

void prefix_set_unref(struct prefix_set *set)
{
	if (!set || atomic_fetch_sub_explicit(&set->refs, 1, memory_order_acq_rel) > 1)
		return;
	free(set->entries.four);
	free(set->entries.six);
	name_set_unref(set->names);
	free(set);
}

/* ---- names beside them ---- */

void prefix_set_attach(struct prefix_set *set, struct name_set *names)
{
	name_set_unref(set->names);
	set->names = names;
}

struct name_set *prefix_set_names(const struct prefix_set *set)
{
	return set ? set->names : NULL;
}

size_t prefix_set_total(const struct prefix_set *set)
{
	return prefix_set_len(set) + name_set_len(prefix_set_names(set));
}
