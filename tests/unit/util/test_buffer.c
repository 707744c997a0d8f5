#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/buffer.h"

static void appends_join_and_stay_terminated(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100);
	buffer_append(&buffer, "ab", 2);
	buffer_append_text(&buffer, "cd");
	buffer_append_format(&buffer, "%d-%s", 42, "x");
	assert_int_equal(buffer.error, 0);
	assert_int_equal(buffer.len, 8);
	assert_string_equal((char *)buffer.data, "abcd42-x");
	buffer_done(&buffer);
}

static void append_up_to_max_fits_and_one_more_does_not(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 4);
	buffer_append_text(&buffer, "1234");
	assert_int_equal(buffer.error, 0);
	assert_string_equal((char *)buffer.data, "1234");
	buffer_append_text(&buffer, "5");
	assert_int_equal(buffer.error, -E2BIG);
	assert_int_equal(buffer.len, 4);
	buffer_done(&buffer);
}

static void error_sticks_and_later_appends_are_ignored(void **state)
{
	struct buffer buffer;
	size_t len;

	(void)state;
	buffer_init(&buffer, 4);
	buffer_append_format(&buffer, "%s", "too long");
	buffer_append_text(&buffer, "ok");
	assert_int_equal(buffer.error, -E2BIG);
	assert_int_equal(buffer.len, 0);
	assert_null(buffer_take(&buffer, &len));
	buffer_done(&buffer);
}

static void absurd_length_is_refused_without_overflow(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, SIZE_MAX);
	buffer_append_text(&buffer, "x");
	buffer_append(&buffer, "x", SIZE_MAX);
	assert_int_equal(buffer.error, -E2BIG);
	buffer_done(&buffer);
}

static void grows_over_many_appends(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 1 << 20);
	for (int i = 0; i < 100000; i++)
		buffer_append(&buffer, "abcdefghij", 10);
	assert_int_equal(buffer.error, 0);
	assert_int_equal(buffer.len, 1000000);
	assert_memory_equal(buffer.data + 999990, "abcdefghij", 11);
	buffer_done(&buffer);
}

static void consume_drops_the_front(void **state)
{
	struct buffer buffer;

	(void)state;
	buffer_init(&buffer, 100);
	buffer_consume(&buffer, 1); /* nothing there yet */
	buffer_append_text(&buffer, "abcdef");
	buffer_consume(&buffer, 4);
	assert_string_equal((char *)buffer.data, "ef");
	buffer_consume(&buffer, 99);
	assert_int_equal(buffer.len, 0);
	assert_string_equal((char *)buffer.data, "");
	buffer_done(&buffer);
}

static void take_hands_over_and_leaves_it_empty(void **state)
{
	struct buffer buffer;
	char *text;
	size_t len;

	(void)state;
	buffer_init(&buffer, 100);
	buffer_append_text(&buffer, "abc");
	text = buffer_take(&buffer, &len);
	assert_string_equal(text, "abc");
	assert_int_equal(len, 3);
	free(text);
	assert_null(buffer.data);
	text = buffer_take(&buffer, NULL);
	assert_string_equal(text, "");
	free(text);
	buffer_done(&buffer);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(appends_join_and_stay_terminated),
		cmocka_unit_test(append_up_to_max_fits_and_one_more_does_not),
		cmocka_unit_test(error_sticks_and_later_appends_are_ignored),
		cmocka_unit_test(absurd_length_is_refused_without_overflow),
		cmocka_unit_test(grows_over_many_appends),
		cmocka_unit_test(consume_drops_the_front),
		cmocka_unit_test(take_hands_over_and_leaves_it_empty),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
