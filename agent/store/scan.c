/*
 * Through the hours, a block at a time.
 */
#include "agent/store/scan.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/internal.h"
#include "agent/store/scan_internal.h"
#include "agent/util/clock.h"

/* Hours of two years and a half; what is older than that is not kept (retention.c). */
#define HOURS_MAX 24000
/* Blocks looked at on one connection before it is given back. */
#define BLOCKS_A_LEASE 8

struct scan {
	struct store *store;
	struct scan_options options; /* addrs: not used, see set */
	struct addr_set *set;	     /* NULL = all records */
	struct name_cache *names;

	bool has_hours; /* the list below was read */
	int64_t *hours; /* in the order of the scan */
	size_t hour_count, hour_at;

	bool is_in_hour;     /* hours[hour_at] is open: */
	bool has_name;	     /* its table has the column */
	int64_t first, last; /* rows left to look at; none when first > last */
	uint8_t *wanted;     /* one bit a block */
	char ifaces[HOUR_IFACES_END][IFACE_NAME_MAX];

	struct scan_sink sink;	   /* FILTER_BLOCK_ROWS records */
	struct flow_record *block; /* of them, in the order of the scan */
	size_t count, at;	   /* read, handed out */
	struct scan_place place;
};

/* ---- life ------------------------------------------------------------------------------------ */

int scan_new(struct store *store, const struct scan_options *options, struct scan **out)
{
	CLEANUP(scan_free) struct scan *scan = calloc(1, sizeof(*scan));
	int error = 0;

	if (!scan)
		return -ENOMEM;
	if (options->from_unix_ms > options->to_unix_ms || options->addr_count > SCAN_ADDRS_MAX)
		return -EINVAL;
	scan->store = store;
	scan->options = *options;
	scan->place = options->after;
	if (options->addr_count)
		error = addr_set_new(options->addrs, options->addr_count, &scan->set);
	if (!error && options->columns & SCAN_NAMES)
		error = name_cache_new(&scan->names);
	scan->sink.max = FILTER_BLOCK_ROWS;
	scan->block = scan->sink.records = calloc(FILTER_BLOCK_ROWS, sizeof(*scan->block));
	if (error || !scan->block)
		return -ENOMEM;
	*out = TAKE(scan);
	return 0;
}

void scan_free(struct scan *scan)
{
	if (!scan)
		return;
	addr_set_free(scan->set);
	name_cache_free(scan->names);
	free(scan->hours);
	free(scan->wanted);
	free(scan->sink.records);
	free(scan);
}

/* ---- the list of hours ----------------------------------------------------------------------- */

/* Whether an hour may hold what is asked for, times and place. */
static bool hour_is_wanted(const struct scan *scan, int64_t hour)
{
	const struct scan_options *options = &scan->options;

	if (hour * MS_PER_HOUR >= options->to_unix_ms ||
	    (hour + 1) * MS_PER_HOUR <= options->from_unix_ms)
		return false;
	if (!scan->place.row) /* before the first record */
		return true;
	return options->is_oldest_first ? hour >= scan->place.hour : hour <= scan->place.hour;
}

static int read_hours(struct scan *scan, struct db *db)
{
	CLEANUP(query_done) struct query query = { 0 };
	int found = -ENOMEM;

	scan->hours = calloc(HOURS_MAX, sizeof(*scan->hours));
	if (scan->hours) {
		query_init(&query, db,
			   scan->options.is_oldest_first ? FLOWS_HOURS_SQL " ASC"
							 : FLOWS_HOURS_SQL " DESC");
		found = query_next(&query);
	}
	for (; found > 0; found = query_next(&query)) {
		char name[FLOWS_TABLE_MAX];

		query_text(&query, 0, name, sizeof(name));
		int64_t hour = flows_hour_parse(name);
		if (hour >= 0 && scan->hour_count < HOURS_MAX && hour_is_wanted(scan, hour))
			scan->hours[scan->hour_count++] = hour;
	}
	scan->has_hours = !found;
	if (found) { /* again the next time */
		free(TAKE(scan->hours));
		scan->hour_count = 0;
	}
	return found;
}

/* ---- one hour -------------------------------------------------------------------------------- */

static void leave_hour(struct scan *scan)
{
	free(TAKE(scan->wanted));
	scan->is_in_hour = false;
	scan->hour_at++;
}

/* Returns 1, 0 when retention was faster, or -errno. */
static int read_bounds(struct scan *scan, struct db *db, int64_t hour)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	CLEANUP(query_done) struct query query = { 0 };
	char sql[128], text[FLOWS_HOUR_TEXT_MAX];

	flows_hour_text(hour, text);
	(void)snprintf(
		sql, sizeof(sql),
		"SELECT (SELECT min(rowid) FROM flows_%s), (SELECT max(rowid) FROM flows_%s)", text,
		text);
	int error = db_prepare(db, sql, &select);
	if (error)
		return error == -EINVAL ? 0 : error; /* no such table */
	query_init_own(&query, db, select);
	int found = query_next(&query);
	if (found <= 0)
		return found == -EINVAL ? 0 : found; /* likewise, found out late */
	scan->first = query_int(&query, 0);
	scan->last = query_int(&query, 1);
	return scan->first > 0 && scan->last >= scan->first;
}

static void cut_to_place(struct scan *scan, int64_t hour)
{
	if (!scan->place.row || scan->place.hour != hour)
		return;
	if (scan->options.is_oldest_first && scan->first <= scan->place.row)
		scan->first = scan->place.row + 1;
	if (!scan->options.is_oldest_first && scan->last >= scan->place.row)
		scan->last = scan->place.row - 1;
}

static int read_filters(struct scan *scan, struct db *db, int64_t hour)
{
	size_t blocks = (size_t)(scan->last - 1) / FILTER_BLOCK_ROWS + 1;

	if (!scan->set || scan->first > scan->last)
		return 0;
	/* a record is 30 bytes at least: more rows than this are a changed file's */
	if (scan->last > INT64_MAX / 32)
		return -EBADMSG;
	scan->wanted = malloc(blocks / 8 + 1);
	if (!scan->wanted)
		return -ENOMEM;
	memset(scan->wanted, 0xff, blocks / 8 + 1);
	return hour_filter_find(db, hour, scan->set, scan->wanted, blocks);
}

static int read_ifaces(struct scan *scan, struct db *db, int64_t hour)
{
	return scan->options.columns & SCAN_STATE ? hour_ifaces_read(db, hour, scan->ifaces) : 0;
}

static int enter_hour(struct scan *scan, struct db *db)
{
	int64_t hour = scan->hours[scan->hour_at];
	int found = read_bounds(scan, db, hour);

	if (found > 0) {
		cut_to_place(scan, hour);
		found = read_filters(scan, db, hour);
		if (!found)
			found = read_ifaces(scan, db, hour);
		scan->is_in_hour = !found;
		scan->has_name = true; /* until the table says otherwise */
	} else if (!found) {
		leave_hour(scan);
	}
	if (found < 0)
		free(TAKE(scan->wanted));
	return found < 0 ? found : 0;
}

/* ---- one block ------------------------------------------------------------------------------- */

struct span {
	int64_t first, last;
};

/* The rows of the next block of the hour; they count as looked at. */
static struct span next_span(struct scan *scan)
{
	int64_t at = scan->options.is_oldest_first ? scan->first : scan->last;
	int64_t block = (at - 1) / FILTER_BLOCK_ROWS;
	struct span span = { block * FILTER_BLOCK_ROWS + 1, (block + 1) * FILTER_BLOCK_ROWS };

	if (span.first < scan->first)
		span.first = scan->first;
	if (span.last > scan->last)
		span.last = scan->last;
	return span;
}

static void pass(struct scan *scan, const struct span *span)
{
	scan->place.hour = scan->hours[scan->hour_at];
	if (scan->options.is_oldest_first) {
		scan->first = span->last + 1;
		scan->place.row = span->last;
	} else {
		scan->last = span->first - 1;
		scan->place.row = span->first;
	}
	if (scan->first > scan->last)
		leave_hour(scan);
}

static bool span_is_wanted(const struct scan *scan, const struct span *span)
{
	size_t block = (size_t)(span->first - 1) / FILTER_BLOCK_ROWS;

	return !scan->wanted || scan->wanted[block / 8] & 1U << block % 8;
}

static int prepare_block(struct scan *scan, struct db *db, struct sqlite3_stmt **out)
{
	char sql[SCAN_SQL_MAX], text[FLOWS_HOUR_TEXT_MAX];
	int error = -EINVAL;

	flows_hour_text(scan->hours[scan->hour_at], text);
	if (scan->has_name) {
		scan_row_sql(&scan->options, text, true, sql);
		error = db_prepare(db, sql, out);
	}
	if (error == -EINVAL) {
		scan_row_sql(&scan->options, text, false, sql);
		error = db_prepare(db, sql, out);
		scan->has_name = error != 0;
	}
	return error;
}

/* One row of no meaning comes when all rows of the block are in the sink. */
static int read_rows(struct scan *scan, struct query *query)
{
	int found = query_next(query);

	if (found < 0 || scan->sink.error)
		return found < 0 ? found : scan->sink.error;
	scan->count = scan->sink.count;
	scan->block = scan->sink.records;
	if (!scan->options.is_oldest_first)
		scan->block += scan->sink.max - scan->sink.count;
	return 0;
}

static int read_block(struct scan *scan, struct db *db)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	CLEANUP(query_done) struct query query = { 0 };
	struct span span = next_span(scan);

	if (!span_is_wanted(scan, &span)) {
		pass(scan, &span);
		return 0;
	}
	int error = prepare_block(scan, db, &select);
	if (!error) {
		scan_sink_init(&scan->sink, &scan->options, scan->hours[scan->hour_at]);
		query_init_own(&query, db, select);
		if (scan->set)
			query_bind_addrs(&query, scan->set);
		query_bind_int(&query, span.first);
		query_bind_int(&query, span.last);
		db_set_sink(db, &scan->sink);
		error = read_rows(scan, &query);
		db_set_sink(db, NULL);
	}
	if (error == -EINVAL) { /* the hour was dropped in between */
		scan->count = 0;
		leave_hour(scan);
		return 0;
	}
	if (!error && scan->names)
		error = name_cache_load(scan->names, db, scan->block, scan->count);
	if (error)
		scan->count = 0;
	else
		pass(scan, &span);
	return error;
}

/* ---- the face -------------------------------------------------------------------------------- */

static bool is_late(const struct scan *scan)
{
	return scan->options.deadline_ns && clock_monotonic_ns() > scan->options.deadline_ns;
}

static bool is_over(const struct scan *scan)
{
	return scan->has_hours && scan->hour_at == scan->hour_count;
}

/* One block of the open hour. Returns 1 when rows were read, 0 when passed over, or -errno. */
static int step(struct scan *scan, struct db *db)
{
	if (scan->first > scan->last) {
		leave_hour(scan);
		return 0;
	}
	struct span span = next_span(scan);
	bool is_read = span_is_wanted(scan, &span);
	int error = read_block(scan, db);
	return error ? error : is_read;
}

/* On one connection: until there are records, or enough blocks were read for nothing. */
static int fill_some(struct scan *scan, struct db *db)
{
	int found = scan->has_hours ? 0 : read_hours(scan, db);
	int blocks = 0;

	while (found >= 0 && blocks < BLOCKS_A_LEASE && !scan->count && !is_over(scan) &&
	       !is_late(scan)) {
		found = scan->is_in_hour ? step(scan, db) : enter_hour(scan, db);
		blocks += found > 0;
	}
	return found < 0 ? found : 0;
}

/* Returns 1 with records, 0 at the end, or -errno. */
static int fill(struct scan *scan)
{
	int error = 0;

	scan->count = scan->at = 0;
	while (!error && !scan->count && !is_over(scan)) {
		CLEANUP(lease_end) struct lease lease = { 0 };

		if (is_late(scan))
			return -ETIMEDOUT;
		error = lease_begin(&lease, scan->store->flows_readers);
		if (!error)
			error = fill_some(scan, lease.db);
		if (error == -EBADMSG && lease.db)
			pool_report_corrupt(scan->store->flows_readers, db_generation(lease.db));
	}
	return error ? error : scan->count > 0;
}

int scan_next(struct scan *scan, const struct flow_record **out)
{
	if (scan->at == scan->count) {
		int found = fill(scan);
		if (found <= 0)
			return found;
	}
	*out = &scan->block[scan->at++];
	return 1;
}

int scan_block(struct scan *scan, const struct flow_record **out)
{
	if (scan->at == scan->count) {
		int found = fill(scan);
		if (found <= 0)
			return found;
	}
	*out = &scan->block[scan->at];
	int count = (int)(scan->count - scan->at);
	scan->at = scan->count;
	return count;
}

const struct record_names *scan_names(const struct scan *scan, const struct flow_record *record)
{
	return name_cache_get(scan->names, record->name);
}

const char *scan_iface(const struct scan *scan, const struct flow_record *record)
{
	return scan->ifaces[record->iface];
}

struct scan_place scan_place(const struct scan *scan)
{
	const struct flow_record *last = scan->at ? &scan->block[scan->at - 1] : NULL;

	if (scan->at == scan->count)
		return scan->place;
	return last ? (struct scan_place){ last->hour, last->row } : scan->options.after;
}

int64_t scan_reached_unix_ms(const struct scan *scan)
{
	const struct scan_options *options = &scan->options;
	int64_t edge;

	if (is_over(scan))
		return options->is_oldest_first ? options->to_unix_ms : options->from_unix_ms;
	if (!scan->has_hours)
		return options->is_oldest_first ? options->from_unix_ms : options->to_unix_ms;
	edge = scan->hours[scan->hour_at] + !options->is_oldest_first;
	edge *= MS_PER_HOUR;
	if (edge < options->from_unix_ms)
		return options->from_unix_ms;
	return edge > options->to_unix_ms ? options->to_unix_ms : edge;
}

void scan_set_deadline(struct scan *scan, uint64_t deadline_ns)
{
	scan->options.deadline_ns = deadline_ns;
}
