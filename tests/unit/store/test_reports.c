/*
 * Reports and schedules in main.db, and the incidents of a period.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>

#include "include/report.h"

static void a_report_comes_back_as_it_was(void **state)
{
	struct fixture *f = *state;
	struct report row = { .kind = REPORT_TRAFFIC,
			      .format = REPORT_CSV,
			      .from_unix_ms = 1,
			      .to_unix_ms = 2,
			      .zone = "Europe/Berlin",
			      .author = "ann",
			      .created_unix_ms = 3,
			      .schedule_id = 4 };
	struct report got;

	assert_int_equal(store_report_insert(f->store, &row), 0);
	row.state = REPORT_DONE;
	row.finished_unix_ms = 5;
	row.size_bytes = 6;
	(void)snprintf(row.sha256, sizeof(row.sha256), "abc");
	assert_int_equal(store_report_update(f->store, &row), 0);
	assert_int_equal(store_report_get(f->store, row.id, &got), 0);
	assert_memory_equal(&got, &row, sizeof(row));
	assert_int_equal(store_report_delete(f->store, row.id), 0);
	assert_int_equal(store_report_delete(f->store, row.id), -ENOENT);
	assert_int_equal(store_report_update(f->store, &row), -ENOENT);
	assert_int_equal(store_report_get(f->store, row.id, &got), -ENOENT);
}

static void reports_are_listed_newest_first(void **state)
{
	struct fixture *f = *state;
	struct report row = { .zone = "", .author = "ann" }, got[3];

	for (int i = 0; i < 3; i++)
		assert_int_equal(store_report_insert(f->store, &row), 0);
	assert_int_equal(store_report_list(f->store, 0, got, 2), 2);
	assert_int_equal(got[0].id, 3);
	assert_int_equal(store_report_list(f->store, got[1].id, got, 3), 1);
	assert_int_equal(got[0].id, 1);
}

static void schedules_remember_what_was_due(void **state)
{
	struct fixture *f = *state;
	struct report_schedule row = { .every = REPORT_WEEKLY,
				       .minute = 75,
				       .zone = "UTC",
				       .to = "a@b.example" },
			       got[2];

	assert_int_equal(store_report_schedule_insert(f->store, &row), 0);
	assert_int_equal(store_report_schedule_touch(f->store, row.id, 42), 0);
	assert_int_equal(store_report_schedule_list(f->store, got, 2), 1);
	assert_int_equal(got[0].last_due_unix_ms, 42);
	assert_int_equal(got[0].every, REPORT_WEEKLY);
	assert_int_equal(got[0].minute, 75);
	assert_string_equal(got[0].to, "a@b.example");
	assert_int_equal(store_report_schedule_delete(f->store, row.id), 0);
	assert_int_equal(store_report_schedule_touch(f->store, row.id, 43), -ENOENT);
}

static bool add_id(void *arg, const struct incident *incident)
{
	int64_t *sum = arg;

	*sum = *sum * 10 + incident->id;
	return incident->id != 2;
}

static void incidents_of_a_period_by_their_begin(void **state)
{
	struct fixture *f = *state;
	const struct incident_details details = { .reason = "r" };
	const struct incident_period all = { 0, 1000 }, middle = { 20, 30 };
	int64_t ids = 0;

	for (int i = 1; i <= 3; i++) {
		struct incident incident = { .detector = DETECTOR_BEACON,
					     .first_unix_ms = i * 10,
					     .last_unix_ms = 500 };

		assert_int_equal(store_incident_insert(f->store, &incident, &details), 0);
	}
	assert_int_equal(store_incident_visit(f->store, &middle, add_id, &ids), 0);
	assert_int_equal(ids, 2); /* 20 <= begin < 30 */
	ids = 0;
	assert_int_equal(store_incident_visit(f->store, &all, add_id, &ids), 0);
	assert_int_equal(ids, 32); /* newest first, until told to stop */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_report_comes_back_as_it_was, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(reports_are_listed_newest_first, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(schedules_remember_what_was_due, fixture_setup,
						fixture_teardown),
		cmocka_unit_test_setup_teardown(incidents_of_a_period_by_their_begin, fixture_setup,
						fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
