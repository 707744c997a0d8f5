/*
 * The audit log in main.db: append-only, each row chained to the one before by BLAKE2b-256 over
 * the row before's hash and this row's columns. The hash and id of the newest row are sealed with
 * the vault, so that a log that was cut short does not pass for whole. The next row follows the
 * sealed one, whatever the table holds: what is missing stays missing for everyone to see.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/store/audit.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"

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
int audit_hash(struct audit_row *row)
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

/* ---- the seal -------------------------------------------------------------------------------- */

static struct vault_place seal_place(int64_t head)
{
	return (struct vault_place){ "audit_seal", head, "hash" };
}

int audit_seal_write(struct db *main, const struct vault *vault, const struct audit_head *head)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct vault_place place = seal_place(head->id);
	uint8_t sealed[256];
	size_t len = vault_sealed_len(sizeof(head->hash));

	int error = vault_seal(vault, &place, head->hash, sizeof(head->hash), sealed);
	if (error)
		return error;
	query_init(&query, main,
		   "INSERT INTO audit_seal (one, head, sealed) VALUES (1,?,?)"
		   " ON CONFLICT (one) DO UPDATE"
		   " SET head = excluded.head, sealed = excluded.sealed");
	query_bind_int(&query, head->id);
	query_bind_blob(&query, sealed, len);
	return query_run(&query);
}

int audit_seal_read(struct db *db, const struct vault *vault, struct audit_head *head)
{
	CLEANUP(query_done) struct query query = { 0 };
	CLEANUP(vault_plain_done) struct vault_plain plain = { 0 };

	query_init(&query, db, "SELECT head, sealed FROM audit_seal");
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	int64_t id = query_int(&query, 0);
	struct vault_place place = seal_place(id);
	size_t len;
	const uint8_t *sealed = query_blob(&query, 1, &len);
	int error = vault_unseal(vault, &place, sealed, len, &plain);
	if (error)
		return error;
	if (plain.len != sizeof(head->hash))
		return -EBADMSG;
	head->id = id;
	memcpy(head->hash, plain.data, sizeof(head->hash));
	return 0;
}

static int audit_read_last(struct db *db, struct audit_head *head)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "SELECT id, hash FROM audit ORDER BY id DESC LIMIT 1");
	int found = query_next(&query);
	*head = (struct audit_head){ 0 }; /* the first row follows 32 zero bytes */
	if (found <= 0)
		return found;
	head->id = query_int(&query, 0);
	query_bytes(&query, 1, head->hash, sizeof(head->hash));
	return query.error;
}

/* ---- writing --------------------------------------------------------------------------------- */

static const struct addr NO_PEER = { .family = ADDR_NONE };

static int audit_put(struct db *main, struct audit_row *row)
{
	CLEANUP(query_done) struct query query = { 0 };
	int error = audit_hash(row);

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

static int audit_follow(struct db *main, struct audit_row *row, struct audit_head *head,
			int64_t last_id)
{
	/* Somebody may have added rows of his own behind the sealed one. */
	row->id = (head->id > last_id ? head->id : last_id) + 1;
	memcpy(row->prev_hash, head->hash, sizeof(row->prev_hash));
	int error = audit_put(main, row);
	if (error)
		return error;
	head->id = row->id;
	memcpy(head->hash, row->hash, sizeof(head->hash));
	return 0;
}

/* A row that says in the log itself that from here on a new seal counts. */
static int audit_begin_seal(struct db *main, const char *reason, struct audit_head *head)
{
	char detail[64];
	struct audit_row row = { .time_unix_ms = clock_unix_ms(),
				 .who = "sluice",
				 .peer = &NO_PEER,
				 .action = AUDIT_SEAL_ACTION,
				 .target = "",
				 .detail = detail };

	(void)snprintf(detail, sizeof(detail), "{\"reason\":\"%s\"}", reason);
	return audit_follow(main, &row, head, head->id);
}

static int audit_insert(struct db *main, const struct vault *vault, struct audit_row *row)
{
	struct audit_head head, last;
	int sealed = audit_seal_read(main, vault, &head);
	int error = audit_read_last(main, &last);

	if (error)
		return error;
	if (sealed == -ENOENT || sealed == -EBADMSG || sealed == -ENOKEY) {
		head = last;
		error = audit_begin_seal(main, sealed == -ENOENT ? "missing" : "broken", &head);
		last = head;
	} else {
		error = sealed;
	}
	if (!error)
		error = audit_follow(main, row, &head, last.id);
	return error ? error : audit_seal_write(main, vault, &head);
}

struct audit_order {
	const struct vault *vault;
	struct audit_row row;
};

static int audit_run(struct db *main, void *arg)
{
	struct audit_order *order = arg;

	return audit_insert(main, order->vault, &order->row);
}

int store_audit_write(struct store *store, const struct audit_entry *entry)
{
	struct audit_order order = {
		.vault = store->vault,
		.row = { .time_unix_ms = clock_unix_ms(),
			 .who = entry->who,
			 .peer = entry->peer && entry->peer->family ? entry->peer : &NO_PEER,
			 .action = entry->action,
			 .target = entry->target ? entry->target : "",
			 .detail = entry->detail ? entry->detail : "{}" },
	};

	return writer_order(store->writer, audit_run, &order);
}

/* ---- at start -------------------------------------------------------------------------------- */

static int audit_first_seal(struct db *main, const struct vault *vault, bool is_new)
{
	struct audit_head head;
	int error = db_begin(main);

	if (!error)
		error = audit_read_last(main, &head);
	if (!error && !is_new)
		error = audit_begin_seal(main, AUDIT_SEAL_UPGRADE, &head);
	if (!error)
		error = audit_seal_write(main, vault, &head);
	if (!error)
		error = db_commit(main);
	if (error)
		db_rollback(main);
	return error;
}

int audit_prepare(struct db *main, const struct vault *vault, int64_t version_before)
{
	struct audit_head head, last;

	if (version_before < AUDIT_SEAL_VERSION)
		return audit_first_seal(main, vault, version_before == 0);
	/* A log that does not fit is no reason to leave the host unguarded. */
	if (audit_seal_read(main, vault, &head) || audit_read_last(main, &last) ||
	    head.id != last.id || memcmp(head.hash, last.hash, sizeof(head.hash)) != 0)
		log_error("the audit log was changed behind sluice's back: `sluice check --audit` "
			  "says where");
	return 0;
}
