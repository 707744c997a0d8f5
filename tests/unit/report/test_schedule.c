/*
 * Due times against a calendar: 2026-11-30 is a Monday.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

#include "agent/report/internal.h"

static int64_t at(const char *text)
{
	static const struct {
		const char *text;
		int64_t unix_s;
	} moments[] = {
		/* date -u -d TEXT +%s */
		{ "2026-11-30T07:00", 1796022000 }, { "2026-11-30T06:59", 1796021940 },
		{ "2026-11-30T00:00", 1795996800 }, { "2026-11-29T00:00", 1795910400 },
		{ "2026-11-29T07:00", 1795935600 }, { "2026-11-28T00:00", 1795824000 },
		{ "2026-11-23T00:00", 1795392000 }, { "2026-12-03T12:00", 1796299200 },
		{ "2026-12-01T00:00", 1796083200 }, { "2026-11-01T00:00", 1793491200 },
		{ "2027-01-01T08:00", 1798790400 }, { "2027-01-01T00:00", 1798761600 },
	};

	for (size_t i = 0; i < sizeof(moments) / sizeof(moments[0]); i++)
		if (!__builtin_strcmp(moments[i].text, text))
			return moments[i].unix_s * 1000;
	fail_msg("no such moment: %s", text);
	return 0;
}

static void check(enum report_every every, const char *now, const char *const expected[3])
{
	const struct report_schedule schedule = { .every = (uint8_t)every, .minute = 7 * 60 };
	struct due due;

	schedule_due(&schedule, NULL, at(now), &due);
	assert_int_equal(due.at_unix_ms, at(expected[0]));
	assert_int_equal(due.from_unix_ms, at(expected[1]));
	assert_int_equal(due.to_unix_ms, at(expected[2]));
}

static void a_day_is_due_at_its_minute(void **state)
{
	(void)state;
	check(REPORT_DAILY, "2026-11-30T07:00",
	      (const char *[]){ "2026-11-30T07:00", "2026-11-29T00:00", "2026-11-30T00:00" });
	check(REPORT_DAILY, "2026-11-30T06:59",
	      (const char *[]){ "2026-11-29T07:00", "2026-11-28T00:00", "2026-11-29T00:00" });
}

static void a_week_begins_on_monday(void **state)
{
	(void)state;
	check(REPORT_WEEKLY, "2026-12-03T12:00",
	      (const char *[]){ "2026-11-30T07:00", "2026-11-23T00:00", "2026-11-30T00:00" });
}

static void a_month_goes_over_the_year(void **state)
{
	const struct report_schedule schedule = { .every = REPORT_MONTHLY, .minute = 7 * 60 };
	struct due due;

	(void)state;
	schedule_due(&schedule, NULL, at("2027-01-01T08:00"), &due);
	assert_int_equal(due.at_unix_ms, at("2027-01-01T00:00") + 7 * MS_PER_HOUR);
	assert_int_equal(due.from_unix_ms, at("2026-12-01T00:00"));
	assert_int_equal(due.to_unix_ms, at("2027-01-01T00:00"));
	schedule_due(&schedule, NULL, at("2026-12-03T12:00"), &due);
	assert_int_equal(due.from_unix_ms, at("2026-11-01T00:00"));
}

static void the_next_one_is_ahead(void **state)
{
	const struct report_schedule schedule = { .every = REPORT_DAILY,
						  .minute = 7 * 60,
						  .zone = "UTC" };

	(void)state;
	assert_int_equal(report_schedule_next(&schedule, at("2026-11-30T06:59")),
			 at("2026-11-30T07:00"));
	assert_int_equal(report_schedule_next(&schedule, at("2026-11-29T07:00")),
			 at("2026-11-30T07:00"));
}

static void minutes_are_read_strictly(void **state)
{
	uint16_t minute = 0;

	(void)state;
	assert_int_equal(report_minute_parse("23:59", &minute), 0);
	assert_int_equal(minute, 1439);
	assert_int_equal(report_minute_parse("24:00", &minute), -22);
	assert_int_equal(report_minute_parse("7:30", &minute), -22);
	assert_int_equal(report_minute_parse("07:3x", &minute), -22);
	assert_int_equal(minute, 1439);
}

static void a_deleted_schedule_is_not_found(void **state)
{
	const struct report_schedule schedules[] = { { .id = 3 }, { .id = 7 } };

	(void)state;
	assert_ptr_equal(report_schedule_find(schedules, 2, 7), &schedules[1]);
	assert_null(report_schedule_find(schedules, 1, 7));
	assert_null(report_schedule_find(schedules, 0, 3));
	assert_null(report_schedule_find(schedules, 2, 0)); /* made by hand */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_deleted_schedule_is_not_found),
		cmocka_unit_test(a_day_is_due_at_its_minute),
		cmocka_unit_test(a_week_begins_on_monday),
		cmocka_unit_test(a_month_goes_over_the_year),
		cmocka_unit_test(the_next_one_is_ahead),
		cmocka_unit_test(minutes_are_read_strictly),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
