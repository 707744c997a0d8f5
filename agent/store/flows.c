/*
 * Flow records into their hour.
 */
#include "agent/store/flows.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/store/hour_filter.h"
#include "agent/store/hour_ifaces.h"
#include "agent/store/hour_names.h"
#include "agent/store/schema.h"

/* 9999-12-31T23:59:59.999Z: four digits of a year keep names in order of time. */
#define UNIX_MS_MAX 253402300799999LL
#define HOUR_MAX    (UNIX_MS_MAX / MS_PER_HOUR)
#define SQL_MAX	    1024

static int64_t clamp(int64_t value, int64_t max)
{
	if (value < 0)
		return 0;
	return value > max ? max : value;
}

static void add_extra(const struct flow_extra *extra, struct flow_row *row)
{
	row->names = extra->names;
	row->rule_id = extra->rule_id;
	row->incident_id = extra->incident_id;
	if (extra->verdict == FLOW_DROPPED)
		row->flags |= FLOW_ROW_DROPPED;
}

void flow_row_from(const struct flow *flow, const struct flow_extra *extra, struct flow_row *row)
{
	memset(row, 0, sizeof(*row));
	row->id = flow->id;
	row->end_unix_ms = clamp(flow->end_unix_ms, UNIX_MS_MAX);
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
	row->flags =
		(uint16_t)((flow->state & FLOW_ROW_STATE) | (flow->ingress ? FLOW_ROW_INGRESS : 0) |
			   (flow->is_final ? FLOW_ROW_FINAL : 0) |
			   flow->iface << FLOW_ROW_IFACE_SHIFT);
	row->packets_out = flow->packets_out - flow->cut_packets_out;
	row->bytes_out = flow->bytes_out - flow->cut_bytes_out;
	row->packets_in = flow->packets_in - flow->cut_packets_in;
	row->bytes_in = flow->bytes_in - flow->cut_bytes_in;
	if (extra)
		add_extra(extra, row);
}

static const uint8_t *stored_bytes(const struct flow_row *row, const uint8_t bytes[16], size_t *len)
{
	bool is_ipv4 = row->family == ADDR_IPV4;

	*len = is_ipv4 ? 4 : 16;
	return is_ipv4 ? bytes + 12 : bytes;
}

const uint8_t *flow_row_src(const struct flow_row *row, size_t *len)
{
	return stored_bytes(row, row->src, len);
}

const uint8_t *flow_row_dst(const struct flow_row *row, size_t *len)
{
	return stored_bytes(row, row->dst, len);
}

/* ---- hours and their tables ---------------------------------------------------------------- */

void flows_hour_text(int64_t hour, char text[static FLOWS_HOUR_TEXT_MAX])
{
	time_t seconds = (time_t)(clamp(hour, HOUR_MAX) * 3600);
	struct tm utc;

	(void)gmtime_r(&seconds, &utc); /* cannot fail for the clamped years */
	(void)strftime(text, FLOWS_HOUR_TEXT_MAX, "%Y%m%d%H", &utc);
}

/* Whatever is no digit comes out wrong: the hour is written again and compared. */
static int digits(const char *text, int count)
{
	int number = 0;

	for (int i = 0; i < count; i++)
		number = number * 10 + (text[i] - '0');
	return number;
}

int64_t flows_hour_parse(const char *table)
{
	struct tm utc = { 0 };
	char text[FLOWS_HOUR_TEXT_MAX];

	/* a file may hold any name: only what flows_hour_text would write is an hour */
	if (strncmp(table, "flows_", 6) != 0 || strlen(table) != 16)
		return -EINVAL;
	utc.tm_year = digits(table + 6, 4) - 1900;
	utc.tm_mon = digits(table + 10, 2) - 1;
	utc.tm_mday = digits(table + 12, 2);
	utc.tm_hour = digits(table + 14, 2);
	int64_t hour = (int64_t)timegm(&utc) / 3600;
	flows_hour_text(hour, text);
	return strcmp(text, table + 6) ? -EINVAL : hour;
}

int64_t flows_row_hour(const struct flow_row *row)
{
	return clamp(row->end_unix_ms, UNIX_MS_MAX) / MS_PER_HOUR;
}

void flows_table_name(int64_t unix_ms, char name[static FLOWS_TABLE_MAX])
{
	char text[FLOWS_HOUR_TEXT_MAX];

	flows_hour_text(clamp(unix_ms, UNIX_MS_MAX) / MS_PER_HOUR, text);
	(void)snprintf(name, FLOWS_TABLE_MAX, "flows_%s", text);
}

/* A table's name cannot be bound; these are made of digits by strftime. */
static int exec_for_hour(struct db *db, const char *format, const char *hour_text)
{
	char sql[SQL_MAX];

	(void)snprintf(sql, sizeof(sql), format, hour_text);
	return db_exec(db, sql);
}

static void close_slot(struct flows_hour *slot)
{
	db_finalize(slot->insert);
	hour_names_free(slot->names);
	hour_filter_free(slot->filter);
	free(slot->ifaces);
	memset(slot, 0, sizeof(*slot));
}

static int prepare_insert(struct db *db, const char *hour_text, struct sqlite3_stmt **out)
{
	char sql[SQL_MAX];

	(void)snprintf(sql, sizeof(sql), SCHEMA_HOUR_INSERT, hour_text);
	int error = db_prepare(db, sql, out);
	if (error != -EINVAL)
		return error;
	error = exec_for_hour(db, SCHEMA_HOUR_ADD_NAME, hour_text);
	return error ? error : db_prepare(db, sql, out);
}

static int open_ifaces(struct flows_hour *slot, struct db *db, int64_t hour)
{
	slot->ifaces = malloc(sizeof(*slot->ifaces));
	return slot->ifaces ? hour_ifaces_open(slot->ifaces, db, hour) : -ENOMEM;
}

static int open_slot(struct flows_hour *slot, struct db *db, int64_t hour)
{
	char text[FLOWS_HOUR_TEXT_MAX];

	flows_hour_text(hour, text);
	int error = exec_for_hour(db, SCHEMA_HOUR_CREATE, text);
	if (!error)
		error = exec_for_hour(db, SCHEMA_NAMES_CREATE, text);
	if (!error)
		error = prepare_insert(db, text, &slot->insert);
	if (!error)
		error = hour_names_open(db, text, &slot->names);
	if (!error)
		error = hour_filter_open(db, hour, &slot->filter);
	if (!error)
		error = open_ifaces(slot, db, hour);
	slot->hour = hour;
	if (error)
		close_slot(slot);
	return error;
}

static struct flows_hour *find_slot(struct flows_writer *writer, int64_t hour)
{
	for (unsigned int i = 0; i < FLOWS_HOURS_OPEN; i++)
		if (writer->hours[i].insert && writer->hours[i].hour == hour)
			return &writer->hours[i];
	return NULL;
}

static int take_slot(struct flows_writer *writer, struct db *db, int64_t hour,
		     struct flows_hour **out)
{
	struct flows_hour *slot = find_slot(writer, hour);
	int error = 0;

	if (!slot) {
		slot = &writer->hours[writer->next];
		close_slot(slot);
		writer->next = (writer->next + 1) % FLOWS_HOURS_OPEN;
		error = open_slot(slot, db, hour);
	}
	if (!error)
		*out = slot;
	return error;
}

int flows_open(struct flows_writer *writer, struct db *db, int64_t hour)
{
	struct flows_hour *slot;

	return take_slot(writer, db, hour, &slot);
}

/* ---- one record ---------------------------------------------------------------------------- */

static int insert_row(struct db *db, struct sqlite3_stmt *insert, const struct flow_row *row,
		      uint16_t flags)
{
	CLEANUP(query_done) struct query query = { 0 };
	size_t len;
	const uint8_t *bytes;

	query_init_own(&query, db, insert);
	query_bind_int(&query, (int64_t)row->id);
	query_bind_int(&query, row->end_unix_ms % MS_PER_HOUR);
	query_bind_int(&query, row->duration_ms);
	bytes = flow_row_src(row, &len);
	query_bind_blob(&query, bytes, len);
	bytes = flow_row_dst(row, &len);
	query_bind_blob(&query, bytes, len);
	query_bind_int(&query, row->src_port);
	query_bind_int(&query, row->dst_port);
	query_bind_int(&query, row->proto);
	query_bind_int(&query, row->vlan);
	query_bind_int(&query, flags);
	query_bind_int(&query, row->tcp_flags);
	query_bind_int(&query, (int64_t)row->packets_out);
	query_bind_int(&query, (int64_t)row->bytes_out);
	query_bind_int(&query, (int64_t)row->packets_in);
	query_bind_int(&query, (int64_t)row->bytes_in);
	query_bind_int(&query, row->name);
	return query_run(&query);
}

/* The flags with the hour's number of the interface, where its name is known. */
static int place_iface(const struct flows_writer *writer, struct flows_hour *slot, struct db *db,
		       const struct flow_row *row, uint16_t *flags)
{
	uint8_t number = (uint8_t)(row->flags >> FLOW_ROW_IFACE_SHIFT);
	int error = 0;

	if (writer->iface_names)
		error = hour_ifaces_put(slot->ifaces, db,
					writer->iface_names->text[row->iface_name], &number);
	*flags = (uint16_t)((row->flags & ~FLOW_ROW_IFACE) | number << FLOW_ROW_IFACE_SHIFT);
	return error;
}

int flows_insert(struct flows_writer *writer, struct db *db, struct flow_row *row)
{
	struct flows_hour *slot;
	uint16_t flags = row->flags;
	int error = take_slot(writer, db, flows_row_hour(row), &slot);

	if (error)
		return error;
	error = hour_names_put(slot->names, db, row, &row->name);
	if (!error)
		error = place_iface(writer, slot, db, row, &flags);
	if (!error)
		error = insert_row(db, slot->insert, row, flags);
	if (error)
		return error;
	row->row = db_last_id(db);
	return hour_filter_add(slot->filter, db, row);
}

void flows_forget(struct flows_writer *writer)
{
	for (unsigned int i = 0; i < FLOWS_HOURS_OPEN; i++)
		close_slot(&writer->hours[i]);
	writer->next = 0;
}

int flows_drop_hour(struct flows_writer *writer, struct db *db, int64_t hour)
{
	struct flows_hour *slot = find_slot(writer, hour);
	char text[FLOWS_HOUR_TEXT_MAX];

	if (slot)
		close_slot(slot); /* a statement of a dropped table would fail */
	flows_hour_text(hour, text);
	int error = exec_for_hour(db, "DROP TABLE IF EXISTS flows_%s", text);
	if (!error)
		error = exec_for_hour(db, "DROP TABLE IF EXISTS names_%s", text);
	if (!error)
		error = hour_ifaces_drop(db, hour);
	return error ? error : hour_filter_drop(db, hour);
}
