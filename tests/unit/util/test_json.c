/* Expected texts: RFC 8259; U+FFFD as Python's bytes.decode('utf-8', 'replace') puts it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/json.h"

static void expect_print(const struct json *json, const char *expected)
{
	size_t len;
	char *text = json_print(json, &len);

	assert_non_null(text);
	assert_string_equal(text, expected);
	assert_int_equal(len, strlen(expected));
	free(text);
}

static void values_print_in_order_on_one_line(void **state)
{
	struct json *json = json_new_object(), *array = json_new_array();

	(void)state;
	json_set_string(json, "s", "a\"b\\c/\n\x01");
	json_set_bool(json, "t", true);
	json_set_bool(json, "f", false);
	json_set_null(json, "n");
	json_set_string(json, "null_text", NULL);
	json_add_string(array, "x");
	json_add_string(array, NULL);
	json_add_int(array, -5);
	json_add(array, json_new_object());
	json_set(json, "a", array);
	expect_print(json, "{\"s\":\"a\\\"b\\\\c/\\n\\u0001\",\"t\":true,\"f\":false,\"n\":null,"
			   "\"null_text\":null,\"a\":[\"x\",null,-5,{}]}");
	json_free(json);
}

static void integers_keep_their_full_range(void **state)
{
	struct json *json = json_new_object();

	(void)state;
	json_set_int(json, "least", INT64_MIN);
	json_set_int(json, "most", INT64_MAX);
	json_set_uint(json, "unsigned", UINT64_MAX);
	expect_print(json, "{\"least\":-9223372036854775808,\"most\":9223372036854775807,"
			   "\"unsigned\":18446744073709551615}");
	json_free(json);
}

static void doubles_print_as_people_wrote_them_and_come_back(void **state)
{
	struct json *json = json_new_object();

	(void)state;
	json_set_double(json, "score", 0.93);
	json_set_double(json, "third", 1.0 / 3);
	json_set_double(json, "nan", NAN);
	json_set_double(json, "inf", -INFINITY);
	expect_print(json,
		     "{\"score\":0.93,\"third\":0.33333333333333331,\"nan\":null,\"inf\":null}");
	json_free(json);
}

static void times_are_rfc3339_or_null(void **state)
{
	struct json *json = json_new_object();

	(void)state;
	json_set_time(json, "at", 1795527900123);
	json_set_time(json, "never", 0);
	expect_print(json, "{\"at\":\"2026-11-24T13:45:00.123Z\",\"never\":null}");
	json_free(json);
}

static void broken_utf8_prints_as_replacement_characters(void **state)
{
	struct json *json = json_new_array();

	(void)state;
	json_add_string(json, "a\xff"
			      "b");
	json_add_string(json, "\xe2\x82");
	json_add_string(json, "\xed\xa0\x80");
	json_add_string(json, "\xf0\x9f\x98\x80");
	expect_print(json, "[\"a\xef\xbf\xbd"
			   "b\",\"\xef\xbf\xbd\","
			   "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\",\"\xf0\x9f\x98\x80\"]");
	json_free(json);
}

static void child_that_could_not_be_made_fails_the_print(void **state)
{
	struct json *root = json_new_object(), *child = json_new_array();

	(void)state;
	json_set(root, "child", child);
	json_add(child, NULL); /* as when json_new_object found no memory */
	assert_null(json_print(root, NULL));
	assert_null(json_print_pretty(root, NULL));
	json_free(root);
}

static void building_on_nothing_is_harmless(void **state)
{
	(void)state;
	json_set_int(NULL, "a", 1);
	json_set(NULL, "a", json_new_object());
	json_add_string(NULL, "a");
	assert_null(json_print(NULL, NULL));
	json_free(NULL);
}

static void pretty_print_is_indented(void **state)
{
	struct json *json = json_new_object();
	char *text;

	(void)state;
	json_set_int(json, "a", 1);
	text = json_print_pretty(json, NULL);
	assert_string_equal(text, "{\n  \"a\": 1\n}");
	free(text);
	json_free(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_print_in_order_on_one_line),
		cmocka_unit_test(integers_keep_their_full_range),
		cmocka_unit_test(doubles_print_as_people_wrote_them_and_come_back),
		cmocka_unit_test(times_are_rfc3339_or_null),
		cmocka_unit_test(broken_utf8_prints_as_replacement_characters),
		cmocka_unit_test(child_that_could_not_be_made_fails_the_print),
		cmocka_unit_test(building_on_nothing_is_harmless),
		cmocka_unit_test(pretty_print_is_indented),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
