/* The notation of describe.def: what it becomes, and what it does not have. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/shape.h"
#include "agent/util/cleanup.h"

static void expect(const char *text, bool is_body, const char *wanted)
{
	CLEANUP(json_free) struct json *schema = shape_parse(text, is_body);
	CLEANUP(free) char *got = schema ? json_print(schema, NULL) : NULL;

	assert_non_null(got);
	assert_string_equal(got, wanted);
}

static void members_of_answers_are_there_unless_marked(void **state)
{
	(void)state;
	expect("id:int note~:text?", false,
	       "{\"type\":\"object\",\"properties\":{\"id\":{\"type\":\"integer\",\"format\":"
	       "\"int64\"},"
	       "\"note\":{\"type\":\"string\",\"nullable\":true}},\"required\":[\"id\"]}");
}

static void members_of_bodies_may_be_left_out_unless_marked(void **state)
{
	(void)state;
	expect("a!:bool b:num", true,
	       "{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"boolean\"},"
	       "\"b\":{\"type\":\"number\"}},\"required\":[\"a\"]}");
}

static void types_nest(void **state)
{
	(void)state;
	expect("[{w:on|off}]", false,
	       "{\"type\":\"array\",\"items\":{\"type\":\"object\",\"properties\":{\"w\":{\"type\":"
	       "\"string\",\"enum\":[\"on\",\"off\"]}},\"required\":[\"w\"]}}");
	expect("@Block?", false,
	       "{\"allOf\":[{\"$ref\":\"#/components/schemas/Block\"}],\"nullable\":true}");
	expect("any", false, "{}");
}

static void what_is_no_shape_is_refused(void **state)
{
	static const char *const texts[] = { "a",	    "a:",   "a:nothing",
					     "a:int,b:int", "[int", "{a:int",
					     "a:int}",	    "@",    "a:[[[[[[[[[[int]]]]]]]]]]" };

	(void)state;
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		CLEANUP(json_free) struct json *schema = shape_parse(texts[i], false);

		assert_null(schema);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(members_of_answers_are_there_unless_marked),
		cmocka_unit_test(members_of_bodies_may_be_left_out_unless_marked),
		cmocka_unit_test(types_nest),
		cmocka_unit_test(what_is_no_shape_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
