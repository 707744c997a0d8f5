/* Expected bytes: Python's bytes.decode('utf-8', 'replace'). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "agent/util/utf8.h"

#define REPLACED "\xef\xbf\xbd"

static const struct {
	const char *text, *clean;
} samples[] = {
	{ "plain", "plain" },
	{ "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80", "\xc3\xa9\xe2\x82\xac\xf0\x9f\x98\x80" },
	{ "\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf" }, /* U+10FFFF */
	{ "a\xff"
	  "b",
	  "a" REPLACED "b" },
	{ "\xe2\x82", REPLACED },
	{ "\xf0\x9f\x98", REPLACED },
	{ "\xc0\xaf", REPLACED REPLACED },
	{ "\xe0\x80\xaf", REPLACED REPLACED REPLACED },
	{ "\xed\xa0\x80", REPLACED REPLACED REPLACED },
	{ "\xf4\x90\x80\x80", REPLACED REPLACED REPLACED REPLACED },
	{ "\xe2(\xa1", REPLACED "(" REPLACED },
	{ "\xf1\x80\x80"
	  "A",
	  REPLACED "A" },
};
#define SAMPLE_COUNT (sizeof(samples) / sizeof(samples[0]))

static void append_replaces_each_maximal_subpart(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		struct buffer out;

		buffer_init(&out, 100);
		utf8_append(&out, samples[i].text, strlen(samples[i].text));
		assert_string_equal((char *)out.data, samples[i].clean);
		buffer_done(&out);
	}
}

static void valid_is_what_append_does_not_change(void **state)
{
	(void)state;
	for (size_t i = 0; i < SAMPLE_COUNT; i++) {
		bool is_same = strcmp(samples[i].text, samples[i].clean) == 0;

		assert_int_equal(utf8_is_valid(samples[i].text, strlen(samples[i].text)), is_same);
	}
	assert_true(utf8_is_valid("", 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(append_replaces_each_maximal_subpart),
		cmocka_unit_test(valid_is_what_append_does_not_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
