/*
 * Whose incidents are open, and what people made of them.
 */
#include "tests/unit/store/fixture.h"

static void insert(struct fixture *f, const char *src, uint8_t severity, uint8_t state)
{
	struct incident incident = { .detector = DETECTOR_ANOMALY,
				     .severity = severity,
				     .state = state,
				     .src = test_addr(src),
				     .dst = test_addr("192.0.2.10"),
				     .first_unix_ms = 1000,
				     .last_unix_ms = 2000,
				     .count = 1 };
	struct incident_details details = { .reason = "r" };

	assert_int_equal(store_incident_insert(f->store, &incident, &details), 0);
}

static void sources_are_of_what_is_open_above_low_and_not_old(void **state)
{
	struct fixture *f = *state;
	struct addr out[8], first = test_addr("192.0.2.1");

	insert(f, "192.0.2.1", SEVERITY_MEDIUM, INCIDENT_OPEN);
	insert(f, "192.0.2.1", SEVERITY_HIGH, INCIDENT_ACKNOWLEDGED);
	insert(f, "192.0.2.2", SEVERITY_LOW, INCIDENT_OPEN);
	insert(f, "192.0.2.3", SEVERITY_HIGH, INCIDENT_RESOLVED);
	insert(f, "192.0.2.4", SEVERITY_HIGH, INCIDENT_FALSE_POSITIVE);
	assert_int_equal(store_incident_open_sources(f->store, 1500, out, 8), 1);
	assert_true(addr_is_equal(&out[0], &first));
	assert_int_equal(store_incident_open_sources(f->store, 2001, out, 8), 0);
	insert(f, "2001:db8::1", SEVERITY_HIGH, INCIDENT_OPEN);
	assert_int_equal(store_incident_open_sources(f->store, 0, out, 1), 1);
}

static void verdicts_are_counted_by_state(void **state)
{
	struct fixture *f = *state;
	uint64_t counts[4];

	insert(f, "192.0.2.1", SEVERITY_LOW, INCIDENT_OPEN);
	insert(f, "192.0.2.2", SEVERITY_LOW, INCIDENT_FALSE_POSITIVE);
	insert(f, "192.0.2.3", SEVERITY_LOW, INCIDENT_FALSE_POSITIVE);
	insert(f, "192.0.2.4", SEVERITY_LOW, INCIDENT_RESOLVED);
	assert_int_equal(store_incident_verdicts(f->store, "anomaly", 0, counts), 0);
	assert_int_equal(counts[INCIDENT_OPEN], 1);
	assert_int_equal(counts[INCIDENT_ACKNOWLEDGED], 0);
	assert_int_equal(counts[INCIDENT_RESOLVED], 1);
	assert_int_equal(counts[INCIDENT_FALSE_POSITIVE], 2);
	assert_int_equal(store_incident_verdicts(f->store, "port_scan", 0, counts), 0);
	assert_int_equal(counts[INCIDENT_OPEN] + counts[INCIDENT_RESOLVED], 0);
	assert_int_equal(store_incident_verdicts(f->store, "anomaly", 2001, counts), 0);
	assert_int_equal(counts[INCIDENT_FALSE_POSITIVE], 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(sources_are_of_what_is_open_above_low_and_not_old),
		T(verdicts_are_counted_by_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
