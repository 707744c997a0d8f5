/* What is valid: RFC 8259. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/util/json.h"

static struct json *parse(const char *text)
{
	struct json *json = NULL;
	char error[128];

	assert_int_equal(json_parse(text, strlen(text), &json, error), 0);
	return json;
}

static void whole_documents_of_every_kind_are_read(void **state)
{
	static const char *const good[] = {
		"{}",
		"[]",
		"0",
		"-0",
		"1.5e+3",
		"\"\"",
		"true",
		"false",
		" [1] ",
		"\t\n\r[]",
		"{\"a\":{\"b\":[]}}",
		"\"\\ud83d\\ude00\"",
		"\"\\u0000\"",
		"1E9",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		struct json *json = parse(good[i]);

		assert_non_null(json);
		json_free(json);
	}
}

static void expect_refused(const char *text, size_t len)
{
	struct json *json = NULL;
	char error[128] = "";

	assert_int_equal(json_parse(text, len, &json, error), -EINVAL);
	assert_null(json);
	assert_true(strlen(error) > 0);
}

static void what_is_no_json_is_refused(void **state)
{
	static const char *const wrong[] = {
		"",
		" ",
		"{",
		"}",
		"[1",
		"[1,]",
		"{\"a\":1,}",
		"{\"a\"}",
		"{a:1}",
		"{'a':1}",
		"[1 2]",
		"01",
		"-01",
		"-",
		"+1",
		"1.",
		".5",
		"1e",
		"1e+",
		"NaN",
		"Infinity",
		"-Infinity",
		"nul",
		"TRUE",
		"\"abc",
		"\"\\x\"",
		"\"\\u12\"",
		"\"a\nb\"",
		"\"\x01\"",
		"/**/1",
		"1//",
		"1 2",
		"[]]",
		"[1]x",
		"\xef\xbb\xbf[]",
		"\"\xff\"",
		"\"\xc0\xaf\"",
		"\v1",
		"{\"a\\u0000b\":1}",
		"truefalse",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		expect_refused(wrong[i], strlen(wrong[i]));
	expect_refused("[1]\0", 4);
	expect_refused("\"a\0b\"", 5);
}

static void integers_beyond_64_bits_are_refused(void **state)
{
	(void)state;
	expect_refused("18446744073709551616", 20);
	expect_refused("-9223372036854775809", 20);
	expect_refused("[123456789012345678901234567890]", 32);
}

/* @depth arrays, one in the other. */
static int parse_nested(size_t depth)
{
	char text[200], error[128];
	struct json *json = NULL;
	int err;

	memset(text, '[', depth);
	memset(text + depth, ']', depth);
	err = json_parse(text, depth * 2, &json, error);
	json_free(json);
	return err;
}

static void nesting_goes_32_levels_deep(void **state)
{
	(void)state;
	assert_int_equal(parse_nested(32), 0);
	assert_int_equal(parse_nested(33), -EINVAL);
	assert_int_equal(parse_nested(100), -EINVAL);
}

static void error_names_the_offset(void **state)
{
	struct json *json = NULL;
	char error[128];

	(void)state;
	assert_int_equal(json_parse("[1, x]", 6, &json, error), -EINVAL);
	assert_string_equal(error, "unexpected character at offset 4");
}

static void members_are_read_by_key_and_type(void **state)
{
	struct json *json = parse("{\"s\":\"x\",\"i\":-7,\"b\":true,\"n\":null,\"d\":0.5}");
	const char *text;
	int64_t number;
	double real;
	bool flag;

	(void)state;
	assert_int_equal(json_get_string(json, "s", &text), 0);
	assert_string_equal(text, "x");
	assert_int_equal(json_get_int(json, "i", &number), 0);
	assert_int_equal(number, -7);
	assert_int_equal(json_get_bool(json, "b", &flag), 0);
	assert_true(flag);
	assert_int_equal(json_double(json_get(json, "d"), &real), 0);
	assert_true(real == 0.5);
	assert_int_equal(json_double(json_get(json, "i"), &real), 0);
	assert_true(real == -7);
	assert_int_equal(json_get_string(json, "n", &text), -ENOENT);
	assert_int_equal(json_get_string(json, "absent", &text), -ENOENT);
	assert_int_equal(json_get_string(json, "i", &text), -EINVAL);
	assert_int_equal(json_get_int(json, "d", &number), -EINVAL);
	assert_int_equal(json_get_int(json, "s", &number), -EINVAL);
	assert_int_equal(json_get_bool(json, "i", &flag), -EINVAL);
	json_free(json);
}

static void integers_are_read_to_the_ends_of_int64(void **state)
{
	struct json *json = parse("[9223372036854775807,-9223372036854775808,9223372036854775808]");
	int64_t number;

	(void)state;
	assert_int_equal(json_int(json_array_get(json, 0), &number), 0);
	assert_true(number == INT64_MAX);
	assert_int_equal(json_int(json_array_get(json, 1), &number), 0);
	assert_true(number == INT64_MIN);
	assert_int_equal(json_int(json_array_get(json, 2), &number), -EINVAL);
	json_free(json);
}

static void numbers_that_are_no_finite_double_are_refused(void **state)
{
	struct json *json = parse("[1e999]");
	double real;

	(void)state;
	assert_int_equal(json_double(json_array_get(json, 0), &real), -EINVAL);
	json_free(json);
}

static void text_with_an_embedded_nul_is_refused(void **state)
{
	struct json *json = parse("{\"a\":\"x\\u0000y\"}");
	const char *text;

	(void)state;
	assert_int_equal(json_get_string(json, "a", &text), -EINVAL);
	json_free(json);
}

static void arrays_and_keys_are_walked_by_index(void **state)
{
	struct json *json = parse("{\"first\":[1,null,\"x\"],\"second\":{}}");
	const struct json *array = json_get(json, "first");

	(void)state;
	assert_true(json_is_object(json));
	assert_true(json_is_array(array));
	assert_false(json_is_object(array));
	assert_int_equal(json_array_len(array), 3);
	assert_true(json_is_null(json_array_get(array, 1)));
	assert_null(json_array_get(array, 3));
	assert_string_equal(json_key(json, 0), "first");
	assert_string_equal(json_key(json, 1), "second");
	assert_null(json_key(json, 2));
	assert_null(json_key(array, 0));
	assert_int_equal(json_array_len(json), 0);
	assert_null(json_get(array, "first"));
	json_free(json);
}

/* RFC 8259 4 leaves it to the reader which of two members counts; two readers, two answers. */
static void a_key_twice_in_one_object_is_refused(void **state)
{
	static const char *const refused[] = {
		"{\"a\":1,\"a\":1}",
		"{\"a\":1,\"b\":2,\"a\":3}",
		"[{\"x\":{\"role\":\"viewer\",\"role\":\"admin\"}}]",
		"{\"a\":1,\"\\u0061\":2}",
		"{\"\":1,\"\":2}",
	};
	static const char *const taken[] = {
		"{\"a\":{\"a\":{\"a\":1}}}",
		"[{\"a\":1},{\"a\":1}]",
		"{\"a\":\"b:\\\"a\\\":1\",\"b\":1}",
		"{\"a\":1,\"A\":2}",
	};
	struct json *json = NULL;
	char error[128];

	(void)state;
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		expect_refused(refused[i], strlen(refused[i]));
	for (size_t i = 0; i < sizeof(taken) / sizeof(taken[0]); i++)
		json_free(parse(taken[i]));
	assert_int_equal(json_parse("{\"on\":1, \"on\":0}", 16, &json, error), -EINVAL);
	assert_string_equal(error, "the key \"on\" twice in an object at offset 9");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(whole_documents_of_every_kind_are_read),
		cmocka_unit_test(what_is_no_json_is_refused),
		cmocka_unit_test(integers_beyond_64_bits_are_refused),
		cmocka_unit_test(nesting_goes_32_levels_deep),
		cmocka_unit_test(error_names_the_offset),
		cmocka_unit_test(members_are_read_by_key_and_type),
		cmocka_unit_test(integers_are_read_to_the_ends_of_int64),
		cmocka_unit_test(numbers_that_are_no_finite_double_are_refused),
		cmocka_unit_test(text_with_an_embedded_nul_is_refused),
		cmocka_unit_test(arrays_and_keys_are_walked_by_index),
		cmocka_unit_test(a_key_twice_in_one_object_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
