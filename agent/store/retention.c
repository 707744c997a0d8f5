/*
 * Retention of flows.db. Dropped pages are used again, so the file stops growing at the budget
 * without VACUUM.
 */
#include "agent/store/retention.h"

#include <errno.h>
#include <string.h>

#include "agent/store/totals.h"

/* Issue 4: totals per second for a day, per minute for 90 days, per hour for two years. */
#define SECONDS_KEPT_S (24LL * 3600)
#define MINUTES_KEPT_S (90LL * 24 * 3600)
#define HOURS_KEPT_S   (2 * 366LL * 24 * 3600)
/* The WAL is at most 4 MiB unless a reader holds it (sqlite.org/pragma.html, wal_autocheckpoint);
 * issue 4: 64 MB at most then, with the transaction that passes this size. */
#define WAL_MAX (40ULL << 20)
/* A transaction writes 1024 records, at most 0.3 MB with long names, and the sums that changed:
 * 18 kinds and hours of 16,384 keys of 64 bytes. */
#define TRANSACTION_MAX (20ULL << 20)
#define TOP_BYTES	64
#define TOP_KINDS	((uint64_t)TOP_BY_COUNT * FLOWS_HOURS_OPEN)
/* Grown between two looks: history.c looks every 8192 records, 0.6 MB. */
#define ROOM_MAX (4ULL << 20)

static const char OLDEST[] = FLOWS_HOURS_SQL " LIMIT 1";

/* "" when there is none. */
static int retention_oldest(struct db *db, char name[FLOWS_TABLE_MAX])
{
	CLEANUP(query_done) struct query query = { 0 };

	name[0] = '\0';
	query_init(&query, db, OLDEST);
	int found = query_next(&query);
	if (found > 0)
		query_text(&query, 0, name, FLOWS_TABLE_MAX);
	return found < 0 ? found : 0;
}

int retention_bytes(struct db *db, uint64_t *used, uint64_t *file)
{
	int64_t pages, free_pages, page_size;
	int error = db_read_int(db, "PRAGMA page_count", &pages);

	if (!error)
		error = db_read_int(db, "PRAGMA freelist_count", &free_pages);
	if (!error)
		error = db_read_int(db, "PRAGMA page_size", &page_size);
	if (error)
		return error;
	*used = (uint64_t)(pages - free_pages) * (uint64_t)page_size;
	*file = (uint64_t)pages * (uint64_t)page_size;
	return 0;
}

static uint64_t at_most(uint64_t value, uint64_t max)
{
	return value < max ? value : max;
}

struct retention_share retention_split(uint64_t max_bytes)
{
	uint64_t transaction = at_most(max_bytes / 8, TRANSACTION_MAX);
	struct retention_share share = { .wal_bytes = at_most(max_bytes / 8, WAL_MAX),
					 .tops_keys = TOPS_MAX };

	if (!max_bytes) {
		share.wal_bytes = WAL_MAX;
		return share;
	}
	/* the index of the WAL is less than a hundredth of it (sqlite.org/walformat.html) */
	share.file_bytes = max_bytes - share.wal_bytes - transaction - max_bytes / 64;
	share.used_bytes = share.file_bytes - at_most(max_bytes / 16, ROOM_MAX);
	uint64_t keys = transaction / (TOP_BYTES * TOP_KINDS);
	share.tops_keys = (uint32_t)at_most(keys, TOPS_MAX);
	if (share.tops_keys < TOPS_KEPT)
		share.tops_keys = TOPS_KEPT;
	return share;
}

/* Near the cap others may go first, more of them each time that was not enough; a disk that others
 * filled is no reason to. */
void retention_want_room(struct retention *retention)
{
	uint64_t least = retention->max_bytes / 8, most = retention->max_bytes / 2;

	retention->missing_bytes = retention->missing_bytes ? 2 * retention->missing_bytes : least;
	if (retention->missing_bytes > most)
		retention->missing_bytes = most;
}

int retention_is_over(struct db *db, const struct retention *retention)
{
	uint64_t used, file;

	if (!retention->max_bytes)
		return 0;
	int error = retention_bytes(db, &used, &file);
	if (error)
		return error;
	return used + retention->missing_bytes > retention_split(retention->max_bytes).used_bytes;
}

/* ---- sums ------------------------------------------------------------------------------------ */

/* A quarter of the budget is theirs: past that the oldest go before records do. */
static int tops_are_over(struct db *db, const struct retention *retention)
{
	int64_t rows = 0;
	int error = db_read_int(db, "SELECT ifnull(sum(tops_rows), 0) FROM hours", &rows);

	return error ? error : (uint64_t)rows * TOP_BYTES > retention->max_bytes / 4;
}

/* The oldest hour's sums, if it is before @before. Returns 1 when some went, 0, -errno. */
static int drop_oldest_tops(struct db *db, const struct retention *retention, int64_t before)
{
	CLEANUP(tops_free) struct tops *none = NULL;
	int64_t oldest;
	int error =
		db_read_int(db, "SELECT min(hour) FROM hours HAVING min(hour) NOT NULL", &oldest);

	if (error == -ENOENT || (!error && oldest >= before))
		return 0;
	if (!error && !retention->tops)
		error = tops_new(TOPS_KEPT, &none);
	if (!error)
		error = tops_drop_hour(retention->tops ? retention->tops : none, db, oldest);
	return error ? error : 1;
}

/* ---- records --------------------------------------------------------------------------------- */

static int drop_records(struct db *db, const struct retention *retention, const char *name)
{
	struct flows_writer none = { 0 };
	int64_t hour = flows_hour_parse(name);

	if (hour < 0)
		return -EBADMSG; /* a table of somebody else, in our file */
	/* Sums in memory are written with it, but after it: in a full file there is room then only.
	 */
	int error = flows_drop_hour(retention->writer ? retention->writer : &none, db, hour);
	return !error && retention->tops ? tops_flush(retention->tops, db) : error;
}

/* Over the budget, and the records that are left must stay, or sums have more than their share. */
static int drop_tops_by_bytes(struct db *db, const struct retention *retention, bool can_drop,
			      int64_t now_hour)
{
	int is_over = can_drop ? tops_are_over(db, retention) : 1;

	return is_over > 0 ? drop_oldest_tops(db, retention, now_hour) : is_over;
}

int retention_drop_hour(struct db *db, const struct retention *retention, int64_t now_unix_s,
			bool may_age, struct retention_result *result)
{
	char name[FLOWS_TABLE_MAX], present[FLOWS_TABLE_MAX], limit[FLOWS_TABLE_MAX];
	int is_over = retention_is_over(db, retention);
	int error = is_over < 0 ? is_over : retention_oldest(db, name);

	result->dropped[0] = '\0';
	result->is_full = false;
	if (error)
		return error;
	flows_table_name(now_unix_s * 1000, present);
	flows_table_name((now_unix_s - retention->max_age_s) * 1000, limit);
	bool is_old = retention->max_age_s && may_age && strcmp(name, limit) < 0;
	bool can_drop = name[0] && strcmp(name, present) < 0;
	if (is_over) {
		int dropped = drop_tops_by_bytes(db, retention, can_drop, now_unix_s / 3600);

		if (dropped)
			return dropped < 0 ? dropped : 0;
	}
	result->is_full = is_over && !can_drop;
	if (!can_drop || (!is_over && !is_old))
		return 0;
	error = drop_records(db, retention, name);
	if (!error)
		memcpy(result->dropped, name, sizeof(name));
	return error;
}

int retention_shrink(struct db *db, const struct retention *retention)
{
	uint64_t used, file;
	int error = retention_bytes(db, &used, &file);

	if (error || !retention->max_bytes || used == file ||
	    file <= retention_split(retention->max_bytes).file_bytes)
		return error;
	return db_exec(db, "PRAGMA incremental_vacuum(1024)"); /* 4 MiB a second */
}

int retention_totals(struct db *db, const struct retention *retention, int64_t now_unix_s)
{
	int error = totals_fold(db, (now_unix_s - SECONDS_KEPT_S) / 60 * 60);

	if (!error)
		error = totals_fold_minutes(db, (now_unix_s - MINUTES_KEPT_S) / 3600 * 3600);
	if (!error)
		error = totals_drop(db, now_unix_s - HOURS_KEPT_S);
	if (!error)
		error = drop_oldest_tops(db, retention, (now_unix_s - HOURS_KEPT_S) / 3600);
	return error < 0 ? error : 0;
}
