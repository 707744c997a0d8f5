/*
 * Columns of a scan: only what is asked for is read, as each costs a fifth of stepping over a row.
 */
#include <stdio.h>
#include <string.h>

#include "agent/store/scan_internal.h"

/* Always first, in this order. */
#define ALWAYS	     "rowid, end_ms, flags"
#define ALWAYS_COUNT 3

typedef void (*read_fn)(struct query *query, int column, struct flow_record *record);

static void read_addrs(struct query *query, int column, struct flow_record *record)
{
	query_addr(query, column, &record->tuple.src);
	query_addr(query, column + 1, &record->tuple.dst);
}

static void read_ports(struct query *query, int column, struct flow_record *record)
{
	record->tuple.src_port = (uint16_t)query_int(query, column);
	record->tuple.dst_port = (uint16_t)query_int(query, column + 1);
}

static void read_proto(struct query *query, int column, struct flow_record *record)
{
	record->tuple.proto = (uint8_t)query_int(query, column);
}

static void read_bytes(struct query *query, int column, struct flow_record *record)
{
	record->bytes_out = (uint64_t)query_int(query, column);
	record->bytes_in = (uint64_t)query_int(query, column + 1);
}

static void read_packets(struct query *query, int column, struct flow_record *record)
{
	record->packets_out = (uint64_t)query_int(query, column);
	record->packets_in = (uint64_t)query_int(query, column + 1);
}

/* A changed file may hold any number: the difference wraps, it does not overflow. */
static void read_start(struct query *query, int column, struct flow_record *record)
{
	record->start_unix_ms =
		(int64_t)((uint64_t)record->end_unix_ms - (uint64_t)query_int(query, column));
}

static void read_tcp(struct query *query, int column, struct flow_record *record)
{
	uint16_t flags = (uint16_t)query_int(query, column);

	record->tcp_flags_out = (uint8_t)(flags >> 8);
	record->tcp_flags_in = (uint8_t)flags;
}

static void read_vlan(struct query *query, int column, struct flow_record *record)
{
	record->vlan = (uint16_t)query_int(query, column);
}

static void read_id(struct query *query, int column, struct flow_record *record)
{
	record->id = (uint64_t)query_int(query, column);
}

static void read_name(struct query *query, int column, struct flow_record *record)
{
	record->name = (uint32_t)query_int(query, column);
}

static const struct part {
	const char *columns;
	read_fn read;
	enum scan_column bit;
	int count;
} PARTS[] = {
	{ ", src, dst", read_addrs, SCAN_ADDRS, 2 },
	{ ", src_port, dst_port", read_ports, SCAN_PORTS, 2 },
	{ ", proto", read_proto, SCAN_PROTO, 1 },
	{ ", bytes_out, bytes_in", read_bytes, SCAN_BYTES, 2 },
	{ ", packets_out, packets_in", read_packets, SCAN_PACKETS, 2 },
	{ ", duration_ms", read_start, SCAN_START, 1 },
	{ ", tcp_flags", read_tcp, SCAN_TCP, 1 },
	{ ", vlan", read_vlan, SCAN_VLAN, 1 },
	{ ", id", read_id, SCAN_ID, 1 },
	{ ", name", read_name, SCAN_NAMES, 1 },
};
#define PART_COUNT (sizeof(PARTS) / sizeof(PARTS[0]))

void scan_row_sql(const struct scan_options *options, const char *hour_text, bool has_name,
		  char sql[static SCAN_SQL_MAX])
{
	char columns[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < PART_COUNT; i++) {
		bool is_missing = PARTS[i].bit == SCAN_NAMES && !has_name;

		if (options->columns & PARTS[i].bit)
			len += (size_t)snprintf(columns + len, sizeof(columns) - len, "%s",
						is_missing ? ", 0" : PARTS[i].columns);
	}
	/* A table's name cannot be bound; this one is made of digits by strftime. */
	(void)snprintf(sql, SCAN_SQL_MAX,
		       "SELECT " ALWAYS "%s FROM flows_%s WHERE%s rowid BETWEEN ? AND ?"
		       " ORDER BY rowid %s",
		       columns, hour_text,
		       options->addr_count ? " addr_match(?, src, dst) AND" : "",
		       options->is_oldest_first ? "ASC" : "DESC");
}

/* How the flags of TCP and the state say why the record was written. */
static uint8_t end_of(const struct flow_record *record)
{
	if (!record->is_final)
		return FLOW_END_CUT;
	if (record->state != FLOW_CLOSED)
		return FLOW_END_IDLE;
	return (record->tcp_flags_out | record->tcp_flags_in) & TCP_FLAG_RST ? FLOW_END_RST
									     : FLOW_END_FIN;
}

static void read_state(uint16_t flags, struct flow_record *record)
{
	record->state = flags & FLOW_ROW_STATE;
	record->ingress = flags & FLOW_ROW_INGRESS;
	record->is_final = flags & FLOW_ROW_FINAL;
	record->iface = (uint8_t)(flags >> FLOW_ROW_IFACE_SHIFT);
}

void scan_row_read(struct query *query, unsigned int columns, int64_t hour,
		   struct flow_record *record)
{
	uint16_t flags = (uint16_t)query_int(query, 2);
	int column = ALWAYS_COUNT;

	record->hour = hour;
	record->row = query_int(query, 0);
	record->end_unix_ms =
		(int64_t)((uint64_t)(hour * MS_PER_HOUR) + (uint64_t)query_int(query, 1));
	record->verdict = flags & FLOW_ROW_DROPPED ? FLOW_DROPPED : FLOW_PASSED;
	for (size_t i = 0; i < PART_COUNT; i++) {
		if (!(columns & PARTS[i].bit))
			continue;
		PARTS[i].read(query, column, record);
		column += PARTS[i].count;
	}
	if (!(columns & SCAN_STATE))
		return;
	read_state(flags, record);
	record->end = end_of(record);
}
