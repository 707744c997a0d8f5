/*
 * Which addresses a block of 8192 records holds, as Bloom filters: who looks for an address passes
 * over blocks without it. A block's filter is written in the transaction of its last record, so a
 * block has its whole filter or none, and one without is read. Never a false "not there".
 */
#ifndef SLUICE_STORE_HOUR_FILTER_H
#define SLUICE_STORE_HOUR_FILTER_H

#include <stddef.h>
#include <stdint.h>

#include "agent/store/addr_set.h"
#include "agent/store/db.h"
#include "agent/store/flows.h"

/* Records are numbered from 1: block b holds b * 8192 + 1 to (b + 1) * 8192. */
#define FILTER_BLOCK_ROWS 8192

/* ---- the writer thread ---- */

/* hour_filter_open - of the block being filled; reads its records. Returns 0 or -errno. */
int hour_filter_open(struct db *db, int64_t hour, struct hour_filter **out);
void hour_filter_free(struct hour_filter *filter); /* accepts NULL */
DEFINE_CLEANUP(hour_filter_free, struct hour_filter)
/* hour_filter_add - the record that was just inserted; writes the filter of a full block. */
int hour_filter_add(struct hour_filter *filter, struct db *db, const struct flow_row *row);
int hour_filter_drop(struct db *db, int64_t hour);

/* ---- readers ---- */

/*
 * hour_filter_find - clears the bit of each block of @hour that holds none of @set.
 * @wanted: one bit a block, set by the caller. @blocks: how many
 */
int hour_filter_find(struct db *db, int64_t hour, const struct addr_set *set, uint8_t *wanted,
		     size_t blocks);

#endif
