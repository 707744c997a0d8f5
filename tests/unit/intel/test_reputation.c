/*
 * What may be asked of others, and what their answers mean (WIRE 3.5).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/intel/reputation_internal.h"

static void only_public_values_leave_the_house(void **state)
{
	static const struct {
		const char *text;
		int error;
		const char *value;
	} cases[] = {
		{ "8.8.8.8", 0, "8.8.8.8" },
		{ "2A00:1450:0:0:0:0:0:1", 0, "2a00:1450::1" },
		{ "Example.COM.", 0, "example.com" },
		{ "xn--bcher-kva.com", 0, "xn--bcher-kva.com" },
		{ "10.1.2.3", -EPERM, NULL },
		{ "100.64.0.1", -EPERM, NULL },
		{ "169.254.1.1", -EPERM, NULL },
		{ "198.18.0.1", -EPERM, NULL },
		{ "255.255.255.255", -EPERM, NULL },
		{ "::1", -EPERM, NULL },
		{ "::ffff:10.0.0.1", -EPERM, NULL },
		{ "fd00::1", -EPERM, NULL },
		{ "2001:db8::5", -EPERM, NULL },
		{ "2002:a00:1::1", -EPERM, NULL },
		{ "localhost", -EPERM, NULL },
		{ "db.internal", -EPERM, NULL },
		{ "1.0.0.127.in-addr.arpa", -EPERM, NULL },
		{ "a b.com", -EINVAL, NULL },
		{ "http://a.com/", -EINVAL, NULL },
		{ "b\xc3\xbc"
		  "cher.com",
		  -EINVAL, NULL },
		{ "", -EINVAL, NULL },
		{ "printer.local..", -EINVAL, NULL },
		{ "a..example.com", -EINVAL, NULL },
		{ ".example.com", -EINVAL, NULL },
		{ ".", -EINVAL, NULL },
		{ "192.168.1.1.", -EINVAL, NULL },
		{ "23.3.0.3.", -EINVAL, NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char value[REPUTATION_VALUE_MAX];
		bool is_addr;

		assert_int_equal(reputation_canonical(cases[i].text, value, &is_addr),
				 cases[i].error);
		if (cases[i].value)
			assert_string_equal(value, cases[i].value);
	}
}

static void names_that_the_resolver_completes_are_inner(void **state)
{
	static const char text[] = "# search not.example.net\nnameserver 192.0.2.1\n"
				   "search corp.example.com.\tLab.example.org\r\n"
				   "domain fritz\nsearching example.info\nsearch .\nsearch";

	(void)state;
	assert_true(reputation_is_completed(text, "db.corp.example.com"));
	assert_true(reputation_is_completed(text, "corp.example.com"));
	assert_true(reputation_is_completed(text, "a.b.lab.example.org"));
	assert_true(reputation_is_completed(text, "nas.fritz"));
	assert_false(reputation_is_completed(text, "notcorp.example.com"));
	assert_false(reputation_is_completed(text, "example.com"));
	assert_false(reputation_is_completed(text, "a.not.example.net"));
	assert_false(reputation_is_completed(text, "example.info"));
	assert_false(reputation_is_completed(text, "1.192.0.2.1"));
	assert_false(reputation_is_completed("", "example.com"));
	assert_false(reputation_is_completed("search", "search"));
	assert_true(reputation_is_completed("search a.b", "x.a.b"));
}

static void check(uint8_t provider, long status, const char *body, int verdict)
{
	struct reputation row = { .provider = provider };
	int error = reputation_read(status, body, strlen(body), &row);

	if (verdict < 0) {
		assert_int_equal(error, verdict);
		return;
	}
	assert_int_equal(error, 0);
	assert_int_equal(row.verdict, verdict);
	assert_true(row.expires_unix_ms > row.fetched_unix_ms);
}

#define VT(stats, rest) "{\"data\":{\"attributes\":{\"last_analysis_stats\":{" stats "}" rest "}}}"
#define SEEN		",\"last_analysis_date\":1790000000"

static void verdicts_by_the_rule(void **state)
{
	(void)state;
	check(REPUTATION_VIRUSTOTAL, 200, VT("\"malicious\":2", SEEN), REPUTATION_HIGH);
	check(REPUTATION_VIRUSTOTAL, 200, VT("\"malicious\":1", SEEN), REPUTATION_MEDIUM);
	check(REPUTATION_VIRUSTOTAL, 200, VT("\"suspicious\":3", SEEN), REPUTATION_MEDIUM);
	check(REPUTATION_VIRUSTOTAL, 200, VT("\"suspicious\":2", SEEN), REPUTATION_CLEAN);
	check(REPUTATION_VIRUSTOTAL, 200, VT("", ""), REPUTATION_UNKNOWN); /* never analysed */
	check(REPUTATION_VIRUSTOTAL, 404, "", REPUTATION_UNKNOWN);
	check(REPUTATION_VIRUSTOTAL, 200, "{\"data\":[]}", -EPROTO);
	check(REPUTATION_VIRUSTOTAL, 200, "{broken", -EPROTO);
	check(REPUTATION_ABUSEIPDB, 200, "{\"data\":{\"abuseConfidenceScore\":75}}",
	      REPUTATION_HIGH);
	check(REPUTATION_ABUSEIPDB, 200, "{\"data\":{\"abuseConfidenceScore\":25}}",
	      REPUTATION_MEDIUM);
	check(REPUTATION_ABUSEIPDB, 200, "{\"data\":{\"abuseConfidenceScore\":0}}",
	      REPUTATION_CLEAN);
	check(REPUTATION_ABUSEIPDB, 200, "{\"errors\":[]}", -EPROTO);
}

/* Found by fuzzing: the moment in milliseconds is beyond 64 bits. */
static void numbers_that_cannot_be_are_unknown(void **state)
{
	static const char body[] =
		VT("\"malicious\":-5", ",\"last_analysis_date\":9223372036854775807");
	struct reputation row = { .provider = REPUTATION_VIRUSTOTAL };

	(void)state;
	assert_int_equal(reputation_read(200, body, strlen(body), &row), 0);
	assert_int_equal(row.malicious, 0);
	assert_int_equal(row.analysed_unix_ms, 0);
	assert_int_equal(row.verdict, REPUTATION_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_that_the_resolver_completes_are_inner),
		cmocka_unit_test(only_public_values_leave_the_house),
		cmocka_unit_test(verdicts_by_the_rule),
		cmocka_unit_test(numbers_that_cannot_be_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
