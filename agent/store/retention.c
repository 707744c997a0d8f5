/*
 * Retention of flows.db. Dropped pages are used again, so the file stops growing at the budget
 * without VACUUM.
 */
#include "agent/store/retention.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/totals.h"

/* facts/server.md and DESIGN 6: totals per second for a day, per minute for 90 days. */
#define SECONDS_KEPT_S (24LL * 3600)
#define MINUTES_KEPT_S (90LL * 24 * 3600)
/* Left of the budget for the WAL and the hour's growth between two looks; the WAL stays below
 * 8 MiB unless a reader holds it (journal_size_limit, db pragmas). */
#define BUDGET_RESERVE_MAX (32ULL << 20)

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

static int retention_bytes(struct db *db, uint64_t *used, uint64_t *file)
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

static uint64_t retention_limit(const struct retention *retention)
{
	uint64_t reserve = retention->max_bytes / 8;

	return retention->max_bytes - (reserve < BUDGET_RESERVE_MAX ? reserve : BUDGET_RESERVE_MAX);
}

int retention_drop_hour(struct db *db, const struct retention *retention, int64_t now_unix_s,
			bool may_age, struct retention_result *result)
{
	char name[FLOWS_TABLE_MAX], present[FLOWS_TABLE_MAX], limit[FLOWS_TABLE_MAX];
	struct flows_writer none = { 0 };
	uint64_t used, file;
	int error = retention_bytes(db, &used, &file);

	result->dropped[0] = '\0';
	if (!error)
		error = retention_oldest(db, name);
	if (error)
		return error;
	flows_table_name(now_unix_s * 1000, present);
	flows_table_name((now_unix_s - retention->max_age_s) * 1000, limit);
	bool is_over = retention->max_bytes && used > retention_limit(retention);
	bool is_old = retention->max_age_s && may_age && strcmp(name, limit) < 0;
	bool can_drop = name[0] && strcmp(name, present) < 0;
	result->is_full = is_over && !can_drop;
	if (!can_drop || (!is_over && !is_old))
		return 0;
	int64_t hour = flows_hour_parse(name);
	if (hour < 0)
		return -EBADMSG; /* a table of somebody else, in our file */
	error = flows_drop_hour(retention->writer ? retention->writer : &none, db, hour);
	if (!error)
		memcpy(result->dropped, name, sizeof(name));
	return error;
}

int retention_shrink(struct db *db, const struct retention *retention)
{
	uint64_t used, file;
	int error = retention_bytes(db, &used, &file);

	if (error || !retention->max_bytes || file <= retention->max_bytes || used == file)
		return error;
	return db_exec(db, "PRAGMA incremental_vacuum(1024)"); /* 4 MiB a second */
}

int retention_totals(struct db *db, int64_t now_unix_s)
{
	int error = totals_fold(db, (now_unix_s - SECONDS_KEPT_S) / 60 * 60);

	return error ? error : totals_drop(db, now_unix_s - MINUTES_KEPT_S);
}
