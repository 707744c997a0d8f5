/*
 * Flow records in hourly tables flows_YYYYMMDDHH (UTC) of flows.db, with names_YYYYMMDDHH beside
 * them: what a record holds and how it is inserted. The writer thread only.
 */
#ifndef SLUICE_STORE_FLOWS_H
#define SLUICE_STORE_FLOWS_H

#include <stdint.h>

#include "agent/store/db.h"
#include "include/coverage.h"
#include "include/flow.h"
#include "include/history.h"

#define MS_PER_HOUR (3600 * 1000LL)

/* One record as it waits for the writer. */
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
	uint8_t iface_name; /* in the names of struct rows; 0 = unknown */
	uint64_t packets_out, bytes_out;
	uint64_t packets_in, bytes_in;
	struct flow_names *names; /* NULL = unknown; whose reference it is, the owner says */
	uint32_t rule_id;
	int64_t incident_id;
	/* once inserted: its number in the hour, and of its names there (0 = none) */
	int64_t row;
	uint32_t name;
};

#define FLOW_ROW_STATE	     0x3
#define FLOW_ROW_INGRESS     0x4
#define FLOW_ROW_FINAL	     0x8
#define FLOW_ROW_IFACE_SHIFT 4
#define FLOW_ROW_IFACE	     0xff0
#define FLOW_ROW_DROPPED     0x1000

/* flow_row_from - the counters since the last cut. @extra: may be NULL; names are borrowed. */
void flow_row_from(const struct flow *flow, const struct flow_extra *extra, struct flow_row *row);
/* flow_row_src, flow_row_dst - the bytes as stored: 4 or 16 (@len). */
const uint8_t *flow_row_src(const struct flow_row *row, size_t *len);
const uint8_t *flow_row_dst(const struct flow_row *row, size_t *len);

#define FLOWS_HOUR_TEXT_MAX 11 /* "9999123123" and the end */
/* flows_hour_text - YYYYMMDDHH of an hour since 1970; clamped to the years 1970 to 9999. */
void flows_hour_text(int64_t hour, char text[static FLOWS_HOUR_TEXT_MAX]);
/* flows_hour_parse - of the name of an hour's table of records. Returns the hour or -EINVAL. */
int64_t flows_hour_parse(const char *table);
/* flows_row_hour - the hour that a record belongs to. */
int64_t flows_row_hour(const struct flow_row *row);

#define FLOWS_TABLE_MAX 20 /* "flows_9999123123" and the end */
/* flows_table_name - of the hour that holds @unix_ms; clamped as above. */
void flows_table_name(int64_t unix_ms, char name[static FLOWS_TABLE_MAX]);

/* The names of all tables of records; a direction is added. */
#define FLOWS_HOURS_SQL                                        \
	"SELECT name FROM sqlite_schema WHERE type = 'table' " \
	"AND name GLOB 'flows_[0-9]*' ORDER BY name"

struct hour_names;
struct hour_filter;
struct hour_ifaces;

/* Names of interfaces by flow_row.iface_name; the first is "". */
#define FLOW_IFACE_NAMES 256
struct flow_iface_names {
	char text[FLOW_IFACE_NAMES][IFACE_NAME_MAX];
};

/* The hours written lately; {0} at first. */
#define FLOWS_HOURS_OPEN 3
struct flows_writer {
	struct flows_hour {
		int64_t hour; /* since 1970 */
		struct sqlite3_stmt *insert;
		struct hour_names *names;
		struct hour_filter *filter;
		struct hour_ifaces *ifaces;
	} hours[FLOWS_HOURS_OPEN];
	unsigned int next;
	const struct flow_iface_names *iface_names; /* borrowed; NULL = none is known */
};

/* flows_open - inside the caller's transaction; makes the hour's tables when they are missing. */
int flows_open(struct flows_writer *writer, struct db *db, int64_t hour);
/* flows_insert - inside the caller's transaction. Sets row->row and row->name. */
int flows_insert(struct flows_writer *writer, struct db *db, struct flow_row *row);
/* flows_forget - drop what is prepared and remembered: after a rollback, before closing. */
void flows_forget(struct flows_writer *writer);
/* flows_drop_hour - the hour's tables and filters. In the caller's transaction. */
int flows_drop_hour(struct flows_writer *writer, struct db *db, int64_t hour);

#endif
