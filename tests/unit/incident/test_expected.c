/*
 * "Expected here": silences what it names and nothing else, counts it, ends, and can be taken back.
 */
#include "tests/unit/incident/fixture.h"

static struct expected any(void)
{
	return (struct expected){ .detector = -1 };
}

static struct expected of_source(const char *prefix)
{
	struct expected expected = any();

	assert_int_equal(prefix_parse(prefix, false, &expected.src), 0);
	return expected;
}

static int64_t expect(struct fixture *f, struct expected expected)
{
	assert_int_equal(incident_expected_add(f->service, &analyst, &expected), 0);
	return expected.id;
}

static const struct expected *only(struct fixture *f)
{
	const struct expected *list;
	size_t count;

	list = incident_expected_list(f->service, &count);
	assert_int_equal(count, 1);
	return list;
}

static void expected_traffic_is_silent_and_counted_until_taken_back(void **state)
{
	struct fixture *f = *state;
	struct expected scope, gone;
	struct incident before;
	int64_t id;

	report(f, scan("198.18.0.2", 40, T0));
	before = f->last;
	scope = incident_expected_scope(&before);
	(void)snprintf(scope.note, sizeof(scope.note), "our own scanner");
	id = expect(f, scope);
	assert_int_equal(f->last.id, before.id);
	assert_int_equal(f->last.state, INCIDENT_RESOLVED);
	assert_int_equal(f->last.expected_id, id);
	report(f, scan("198.18.0.2", 400, T0 + MIN));
	report(f, scan("198.18.0.2", 400, T0 + 3 * HOUR));
	assert_int_equal(f->opened, 1);
	assert_int_equal(only(f)->silenced, 2);
	assert_int_equal(only(f)->last_unix_ms, T0 + 3 * HOUR);
	assert_int_equal(incident_expected_remove(f->service, &analyst, id, &gone), 0);
	assert_string_equal(gone.note, "our own scanner");
	/* within the hour of the resolved one, too */
	report(f, scan("198.18.0.2", 400, T0 + 2 * MIN));
	assert_int_equal(f->opened, 2);
	assert_true(f->last.id > before.id);
	assert_int_equal(f->last.state, INCIDENT_OPEN);
	assert_int_equal(incident_expected_remove(f->service, &analyst, id, &gone), -ENOENT);
}

static void only_what_is_named_is_silenced(void **state)
{
	struct fixture *f = *state;
	struct expected port = any(), dst = any(), detector = any();
	struct finding other = scan("198.18.9.9", 40, T0);

	(void)expect(f, of_source("198.18.7.0/24"));
	report(f, scan("198.18.7.200", 40, T0));
	assert_int_equal(f->opened, 0);
	report(f, scan("198.18.8.1", 40, T0));
	assert_int_equal(f->opened, 1);
	port.dst_port = 22;
	(void)expect(f, port);
	other.dst_port = 23;
	report(f, other);
	assert_int_equal(f->opened, 2);
	other.dst_port = 22;
	assert_int_equal(addr_parse("198.18.9.10", &other.src), 0);
	report(f, other);
	assert_int_equal(f->opened, 2);
	assert_int_equal(prefix_parse("198.18.0.1", false, &dst.dst), 0);
	dst.detector = DETECTOR_HOST_SCAN;
	(void)expect(f, dst);
	report(f, scan("198.18.9.11", 40, T0)); /* a port scan of the same destination */
	assert_int_equal(f->opened, 3);
	detector.detector = DETECTOR_PORT_SCAN;
	(void)expect(f, detector);
	report(f, scan("198.18.9.12", 40, T0));
	assert_int_equal(f->opened, 3);
}

static void several_destinations_match_no_single_one(void **state)
{
	struct fixture *f = *state;
	struct expected expected = any();
	struct finding finding = scan("198.18.0.2", 40, T0);

	assert_int_equal(prefix_parse("198.18.0.1", false, &expected.dst), 0);
	(void)expect(f, expected);
	finding.dst = (struct addr){ 0 };
	report(f, finding);
	assert_int_equal(f->opened, 1);
}

static void expectations_end_by_themselves(void **state)
{
	struct fixture *f = *state;
	struct expected expected = of_source("198.18.0.2");
	size_t count;

	expected.expires_unix_ms = T0 + MIN;
	(void)expect(f, expected);
	report(f, scan("198.18.0.2", 40, T0));
	assert_int_equal(f->opened, 0);
	fixture_now = T0 + MIN;
	report(f, scan("198.18.0.2", 40, T0 + MIN));
	assert_int_equal(f->opened, 1);
	incident_tick(f->service);
	(void)incident_expected_list(f->service, &count);
	assert_int_equal(count, 0);
	/* and one that is over already is none */
	assert_int_equal(incident_expected_add(f->service, &analyst, &expected), -EINVAL);
}

static void a_restart_keeps_them_and_their_counters(void **state)
{
	struct fixture *f = *state;
	struct expected expected = of_source("2001:db8:7::/48");

	expected.detector = DETECTOR_PORT_SCAN;
	expected.dst_port = 443;
	(void)snprintf(expected.note, sizeof(expected.note), "backup");
	(void)expect(f, expected);
	struct finding finding = scan("2001:db8:7::9", 40, T0);
	finding.dst_port = 443;
	report(f, finding);
	restart(f);
	assert_int_equal(only(f)->silenced, 1);
	assert_int_equal(only(f)->detector, DETECTOR_PORT_SCAN);
	assert_int_equal(only(f)->dst_port, 443);
	assert_string_equal(only(f)->note, "backup");
	assert_string_equal(only(f)->author, "kim");
	report(f, finding);
	assert_int_equal(f->opened, 0);
	assert_int_equal(only(f)->silenced, 2);
}

static void wrong_ones_are_refused(void **state)
{
	struct fixture *f = *state;
	struct expected everything = any(), expected = of_source("198.18.0.0/16"), gone;
	int64_t id;

	assert_int_equal(incident_expected_add(f->service, &analyst, &everything), -EINVAL);
	assert_int_equal(incident_expected_add(f->service, &viewer, &expected), -EACCES);
	expected.incident_id = 99;
	assert_int_equal(incident_expected_add(f->service, &analyst, &expected), -ENOENT);
	expected.incident_id = 0;
	(void)snprintf(expected.note, sizeof(expected.note), "two\nlines");
	assert_int_equal(incident_expected_add(f->service, &analyst, &expected), -EINVAL);
	expected.note[0] = '\0';
	id = expect(f, expected);
	assert_int_equal(incident_expected_add(f->service, &analyst, &expected), -EEXIST);
	assert_int_equal(incident_expected_remove(f->service, &viewer, id, &gone), -EACCES);
}

static void made_up_sources_are_no_scope(void **state)
{
	struct incident incident = { .id = 5, .detector = DETECTOR_SYN_FLOOD, .dst_port = 443 };
	struct expected scope;

	(void)state;
	incident.src = (struct addr){ .bytes = { [10] = 0xff, [11] = 0xff }, .family = ADDR_IPV4 };
	assert_int_equal(addr_parse("198.18.0.1", &incident.dst), 0);
	scope = incident_expected_scope(&incident);
	assert_int_equal(scope.src.addr.family, ADDR_NONE);
	assert_int_equal(scope.dst.len, 32);
	assert_int_equal(scope.dst_port, 443);
}

static void there_is_a_most(void **state)
{
	struct fixture *f = *state;
	struct expected expected = any();

	/* main.db waits for the disk at each: the last ones are enough to try */
	for (uint32_t i = 0; i < EXPECTED_MAX; i++) {
		expected.dst_port = (uint16_t)(i + 1);
		assert_int_equal(incident_expected_add(f->service, &analyst, &expected), 0);
	}
	expected.dst_port = 2000;
	assert_int_equal(incident_expected_add(f->service, &analyst, &expected), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_STORE(expected_traffic_is_silent_and_counted_until_taken_back),
		WITH_STORE(only_what_is_named_is_silenced),
		WITH_STORE(several_destinations_match_no_single_one),
		WITH_STORE(expectations_end_by_themselves),
		WITH_STORE(a_restart_keeps_them_and_their_counters),
		WITH_STORE(wrong_ones_are_refused),
		cmocka_unit_test(made_up_sources_are_no_scope),
		WITH_STORE(there_is_a_most),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
