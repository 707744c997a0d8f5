/*
 * Local time against dates that the IANA database and the calendar give, not against localtime(3).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "agent/util/zone.h"

/* Version 1, two types (+3600 CET, +7200 CEST), changes at 2026-03-29 and 2026-10-25 01:00 UTC. */
static const uint8_t berlin_2026[] = { 'T',  'Z',  'i',	 'f',  0,    0,	   0,	 0,    0,
				       0,    0,	   0,	 0,    0,    0,	   0,	 0,    0,
				       0,    0, /* header */
				       0,    0,	   0,	 0,    0,    0,	   0,	 0,    0,
				       0,    0,	   0,	 0,    0,    0,	   2,	 0,    0,
				       0,    2,	   0,	 0,    0,    9,	   0x69, 0xc8, 0x79,
				       0x90, 0x6a, 0xdd, 0x54, 0x90, /* 1774746000, 1792890000 */
				       1,    0,	   0,	 0,    0x0e, 0x10, 0,	 0,    0,
				       0,    0x1c, 0x20, 1,    4,    'C',  'E',	 'T',  0,
				       'C',  'E',  'S',	 'T',  0 };

static void offsets_change_when_the_file_says(void **state)
{
	CLEANUP(zone_free) struct zone *zone = NULL;

	(void)state;
	assert_int_equal(zone_parse(berlin_2026, sizeof(berlin_2026), &zone), 0);
	assert_int_equal(zone_offset_s(zone, 1774746000 - 1), 3600);
	assert_int_equal(zone_offset_s(zone, 1774746000), 7200);
	assert_int_equal(zone_offset_s(zone, 1792890000), 3600);
	assert_int_equal(zone_offset_s(zone, 0), 3600); /* before the first: the first type */
	assert_int_equal(zone_offset_s(NULL, 1774746000), 0);
}

static void wall_clock_of_a_moment(void **state)
{
	CLEANUP(zone_free) struct zone *zone = NULL;
	struct zone_time at;

	(void)state;
	assert_int_equal(zone_parse(berlin_2026, sizeof(berlin_2026), &zone), 0);
	zone_local(zone, 1774746000, &at); /* Sunday, the clock goes from 02:00 to 03:00 */
	assert_int_equal(at.year * 10000 + at.month * 100 + at.day, 20260329);
	assert_int_equal(at.hour * 100 + at.minute, 300);
	assert_int_equal(at.weekday, 6);
	zone_local(NULL, -1, &at);
	assert_int_equal(at.year * 10000 + at.month * 100 + at.day, 19691231);
	assert_int_equal(at.weekday, 2);  /* Wednesday */
	zone_local(NULL, 951782400, &at); /* 2000-02-29 */
	assert_int_equal(at.month * 100 + at.day, 229);
}

static void moment_of_a_wall_clock(void **state)
{
	CLEANUP(zone_free) struct zone *zone = NULL;
	const struct zone_time midnight = { .year = 2026, .month = 3, .day = 30 };
	const struct zone_time skipped = {
		.year = 2026, .month = 3, .day = 29, .hour = 2, .minute = 30
	};
	const struct zone_time twice = {
		.year = 2026, .month = 10, .day = 25, .hour = 2, .minute = 30
	};
	const struct zone_time over = { .year = 2026, .month = 13, .day = 32 };

	(void)state;
	assert_int_equal(zone_parse(berlin_2026, sizeof(berlin_2026), &zone), 0);
	assert_int_equal(zone_unix_s(zone, &midnight), 1774746000 + 21 * 3600);
	assert_int_equal(zone_unix_s(zone, &skipped), 1774746000 + 1800); /* 03:30 */
	assert_int_equal(zone_unix_s(zone, &twice), 1792890000 - 1800);	  /* the first one */
	assert_int_equal(zone_unix_s(NULL, &over), 1801440000);		  /* 2027-02-01 */
}

static void damaged_files_are_refused(void **state)
{
	uint8_t data[sizeof(berlin_2026)];
	struct zone *zone;

	(void)state;
	for (size_t len = 0; len < sizeof(data); len++)
		assert_int_equal(zone_parse(berlin_2026, len, &zone), -EBADMSG);
	memcpy(data, berlin_2026, sizeof(data));
	data[52] = 2; /* a type that is not there */
	assert_int_equal(zone_parse(data, sizeof(data), &zone), -EBADMSG);
	memcpy(data, berlin_2026, sizeof(data));
	data[32] = 0x7f; /* more changes than bytes */
	assert_int_equal(zone_parse(data, sizeof(data), &zone), -EBADMSG);
}

static void names_stay_in_their_folder(void **state)
{
	struct zone *zone = NULL;

	(void)state;
	assert_int_equal(zone_load("../../../etc/passwd", &zone), -EINVAL);
	assert_int_equal(zone_load("/etc/passwd", &zone), -EINVAL);
	assert_int_equal(zone_load("Europe/Nowhere", &zone), -ENOENT);
	assert_int_equal(zone_load("UTC", &zone), 0);
	assert_int_equal(zone_offset_s(zone, 1774746000), 0);
	zone_free(zone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(offsets_change_when_the_file_says),
		cmocka_unit_test(wall_clock_of_a_moment),
		cmocka_unit_test(moment_of_a_wall_clock),
		cmocka_unit_test(damaged_files_are_refused),
		cmocka_unit_test(names_stay_in_their_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
