/*
 * Counts of incidents over time and by severity, for charts.
 */
#include <string.h>

#include "agent/store/internal.h"

int store_incident_severities(struct store *store, uint64_t counts[3])
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	memset(counts, 0, 3 * sizeof(counts[0]));
	query_init(&query, lease.db, "SELECT severity, count(*) FROM incidents GROUP BY severity");
	while ((found = query_next(&query)) > 0) {
		uint64_t severity = (uint64_t)query_int(&query, 0);

		if (severity < 3)
			counts[severity] = (uint64_t)query_int(&query, 1);
	}
	return found;
}

int store_incident_course(struct store *store, int64_t from_unix_ms, int64_t step_ms,
			  uint64_t *counts, size_t steps)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	memset(counts, 0, steps * sizeof(counts[0]));
	query_init(&query, lease.db,
		   "SELECT (first_unix_ms - ?1) / ?2, count(*) FROM incidents"
		   " WHERE first_unix_ms >= ?1 AND first_unix_ms < ?1 + ?2 * ?3 GROUP BY 1");
	query_bind_int(&query, from_unix_ms);
	query_bind_int(&query, step_ms);
	query_bind_int(&query, (int64_t)steps);
	while ((found = query_next(&query)) > 0) {
		uint64_t step = (uint64_t)query_int(&query, 0);

		if (step < steps)
			counts[step] = (uint64_t)query_int(&query, 1);
	}
	return found;
}
