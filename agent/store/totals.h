/*
 * Totals in flows.db: per second for a day, then folded into minutes, after 90 days into hours. A
 * value is in one of the three tables only, so a sum over all is exact at any moment.
 */
#ifndef SLUICE_STORE_TOTALS_H
#define SLUICE_STORE_TOTALS_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/db.h"
#include "include/snapshot.h"

/* All inside the caller's transaction, on the writer thread. */
int totals_add_second(struct db *db, const struct totals *totals);
/* totals_add_minute - unix_s is rounded down to its minute. */
int totals_add_minute(struct db *db, const struct totals *totals);
/* totals_fold - seconds before @before_unix_s, a whole minute, become minutes. */
int totals_fold(struct db *db, int64_t before_unix_s);
/* totals_fold_minutes - minutes before @before_unix_s, a whole hour, become hours. */
int totals_fold_minutes(struct db *db, int64_t before_unix_s);
/* totals_drop - hours before @before_unix_s. */
int totals_drop(struct db *db, int64_t before_unix_s);

/*
 * totals_sum - sums of @count steps of @step_s seconds from @from_unix_s, empty ones too. A minute
 * or hour that spans several steps is shared evenly; the parts add up to it exactly.
 */
int totals_sum(struct db *db, int64_t from_unix_s, int64_t step_s, struct totals *out,
	       size_t count);

#endif
