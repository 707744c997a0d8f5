/*
 * Sets of names against what is walked whole, and their bytes for the store.
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

#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

static struct name_set *set_of(const char *const *names, size_t count)
{
	struct name_set_builder *builder = name_set_builder_new(count);
	struct name_set *set;

	for (size_t i = 0; i < count; i++)
		assert_int_equal(name_set_builder_add(builder, names[i]), 0);
	set = name_set_builder_finish(builder);
	assert_non_null(set);
	return set;
}

static const char *const SOME[] = { "b.example", "a.example", "example.net", "b.example", "a-b.c" };

static void names_are_in_order_and_each_once(void **state)
{
	CLEANUP(name_set_unref) struct name_set *set = set_of(SOME, 5);

	(void)state;
	assert_int_equal(name_set_len(set), 4);
	assert_string_equal(name_set_at(set, 0), "a-b.c");
	assert_string_equal(name_set_at(set, 1), "a.example");
	assert_string_equal(name_set_at(set, 2), "b.example");
	assert_string_equal(name_set_at(set, 3), "example.net");
	assert_true(name_set_has(set, "b.example"));
	assert_false(name_set_has(set, "example"));
	assert_false(name_set_has(NULL, "example"));
	assert_int_equal(name_set_len(NULL), 0);
}

static void holder_is_the_name_itself_or_the_longest_above_it(void **state)
{
	static const char *const names[] = { "example", "b.example" };
	CLEANUP(name_set_unref) struct name_set *set = set_of(names, 2);

	(void)state;
	assert_string_equal(name_set_holder(set, "b.example"), "b.example");
	assert_string_equal(name_set_holder(set, "a.b.example"), "b.example");
	assert_string_equal(name_set_holder(set, "xb.example"), "example");
	assert_null(name_set_holder(set, "notexample"));
	assert_null(name_set_holder(set, "example.org"));
	assert_null(name_set_holder(NULL, "example"));
}

static void difference_has_what_only_one_of_them_has(void **state)
{
	static const char *const after[] = { "b.example", "c.example", "z.test" };
	CLEANUP(name_set_unref) struct name_set *old = set_of(SOME, 5);
	CLEANUP(name_set_unref) struct name_set *new = set_of(after, 3);
	struct name_set_diff diff = { .before = old, .after = new };
	struct name_set_diff from_nothing = { .after = new };
	const char *name;
	char seen[128] = "";
	int side;

	(void)state;
	while ((side = name_set_diff_next(&diff, &name)) != 0) {
		(void)strcat(seen, side > 0 ? "+" : "-");
		(void)strcat(seen, name);
	}
	assert_string_equal(seen, "-a-b.c-a.example+c.example-example.net+z.test");
	for (int i = 0; i < 3; i++)
		assert_int_equal(name_set_diff_next(&from_nothing, &name), 1);
	assert_int_equal(name_set_diff_next(&from_nothing, &name), 0);
}

static void more_than_the_most_are_refused_however_often_some_came(void **state)
{
	struct name_set_builder *builder = name_set_builder_new(3);
	CLEANUP(name_set_unref) struct name_set *set = NULL;
	char name[16];

	(void)state;
	for (int i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "n%d.test", i % 3);
		assert_int_equal(name_set_builder_add(builder, name), 0);
	}
	assert_int_equal(name_set_builder_add(builder, "n3.test"), -ENOSPC);
	assert_int_equal(name_set_builder_add(builder, "n2.test"), 0);
	set = name_set_builder_finish(builder);
	assert_int_equal(name_set_len(set), 3);
}

static void what_is_no_name_is_refused(void **state)
{
	CLEANUP(name_set_builder_free) struct name_set_builder *builder = name_set_builder_new(9);
	char text[NAME_SET_TEXT_MAX + 2];

	(void)state;
	memset(text, 'a', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(name_set_builder_add(builder, text), -EINVAL);
	text[NAME_SET_TEXT_MAX] = '\0';
	assert_int_equal(name_set_builder_add(builder, text), 0);
	assert_int_equal(name_set_builder_add(builder, ""), -EINVAL);
	assert_int_equal(name_set_builder_add(builder, "a b"), -EINVAL);
	assert_int_equal(name_set_builder_add(builder, "a\nb"), -EINVAL);
}

static void bytes_lead_back_to_the_same_set_and_damaged_ones_nowhere(void **state)
{
	CLEANUP(name_set_unref) struct name_set *set = set_of(SOME, 5);
	CLEANUP(name_set_unref) struct name_set *again = NULL;
	struct name_set *none = NULL;
	size_t size;
	CLEANUP(free) uint8_t *code = name_set_encode(set, &size);

	(void)state;
	/* head 8; then the four names, 5 + 9 + 9 + 11 characters and an end each */
	assert_int_equal(size, 8 + 6 + 10 + 10 + 12);
	assert_int_equal(name_set_decode(code, size, &again), 0);
	assert_int_equal(name_set_len(again), 4);
	assert_string_equal(name_set_at(again, 3), "example.net");
	for (size_t cut = 0; cut < size; cut++)
		assert_int_equal(name_set_decode(code, cut, &none), -EINVAL);
	code[8] = 'z'; /* out of order */
	assert_int_equal(name_set_decode(code, size, &none), -EINVAL);
	code[8] = 'a';
	code[7] = 5; /* one more than there are */
	assert_int_equal(name_set_decode(code, size, &none), -EINVAL);
	assert_null(none);
}

static void names_ride_with_the_prefixes_of_a_list(void **state)
{
	struct prefix_set *set = prefix_set_builder_finish(prefix_set_builder_new(1));

	(void)state;
	assert_null(prefix_set_names(set));
	assert_null(prefix_set_names(NULL));
	prefix_set_attach(set, set_of(SOME, 5));
	assert_int_equal(prefix_set_len(set), 0);
	assert_int_equal(prefix_set_total(set), 4);
	assert_true(name_set_has(prefix_set_names(set), "a-b.c"));
	prefix_set_unref(set); /* the sanitizer says what it leaves behind */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_in_order_and_each_once),
		cmocka_unit_test(holder_is_the_name_itself_or_the_longest_above_it),
		cmocka_unit_test(difference_has_what_only_one_of_them_has),
		cmocka_unit_test(more_than_the_most_are_refused_however_often_some_came),
		cmocka_unit_test(what_is_no_name_is_refused),
		cmocka_unit_test(bytes_lead_back_to_the_same_set_and_damaged_ones_nowhere),
		cmocka_unit_test(names_ride_with_the_prefixes_of_a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
