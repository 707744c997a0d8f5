/*
 * Hourly sums as they are on disk.
 */
#include "agent/store/tops.h"

static void sums_of(struct query *query, int column, struct top_sums *sums)
{
	sums->records = (uint64_t)query_int(query, column);
	sums->packets_out = (uint64_t)query_int(query, column + 1);
	sums->bytes_out = (uint64_t)query_int(query, column + 2);
	sums->packets_in = (uint64_t)query_int(query, column + 3);
	sums->bytes_in = (uint64_t)query_int(query, column + 4);
}

static const char READ_HOUR[] =
	"SELECT is_others, key, records, packets_out, bytes_out, packets_in, bytes_in"
	" FROM tops WHERE hour = ? AND by = ?";

int tops_read_kind(struct db *db, int64_t hour, int by, struct top_table *table)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct top_sums sums;
	int found;

	query_init(&query, db, READ_HOUR);
	query_bind_int(&query, hour);
	query_bind_int(&query, by);
	while ((found = query_next(&query)) > 0) {
		size_t len;
		const void *key = query_blob(&query, 1, &len);

		sums_of(&query, 2, &sums);
		if (query_int(&query, 0) || len > TOP_KEY_MAX)
			top_table_add_others(table, &sums);
		else
			top_table_add(table, key ? key : "", len, &sums);
	}
	return found;
}

int tops_read(struct db *db, const struct tops_range *range, struct top_table *table)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found;

	query_init(&query, db, "SELECT hour FROM hours WHERE hour >= ? AND hour < ?");
	query_bind_int(&query, range->from);
	query_bind_int(&query, range->to);
	while ((found = query_next(&query)) > 0) {
		int error = tops_read_kind(db, query_int(&query, 0), (int)range->by, table);
		if (error)
			return error;
	}
	return found;
}
