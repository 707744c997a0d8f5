/* The session cookie. Expected values: docs/api.md, RFC 6265 4.1 and 4.2, rfc6265bis 4.1.3.2. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/cookie.h"

#define ID "abcdefghijklmnopqrstuvwxyzABCDEFGHIJ-_01234" /* 43 characters */

static bool find(const char *field, const char *name, char *value)
{
	return cookie_find(field, strlen(field), name, value);
}

static void name_is_host_bound_over_tls_and_per_port_without(void **state)
{
	char name[COOKIE_NAME_MAX];

	(void)state;
	assert_string_equal(cookie_name(true, 5000, name), "__Host-sluice");
	assert_string_equal(cookie_name(false, 65535, name), "sluice_65535");
}

static void find_reads_the_one_among_others(void **state)
{
	char value[COOKIE_VALUE_MAX];

	(void)state;
	assert_true(find("a=b; sluice_5000=" ID "; c=d", "sluice_5000", value));
	assert_string_equal(value, ID);
	assert_true(find("sluice_5000=" ID, "sluice_5000", value));
	assert_true(find("x=;sluice_5000=" ID " ;", "sluice_5000", value));
}

static void find_refuses_what_is_not_one_session_id(void **state)
{
	static const char *const bad[] = {
		"",
		"sluice_5000",
		"sluice_5000=",
		"sluice_50000=" ID,
		"xsluice_5000=" ID,
		"SLUICE_5000=" ID,
		"sluice_5000=a b",
		"sluice_5000=\"" ID "\"",
		"sluice_5000=a,b",
		"sluice_5000=a%41",
		"sluice_5000=" ID "; sluice_5000=" ID,
		"sluice_5000=" ID ID,
	};
	char value[COOKIE_VALUE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_false(find(bad[i], "sluice_5000", value));
}

static void format_sets_and_clears(void **state)
{
	char text[COOKIE_TEXT_MAX];

	(void)state;
	assert_int_equal(cookie_format(true, 443, ID, text), 0);
	assert_string_equal(text, "__Host-sluice=" ID "; Path=/; HttpOnly; SameSite=Lax; Secure");
	assert_int_equal(cookie_format(false, 5000, ID, text), 0);
	assert_string_equal(text, "sluice_5000=" ID "; Path=/; HttpOnly; SameSite=Lax");
	assert_int_equal(cookie_format(false, 5000, "-", text), 0);
	assert_string_equal(text, "sluice_5000=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0");
}

static void format_refuses_what_could_end_the_value(void **state)
{
	char text[COOKIE_TEXT_MAX];

	(void)state;
	assert_int_equal(cookie_format(false, 1, "a;b", text), -EINVAL);
	assert_int_equal(cookie_format(false, 1, "a\r\nb", text), -EINVAL);
	assert_int_equal(cookie_format(false, 1, "", text), -EINVAL);
	assert_int_equal(cookie_format(false, 1, ID ID, text), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(name_is_host_bound_over_tls_and_per_port_without),
		cmocka_unit_test(find_reads_the_one_among_others),
		cmocka_unit_test(find_refuses_what_is_not_one_session_id),
		cmocka_unit_test(format_sets_and_clears),
		cmocka_unit_test(format_refuses_what_could_end_the_value),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
