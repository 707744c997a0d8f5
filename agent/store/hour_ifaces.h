/*
 * The names of an hour's interfaces. The datapath numbers them anew with every start, so a record
 * holds a number of its hour, and the name is stored once beside it.
 */
#ifndef SLUICE_STORE_HOUR_IFACES_H
#define SLUICE_STORE_HOUR_IFACES_H

#include <stdint.h>

#include "agent/store/db.h"
#include "include/coverage.h"

/* Below it a record holds the datapath's number: of a former version, or without a name. */
#define HOUR_IFACES_FIRST COVERAGE_IFACES_MAX
#define HOUR_IFACES_END	  256 /* a record has one byte */
#define HOUR_IFACES_MAX	  (HOUR_IFACES_END - HOUR_IFACES_FIRST)

/* ---- the writer thread ---- */

struct hour_ifaces {
	int64_t hour;
	unsigned int count;
	char names[HOUR_IFACES_MAX][IFACE_NAME_MAX];
};

/* hour_ifaces_open - with what the hour has already. Returns 0 or -errno. */
int hour_ifaces_open(struct hour_ifaces *ifaces, struct db *db, int64_t hour);
/*
 * hour_ifaces_put - the hour's number of @name, written when it is new; in a transaction.
 * @number: left alone for "" and when the hour has as many names as it can
 */
int hour_ifaces_put(struct hour_ifaces *ifaces, struct db *db, const char *name, uint8_t *number);
int hour_ifaces_drop(struct db *db, int64_t hour);

/* ---- readers ---- */

/* hour_ifaces_read - names by number, "" where there is none. Returns 0 or -errno. */
int hour_ifaces_read(struct db *db, int64_t hour,
		     char names[static HOUR_IFACES_END][IFACE_NAME_MAX]);

#endif
