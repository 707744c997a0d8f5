/*
 * Query strings and forms: decoding, bounds, refusals. Expected values by hand from WHATWG URL 5.1.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/api/internal.h"

static void values_are_decoded(void **state)
{
	static const struct {
		const char *query, *name, *value;
	} cases[] = {
		{ "a=1", "a", "1" },
		{ "a=1&b=two+words", "b", "two words" },
		{ "b=%2F%3a%20", "b", "/: " },
		{ "ab=1&a=2", "a", "2" },
		{ "a=", "a", "" },
		{ "a", "a", "" },
		{ "", "a", "" },
		{ "x=1", "a", "" },
		{ "a=first&a=second", "a", "first" },
		{ "reason=100%25", "reason", "100%" },
	};
	char out[PARAM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(param_text(cases[i].query, cases[i].name, out), 0);
		assert_string_equal(out, cases[i].value);
	}
}

static void broken_escapes_and_nul_are_refused(void **state)
{
	static const char *const queries[] = { "a=%", "a=%4", "a=%zz", "a=%00", "a=1%4&b=4" };
	char out[PARAM_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(queries) / sizeof(queries[0]); i++) {
		memset(out, '1', sizeof(out)); /* as a stack may be: no end, and a number */
		assert_int_equal(param_text(queries[i], "a", out), -22);
		assert_string_equal(out, PARAM_REFUSED);
	}
}

static void a_value_beyond_the_bound_is_refused(void **state)
{
	char query[PARAM_MAX + 16] = "a=";
	char out[PARAM_MAX];

	(void)state;
	memset(query + 2, 'x', PARAM_MAX);
	query[2 + PARAM_MAX] = '\0';
	memset(out, '1', sizeof(out));
	assert_int_equal(param_text(query, "a", out), -22);
	assert_string_equal(out, PARAM_REFUSED);
	query[2 + PARAM_MAX - 1] = '\0';
	assert_int_equal(param_text(query, "a", out), 0);
	assert_int_equal(strlen(out), PARAM_MAX - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_decoded),
		cmocka_unit_test(broken_escapes_and_nul_are_refused),
		cmocka_unit_test(a_value_beyond_the_bound_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
