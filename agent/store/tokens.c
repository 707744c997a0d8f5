/*
 * API tokens in main.db, found by the hash of their text.
 */
#include <errno.h>

#include "agent/store/internal.h"

#define TOKEN_COLUMNS                                                    \
	"id, id_hash, coalesce(user_id, 0), name, author, role, scopes," \
	" created_unix_ms, expires_unix_ms, used_unix_ms"

static int token_read(struct query *query, struct api_token *token)
{
	*token = (struct api_token){ .id = query_int(query, 0), .user_id = query_int(query, 2) };
	query_bytes(query, 1, token->id_hash, sizeof(token->id_hash));
	query_text(query, 3, token->name, sizeof(token->name));
	query_text(query, 4, token->author, sizeof(token->author));
	token->role = (uint8_t)query_int(query, 5);
	token->scopes = (uint8_t)query_int(query, 6);
	token->created_unix_ms = query_int(query, 7);
	token->expires_unix_ms = query_int(query, 8);
	token->used_unix_ms = query_int(query, 9);
	return query->error;
}

static int token_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct api_token *token = arg;

	query_init(&query, main,
		   "INSERT INTO tokens (id_hash, user_id, name, author, role, scopes,"
		   " created_unix_ms, expires_unix_ms, used_unix_ms) VALUES (?,?,?,?,?,?,?,?,0)");
	query_bind_blob(&query, token->id_hash, sizeof(token->id_hash));
	if (token->user_id)
		query_bind_int(&query, token->user_id);
	else
		query_bind_null(&query);
	query_bind_text(&query, token->name);
	query_bind_text(&query, token->author);
	query_bind_int(&query, token->role);
	query_bind_int(&query, token->scopes);
	query_bind_int(&query, token->created_unix_ms);
	query_bind_int(&query, token->expires_unix_ms);
	int error = query_run(&query);
	if (!error)
		token->id = db_last_id(main);
	return error;
}

int store_token_insert(struct store *store, struct api_token *token)
{
	struct api_token copy = *token;
	int error = writer_order(store->writer, token_insert, &copy);

	if (!error)
		token->id = copy.id;
	return error;
}

int store_token_by_hash(struct store *store, const uint8_t id_hash[32], struct api_token *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	struct api_token token;
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db, "SELECT " TOKEN_COLUMNS " FROM tokens WHERE id_hash = ?");
	query_bind_blob(&query, id_hash, 32);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	error = token_read(&query, &token);
	if (!error)
		*out = token;
	return error;
}

struct token_use {
	int64_t id, used_unix_ms;
};

static int token_touch(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct token_use *use = arg;

	query_init(&query, main, "UPDATE tokens SET used_unix_ms = ? WHERE id = ?");
	query_bind_int(&query, use->used_unix_ms);
	query_bind_int(&query, use->id);
	return store_run_changed(&query);
}

int store_token_touch(struct store *store, int64_t id, int64_t used_unix_ms)
{
	struct token_use use = { id, used_unix_ms };

	return writer_order(store->writer, token_touch, &use);
}

static int token_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *id = arg;

	query_init(&query, main, "DELETE FROM tokens WHERE id = ?");
	query_bind_int(&query, *id);
	return store_run_changed(&query);
}

int store_token_delete(struct store *store, int64_t id)
{
	return writer_order(store->writer, token_delete, &id);
}

int store_token_list(struct store *store, struct api_token *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db, "SELECT " TOKEN_COLUMNS " FROM tokens ORDER BY id LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		int error = token_read(&query, &out[count++]);

		if (error)
			return error;
	}
	return found < 0 ? found : (int)count;
}
