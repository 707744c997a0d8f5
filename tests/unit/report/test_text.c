/*
 * What hostile names become on paper.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <string.h>

#include "agent/report/chart.h"
#include "agent/report/page.h"

static bool has_latin(void *arg, uint32_t code)
{
	(void)arg;
	return code < 0x250 || code == 0x2026;
}

static void check(const char *text, const char *expected)
{
	CLEANUP(buffer_done) struct buffer out;

	buffer_init(&out, 65536);
	text_safe(text, has_latin, NULL, &out);
	assert_string_equal(out.data ? (const char *)out.data : "", expected);
}

static void plain_names_stay(void **state)
{
	(void)state;
	check("www.example.com", "www.example.com");
	check("b\xc3\xbc"
	      "cher.example",
	      "b\xc3\xbc"
	      "cher.example");
	check("", "");
}

static void what_steers_becomes_its_number(void **state)
{
	(void)state;
	check("exe.\xe2\x80\xae"
	      "fdp",
	      "exe.\\u{202E}fdp");			/* right-to-left override */
	check("pay\xe2\x80\x8bpal", "pay\\u{200B}pal"); /* zero width space */
	check("a\xe2\x81\xa6"
	      "b",
	      "a\\u{2066}b"); /* isolate */
	check("a\nb\x1b[0m", "a\\u{A}b\\u{1B}[0m");
	check("e\xcc\x81", "e\\u{301}"); /* combining acute */
	check("\xef\xbb\xbfx", "\\u{FEFF}x");
}

static void what_has_no_glyph_becomes_its_number(void **state)
{
	(void)state;
	check("\xe4\xb8\xad", "\\u{4E2D}");
	check("\xf0\x9f\x98\x80", "\\u{1F600}"); /* beyond the 65,536 that this font can number */
}

static void broken_bytes_are_seen(void **state)
{
	(void)state;
	check("a\xff"
	      "b",
	      "a\xef\xbf\xbd"
	      "b");
	check("\xc3", "\xef\xbf\xbd");
}

/* 2026-10-25 in Berlin: at 01:00 UTC the clocks went from two hours ahead to one. */
static void counts_have_whole_steps(void **state)
{
	(void)state;
	for (int max = 1; max <= 100; max++) {
		double scale = chart_scale(max);

		assert_true(scale >= max && scale <= 2.0 * max + 4);
		assert_int_equal((int)scale % 4, 0);
	}
	assert_true(chart_scale(5) == 8); /* 0 2 4 6 8 */
	assert_true(chart_scale(6.1e6) == 8e6);
	assert_true(chart_scale(5.9e6) == 6e6); /* 1.5 MB a step */
}

static void axes_say_days_at_midnight_and_follow_the_clock(void **state)
{
	const struct clock_face clock = { .offset_s = 7200,
					  .count = 1,
					  .changes = { { 1792890000, 3600 } } };
	char text[24];

	(void)state;
	assert_int_equal(clock_offset_s(&clock, 1792889999), 7200);
	assert_int_equal(clock_offset_s(&clock, 1792890000), 3600);
	chart_time(1792886400, 172800, text);
	assert_string_equal(text, "25 Oct");
	chart_time(1792886400 + 43200, 172800, text);
	assert_string_equal(text, "12:00");
	chart_time(1792886400 + 43200, 200LL * 86400, text);
	assert_string_equal(text, "Oct 2026");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_names_stay),
		cmocka_unit_test(what_steers_becomes_its_number),
		cmocka_unit_test(what_has_no_glyph_becomes_its_number),
		cmocka_unit_test(broken_bytes_are_seen),
		cmocka_unit_test(counts_have_whole_steps),
		cmocka_unit_test(axes_say_days_at_midnight_and_follow_the_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
