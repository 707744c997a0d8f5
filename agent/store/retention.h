/*
 * What leaves flows.db: whole hours by age and by bytes, totals by age. Steps small enough to run
 * between two batches on the writer thread.
 */
#ifndef SLUICE_STORE_RETENTION_H
#define SLUICE_STORE_RETENTION_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/store/db.h"
#include "agent/store/flows.h"

struct retention {
	uint64_t max_bytes;	     /* 0 = no bound */
	int64_t max_age_s;	     /* 0 = no bound */
	struct flows_writer *writer; /* of the hours being written; may be NULL */
};

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

/* retention_shrink - hand a little free space back to the file system when the file is larger
 * than the budget. */
int retention_shrink(struct db *db, const struct retention *retention);

/* retention_totals - fold seconds after a day, drop minutes after 90. In a transaction. */
int retention_totals(struct db *db, int64_t now_unix_s);

#endif
