/*
 * Sessions in main.db, found by the hash of their id.
 */
#include <errno.h>

#include "agent/store/internal.h"

#define SESSION_COLUMNS "id_hash, user_id, csrf, peer, created_unix_ms, seen_unix_ms"

static int session_read(struct query *query, struct session *session)
{
	*session = (struct session){ 0 };
	query_bytes(query, 0, session->id_hash, sizeof(session->id_hash));
	session->user_id = query_int(query, 1);
	query_bytes(query, 2, session->csrf, sizeof(session->csrf));
	query_addr(query, 3, &session->peer);
	session->created_unix_ms = query_int(query, 4);
	session->seen_unix_ms = query_int(query, 5);
	return query->error;
}

static int session_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct session *session = arg;

	query_init(&query, main, "INSERT INTO sessions (" SESSION_COLUMNS ") VALUES (?,?,?,?,?,?)");
	query_bind_blob(&query, session->id_hash, sizeof(session->id_hash));
	query_bind_int(&query, session->user_id);
	query_bind_blob(&query, session->csrf, sizeof(session->csrf));
	query_bind_addr(&query, &session->peer);
	query_bind_int(&query, session->created_unix_ms);
	query_bind_int(&query, session->seen_unix_ms);
	return query_run(&query);
}

uint64_t store_changes(const struct store *store)
{
	return db_commits(store->main);
}

int store_session_insert(struct store *store, const struct session *session)
{
	struct session copy = *session;

	return writer_order(store->writer, session_insert, &copy);
}

int store_session_by_hash(struct store *store, const uint8_t id_hash[32], struct session *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	struct session session;
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db, "SELECT " SESSION_COLUMNS " FROM sessions WHERE id_hash = ?");
	query_bind_blob(&query, id_hash, 32);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	error = session_read(&query, &session);
	if (!error)
		*out = session;
	return error;
}

struct touch {
	const uint8_t *id_hash;
	int64_t seen_unix_ms;
};

static int session_touch(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct touch *touch = arg;

	query_init(&query, main, "UPDATE sessions SET seen_unix_ms = ? WHERE id_hash = ?");
	query_bind_int(&query, touch->seen_unix_ms);
	query_bind_blob(&query, touch->id_hash, 32);
	return store_run_changed(&query);
}

int store_session_touch(struct store *store, const uint8_t id_hash[32], int64_t seen_unix_ms)
{
	struct touch touch = { id_hash, seen_unix_ms };

	return writer_order(store->writer, session_touch, &touch);
}

static int session_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct touch *touch = arg;

	query_init(&query, main, "DELETE FROM sessions WHERE id_hash = ?");
	query_bind_blob(&query, touch->id_hash, 32);
	return store_run_changed(&query);
}

int store_session_delete(struct store *store, const uint8_t id_hash[32])
{
	struct touch touch = { id_hash, 0 };

	return writer_order(store->writer, session_delete, &touch);
}

static int session_delete_user(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *user_id = arg;

	query_init(&query, main, "DELETE FROM sessions WHERE user_id = ?");
	query_bind_int(&query, *user_id);
	return query_run(&query);
}

int store_session_delete_user(struct store *store, int64_t user_id)
{
	return writer_order(store->writer, session_delete_user, &user_id);
}

int store_session_list(struct store *store, struct session *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT " SESSION_COLUMNS " FROM sessions ORDER BY created_unix_ms LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		int error = session_read(&query, &out[count++]);

		if (error)
			return error;
	}
	return found < 0 ? found : (int)count;
}
