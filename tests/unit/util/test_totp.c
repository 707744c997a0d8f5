/* Codes against the vectors of the standards. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/util/totp.h"

/* RFC 6238 appendix B (SHA-1, the last six of its eight digits) and RFC 4226 appendix D. */
static void codes_are_those_of_the_standard(void **state)
{
	static const struct {
		int64_t step;
		const char *code;
	} rows[] = {
		{ 59 / 30, "287082" },
		{ 1111111109 / 30, "081804" },
		{ 1111111111 / 30, "050471" },
		{ 1234567890 / 30, "005924" },
		{ 2000000000 / 30, "279037" },
		{ 20000000000 / 30, "353130" },
		{ 0, "755224" },
		{ 9, "520489" },
	};
	char code[TOTP_CODE_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		assert_int_equal(
			totp_code((const uint8_t *)"12345678901234567890", rows[i].step, code), 0);
		assert_string_equal(code, rows[i].code);
	}
}

/* RFC 4648 10, without padding. */
static void base32_is_that_of_the_standard(void **state)
{
	static const char *const rows[][2] = {
		{ "", "" },	    { "f", "MY" },	   { "fo", "MZXQ" },
		{ "foo", "MZXW6" }, { "foob", "MZXW6YQ" }, { "foobar", "MZXW6YTBOI" }
	};
	char text[TOTP_SECRET_TEXT];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		totp_base32(rows[i][0], strlen(rows[i][0]), text);
		assert_string_equal(text, rows[i][1]);
	}
	totp_base32("12345678901234567890", 20, text);
	assert_int_equal(strlen(text), TOTP_SECRET_TEXT - 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(codes_are_those_of_the_standard),
		cmocka_unit_test(base32_is_that_of_the_standard),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
