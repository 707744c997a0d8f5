/*
 * Read connections: few, shared, read-only, and ended by their deadline.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>

#include "agent/store/pool.h"
#include "agent/util/clock.h"

static struct pool *pool_of(struct fixture *f)
{
	char path[PATH_MAX];
	struct pool *pool = NULL;

	assert_int_equal(pool_new(fixture_path(f, "main.db", path), &pool), 0);
	return pool;
}

static void endless_query_ends_at_the_deadline(void **state)
{
	struct pool *pool = pool_of(*state);
	struct lease lease = { 0 };
	struct query query = { 0 };
	uint64_t began = clock_monotonic_ns();

	assert_int_equal(lease_begin(&lease, pool), 0);
	query_init(&query, lease.db,
		   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
		   " SELECT count(*) FROM n");
	assert_int_equal(query_next(&query), -ETIMEDOUT);
	uint64_t took = clock_monotonic_ns() - began;
	assert_true(took > NS_PER_S * 9 / 10 && took < NS_PER_S * 3 / 2);
	query_done(&query);
	lease_end(&lease);
	/* the connection is good for the next one */
	assert_int_equal(lease_begin(&lease, pool), 0);
	int64_t version;
	assert_int_equal(db_read_int(lease.db, "PRAGMA user_version", &version), 0);
	lease_end(&lease);
	pool_free(pool);
}

static void a_patient_thread_waits_as_long_as_it_said(void **state)
{
	struct pool *pool = pool_of(*state);
	struct lease lease = { 0 };
	struct query query = { 0 };
	uint64_t began = clock_monotonic_ns();

	store_set_patience(NS_PER_S / 10);
	assert_int_equal(lease_begin(&lease, pool), 0);
	store_set_patience(0);
	query_init(&query, lease.db,
		   "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n)"
		   " SELECT count(*) FROM n");
	assert_int_equal(query_next(&query), -ETIMEDOUT);
	assert_true(clock_monotonic_ns() - began < NS_PER_S * 9 / 10);
	query_done(&query);
	lease_end(&lease);
	pool_free(pool);
}

static void fifth_reader_waits_and_gives_up(void **state)
{
	struct pool *pool = pool_of(*state);
	struct lease leases[5] = { 0 };

	for (int i = 0; i < 4; i++)
		assert_int_equal(lease_begin(&leases[i], pool), 0);
	assert_int_equal(lease_begin(&leases[4], pool), -ETIMEDOUT);
	lease_end(&leases[0]);
	assert_int_equal(lease_begin(&leases[4], pool), 0);
	for (int i = 0; i < 5; i++)
		lease_end(&leases[i]);
	pool_free(pool);
}

static void reader_cannot_write(void **state)
{
	struct pool *pool = pool_of(*state);
	struct lease lease = { 0 };

	assert_int_equal(lease_begin(&lease, pool), 0);
	assert_int_equal(db_exec(lease.db, "DELETE FROM users"), -EROFS);
	lease_end(&lease);
	pool_free(pool);
}

static int replace_nothing(void *arg)
{
	++*(int *)arg;
	return 0;
}

static void replaced_file_gets_new_connections(void **state)
{
	struct pool *pool = pool_of(*state);
	struct lease old = { 0 }, fresh = { 0 };
	int replaced = 0;

	assert_int_equal(lease_begin(&old, pool), 0);
	uint64_t generation = db_generation(old.db);
	assert_int_equal(pool_replace(pool, replace_nothing, &replaced), 0);
	assert_int_equal(replaced, 1);
	/* damage seen in the old file says nothing about the new one */
	pool_report_corrupt(pool, generation);
	assert_false(pool_is_corrupt(pool));
	lease_end(&old);
	assert_int_equal(lease_begin(&fresh, pool), 0);
	assert_true(db_generation(fresh.db) != generation);
	lease_end(&fresh);
	pool_free(pool);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(endless_query_ends_at_the_deadline), T(a_patient_thread_waits_as_long_as_it_said),
		T(fifth_reader_waits_and_gives_up),    T(reader_cannot_write),
		T(replaced_file_gets_new_connections),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
