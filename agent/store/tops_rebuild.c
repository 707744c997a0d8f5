/*
 * An hour summed anew from its records: after a defect, or to prove that there is none.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/tops.h"

/* What all keys of each kind have together, "others" included. */
struct kind_sums {
	struct top_sums by[TOP_BY_COUNT];
};

static int read_sums(struct db *db, int64_t hour, struct kind_sums *sums)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found;

	*sums = (struct kind_sums){ 0 };
	query_init(&query, db,
		   "SELECT by, sum(records), sum(packets_out), sum(bytes_out), sum(packets_in),"
		   " sum(bytes_in) FROM tops WHERE hour = ? GROUP BY by");
	query_bind_int(&query, hour);
	while ((found = query_next(&query)) > 0) {
		int64_t by = query_int(&query, 0);

		if (by < 0 || by >= TOP_BY_COUNT)
			continue;
		sums->by[by] = (struct top_sums){ (uint64_t)query_int(&query, 1),
						  (uint64_t)query_int(&query, 2),
						  (uint64_t)query_int(&query, 3),
						  (uint64_t)query_int(&query, 4),
						  (uint64_t)query_int(&query, 5) };
	}
	return found;
}

/* How many records the hour has; -ENOENT when they were dropped, or are of version 1. */
static int count_records(struct db *db, int64_t hour, uint64_t *records)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	CLEANUP(query_done) struct query query = { 0 };
	char sql[128], text[FLOWS_HOUR_TEXT_MAX];

	flows_hour_text(hour, text);
	(void)snprintf(sql, sizeof(sql), "SELECT ifnull(max(rowid), 0), name FROM flows_%s", text);
	int error = db_prepare(db, sql, &select);
	if (error)
		return error == -EINVAL ? -ENOENT : error;
	query_init_own(&query, db, select);
	int found = query_next(&query);
	if (found > 0)
		*records = (uint64_t)query_int(&query, 0);
	return found < 0 ? found : 0;
}

int tops_rebuild(struct tops *tops, struct db *db, int64_t hour, struct tops_rebuilt *out)
{
	struct kind_sums before, after;
	int error = count_records(db, hour, &out->records);

	if (!error)
		error = tops_flush(tops, db); /* else what is in memory would look like a change */
	if (!error)
		error = read_sums(db, hour, &before);
	if (!error)
		error = tops_drop_hour(tops, db, hour);
	if (!error)
		error = tops_open(tops, db, hour); /* sums all that is not summed */
	if (!error)
		error = tops_flush(tops, db);
	if (!error)
		error = read_sums(db, hour, &after);
	if (!error)
		out->has_changed = memcmp(&before, &after, sizeof(before)) != 0;
	return error;
}
