/*
 * Lines of feeds as their publishers write them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <stdio.h>

#include "agent/intel/internal.h"

static void each_format_gives_its_value(void **state)
{
	static const struct {
		const char *line, *value;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "  192.0.2.0/24 ; SBL1\r", "192.0.2.0/24 ; SBL1" },
		{ "\xef\xbb\xbf"
		  "192.0.2.1",
		  "192.0.2.1" },
		{ "# comment", NULL },
		{ "; comment", NULL },
		{ "! comment", NULL },
		{ "// comment", NULL },
		{ "", NULL },
		{ "{\"cidr\":\"192.0.2.0/24\",\"sblid\":\"SBL1\"}", "192.0.2.0/24" },
		{ "{\"type\":\"metadata\"}", NULL },
		{ "{\"cidr\":5}", NULL },
		{ "{broken", "{broken" },
		{ "http://example.com/a", "example.com" },
		{ "https://u:p@example.com:8443?x=1", "example.com" },
		{ "http://[2001:db8::1]:80/", "2001:db8::1" },
		{ "http://", "" },
		{ "||ads.example.com^", "ads.example.com" },
		{ "||ads.example.com^$third-party", "||ads.example.com^$third-party" },
		{ "\"2026-01-01\",\"192.0.2.1\",\"443\"", "192.0.2.1" },
		{ "first_seen,dst_ip,port", NULL },
		{ "192.0.2.1,5", "192.0.2.1" },
		{ "0.0.0.0 ads.example.com", "0.0.0.0 ads.example.com" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[256];
		const char *value;

		(void)snprintf(line, sizeof(line), "%s", cases[i].line);
		value = convert_line(line);
		if (!cases[i].value)
			assert_null(value);
		else
			assert_string_equal(value ? value : "(none)", cases[i].value);
	}
}

static void a_chosen_column_is_the_value(void **state)
{
	static const struct {
		const char *line;
		unsigned int column;
		const char *value;
	} cases[] = {
		{ "a,b,192.0.2.1", 3, "192.0.2.1" },
		{ "\"x, y\";\"ads.example.com\";7", 2, "ads.example.com" },
		{ "1\thttp://bad.example.com/x\t3", 2, "bad.example.com" },
		{ "192.0.2.1", 1, "192.0.2.1" },
		{ "192.0.2.1,\"192.0.2.9\"", 2, "192.0.2.9" },
		{ "a,b", 3, NULL },
		{ "a,,c", 2, NULL },
		{ "\"a,b", 1, NULL }, /* one cell, which is no value */
		{ "# a,b", 2, NULL },
		{ "", 1, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char line[256];
		const char *value;

		(void)snprintf(line, sizeof(line), "%s", cases[i].line);
		value = convert_column(line, cases[i].column);
		if (cases[i].value)
			assert_string_equal(value, cases[i].value);
		else
			assert_null(value);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_format_gives_its_value),
					    cmocka_unit_test(a_chosen_column_is_the_value) };

	return cmocka_run_group_tests(tests, NULL, NULL);
}
