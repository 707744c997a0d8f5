/*
 * Sets of prefixes against a list that is walked whole.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/util/addr.h"
#include "agent/util/prefix_set.h"

#define MODEL_MAX 600

struct model {
	struct prefix items[MODEL_MAX];
	size_t count;
};

static struct prefix prefix_of(const char *text)
{
	struct prefix prefix;

	assert_int_equal(prefix_parse(text, false, &prefix), 0);
	return prefix;
}

static struct prefix_set *set_of(const struct model *model)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(MODEL_MAX);
	struct prefix_set *set;

	for (size_t i = 0; i < model->count; i++)
		assert_int_equal(prefix_set_builder_add(builder, &model->items[i]), 0);
	set = prefix_set_builder_finish(builder);
	assert_non_null(set);
	return set;
}

static uint64_t next_random(uint64_t *state)
{
	/* xorshift64 (Marsaglia, 2003) */
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* Few distinct bits, so that prefixes meet and nest. */
static struct prefix random_prefix(uint64_t *state)
{
	char text[PREFIX_TEXT_MAX];
	uint64_t r = next_random(state);
	struct prefix prefix;

	if (r & 1)
		(void)snprintf(text, sizeof(text), "10.%u.%u.%u/%u", (unsigned int)(r >> 8 & 3),
			       (unsigned int)(r >> 16 & 255), (unsigned int)(r >> 24 & 3) << 6,
			       (unsigned int)(r >> 32) % 33);
	else
		(void)snprintf(text, sizeof(text), "2001:db8:%x::%x/%u", (unsigned int)(r >> 8 & 7),
			       (unsigned int)(r >> 16 & 7), (unsigned int)(r >> 32) % 129);
	assert_int_equal(prefix_parse(text, true, &prefix), 0);
	return prefix;
}

static void model_fill(struct model *model, uint64_t *state)
{
	model->count = next_random(state) % MODEL_MAX;
	for (size_t i = 0; i < model->count; i++)
		model->items[i] = random_prefix(state);
}

static bool model_has(const struct model *model, const struct prefix *prefix)
{
	for (size_t i = 0; i < model->count; i++)
		if (prefix_is_equal(&model->items[i], prefix))
			return true;
	return false;
}

/* The longest of the model that holds @prefix, -1 when none does. */
static int model_holder(const struct model *model, const struct prefix *prefix)
{
	int longest = -1;

	for (size_t i = 0; i < model->count; i++)
		if (model->items[i].len <= prefix->len && model->items[i].len > longest &&
		    prefix_has_addr(&model->items[i], &prefix->addr))
			longest = model->items[i].len;
	return longest;
}

static bool model_overlaps(const struct model *model, const struct prefix *prefix)
{
	for (size_t i = 0; i < model->count; i++)
		if (prefix_overlaps(&model->items[i], prefix))
			return true;
	return false;
}

static void random_sets_answer_as_the_model(void **unused)
{
	uint64_t state = 88172645463325252ULL;
	struct model model;

	(void)unused;
	for (int round = 0; round < 40; round++) {
		struct prefix_set *set;

		model_fill(&model, &state);
		set = set_of(&model);
		for (int i = 0; i < 500; i++) {
			struct prefix probe = random_prefix(&state), found;
			int longest = model_holder(&model, &probe);

			assert_int_equal(prefix_set_has(set, &probe), model_has(&model, &probe));
			assert_int_equal(prefix_set_holder(set, &probe, &found), longest >= 0);
			if (longest >= 0)
				assert_int_equal(found.len, longest);
			assert_int_equal(prefix_set_overlapping(set, &probe, &found),
					 model_overlaps(&model, &probe));
			assert_true(!model_overlaps(&model, &probe) ||
				    prefix_overlaps(&found, &probe));
		}
		prefix_set_unref(set);
	}
}

static void look_stops_after_so_many_that_both_have(void **unused)
{
	struct prefix_set_diff diff = { 0 };
	struct prefix prefix = { .addr = { .family = ADDR_IPV4 }, .len = 32 };
	struct prefix_set_builder *builder = prefix_set_builder_new(100);
	struct prefix_set *both, *one;
	size_t left = 60;

	(void)unused;
	memset(prefix.addr.bytes + 10, 0xff, 2); /* IPv4, mapped */
	for (int i = 0; i < 99; i++) {
		prefix.addr.bytes[15] = (uint8_t)i;
		assert_int_equal(prefix_set_builder_add(builder, &prefix), 0);
	}
	both = prefix_set_builder_finish(builder);
	builder = prefix_set_builder_new(100);
	for (int i = 0; i < 100; i++) {
		prefix.addr.bytes[15] = (uint8_t)i;
		assert_int_equal(prefix_set_builder_add(builder, &prefix), 0);
	}
	one = prefix_set_builder_finish(builder);
	diff.before = both;
	diff.after = one;
	assert_int_equal(prefix_set_diff_look(&diff, &left, &prefix), PREFIX_SET_DIFF_MORE);
	assert_int_equal(left, 0);
	assert_int_equal(diff.at_before, 60);
	left = 60;
	assert_int_equal(prefix_set_diff_look(&diff, &left, &prefix), 1);
	assert_int_equal(prefix.addr.bytes[15], 99);
	assert_int_equal(left, 60 - 39);
	assert_int_equal(prefix_set_diff_look(&diff, &left, &prefix), 0);
	prefix_set_unref(both);
	prefix_set_unref(one);
}

static void difference_is_what_only_one_has(void **unused)
{
	uint64_t state = 1234567;
	struct model before, after;

	(void)unused;
	for (int round = 0; round < 40; round++) {
		struct prefix_set *a, *b;
		struct prefix_set_diff diff = { 0 };
		struct prefix prefix;
		size_t added = 0, removed = 0, common = 0;
		int which;

		model_fill(&before, &state);
		model_fill(&after, &state);
		a = set_of(&before);
		b = set_of(&after);
		diff.before = a;
		diff.after = b;
		while ((which = prefix_set_diff_next(&diff, &prefix))) {
			assert_int_equal(model_has(&before, &prefix), which < 0);
			assert_int_equal(model_has(&after, &prefix), which > 0);
			added += which > 0;
			removed += which < 0;
		}
		for (size_t i = 0; i < prefix_set_len(a); i++) {
			prefix = prefix_set_at(a, i);
			common += prefix_set_has(b, &prefix);
		}
		assert_int_equal(prefix_set_len(a), common + removed);
		assert_int_equal(prefix_set_len(b), common + added);
		prefix_set_unref(a);
		prefix_set_unref(b);
	}
}

static void order_is_family_then_address_then_length(void **unused)
{
	static const char *const order[] = { "0.0.0.0/0",     "9.255.255.255", "10.0.0.0/8",
					     "10.0.0.0/9",    "10.0.0.0",      "::/0",
					     "2001:db8::/32", "2001:db8::",    "2001:db8::1" };
	struct model model = { 0 };
	struct prefix_set *set;

	(void)unused;
	for (size_t i = 9; i > 0; i--)
		model.items[model.count++] = prefix_of(order[i - 1]);
	model.items[model.count++] = prefix_of("10.0.0.0/9");
	set = set_of(&model);
	assert_int_equal(prefix_set_len(set), 9);
	for (size_t i = 0; i < 9; i++) {
		char text[PREFIX_TEXT_MAX];
		struct prefix prefix = prefix_set_at(set, i);

		assert_string_equal(prefix_format(&prefix, text), order[i]);
	}
	prefix_set_unref(set);
}

static void full_builder_still_takes_what_it_has(void **unused)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(2);
	struct prefix one = prefix_of("192.0.2.1"), two = prefix_of("2001:db8::1"),
		      three = prefix_of("192.0.2.3"), crooked = prefix_of("192.0.2.1");
	struct prefix_set *set;

	(void)unused;
	crooked.len = 24;
	assert_int_equal(prefix_set_builder_add(builder, &one), 0);
	assert_int_equal(prefix_set_builder_add(builder, &crooked), -EINVAL);
	assert_int_equal(prefix_set_builder_add(builder, &one), 0);
	assert_int_equal(prefix_set_builder_add(builder, &one), 0);
	assert_int_equal(prefix_set_builder_add(builder, &two), 0);
	assert_int_equal(prefix_set_builder_add(builder, &three), -ENOSPC);
	assert_int_equal(prefix_set_builder_add(builder, &two), 0);
	set = prefix_set_builder_finish(builder);
	assert_int_equal(prefix_set_len(set), 2);
	prefix_set_unref(set);
}

static void bytes_come_back_as_the_same_set(void **unused)
{
	uint64_t state = 42;
	struct model model;

	(void)unused;
	for (int round = 0; round < 20; round++) {
		struct prefix_set *set, *back = NULL;
		struct prefix_set_diff diff = { 0 };
		struct prefix prefix;
		uint8_t *code;
		size_t size;

		model_fill(&model, &state);
		set = set_of(&model);
		code = prefix_set_encode(set, &size);
		assert_int_equal(prefix_set_decode(code, size, &back), 0);
		diff.before = set;
		diff.after = back;
		assert_int_equal(prefix_set_diff_next(&diff, &prefix), 0);
		for (size_t cut = 0; cut < size; cut++) {
			struct prefix_set *none = NULL;

			assert_int_equal(prefix_set_decode(code, cut, &none), -EINVAL);
		}
		free(code);
		prefix_set_unref(set);
		prefix_set_unref(back);
	}
}

static void bytes_out_of_order_are_refused(void **unused)
{
	struct model model = { .items = { prefix_of("192.0.2.1"), prefix_of("192.0.2.2") },
			       .count = 2 };
	struct prefix_set *set = set_of(&model), *back = NULL;
	size_t size;
	uint8_t *code = prefix_set_encode(set, &size);

	(void)unused;
	code[12 + 3] = 2; /* the same twice */
	assert_int_equal(prefix_set_decode(code, size, &back), -EINVAL);
	code[12 + 3] = 3;
	assert_int_equal(prefix_set_decode(code, size, &back), -EINVAL);
	code[12 + 3] = 1;
	code[12 + 4] = 33;
	assert_int_equal(prefix_set_decode(code, size, &back), -EINVAL);
	code[12 + 4] = 24; /* host bits */
	assert_int_equal(prefix_set_decode(code, size, &back), -EINVAL);
	free(code);
	prefix_set_unref(set);
}

static void no_set_is_empty(void **unused)
{
	struct prefix prefix = prefix_of("0.0.0.0/0"), found;
	struct prefix_set_diff diff = { 0 };

	(void)unused;
	assert_int_equal(prefix_set_len(NULL), 0);
	assert_false(prefix_set_has(NULL, &prefix));
	assert_false(prefix_set_holder(NULL, &prefix, &found));
	assert_false(prefix_set_overlapping(NULL, &prefix, &found));
	assert_int_equal(prefix_set_diff_next(&diff, &found), 0);
	prefix_set_unref(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_sets_answer_as_the_model),
		cmocka_unit_test(difference_is_what_only_one_has),
		cmocka_unit_test(look_stops_after_so_many_that_both_have),
		cmocka_unit_test(order_is_family_then_address_then_length),
		cmocka_unit_test(full_builder_still_takes_what_it_has),
		cmocka_unit_test(bytes_come_back_as_the_same_set),
		cmocka_unit_test(bytes_out_of_order_are_refused),
		cmocka_unit_test(no_set_is_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
