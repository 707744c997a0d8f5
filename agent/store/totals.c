/*
 * Totals per second, per minute and per hour.
 */
#include "agent/store/totals.h"

#include <errno.h>
#include <string.h>

#define MINUTE_S 60

/* The counters of struct totals in the order of the columns. */
static const size_t FIELDS[] = {
	offsetof(struct totals, packets_in),	  offsetof(struct totals, bytes_in),
	offsetof(struct totals, packets_out),	  offsetof(struct totals, bytes_out),
	offsetof(struct totals, dropped_packets), offsetof(struct totals, dropped_bytes),
	offsetof(struct totals, new_flows),
};
#define FIELD_COUNT (sizeof(FIELDS) / sizeof(FIELDS[0]))

#define TOTALS_ADD                                                       \
	" ON CONFLICT(unix_s) DO UPDATE SET"                             \
	" packets_in = packets_in + excluded.packets_in,"                \
	" bytes_in = bytes_in + excluded.bytes_in,"                      \
	" packets_out = packets_out + excluded.packets_out,"             \
	" bytes_out = bytes_out + excluded.bytes_out,"                   \
	" dropped_packets = dropped_packets + excluded.dropped_packets," \
	" dropped_bytes = dropped_bytes + excluded.dropped_bytes,"       \
	" new_flows = new_flows + excluded.new_flows"

/* A clock that goes back meets rows of the same second: they add up. */
static const char ADD_SECOND[] = "INSERT INTO totals_second VALUES (?,?,?,?,?,?,?,?)" TOTALS_ADD;
static const char ADD_MINUTE[] = "INSERT INTO totals_minute VALUES (?,?,?,?,?,?,?,?)" TOTALS_ADD;
static const char FOLD[] =
	"INSERT INTO totals_minute"
	" SELECT unix_s / 60 * 60, sum(packets_in), sum(bytes_in), sum(packets_out),"
	" sum(bytes_out), sum(dropped_packets), sum(dropped_bytes), sum(new_flows)"
	" FROM totals_second WHERE unix_s < ? GROUP BY unix_s / 60" TOTALS_ADD;
static const char FOLDED[] = "DELETE FROM totals_second WHERE unix_s < ?";
static const char FOLD_MINUTES[] =
	"INSERT INTO totals_hour"
	" SELECT unix_s / 3600 * 3600, sum(packets_in), sum(bytes_in), sum(packets_out),"
	" sum(bytes_out), sum(dropped_packets), sum(dropped_bytes), sum(new_flows)"
	" FROM totals_minute WHERE unix_s < ? GROUP BY unix_s / 3600" TOTALS_ADD;
static const char FOLDED_MINUTES[] = "DELETE FROM totals_minute WHERE unix_s < ?";
static const char DROP[] = "DELETE FROM totals_hour WHERE unix_s < ?";
/* One statement sees one state of the file: a fold in between cannot show a value twice. */
static const char READ[] =
	"SELECT unix_s, 1, packets_in, bytes_in, packets_out, bytes_out, dropped_packets,"
	" dropped_bytes, new_flows FROM totals_second WHERE unix_s >= ?1 AND unix_s < ?2"
	" UNION ALL "
	"SELECT unix_s, 60, packets_in, bytes_in, packets_out, bytes_out, dropped_packets,"
	" dropped_bytes, new_flows FROM totals_minute WHERE unix_s > ?1 - 60 AND unix_s < ?2"
	" UNION ALL "
	"SELECT unix_s, 3600, packets_in, bytes_in, packets_out, bytes_out, dropped_packets,"
	" dropped_bytes, new_flows FROM totals_hour WHERE unix_s > ?1 - 3600 AND unix_s < ?2";

static uint64_t field_get(const struct totals *totals, size_t field)
{
	uint64_t value;

	memcpy(&value, (const char *)totals + FIELDS[field], sizeof(value));
	return value;
}

static void field_add(struct totals *totals, size_t field, uint64_t add)
{
	uint64_t value = field_get(totals, field) + add;

	memcpy((char *)totals + FIELDS[field], &value, sizeof(value));
}

static int totals_add(struct db *db, const char *sql, int64_t unix_s, const struct totals *totals)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, sql);
	query_bind_int(&query, unix_s);
	for (size_t i = 0; i < FIELD_COUNT; i++)
		query_bind_int(&query, (int64_t)field_get(totals, i));
	return query_run(&query);
}

int totals_add_second(struct db *db, const struct totals *totals)
{
	return totals_add(db, ADD_SECOND, totals->unix_s, totals);
}

int totals_add_minute(struct db *db, const struct totals *totals)
{
	return totals_add(db, ADD_MINUTE, totals->unix_s / MINUTE_S * MINUTE_S, totals);
}

static int totals_run_before(struct db *db, const char *sql, int64_t before_unix_s)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, sql);
	query_bind_int(&query, before_unix_s);
	return query_run(&query);
}

int totals_fold(struct db *db, int64_t before_unix_s)
{
	int error = totals_run_before(db, FOLD, before_unix_s);

	return error ? error : totals_run_before(db, FOLDED, before_unix_s);
}

int totals_fold_minutes(struct db *db, int64_t before_unix_s)
{
	int error = totals_run_before(db, FOLD_MINUTES, before_unix_s);

	return error ? error : totals_run_before(db, FOLDED_MINUTES, before_unix_s);
}

int totals_drop(struct db *db, int64_t before_unix_s)
{
	return totals_run_before(db, DROP, before_unix_s);
}

/* What falls into the first @seconds of a value over @width seconds; no step of it overflows. */
static uint64_t share_before(uint64_t value, int64_t width, int64_t seconds)
{
	uint64_t w = (uint64_t)width, s = (uint64_t)seconds;

	return value / w * s + value % w * s / w;
}

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
	if (value < low)
		return low;
	return value > high ? high : value;
}

/* Add @row, a value over @width seconds, to the steps it touches. */
static void spread(struct totals *out, size_t count, int64_t step_s, const struct totals *row,
		   int64_t width)
{
	int64_t from = out[0].unix_s;
	int64_t first = clamp((row->unix_s - from) / step_s, 0, (int64_t)count - 1);

	for (size_t i = (size_t)first; i < count && out[i].unix_s < row->unix_s + width; i++) {
		int64_t begin = clamp(out[i].unix_s - row->unix_s, 0, width);
		int64_t end = clamp(out[i].unix_s + step_s - row->unix_s, 0, width);

		for (size_t f = 0; f < FIELD_COUNT; f++)
			field_add(&out[i], f,
				  share_before(field_get(row, f), width, end) -
					  share_before(field_get(row, f), width, begin));
	}
}

int totals_sum(struct db *db, int64_t from_unix_s, int64_t step_s, struct totals *out, size_t count)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found;

	memset(out, 0, count * sizeof(*out));
	for (size_t i = 0; i < count; i++)
		out[i].unix_s = from_unix_s + (int64_t)i * step_s;
	query_init(&query, db, READ);
	query_bind_int(&query, from_unix_s);
	query_bind_int(&query, from_unix_s + (int64_t)count * step_s);
	while ((found = query_next(&query)) > 0) {
		struct totals row = { .unix_s = query_int(&query, 0) };

		for (size_t f = 0; f < FIELD_COUNT; f++)
			field_add(&row, f, (uint64_t)query_int(&query, 2 + (int)f));
		spread(out, count, step_s, &row, query_int(&query, 1));
	}
	return found;
}
