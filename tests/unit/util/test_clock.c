/* Expected seconds: `date -u -d TEXT +%s` of coreutils 9.1. Sizes and durations: by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>

#include "agent/util/clock.h"

static const struct {
	int64_t unix_ms;
	const char *text;
} times[] = {
	{ 0, "1970-01-01T00:00:00.000Z" },
	{ 951868799000, "2000-02-29T23:59:59.000Z" },
	{ 1709164800001, "2024-02-29T00:00:00.001Z" },
	{ 1795527900123, "2026-11-24T13:45:00.123Z" },
	{ 4102444799999, "2099-12-31T23:59:59.999Z" },
	{ -1000, "1969-12-31T23:59:59.000Z" },
	{ -1, "1969-12-31T23:59:59.999Z" },
	{ -2203848000000, "1900-03-01T12:00:00.000Z" },
	{ 253402300799999, "9999-12-31T23:59:59.999Z" },
	{ -62167219200000, "0000-01-01T00:00:00.000Z" },
};
#define TIME_COUNT (sizeof(times) / sizeof(times[0]))

static void format_agrees_with_date(void **state)
{
	char text[CLOCK_TEXT_MAX];

	(void)state;
	for (size_t i = 0; i < TIME_COUNT; i++)
		assert_string_equal(clock_format(times[i].unix_ms, text), times[i].text);
}

static void format_clamps_to_four_digit_years(void **state)
{
	char text[CLOCK_TEXT_MAX];

	(void)state;
	assert_string_equal(clock_format(INT64_MAX, text), "9999-12-31T23:59:59.999Z");
	assert_string_equal(clock_format(INT64_MIN, text), "0000-01-01T00:00:00.000Z");
}

static void expect_time(const char *text, int64_t expected)
{
	int64_t unix_ms = 0;

	assert_int_equal(clock_parse(text, &unix_ms), 0);
	assert_true(unix_ms == expected);
}

static void parse_agrees_with_date(void **state)
{
	(void)state;
	for (size_t i = 0; i < TIME_COUNT; i++)
		expect_time(times[i].text, times[i].unix_ms);
}

static void parse_takes_offsets_fractions_and_a_leap_second(void **state)
{
	(void)state;
	expect_time("2026-11-24T13:45:00+05:30", 1795508100000);
	expect_time("2026-11-24T13:45:00-08:00", 1795556700000);
	expect_time("2026-11-24t13:45:00z", 1795527900000);
	expect_time("2026-11-24 13:45:00.5Z", 1795527900500);
	expect_time("2026-11-24T13:45:00.123999999999Z", 1795527900123);
	expect_time("2016-12-31T23:59:60Z", 1483228800000); /* 2017-01-01T00:00:00Z */
}

static void parse_refuses_what_is_no_rfc3339(void **state)
{
	static const char *const wrong[] = {
		"",
		"2026-11-24",
		"2026-11-24T13:45Z",
		"2026-11-24T13:45:00",
		"2026-11-24T13:45:00.Z",
		"2026-11-24T24:00:00Z",
		"2026-11-24T13:60:00Z",
		"2026-11-24T13:45:61Z",
		"2026-13-01T00:00:00Z",
		"2026-00-01T00:00:00Z",
		"2026-04-31T00:00:00Z",
		"2026-02-29T00:00:00Z",
		"1900-02-29T00:00:00Z",
		"2026-11-24T13:45:00Z ",
		"2026-11-24T13:45:00+0530",
		"2026-11-24T13:45:00+24:00",
		" 2026-11-24T13:45:00Z",
		"+026-11-24T13:45:00Z",
		"2026-1-24T13:45:00Z",
	};
	int64_t unix_ms;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(clock_parse(wrong[i], &unix_ms), -EINVAL);
}

static void durations_are_seconds(void **state)
{
	static const struct {
		const char *text;
		int64_t seconds;
	} good[] = {
		{ "0s", 0 },
		{ "30s", 30 },
		{ "15m", 900 },
		{ "4h", 14400 },
		{ "7d", 604800 },
		{ "2w", 1209600 },
		{ "9223372036854775807s", INT64_MAX },
	};
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(duration_parse(good[i].text, &seconds), 0);
		assert_true(seconds == good[i].seconds);
	}
}

static void durations_without_or_with_wrong_unit_are_refused(void **state)
{
	static const char *const wrong[] = { "",      "30",  "s",    "-1s", "1.5h",
					     "1h30m", "30S", "30 s", "1y" };
	int64_t seconds;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(duration_parse(wrong[i], &seconds), -EINVAL);
	assert_int_equal(duration_parse("9223372036854775808s", &seconds), -ERANGE);
	assert_int_equal(duration_parse("99999999999999999999999s", &seconds), -ERANGE);
	assert_int_equal(duration_parse("15250284452472w", &seconds), -ERANGE); /* 2^63 / 604800 */
	assert_int_equal(duration_parse("15250284452471w", &seconds), 0);
}

static void sizes_are_bytes(void **state)
{
	static const struct {
		const char *text;
		uint64_t bytes;
	} good[] = {
		{ "0", 0 },
		{ "512", 512 },
		{ "512B", 512 },
		{ "4KiB", 4096 },
		{ "512MiB", 536870912 },
		{ "2GiB", 2147483648 },
		{ "1TiB", 1099511627776 },
		{ "4kB", 4000 },
		{ "5MB", 5000000 },
		{ "6GB", 6000000000 },
		{ "7TB", 7000000000000 },
		{ "18446744073709551615", UINT64_MAX },
		{ "16777215TiB", 18446742974197923840ULL },
	};
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(size_parse(good[i].text, &bytes), 0);
		assert_true(bytes == good[i].bytes);
	}
}

static void sizes_with_wrong_unit_or_beyond_64_bits_are_refused(void **state)
{
	static const char *const wrong[] = { "",     "KiB",   "-1", "1.5GiB",
					     "4kib", "4 KiB", "4K", "0x10" };
	uint64_t bytes;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++)
		assert_int_equal(size_parse(wrong[i], &bytes), -EINVAL);
	assert_int_equal(size_parse("18446744073709551616", &bytes), -ERANGE);
	assert_int_equal(size_parse("16777216TiB", &bytes), -ERANGE);
}

static void clocks_run_forward(void **state)
{
	uint64_t monotonic = clock_monotonic_ns(), boot = clock_boot_ns();

	(void)state;
	assert_true(clock_monotonic_ns() >= monotonic);
	assert_true(clock_boot_ns() >= boot);
	assert_true(boot >= monotonic); /* it also counts suspended time */
	assert_true(clock_unix_ms() > 1700000000000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_agrees_with_date),
		cmocka_unit_test(format_clamps_to_four_digit_years),
		cmocka_unit_test(parse_agrees_with_date),
		cmocka_unit_test(parse_takes_offsets_fractions_and_a_leap_second),
		cmocka_unit_test(parse_refuses_what_is_no_rfc3339),
		cmocka_unit_test(durations_are_seconds),
		cmocka_unit_test(durations_without_or_with_wrong_unit_are_refused),
		cmocka_unit_test(sizes_are_bytes),
		cmocka_unit_test(sizes_with_wrong_unit_or_beyond_64_bits_are_refused),
		cmocka_unit_test(clocks_run_forward),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
