/*
 * Flow records in hourly tables flows_YYYYMMDDHH (UTC) of flows.db: what a record holds and how it
 * is inserted. The writer thread only.
 */
#ifndef SLUICE_STORE_FLOWS_H
#define SLUICE_STORE_FLOWS_H

#include <stdint.h>

#include "agent/store/db.h"
#include "include/flow.h"

/* One record as it waits for the writer: half of struct flow. */
struct flow_row {
	uint64_t id;
	int64_t end_unix_ms;
	int64_t duration_ms;
	uint8_t src[16], dst[16];
	uint16_t src_port, dst_port;
	uint16_t vlan;
	uint16_t tcp_flags; /* out << 8 | in */
	uint16_t flags;	    /* SCHEMA_HOUR_CREATE */
	uint8_t family, proto;
	uint64_t packets_out, bytes_out;
	uint64_t packets_in, bytes_in;
};

/* flow_row_from - the counters since the last cut. */
void flow_row_from(const struct flow *flow, struct flow_row *row);

#define FLOWS_TABLE_MAX 20 /* "flows_9999123123" and the end */
/* flows_table_name - of the hour that holds @unix_ms; clamped to the years 1970 to 9999. */
void flows_table_name(int64_t unix_ms, char name[static FLOWS_TABLE_MAX]);

/* Insert statements of the hours written lately; {0} at first. */
#define FLOWS_HOURS_OPEN 4
struct flows_writer {
	struct {
		int64_t hour; /* since 1970 */
		struct sqlite3_stmt *insert;
	} hours[FLOWS_HOURS_OPEN];
	unsigned int next;
};

/* flows_insert - inside the caller's transaction; makes the hour's table when it is missing. */
int flows_insert(struct flows_writer *writer, struct db *db, const struct flow_row *row);
/* flows_forget - drop the prepared statements: after a rollback, a DROP, before closing. */
void flows_forget(struct flows_writer *writer);

#endif
