/*
 * Large uploads: against nothing, against a history of like hours, of unlike ones.
 */
#include "fixture.h"

#define HOST  "192.168.1.5"
#define PLACE "203.0.113.9"
#define LATE  (T0 + (uint64_t)(LEARN_S + 60) * S)

static void move_bytes(struct seen *seen, const char *src, const char *dst, uint64_t bytes,
		       uint64_t at_ns)
{
	struct flow_delta delta = delta_of(addr_of(src), addr_of(dst), 443, IPPROTO_TCP, at_ns);

	delta.packets = bytes / 1400 + 1;
	delta.bytes = bytes;
	detect_delta(seen->detect, &delta);
}

static void upload(struct seen *seen, const char *dst, uint64_t out, uint64_t in, uint64_t at_ns)
{
	struct flow flow = probe(addr_of(HOST), addr_of(dst), 443, at_ns);

	move_bytes(seen, HOST, dst, out, at_ns);
	move_bytes(seen, dst, HOST, in, at_ns);
	feed(seen, talked(flow, out, in, 900));
	tick(seen, at_ns + S);
}

static void a_hundred_megabytes_to_a_new_place_are_said_and_less_is_not(void **state)
{
	struct seen *seen = begin();

	(void)state;
	upload(seen, PLACE, 99999999, 1000000, LATE);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 0);
	upload(seen, PLACE, 2000000, 10000, LATE + 10 * S);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 1);
	assert_int_equal(seen->last[DETECTOR_EXFILTRATION].severity, SEVERITY_LOW);
	assert_non_null(strstr(seen->last[DETECTOR_EXFILTRATION].reason,
			       "192.168.1.5 sent 102 MB to 203.0.113.9"));
	end(seen);
}

/* 40 hours in which the host sends a megabyte an hour to each of two others. */
static uint64_t live(struct seen *seen)
{
	for (unsigned int hour = 0; hour < 40; hour++) {
		upload(seen, "203.0.113.20", 1000000 + hour * 1000, 50000, T0 + hour * 3601ULL * S);
		upload(seen, "203.0.113.21", 1200000 + hour * 1000, 50000, T0 + hour * 3601ULL * S);
	}
	return T0 + 41ULL * 3601 * S;
}

static void against_its_history_it_is_more_than_low(void **state)
{
	struct seen *seen = begin();
	uint64_t now = live(seen);

	(void)state;
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 0);
	upload(seen, PLACE, 200000000, 1000000, now);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 1);
	assert_int_equal(seen->last[DETECTOR_EXFILTRATION].severity, SEVERITY_MEDIUM);
	assert_non_null(strstr(seen->last[DETECTOR_EXFILTRATION].reason, "Normal is 1."));
	end(seen);
}

/* Hours from 20 kB to 90 MB: 6 deviations are more than anybody ever sends. */
static uint64_t live_unevenly(struct seen *seen)
{
	static const uint64_t sizes[] = { 20000, 90000000, 300000, 4000000, 40000000 };

	for (unsigned int hour = 0; hour < 40; hour++) {
		upload(seen, "203.0.113.20", sizes[hour % 5], 50000, T0 + hour * 3601ULL * S);
		upload(seen, "203.0.113.21", sizes[hour % 3], 50000, T0 + hour * 3601ULL * S);
	}
	return T0 + 41ULL * 3601 * S;
}

static void twice_the_largest_hour_is_enough_where_hours_differ(void **state)
{
	struct seen *seen = begin();
	uint64_t now = live_unevenly(seen);
	const struct finding_feature *sent = &seen->last[DETECTOR_EXFILTRATION].features[0];

	(void)state;
	assert_int_equal(seen->above_low, 0);
	seen->count[DETECTOR_EXFILTRATION] = 0; /* days before there was a history */
	upload(seen, "203.0.113.30", 150000000, 1000000, now);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 0);
	upload(seen, PLACE, 200000000, 1000000, now + S);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 1);
	assert_int_equal(seen->last[DETECTOR_EXFILTRATION].severity, SEVERITY_MEDIUM);
	assert_non_null(strstr(seen->last[DETECTOR_EXFILTRATION].reason, "at most 180 MB."));
	assert_string_equal(sent->name, "bytes sent to it in this hour");
	assert_true(sent->value == 200000000 && sent->normal_high == 180000000);
	end(seen);
}

/* What was said to be an upload is no measure of the next one. */
static void an_upload_that_was_said_teaches_nothing(void **state)
{
	struct seen *seen = begin();
	uint64_t now = live(seen);

	(void)state;
	upload(seen, PLACE, 200000000, 1000000, now);
	upload(seen, PLACE, 20000, 1000, now + 3601 * S);
	upload(seen, "203.0.113.31", 200000000, 1000000, now + 3602 * S);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 2);
	end(seen);
}

static void downloads_and_two_way_traffic_are_no_uploads(void **state)
{
	struct seen *seen = begin();

	(void)state;
	upload(seen, PLACE, 5000000, 900000000, LATE);
	upload(seen, "203.0.113.10", 200000000, 150000000, LATE + 10 * S);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 0);
	end(seen);
}

static void a_nightly_backup_is_said_once(void **state)
{
	struct seen *seen = begin();

	(void)state;
	for (unsigned int night = 0; night < 6; night++)
		upload(seen, PLACE, 800000000, 1000000, LATE + night * 86400ULL * S);
	assert_int_equal(seen->count[DETECTOR_EXFILTRATION], 1);
	assert_int_equal(seen->above_low, 0);
	end(seen);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hundred_megabytes_to_a_new_place_are_said_and_less_is_not),
		cmocka_unit_test(against_its_history_it_is_more_than_low),
		cmocka_unit_test(twice_the_largest_hour_is_enough_where_hours_differ),
		cmocka_unit_test(an_upload_that_was_said_teaches_nothing),
		cmocka_unit_test(downloads_and_two_way_traffic_are_no_uploads),
		cmocka_unit_test(a_nightly_backup_is_said_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
