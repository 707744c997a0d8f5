/*
 * The parts of a scan and what they share. Only agent/store/scan*.c include it.
 *   scan.c        the face: hour after hour, block after block
 *   scan_row.c    columns: what to select, and one row of it into a record
 *   scan_names.c  the names of a block's records
 */
#ifndef SLUICE_STORE_SCAN_INTERNAL_H
#define SLUICE_STORE_SCAN_INTERNAL_H

#include "agent/store/addr_set.h"
#include "agent/store/db.h"
#include "agent/store/flows.h"
#include "agent/store/hour_filter.h"
#include "agent/store/hour_ifaces.h"
#include "agent/store/scan.h"
#include "agent/store/scan_row.h"

/* ---- scan_row.c ---- */

#define SCAN_SQL_MAX   640
#define SCAN_PARTS_MAX 16

/* Where the rows of one block go. */
struct scan_sink {
	unsigned int columns; /* enum scan_column */
	bool is_oldest_first; /* else records are filled from the end on */
	int64_t from_unix_ms, to_unix_ms;
	int64_t hour;
	int value_count;
	uint8_t parts[SCAN_PARTS_MAX]; /* what of a row is read: indices of scan_row.c's table */
	unsigned int part_count;
	struct flow_record *records; /* max of them; columns not asked for are left alone */
	size_t max, count;
	int error; /* -EBADMSG: an address of a wrong length */
};

/* scan_sink_init - all but records and max, which are the caller's. */
void scan_sink_init(struct scan_sink *sink, const struct scan_options *options, int64_t hour);
/* scan_row_sql - of one block, one row of no meaning: parameters are the set of addresses
 * (if @options has any), then first and last row. */
void scan_row_sql(const struct scan_options *options, const char *hour_text, bool has_name,
		  char sql[static SCAN_SQL_MAX]);

/* ---- scan_names.c ---- */

/* Names of one hour, as many as its blocks needed. */
struct name_cache;

int name_cache_new(struct name_cache **out);
void name_cache_free(struct name_cache *cache); /* accepts NULL */
DEFINE_CLEANUP(name_cache_free, struct name_cache)
/*
 * name_cache_load - names of the records of one block, with rule, incident, pid and uid into them.
 * What an earlier call loaded may go.
 */
int name_cache_load(struct name_cache *cache, struct db *db, struct flow_record *records,
		    size_t count);
const struct record_names *name_cache_get(const struct name_cache *cache, uint32_t name);

#endif
