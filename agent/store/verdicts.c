/*
 * What people made of incidents, and whose are open: what the anomaly model is told.
 */
#include <string.h>

#include "agent/store/internal.h"

int store_incident_open_sources(struct store *store, int64_t since_unix_ms, struct addr *out,
				size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT src FROM incidents WHERE state IN (0, 1) AND severity >= 1"
		   " AND last_unix_ms >= ? AND src IS NOT NULL GROUP BY src"
		   " ORDER BY max(last_unix_ms) DESC LIMIT ?");
	query_bind_int(&query, since_unix_ms);
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0)
		query_addr(&query, 0, &out[count++]);
	return found < 0 ? found : (int)count;
}

int store_incident_verdicts(struct store *store, const char *detector, int64_t since_unix_ms,
			    uint64_t counts[static 4])
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	memset(counts, 0, 4 * sizeof(counts[0]));
	query_init(&query, lease.db,
		   "SELECT state, count(*) FROM incidents WHERE detector = ? AND last_unix_ms >= ?"
		   " GROUP BY state");
	query_bind_text(&query, detector);
	query_bind_int(&query, since_unix_ms);
	while ((found = query_next(&query)) > 0) {
		uint64_t state = (uint64_t)query_int(&query, 0);

		if (state < 4)
			counts[state] = (uint64_t)query_int(&query, 1);
	}
	return found;
}
