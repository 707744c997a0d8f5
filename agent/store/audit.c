/*
 * The audit log in main.db: append-only, each row chained to the one before by BLAKE2b-256 over
 * the row before's hash and this row's columns.
 */
#include <errno.h>
#include <string.h>

#include "agent/store/internal.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

/* One row; details are one small JSON object. */
#define AUDIT_ROW_MAX 65536

struct audit_row {
	int64_t id;
	int64_t time_unix_ms;
	const char *who;
	const struct addr *peer;
	const char *action, *target, *detail;
	uint8_t prev_hash[CRYPTO_HASH_BYTES], hash[CRYPTO_HASH_BYTES];
};

static void append_number(struct buffer *buffer, uint64_t value)
{
	uint8_t bytes[8];

	for (int i = 0; i < 8; i++)
		bytes[i] = (uint8_t)(value >> (8 * i));
	buffer_append(buffer, bytes, sizeof(bytes));
}

/* With its length before it, so that no two rows have the same bytes. */
static void append_text(struct buffer *buffer, const char *text)
{
	append_number(buffer, strlen(text));
	buffer_append_text(buffer, text);
}

/* prev_hash, id, time, who, family and bytes of the peer, action, target, detail. */
static int audit_hash(struct audit_row *row)
{
	CLEANUP(buffer_done) struct buffer buffer;

	buffer_init(&buffer, AUDIT_ROW_MAX);
	buffer_append(&buffer, row->prev_hash, sizeof(row->prev_hash));
	append_number(&buffer, (uint64_t)row->id);
	append_number(&buffer, (uint64_t)row->time_unix_ms);
	append_text(&buffer, row->who);
	append_number(&buffer, row->peer->family);
	buffer_append(&buffer, row->peer->bytes, sizeof(row->peer->bytes));
	append_text(&buffer, row->action);
	append_text(&buffer, row->target);
	append_text(&buffer, row->detail);
	if (buffer.error)
		return buffer.error;
	crypto_digest(buffer.data, buffer.len, row->hash);
	return 0;
}

static int audit_read_last(struct db *main, struct audit_row *row)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
	int found = query_next(&query);
	row->id = 1; /* the first row follows 32 zero bytes */
	memset(row->prev_hash, 0, sizeof(row->prev_hash));
	if (found <= 0)
		return found;
	row->id = query_int(&query, 0) + 1;
	query_bytes(&query, 1, row->prev_hash, sizeof(row->prev_hash));
	return query.error;
}

static int audit_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct audit_row *row = arg;
	int error = audit_read_last(main, row);

	if (!error)
		error = audit_hash(row);
	if (error)
		return error;
	query_init(&query, main, "INSERT INTO audit VALUES (?,?,?,?,?,?,?,?,?)");
	query_bind_int(&query, row->id);
	query_bind_int(&query, row->time_unix_ms);
	query_bind_text(&query, row->who);
	query_bind_addr(&query, row->peer);
	query_bind_text(&query, row->action);
	query_bind_text(&query, row->target);
	query_bind_text(&query, row->detail);
	query_bind_blob(&query, row->prev_hash, sizeof(row->prev_hash));
	query_bind_blob(&query, row->hash, sizeof(row->hash));
	return query_run(&query);
}

int store_audit_write(struct store *store, const struct audit_entry *entry)
{
	static const struct addr no_peer = { .family = ADDR_NONE };
	struct audit_row row = {
		.time_unix_ms = clock_unix_ms(),
		.who = entry->who,
		.peer = entry->peer && entry->peer->family ? entry->peer : &no_peer,
		.action = entry->action,
		.target = entry->target ? entry->target : "",
		.detail = entry->detail ? entry->detail : "{}",
	};

	return writer_order(store->writer, audit_insert, &row);
}
