/*
 * Reading the audit log: a page of it, and the proof that nothing was changed, taken out or put in.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/audit.h"
#include "agent/util/clock.h"

/* ---- a page ---------------------------------------------------------------------------------- */

void store_audit_records_done(struct audit_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(records[i].detail);
		records[i].detail = NULL;
	}
}

static int record_read(struct query *query, struct audit_record *record)
{
	size_t len;
	const char *detail;

	*record = (struct audit_record){ 0 };
	record->id = query_int(query, 0);
	record->time_unix_ms = query_int(query, 1);
	query_text(query, 2, record->who, sizeof(record->who));
	query_addr(query, 3, &record->peer);
	query_text(query, 4, record->action, sizeof(record->action));
	query_text(query, 5, record->target, sizeof(record->target));
	if (query->error)
		return query->error;
	detail = query_blob(query, 6, &len);
	record->detail = strndup(detail ? detail : "", len);
	return record->detail ? 0 : -ENOMEM;
}

int store_audit_list(struct store *store, const struct audit_filter *filter,
		     struct audit_record *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(
		&query, lease.db,
		"SELECT id, time_unix_ms, who, peer, action, target, detail FROM audit"
		" WHERE id < ?1 AND (?2 = '' OR who = ?2)"
		" AND (?3 = '' OR substr(action, 1, length(?3)) = ?3) ORDER BY id DESC LIMIT ?4");
	query_bind_int(&query, filter->before_id > 0 ? filter->before_id : INT64_MAX);
	query_bind_text(&query, filter->who ? filter->who : "");
	query_bind_text(&query, filter->action ? filter->action : "");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		int error = record_read(&query, &out[count]);

		if (error) {
			store_audit_records_done(out, count);
			return error;
		}
		count++;
	}
	if (found < 0)
		store_audit_records_done(out, count);
	return found < 0 ? found : (int)count;
}

/* ---- the proof ------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static void note(struct audit_verdict *verdict, int64_t row,
						       const char *format, ...)
{
	struct audit_problem *problem = &verdict->problems[verdict->problem_count];
	va_list args;

	verdict->problems_found++;
	if (verdict->problem_count == AUDIT_PROBLEMS_MAX)
		return;
	verdict->problem_count++;
	problem->row = row;
	va_start(args, format);
	(void)vsnprintf(problem->text, sizeof(problem->text), format, args); /* cut is fine */
	va_end(args);
}

static void note_gap(struct audit_verdict *verdict, int64_t from, int64_t to, const char *which)
{
	if (from == to)
		note(verdict, from, "row %" PRId64 " is missing%s", from, which);
	else
		note(verdict, from, "rows %" PRId64 " to %" PRId64 " are missing%s", from, to,
		     which);
}

/* Text as it was hashed; NULL when bytes hide behind a NUL. */
static const char *whole_text(struct query *query, int column)
{
	size_t len;
	const char *text = query_blob(query, column, &len);

	if (!len)
		return "";
	return strnlen(text, len) == len ? text : NULL;
}

static bool row_is_intact(struct query *query, struct audit_row *row, struct addr *peer)
{
	uint8_t stored[CRYPTO_HASH_BYTES];

	row->id = query_int(query, 0);
	row->time_unix_ms = query_int(query, 1);
	query_addr(query, 3, peer);
	row->peer = peer;
	row->who = whole_text(query, 2);
	row->action = whole_text(query, 4);
	row->target = whole_text(query, 5);
	row->detail = whole_text(query, 6);
	query_bytes(query, 7, row->prev_hash, sizeof(row->prev_hash));
	query_bytes(query, 8, stored, sizeof(stored));
	if (query->error || !row->who || !row->action || !row->target || !row->detail ||
	    audit_hash(row))
		return false;
	return !memcmp(stored, row->hash, sizeof(stored));
}

/* The next row, which should follow @head; then it is the head. */
static void check_row(struct query *query, struct audit_head *head, struct audit_verdict *verdict)
{
	struct addr peer;
	struct audit_row row = { 0 };
	size_t len;
	bool is_intact = row_is_intact(query, &row, &peer);
	const uint8_t *stored = query_blob(query, 8, &len);

	query->error = 0; /* a column of another length is a changed row, nothing more */
	if (row.id > head->id + 1)
		note_gap(verdict, head->id + 1, row.id - 1, "");
	if (!is_intact)
		note(verdict, row.id, "row %" PRId64 " was changed", row.id);
	else if (memcmp(row.prev_hash, head->hash, sizeof(head->hash)) != 0)
		note(verdict, row.id, "row %" PRId64 " does not follow the row before it", row.id);
	if (is_intact && !strcmp(row.action, AUDIT_SEAL_ACTION)) {
		if (strstr(row.detail, "\"" AUDIT_SEAL_UPGRADE "\""))
			verdict->sealed_from = row.id;
		else
			note(verdict, row.id,
			     "row %" PRId64 ": the seal of the log was missing or broken here",
			     row.id);
	}
	head->id = row.id;
	memset(head->hash, 0, sizeof(head->hash));
	if (len ==
	    sizeof(head->hash)) /* go on from what stands there, so that each is named once */
		memcpy(head->hash, stored, len);
}

static void check_seal(struct db *db, const struct vault *vault, const struct audit_head *last,
		       struct audit_verdict *verdict)
{
	struct audit_head head;
	int error = audit_seal_read(db, vault, &head);

	if (error == -ENOKEY)
		note(verdict, 0, "the seal of the log needs a key that the key ring lacks");
	else if (error)
		note(verdict, 0, "the seal of the log is missing or does not open");
	else if (head.id > last->id)
		note_gap(verdict, last->id + 1, head.id, ", the newest of the log");
	else if (head.id < last->id)
		note(verdict, head.id + 1, "rows from %" PRId64 " on were not written by sluice",
		     head.id + 1);
	else if (memcmp(head.hash, last->hash, sizeof(head.hash)) != 0)
		note(verdict, last->id, "row %" PRId64 " is not the one that was sealed", last->id);
}

int audit_check(struct db *db, const struct vault *vault, struct audit_verdict *verdict)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct audit_head head = { 0 };

	*verdict = (struct audit_verdict){ .sealed_from = 1 };
	/* One transaction: rows are written meanwhile. */
	int error = db_exec(db, "BEGIN");
	if (error)
		return error;
	query_init(&query, db, "SELECT * FROM audit ORDER BY id");
	if (query.error == -EINVAL) /* as sqlite3_prepare says of a table that is not there */
		note(verdict, 1, "the table of the log is gone");
	else
		while (query_next(&query) > 0) {
			check_row(&query, &head, verdict);
			verdict->rows++;
		}
	error = query.error == -EINVAL ? 0 : query.error;
	query_done(&query);
	if (!error)
		check_seal(db, vault, &head, verdict);
	verdict->head = head.id;
	memcpy(verdict->head_hash, head.hash, sizeof(verdict->head_hash));
	(void)db_exec(db, "COMMIT"); /* it only read */
	return error;
}

int store_audit_check(struct store *store, struct audit_verdict *verdict)
{
	CLEANUP(db_close) struct db *db = NULL;
	int error = db_open(store->main_path, DB_READ, 1000, &db);

	return error ? error : audit_check(db, store->vault, verdict);
}
