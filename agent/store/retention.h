/*
 * What leaves flows.db: whole hours by age and by bytes, sums by age and by their share. Steps
 * small enough to run between two batches on the writer thread.
 *
 * The budget counts the database with its WAL. It holds at every moment, as SQLite itself refuses
 * to make the file larger than its share (max_page_count), the WAL may pass its share by one
 * transaction only, and that is bounded: together they are the budget.
 */
#ifndef SLUICE_STORE_RETENTION_H
#define SLUICE_STORE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/db.h"
#include "agent/store/flows.h"
#include "agent/store/tops.h"

struct retention {
	uint64_t max_bytes;	     /* 0 = no bound */
	int64_t max_age_s;	     /* 0 = no bound */
	uint64_t missing_bytes;	     /* that a transaction found no room for */
	struct flows_writer *writer; /* of the hours being written; may be NULL */
	struct tops *tops;	     /* likewise */
};

struct retention_share {
	uint64_t file_bytes; /* the database, free pages included; 0 = no bound */
	uint64_t used_bytes; /* of it, pages in use before hours are dropped */
	uint64_t wal_bytes;  /* past it rows stop */
	uint32_t tops_keys;  /* of each kind in an hour being written: bounds a transaction */
};

/* retention_split - the shares of a budget; 0 = no bound. */
struct retention_share retention_split(uint64_t max_bytes);

struct retention_result {
	bool is_full;		       /* the hours that must stay are over the budget alone */
	char dropped[FLOWS_TABLE_MAX]; /* the table dropped, "" for none */
};

/*
 * retention_drop_hour - drop the oldest hour if it is over age or the rows are over the budget.
 * The hour of @now_unix_s and later ones stay. In the caller's transaction.
 * @may_age: the clock can be believed
 * Returns 0 or -errno.
 */
int retention_drop_hour(struct db *db, const struct retention *retention, int64_t now_unix_s,
			bool may_age, struct retention_result *result);
/* retention_want_room - a transaction found no room: hours go earlier until missing_bytes is 0. */
void retention_want_room(struct retention *retention);
/* retention_is_over - whether more pages are in use than the budget allows. Returns 1, 0, -errno.
 */
int retention_is_over(struct db *db, const struct retention *retention);

/* retention_shrink - hand a little free space back to the file system when the file is larger
 * than the budget. */
int retention_shrink(struct db *db, const struct retention *retention);

/* retention_totals - fold seconds after a day and minutes after 90, drop hours after two years. In
 * a transaction. */
int retention_totals(struct db *db, const struct retention *retention, int64_t now_unix_s);

/* retention_bytes - pages in use and all pages, in bytes. */
int retention_bytes(struct db *db, uint64_t *used, uint64_t *file);

#endif
