/*
 * The hours being summed.
 */
#include "agent/store/tops.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/crypto.h"

#define HOURS_OPEN     FLOWS_HOURS_OPEN
#define IDLE_TICKS     120
#define REPLAY_SQL_MAX 512

/* Where the keys of a name of the hour were last: most records have one of few names. */
#define MEMO_SLOTS 4096
struct name_memo {
	uint32_t name; /* and one; 0 = empty */
	uint32_t places[2], cuts[2];
};

/* The same of a port's or a protocol's key. */
#define PORT_SLOTS 256
struct key_memo {
	uint32_t key; /* and one; 0 = empty */
	uint32_t place, cuts;
};

struct top_hour {
	bool is_open;
	int64_t hour;
	int64_t summed_row; /* in memory */
	uint64_t pending;   /* of them not written */
	uint64_t touched;   /* tick */
	struct top_table by[TOP_BY_COUNT];
	struct name_memo memo[MEMO_SLOTS];
	struct key_memo ports[PORT_SLOTS], protos[PORT_SLOTS];
};

struct tops {
	struct top_hour hours[HOURS_OPEN];
	uint64_t tick;
	uint32_t max; /* keys of each kind */
};

int tops_new(uint32_t max, struct tops **out)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return -ENOMEM;
	(*out)->max = max;
	return 0;
}

static void forget_hour(struct top_hour *open)
{
	for (int by = 0; by < TOP_BY_COUNT; by++)
		top_table_done(&open->by[by]);
	memset(open, 0, sizeof(*open));
}

void tops_forget(struct tops *tops)
{
	for (int i = 0; i < HOURS_OPEN; i++)
		forget_hour(&tops->hours[i]);
}

void tops_free(struct tops *tops)
{
	if (!tops)
		return;
	tops_forget(tops);
	free(tops);
}

static struct top_hour *find(struct tops *tops, int64_t hour)
{
	for (int i = 0; i < HOURS_OPEN; i++)
		if (tops->hours[i].is_open && tops->hours[i].hour == hour)
			return &tops->hours[i];
	return NULL;
}

uint64_t tops_pending(const struct tops *tops)
{
	uint64_t pending = 0;

	for (int i = 0; i < HOURS_OPEN; i++)
		pending += tops->hours[i].pending;
	return pending;
}

/* ---- one record ------------------------------------------------------------------------------ */

/* ASCII letters, as names are compared (RFC 4343). Returns the length. */
static size_t lower_key(const char *text, uint8_t key[TOP_KEY_MAX])
{
	size_t len = 0;

	for (; len < TOP_KEY_MAX - 1 && text[len]; len++)
		key[len] = (uint8_t)(text[len] >= 'A' && text[len] <= 'Z' ? text[len] | 0x20
									  : text[len]);
	return len;
}

static const enum top_by NAME_KINDS[2] = { TOP_DOMAIN, TOP_JA4 };

static bool add_by_memo(struct top_hour *open, const struct name_memo *memo,
			const struct top_sums *sums)
{
	for (int i = 0; i < 2; i++)
		if (memo->cuts[i] != open->by[NAME_KINDS[i]].cuts)
			return false;
	for (int i = 0; i < 2; i++)
		top_table_add_at(&open->by[NAME_KINDS[i]], memo->places[i], sums);
	return true;
}

static void add_names(struct top_hour *open, const struct flow_row *row,
		      const struct top_sums *sums)
{
	struct name_memo *memo = &open->memo[row->name % MEMO_SLOTS];
	const struct flow_names *names = row->names;
	uint8_t key[TOP_KEY_MAX];
	const char *texts[2] = { "", "" };
	struct name_memo fresh = { .name = row->name + 1 };

	if (memo->name == row->name + 1 && add_by_memo(open, memo, sums))
		return;
	if (names) {
		texts[0] = *names->sni ? names->sni : names->host;
		texts[1] = names->ja4;
	}
	for (int i = 0; i < 2; i++) {
		struct top_table *table = &open->by[NAME_KINDS[i]];
		size_t len = lower_key(texts[i], key);

		fresh.places[i] = top_table_add(table, key, len, sums);
		fresh.cuts[i] = table->cuts;
	}
	/* its own adding may have cut the other's places: cuts are compared when it is used */
	if (fresh.places[0] != TOP_NOWHERE && fresh.places[1] != TOP_NOWHERE)
		*memo = fresh;
}

/* A protocol and maybe a port: three bytes at most. */
static void add_number(struct top_table *table, struct key_memo *memos, const uint8_t port[3],
		       size_t len, const struct top_sums *sums)
{
	uint32_t key =
		len == 1 ? port[0] : (uint32_t)port[0] << 16 | (uint32_t)port[1] << 8 | port[2];
	struct key_memo *memo = &memos[(key ^ key >> 8) % PORT_SLOTS];

	if (memo->key == key + 1 && memo->cuts == table->cuts) {
		top_table_add_at(table, memo->place, sums);
		return;
	}
	uint32_t place = top_table_add(table, port, len, sums);
	*memo = (struct key_memo){ place == TOP_NOWHERE ? 0 : key + 1, place, table->cuts };
}

static void add_row(struct top_hour *open, const struct flow_row *row)
{
	const struct top_sums sums = { 1, row->packets_out, row->bytes_out, row->packets_in,
				       row->bytes_in };
	const uint8_t port[3] = { row->proto, (uint8_t)(row->dst_port >> 8),
				  (uint8_t)row->dst_port };
	size_t len;
	const uint8_t *bytes = flow_row_src(row, &len);

	open->summed_row++;
	open->pending++;
	/* samples of what a rule dropped: not traffic, and a flood of made-up sources */
	if (row->flags & FLOW_ROW_DROPPED)
		return;
	top_table_add(&open->by[TOP_SOURCE], bytes, len, &sums);
	bytes = flow_row_dst(row, &len);
	top_table_add(&open->by[TOP_DESTINATION], bytes, len, &sums);
	add_number(&open->by[TOP_PORT], open->ports, port, sizeof(port), &sums);
	add_number(&open->by[TOP_PROTOCOL], open->protos, port, 1, &sums);
	add_names(open, row, &sums);
}

void tops_add(struct tops *tops, const struct flow_row *row)
{
	struct top_hour *open = find(tops, flows_row_hour(row));

	/* not open: forgotten. Summed already: read from the file when the hour was opened again
	 * within the transaction. */
	if (!open || row->row <= open->summed_row)
		return;
	open->touched = tops->tick;
	add_row(open, row);
}

/* ---- reading back ---------------------------------------------------------------------------- */

/* What was just read is what is written. */
static void mark_clean(struct top_table *table)
{
	for (uint32_t i = 0; i < table->count; i++)
		table->entries[i].is_dirty = false;
	table->is_dirty = table->has_lost;
}

static int load_hour(struct top_hour *open, struct db *db)
{
	CLEANUP(query_done) struct query query = { 0 };
	int error = 0;

	query_init(&query, db,
		   "UPDATE hours SET is_closed = 0 WHERE hour = ? RETURNING summed_row");
	query_bind_int(&query, open->hour);
	int found = query_next(&query);
	if (found < 0)
		return found;
	if (found) {
		open->summed_row = query_int(&query, 0);
		error = query_run(&query);
	}
	query_done(&query);
	for (int by = 0; by < TOP_BY_COUNT && !error; by++) {
		error = tops_read_kind(db, open->hour, by, &open->by[by]);
		mark_clean(&open->by[by]);
	}
	if (error || found)
		return error;
	query_init(&query, db, "INSERT INTO hours VALUES (?, 0, 0, 0)");
	query_bind_int(&query, open->hour);
	return query_run(&query);
}

/* ---- records that are not summed yet ----------------------------------------------------------
 */

/* Texts of a record's names, as long as it is looked at. */
struct replayed {
	struct flow_row row;
	char sni[TOP_KEY_MAX], host[TOP_KEY_MAX], ja4[TOP_KEY_MAX];
	struct flow_names names;
};

static void replay_addr(struct query *query, int column, uint8_t bytes[16])
{
	size_t len;
	const uint8_t *stored = query_blob(query, column, &len);

	if (len == 4 || len == 16)
		memcpy(bytes + 16 - len, stored, len);
	else
		query->error = -EBADMSG;
}

static void replay_row(struct query *query, struct replayed *r)
{
	size_t len;

	(void)query_blob(query, 0, &len);
	r->row.family = len == 4 ? ADDR_IPV4 : ADDR_IPV6;
	replay_addr(query, 0, r->row.src);
	replay_addr(query, 1, r->row.dst);
	r->row.dst_port = (uint16_t)query_int(query, 2);
	r->row.proto = (uint8_t)query_int(query, 3);
	r->row.packets_out = (uint64_t)query_int(query, 4);
	r->row.bytes_out = (uint64_t)query_int(query, 5);
	r->row.packets_in = (uint64_t)query_int(query, 6);
	r->row.bytes_in = (uint64_t)query_int(query, 7);
	query_text(query, 8, r->sni, sizeof(r->sni));
	query_text(query, 9, r->host, sizeof(r->host));
	query_text(query, 10, r->ja4, sizeof(r->ja4));
	r->row.name = (uint32_t)query_int(query, 11);
	r->row.flags = (uint16_t)query_int(query, 12);
}

static int replay(struct top_hour *open, struct db *db)
{
	CLEANUP(db_finalize) struct sqlite3_stmt *select = NULL;
	CLEANUP(query_done) struct query query = { 0 };
	CLEANUP(free) struct replayed *r = calloc(1, sizeof(*r));
	char sql[REPLAY_SQL_MAX], text[FLOWS_HOUR_TEXT_MAX];
	int found = -ENOMEM;

	flows_hour_text(open->hour, text);
	(void)snprintf(sql, sizeof(sql),
		       "SELECT src, dst, dst_port, proto, packets_out, bytes_out, packets_in,"
		       " bytes_in, sni, host, ja4, name, flags FROM flows_%s AS flow"
		       " LEFT JOIN names_%s AS names ON names.id = flow.name"
		       " WHERE flow.rowid > ? ORDER BY flow.rowid",
		       text, text);
	int error = r ? db_prepare(db, sql, &select) : found;
	if (error)
		return error == -EINVAL ? 0 : error; /* its records were dropped already */
	r->row.names = &r->names;
	r->names.sni = r->sni;
	r->names.host = r->host;
	r->names.ja4 = r->ja4;
	query_init_own(&query, db, select);
	query_bind_int(&query, open->summed_row);
	while ((found = query_next(&query)) > 0) {
		replay_row(&query, r);
		if (query.error)
			return query.error;
		add_row(open, &r->row);
	}
	return found;
}

/* ---- writing --------------------------------------------------------------------------------- */

static int write_sums(struct db *db, const int64_t place[3], const struct top_entry *entry)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct top_sums *sums = &entry->sums;

	query_init(&query, db, "INSERT OR REPLACE INTO tops VALUES (?,?,?,?,?,?,?,?,?)");
	for (int i = 0; i < 3; i++)
		query_bind_int(&query, place[i]);
	query_bind_blob(&query, top_entry_key(entry), entry->len);
	query_bind_int(&query, (int64_t)sums->records);
	query_bind_int(&query, (int64_t)sums->packets_out);
	query_bind_int(&query, (int64_t)sums->bytes_out);
	query_bind_int(&query, (int64_t)sums->packets_in);
	query_bind_int(&query, (int64_t)sums->bytes_in);
	return query_run(&query);
}

static int delete_kind(struct db *db, int64_t hour, int by)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "DELETE FROM tops WHERE hour = ? AND by = ?");
	query_bind_int(&query, hour);
	query_bind_int(&query, by);
	return query_run(&query);
}

static int write_kind(struct top_table *table, struct db *db, int64_t hour, int by)
{
	const int64_t key_place[3] = { hour, by, 0 }, others_place[3] = { hour, by, 1 };
	const struct top_entry others = { .sums = table->others };
	int error = 0;

	if (!table->is_dirty)
		return 0;
	if (table->has_lost)
		error = delete_kind(db, hour, by);
	for (uint32_t i = 0; i < table->count && !error; i++)
		if (table->has_lost || table->entries[i].is_dirty) {
			error = write_sums(db, key_place, &table->entries[i]);
			table->entries[i].is_dirty = false;
		}
	if (!error && others.sums.records)
		error = write_sums(db, others_place, &others);
	table->is_dirty = table->has_lost = false;
	return error;
}

static int write_hour(struct top_hour *open, struct db *db, bool is_closed)
{
	CLEANUP(query_done) struct query query = { 0 };
	int64_t rows = 0;
	int error = 0;

	for (int by = 0; by < TOP_BY_COUNT && !error; by++) {
		error = write_kind(&open->by[by], db, open->hour, by);
		rows += open->by[by].count + 1;
	}
	if (error)
		return error;
	query_init(&query, db, "INSERT OR REPLACE INTO hours VALUES (?,?,?,?)");
	query_bind_int(&query, open->hour);
	query_bind_int(&query, open->summed_row);
	query_bind_int(&query, is_closed);
	query_bind_int(&query, rows);
	open->pending = 0;
	return query_run(&query);
}

static int close_hour(struct top_hour *open, struct db *db)
{
	for (int by = 0; by < TOP_BY_COUNT; by++)
		top_table_cut(&open->by[by], TOPS_KEPT);
	int error = write_hour(open, db, true);
	forget_hour(open);
	return error;
}

int tops_flush(struct tops *tops, struct db *db)
{
	int error = 0;

	for (int i = 0; i < HOURS_OPEN && !error; i++)
		if (tops->hours[i].is_open && tops->hours[i].pending)
			error = write_hour(&tops->hours[i], db, false);
	return error;
}

/* ---- opening and closing --------------------------------------------------------------------- */

/* A free place, or the one nothing was added to for longest. */
static struct top_hour *choose(struct tops *tops)
{
	struct top_hour *oldest = &tops->hours[0];

	for (int i = 0; i < HOURS_OPEN; i++) {
		struct top_hour *open = &tops->hours[i];

		if (!open->is_open)
			return open;
		if (open->touched < oldest->touched ||
		    (open->touched == oldest->touched && open->hour < oldest->hour))
			oldest = open;
	}
	return oldest;
}

int tops_open(struct tops *tops, struct db *db, int64_t hour)
{
	struct top_hour *open = find(tops, hour);
	int error = 0;

	if (open)
		return 0;
	open = choose(tops);
	if (open->is_open) {
		/* with what the present transaction has inserted already */
		error = replay(open, db);
		if (!error)
			error = close_hour(open, db);
	}
	if (error)
		return error;
	open->hour = hour;
	open->touched = tops->tick;
	for (int by = 0; by < TOP_BY_COUNT; by++)
		top_table_init(&open->by[by], tops->max);
	error = load_hour(open, db);
	if (!error)
		error = replay(open, db);
	open->is_open = !error;
	if (error)
		forget_hour(open);
	return error;
}

int tops_close_old(struct tops *tops, struct db *db, int64_t hour)
{
	int error = 0;

	tops->tick++;
	for (int i = 0; i < HOURS_OPEN && !error; i++) {
		struct top_hour *open = &tops->hours[i];

		if (open->is_open && open->hour < hour && tops->tick - open->touched > IDLE_TICKS)
			error = close_hour(open, db);
	}
	return error;
}

int tops_recover(struct tops *tops, struct db *db)
{
	int64_t hours[HOURS_OPEN];
	int count = 0, found;
	CLEANUP(query_done) struct query query = { 0 };

	/* no more than these were open when it ended: whatever makes way is complete and closed */
	query_init(&query, db, "SELECT hour FROM hours WHERE NOT is_closed ORDER BY hour DESC");
	while ((found = query_next(&query)) > 0 && count < HOURS_OPEN)
		hours[count++] = query_int(&query, 0);
	query_done(&query);
	for (int i = 0; i < count && found >= 0; i++)
		found = tops_open(tops, db, hours[i]);
	return found < 0 ? found : tops_flush(tops, db);
}

int tops_drop_hour(struct tops *tops, struct db *db, int64_t hour)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct top_hour *open = find(tops, hour);

	if (open)
		forget_hour(open);
	query_init(&query, db, "DELETE FROM tops WHERE hour = ?");
	query_bind_int(&query, hour);
	int error = query_run(&query);
	if (error)
		return error;
	query_init(&query, db, "DELETE FROM hours WHERE hour = ?");
	query_bind_int(&query, hour);
	return query_run(&query);
}
