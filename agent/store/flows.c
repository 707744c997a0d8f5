/*
 * Flow records into their hour.
 */
#include "agent/store/flows.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/store/schema.h"

#define MS_PER_HOUR (3600 * 1000LL)
/* 9999-12-31T23:59:59.999Z: four digits of a year keep names in order of time. */
#define UNIX_MS_MAX 253402300799999LL

static int64_t flows_clamp(int64_t unix_ms)
{
	if (unix_ms < 0)
		return 0;
	return unix_ms > UNIX_MS_MAX ? UNIX_MS_MAX : unix_ms;
}

void flow_row_from(const struct flow *flow, struct flow_row *row)
{
	memset(row, 0, sizeof(*row));
	row->id = flow->id;
	row->end_unix_ms = flows_clamp(flow->end_unix_ms);
	/* Negative when the wall clock went back in between: such a record has no duration. */
	if (flow->end_unix_ms > flow->start_unix_ms)
		row->duration_ms = flow->end_unix_ms - flow->start_unix_ms;
	memcpy(row->src, flow->tuple.src.bytes, sizeof(row->src));
	memcpy(row->dst, flow->tuple.dst.bytes, sizeof(row->dst));
	row->family = flow->tuple.src.family;
	row->src_port = flow->tuple.src_port;
	row->dst_port = flow->tuple.dst_port;
	row->proto = flow->tuple.proto;
	row->vlan = flow->vlan;
	row->tcp_flags = (uint16_t)(flow->tcp_flags_out << 8 | flow->tcp_flags_in);
	row->flags = (uint16_t)((flow->state & 3) | (flow->ingress ? 4 : 0) |
				(flow->is_final ? 8 : 0) | flow->iface << 4);
	row->packets_out = flow->packets_out - flow->cut_packets_out;
	row->bytes_out = flow->bytes_out - flow->cut_bytes_out;
	row->packets_in = flow->packets_in - flow->cut_packets_in;
	row->bytes_in = flow->bytes_in - flow->cut_bytes_in;
}

void flows_table_name(int64_t unix_ms, char name[static FLOWS_TABLE_MAX])
{
	time_t seconds = (time_t)(flows_clamp(unix_ms) / 1000);
	struct tm utc;

	(void)gmtime_r(&seconds, &utc); /* cannot fail for the clamped years */
	(void)strftime(name, FLOWS_TABLE_MAX, "flows_%Y%m%d%H", &utc);
}

static int flows_open_hour(struct flows_writer *writer, struct db *db, int64_t hour,
			   struct sqlite3_stmt **out)
{
	char name[FLOWS_TABLE_MAX], sql[1024];
	unsigned int slot = writer->next;

	/* A table's name cannot be bound; this one is made of digits by strftime. */
	flows_table_name(hour * MS_PER_HOUR, name);
	(void)snprintf(sql, sizeof(sql), SCHEMA_HOUR_CREATE, name);
	int error = db_exec(db, sql);
	if (error)
		return error;
	(void)snprintf(sql, sizeof(sql), SCHEMA_HOUR_INSERT, name);
	error = db_prepare(db, sql, out);
	if (error)
		return error;
	db_finalize(writer->hours[slot].insert);
	writer->hours[slot].hour = hour;
	writer->hours[slot].insert = *out;
	writer->next = (slot + 1) % FLOWS_HOURS_OPEN;
	return 0;
}

static int flows_find_hour(struct flows_writer *writer, struct db *db, int64_t hour,
			   struct sqlite3_stmt **out)
{
	for (unsigned int i = 0; i < FLOWS_HOURS_OPEN; i++) {
		if (writer->hours[i].insert && writer->hours[i].hour == hour) {
			*out = writer->hours[i].insert;
			return 0;
		}
	}
	return flows_open_hour(writer, db, hour, out);
}

static void flows_bind_addr(struct query *query, uint8_t family, const uint8_t bytes[16])
{
	if (family == ADDR_IPV4)
		query_bind_blob(query, bytes + 12, 4);
	else
		query_bind_blob(query, bytes, 16);
}

int flows_insert(struct flows_writer *writer, struct db *db, const struct flow_row *row)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct sqlite3_stmt *insert;
	int error = flows_find_hour(writer, db, row->end_unix_ms / MS_PER_HOUR, &insert);

	if (error)
		return error;
	query_init_own(&query, db, insert);
	query_bind_int(&query, (int64_t)row->id);
	query_bind_int(&query, row->end_unix_ms % MS_PER_HOUR);
	query_bind_int(&query, row->duration_ms);
	flows_bind_addr(&query, row->family, row->src);
	flows_bind_addr(&query, row->family, row->dst);
	query_bind_int(&query, row->src_port);
	query_bind_int(&query, row->dst_port);
	query_bind_int(&query, row->proto);
	query_bind_int(&query, row->vlan);
	query_bind_int(&query, row->flags);
	query_bind_int(&query, row->tcp_flags);
	query_bind_int(&query, (int64_t)row->packets_out);
	query_bind_int(&query, (int64_t)row->bytes_out);
	query_bind_int(&query, (int64_t)row->packets_in);
	query_bind_int(&query, (int64_t)row->bytes_in);
	return query_run(&query);
}

void flows_forget(struct flows_writer *writer)
{
	for (unsigned int i = 0; i < FLOWS_HOURS_OPEN; i++)
		db_finalize(writer->hours[i].insert);
	memset(writer, 0, sizeof(*writer));
}
