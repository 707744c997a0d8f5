/*
 * Columns of a scan: only what is asked for is read, as each costs a fifth of stepping over a row.
 * Rows are handed over by an aggregate function of SQL, which sees the values where they are: a
 * third cheaper than to step from row to row and ask for each column (bench_search).
 */
#include <errno.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/scan_internal.h"
#include "agent/util/addr.h"

/* Always first, in this order; the first alone with SCAN_BARE. */
#define FIRST	    "end_ms"
#define FIRST_COUNT 1
#define NEXT	    ", rowid, flags"
#define NEXT_COUNT  2

/* @values: of the part's first column on. Returns 0 or -EBADMSG. */
typedef int (*read_fn)(sqlite3_value **values, struct flow_record *record);

/* Only text and blobs have a length of 4 or 16 in a STRICT column; anything else is damage. */
static int read_addr(sqlite3_value *value, struct addr *addr)
{
	const void *bytes = sqlite3_value_blob(value);
	int len = sqlite3_value_bytes(value);

	if (bytes && len == 4)
		*addr = addr_from_ipv4(bytes);
	else if (bytes && len == 16)
		*addr = addr_from_ipv6(bytes);
	else
		return -EBADMSG;
	return 0;
}

static int read_src(sqlite3_value **values, struct flow_record *record)
{
	return read_addr(values[0], &record->tuple.src);
}

static int read_dst(sqlite3_value **values, struct flow_record *record)
{
	return read_addr(values[0], &record->tuple.dst);
}

static int read_ports(sqlite3_value **values, struct flow_record *record)
{
	record->tuple.src_port = (uint16_t)sqlite3_value_int64(values[0]);
	record->tuple.dst_port = (uint16_t)sqlite3_value_int64(values[1]);
	return 0;
}

static int read_proto(sqlite3_value **values, struct flow_record *record)
{
	record->tuple.proto = (uint8_t)sqlite3_value_int64(values[0]);
	return 0;
}

static int read_bytes(sqlite3_value **values, struct flow_record *record)
{
	record->bytes_out = (uint64_t)sqlite3_value_int64(values[0]);
	record->bytes_in = (uint64_t)sqlite3_value_int64(values[1]);
	return 0;
}

static int read_packets(sqlite3_value **values, struct flow_record *record)
{
	record->packets_out = (uint64_t)sqlite3_value_int64(values[0]);
	record->packets_in = (uint64_t)sqlite3_value_int64(values[1]);
	return 0;
}

/* A changed file may hold any number: the difference wraps, it does not overflow. */
static int read_start(sqlite3_value **values, struct flow_record *record)
{
	record->start_unix_ms =
		(int64_t)((uint64_t)record->end_unix_ms - (uint64_t)sqlite3_value_int64(values[0]));
	return 0;
}

static int read_tcp(sqlite3_value **values, struct flow_record *record)
{
	uint16_t flags = (uint16_t)sqlite3_value_int64(values[0]);

	record->tcp_flags_out = (uint8_t)(flags >> 8);
	record->tcp_flags_in = (uint8_t)flags;
	return 0;
}

static int read_vlan(sqlite3_value **values, struct flow_record *record)
{
	record->vlan = (uint16_t)sqlite3_value_int64(values[0]);
	return 0;
}

static int read_id(sqlite3_value **values, struct flow_record *record)
{
	record->id = (uint64_t)sqlite3_value_int64(values[0]);
	return 0;
}

static int read_name(sqlite3_value **values, struct flow_record *record)
{
	record->name = (uint32_t)sqlite3_value_int64(values[0]);
	return 0;
}

static const struct part {
	const char *columns;
	read_fn read;
	unsigned int bits; /* enum scan_column: any of them */
	int count;
} PARTS[] = {
	{ ", src", read_src, SCAN_ADDRS | SCAN_SRC, 1 },
	{ ", dst", read_dst, SCAN_ADDRS | SCAN_DST, 1 },
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
_Static_assert(PART_COUNT <= SCAN_PARTS_MAX, "a sink has room for all parts");

void scan_row_sql(const struct scan_options *options, const char *hour_text, bool has_name,
		  char sql[static SCAN_SQL_MAX])
{
	char columns[256] = "";
	size_t len = 0;

	for (size_t i = 0; i < PART_COUNT; i++) {
		bool is_missing = PARTS[i].bits == SCAN_NAMES && !has_name;

		if (options->columns & PARTS[i].bits)
			len += (size_t)snprintf(columns + len, sizeof(columns) - len, "%s",
						is_missing ? ", 0" : PARTS[i].columns);
	}
	/* A table's name cannot be bound; this one is made of digits by strftime. */
	(void)snprintf(sql, SCAN_SQL_MAX,
		       "SELECT scan_take(" FIRST "%s%s) FROM flows_%s WHERE%s"
		       " rowid BETWEEN ? AND ?",
		       options->columns & SCAN_BARE ? "" : NEXT, columns, hour_text,
		       options->addr_count ? " addr_match(?, src, dst) AND" : "");
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

static int read_record(const struct scan_sink *sink, sqlite3_value **values,
		       struct flow_record *record)
{
	uint16_t flags = 0;
	int error = 0;

	record->hour = sink->hour;
	record->end_unix_ms = (int64_t)((uint64_t)(sink->hour * MS_PER_HOUR) +
					(uint64_t)sqlite3_value_int64(values[0]));
	values += FIRST_COUNT;
	if (!(sink->columns & SCAN_BARE)) {
		record->row = sqlite3_value_int64(values[0]);
		flags = (uint16_t)sqlite3_value_int64(values[1]);
		record->verdict = flags & FLOW_ROW_DROPPED ? FLOW_DROPPED : FLOW_PASSED;
		values += NEXT_COUNT;
	}
	for (unsigned int i = 0; i < sink->part_count && !error; i++) {
		const struct part *part = &PARTS[sink->parts[i]];

		error = part->read(values, record);
		values += part->count;
	}
	if (error || !(sink->columns & SCAN_STATE))
		return error;
	read_state(flags, record);
	record->end = end_of(record);
	return 0;
}

/* The next free record of the sink: rows come in the order of their numbers, whichever way the
 * scan goes. */
static struct flow_record *free_record(const struct scan_sink *sink)
{
	return sink->is_oldest_first ? &sink->records[sink->count]
				     : &sink->records[sink->max - 1 - sink->count];
}

static void take(sqlite3_context *context, int count, sqlite3_value **values)
{
	struct scan_sink *sink = *(struct scan_sink **)sqlite3_user_data(context);
	struct flow_record *record;

	if (!sink || sink->error || sink->count == sink->max || count != sink->value_count)
		return;
	record = free_record(sink);
	sink->error = read_record(sink, values, record);
	if (!sink->error && record->end_unix_ms >= sink->from_unix_ms &&
	    record->end_unix_ms < sink->to_unix_ms)
		sink->count++;
}

static void end_take(sqlite3_context *context)
{
	sqlite3_result_null(context);
}

int scan_row_register(struct sqlite3 *handle, struct scan_sink **sink)
{
	/* DIRECTONLY: no view or trigger of a changed file may call it */
	return sqlite3_create_function_v2(handle, "scan_take", -1, SQLITE_UTF8 | SQLITE_DIRECTONLY,
					  sink, NULL, take, end_take, NULL);
}

void scan_sink_init(struct scan_sink *sink, const struct scan_options *options, int64_t hour)
{
	sink->columns = options->columns;
	sink->is_oldest_first = options->is_oldest_first;
	sink->from_unix_ms = options->from_unix_ms;
	sink->to_unix_ms = options->to_unix_ms;
	sink->hour = hour;
	sink->count = 0;
	sink->error = 0;
	sink->value_count = FIRST_COUNT + (options->columns & SCAN_BARE ? 0 : NEXT_COUNT);
	sink->part_count = 0;
	for (size_t i = 0; i < PART_COUNT; i++)
		if (options->columns & PARTS[i].bits) {
			sink->value_count += PARTS[i].count;
			sink->parts[sink->part_count++] = (uint8_t)i;
		}
}
