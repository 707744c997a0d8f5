/*
 * What records of one hour are called, each combination of names once, in names_YYYYMMDDHH. Written
 * in the transaction of its records. The writer thread only.
 */
#ifndef SLUICE_STORE_HOUR_NAMES_H
#define SLUICE_STORE_HOUR_NAMES_H

#include <stdint.h>

#include "agent/store/db.h"
#include "agent/store/flows.h"

/* 65,536 combinations are remembered per hour, 1.5 MB; past that all are forgotten and written
 * again when they come again: the file grows by at most a name per record, memory does not. */
#define HOUR_NAMES_MAX 65536
/* Longest text of a name with its end; longer ones are cut. */
#define NAME_STORED_MAX FLOW_NAME_MAX

/* hour_names_open - of an hour whose table exists; remembers what is in it. Returns 0 or -errno. */
int hour_names_open(struct db *db, const char *hour_text, struct hour_names **out);
void hour_names_free(struct hour_names *names); /* accepts NULL */
DEFINE_CLEANUP(hour_names_free, struct hour_names)

/* hour_names_put - the id of the row's names, written if new; 0 when nothing is known of it. */
int hour_names_put(struct hour_names *names, struct db *db, const struct flow_row *row,
		   uint32_t *id);

#endif
