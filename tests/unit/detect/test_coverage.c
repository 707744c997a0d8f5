/*
 * The coverage detector: what is missing from the sums is said, the swing of live traffic is not.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "agent/detect/detect.h"
#include "agent/util/clock.h"
#include "include/coverage.h"

#define START_MS 1700000000000

struct fixture {
	struct detect *detect;
	struct coverage coverage;
	struct finding last;
	unsigned int said;
	unsigned int second;
};

static void on_finding(void *arg, const struct finding *finding)
{
	struct fixture *fixture = arg;

	fixture->last = *finding;
	fixture->said++;
}

static int setup(void **state)
{
	static struct fixture fixture;
	const struct detect_options options = { .on_finding = on_finding,
						.arg = &fixture,
						.hosts_max = 8 };

	memset(&fixture, 0, sizeof(fixture));
	fixture.coverage.iface_count = 1;
	fixture.coverage.ifaces[0].index = 1;
	strcpy(fixture.coverage.ifaces[0].name, "eth0");
	*state = &fixture;
	return detect_new(&options, &fixture.detect);
}

static int teardown(void **state)
{
	struct fixture *fixture = *state;

	detect_free(fixture->detect);
	return 0;
}

static struct coverage_direction *ingress(struct fixture *fixture)
{
	return &fixture->coverage.ifaces[0].dir[DIRECTION_INGRESS];
}

static void look(struct fixture *fixture)
{
	fixture->second++;
	detect_coverage(fixture->detect, &fixture->coverage, fixture->second * NS_PER_S,
			START_MS + fixture->second * 1000);
}

static void sums_that_add_up_say_nothing(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 200; i++) {
		ingress(fixture)->seen += 1010;
		ingress(fixture)->in_flows += 1000;
		ingress(fixture)->dropped += 7;
		ingress(fixture)->not_flow[0] += 3;
		look(fixture);
	}
	assert_int_equal(fixture->said, 0);
}

/* Flows are read first: what comes between the two readings is in the next ones. */
static void a_gap_that_swings_with_traffic_says_nothing(void **state)
{
	static const unsigned int late[] = { 3, 900, 40000, 12, 777 };
	struct fixture *fixture = *state;

	for (unsigned int i = 0; i < 200; i++) {
		ingress(fixture)->in_flows += 50000;
		ingress(fixture)->seen = ingress(fixture)->in_flows + late[i % 5];
		look(fixture);
	}
	assert_int_equal(fixture->said, 0);
}

/* A rate that doubles every 5 s lets the gap rise for long, but never by a second's traffic. */
static void a_gap_that_rises_with_the_rate_says_nothing(void **state)
{
	struct fixture *fixture = *state;
	uint64_t rate = 100;

	for (int i = 0; i < 60; i++) {
		ingress(fixture)->in_flows += rate;
		ingress(fixture)->seen = ingress(fixture)->in_flows + rate / 4;
		rate = i % 5 == 4 ? rate * 2 : rate;
		look(fixture);
	}
	assert_int_equal(fixture->said, 0);
}

static void packets_missing_for_good_are_said_once_a_minute(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 59; i++) {
		ingress(fixture)->seen += 100;
		ingress(fixture)->in_flows += 90;
		look(fixture);
	}
	assert_int_equal(fixture->said, 1);
	assert_int_equal(fixture->last.detector, DETECTOR_COVERAGE);
	assert_int_equal(fixture->last.severity, SEVERITY_HIGH);
	/* what a second's traffic cannot explain, and no more than were missing */
	assert_true(fixture->last.count > 0 && fixture->last.count <= 590);
	assert_non_null(strstr(fixture->last.reason, "eth0"));
}

/* Once, and never again: nothing rises on from there. */
static void a_single_packet_missing_on_a_quiet_interface_is_said(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 40; i++) {
		ingress(fixture)->seen += i == 20;
		look(fixture);
	}
	assert_int_equal(fixture->said, 1);
	assert_int_equal(fixture->last.count, 1);
}

static void packets_missing_once_beside_a_little_traffic_are_said(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 40; i++) {
		ingress(fixture)->seen += i == 20 ? 50 : 10;
		ingress(fixture)->in_flows += 10;
		look(fixture);
	}
	assert_int_equal(fixture->said, 1);
	assert_int_equal(fixture->last.count, 30); /* 40, of which 10 might be on their way */
}

/* More counted than seen is as wrong: a packet was counted twice. */
static void packets_counted_twice_are_said(void **state)
{
	struct fixture *fixture = *state;

	ingress(fixture)->seen = 1;
	for (int i = 0; i < 40; i++) {
		ingress(fixture)->in_flows += 5;
		look(fixture);
	}
	assert_int_equal(fixture->said, 1);
}

static void a_gap_from_before_that_stays_says_nothing(void **state)
{
	struct fixture *fixture = *state;

	for (int i = 0; i < 100; i++) {
		ingress(fixture)->seen = 5000 + (uint64_t)i;
		ingress(fixture)->in_flows = (uint64_t)i;
		look(fixture);
	}
	assert_int_equal(fixture->said, 0);
}

static void unattributed_packets_are_said_with_their_number(void **state)
{
	struct fixture *fixture = *state;

	ingress(fixture)->seen = ingress(fixture)->unattributed = 40; /* of an earlier run */
	look(fixture);
	assert_int_equal(fixture->said, 0);
	ingress(fixture)->seen = ingress(fixture)->unattributed = 57;
	look(fixture);
	assert_int_equal(fixture->said, 1);
	assert_int_equal(fixture->last.count, 17);
	assert_int_equal(fixture->last.severity, SEVERITY_LOW);
	assert_int_equal(fixture->last.last_unix_ms, START_MS + 2000);
}

static void lost_events_are_said_and_summed_until_the_next_minute(void **state)
{
	struct fixture *fixture = *state;

	fixture->coverage.events_lost = 1000;
	look(fixture);
	for (int i = 0; i < 60; i++) {
		fixture->coverage.events_lost += 2;
		look(fixture);
	}
	assert_int_equal(fixture->said, 1);
	assert_int_equal(fixture->last.count, 2);
	look(fixture);
	look(fixture);
	assert_int_equal(fixture->said, 2);
	assert_int_equal(fixture->last.count, 118);
}

static void counters_that_begin_anew_say_nothing(void **state)
{
	struct fixture *fixture = *state;

	ingress(fixture)->seen = ingress(fixture)->unattributed = 100;
	look(fixture);
	ingress(fixture)->seen = ingress(fixture)->unattributed = 5;
	look(fixture);
	strcpy(fixture->coverage.ifaces[0].name, "eth1");
	ingress(fixture)->seen = ingress(fixture)->unattributed = 50;
	look(fixture);
	assert_int_equal(fixture->said, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(sums_that_add_up_say_nothing),
		TEST(a_gap_that_swings_with_traffic_says_nothing),
		TEST(a_gap_that_rises_with_the_rate_says_nothing),
		TEST(packets_missing_for_good_are_said_once_a_minute),
		TEST(a_single_packet_missing_on_a_quiet_interface_is_said),
		TEST(packets_missing_once_beside_a_little_traffic_are_said),
		TEST(packets_counted_twice_are_said),
		TEST(a_gap_from_before_that_stays_says_nothing),
		TEST(unattributed_packets_are_said_with_their_number),
		TEST(lost_events_are_said_and_summed_until_the_next_minute),
		TEST(counters_that_begin_anew_say_nothing),
	};

	return cmocka_run_group_tests_name("coverage", tests, NULL, NULL);
}
