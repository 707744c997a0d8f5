/*
 * Users in main.db.
 */
#include <errno.h>

#include "agent/store/internal.h"

#define USER_COLUMNS                                                                 \
	"id, name, coalesce(email, ''), password_hash, role, disabled, must_change," \
	" created_unix_ms, last_login_unix_ms, EXISTS (SELECT 1 FROM user_totp"      \
	" WHERE user_id = users.id AND is_active)"

static void user_bind(struct query *query, const struct user *user)
{
	query_bind_text(query, user->name);
	query_bind_text(query, user->email[0] ? user->email : NULL);
	query_bind_text(query, user->password_hash);
	query_bind_int(query, user->role);
	query_bind_int(query, user->disabled);
	query_bind_int(query, user->must_change);
	query_bind_int(query, user->created_unix_ms);
	query_bind_int(query, user->last_login_unix_ms);
}

static void user_read(struct query *query, struct user *user)
{
	*user = (struct user){ 0 };
	user->id = query_int(query, 0);
	query_text(query, 1, user->name, sizeof(user->name));
	query_text(query, 2, user->email, sizeof(user->email));
	query_text(query, 3, user->password_hash, sizeof(user->password_hash));
	user->role = (uint8_t)query_int(query, 4);
	user->disabled = query_int(query, 5);
	user->must_change = query_int(query, 6);
	user->created_unix_ms = query_int(query, 7);
	user->last_login_unix_ms = query_int(query, 8);
	user->has_totp = query_int(query, 9);
}

static int user_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct user *user = arg;

	query_init(&query, main,
		   "INSERT INTO users (name, email, password_hash, role, disabled, must_change,"
		   " created_unix_ms, last_login_unix_ms) VALUES (?,?,?,?,?,?,?,?)");
	user_bind(&query, user);
	int error = query_run(&query);
	if (!error)
		user->id = db_last_id(main);
	return error;
}

int store_user_insert(struct store *store, struct user *user)
{
	struct user copy = *user;
	int error = writer_order(store->writer, user_insert, &copy);

	if (!error)
		user->id = copy.id;
	return error;
}

static int user_update(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct user *user = arg;

	query_init(&query, main,
		   "UPDATE users SET name = ?, email = ?, password_hash = ?, role = ?,"
		   " disabled = ?, must_change = ?, created_unix_ms = ?, last_login_unix_ms = ?"
		   " WHERE id = ?");
	user_bind(&query, user);
	query_bind_int(&query, user->id);
	return store_run_changed(&query);
}

int store_user_update(struct store *store, const struct user *user)
{
	struct user copy = *user;

	return writer_order(store->writer, user_update, &copy);
}

static int user_read_one(struct query *query, struct user *out)
{
	int found = query_next(query);

	if (found <= 0)
		return found ? found : -ENOENT;
	user_read(query, out);
	return 0;
}

int store_user_by_name(struct store *store, const char *name, struct user *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	/* Exactly as written: throttling counts by what was typed, so 'ADMIN' is nobody. */
	query_init(&query, lease.db,
		   "SELECT " USER_COLUMNS " FROM users WHERE name = ? COLLATE BINARY");
	query_bind_text(&query, name);
	return user_read_one(&query, out);
}

int store_user_by_id(struct store *store, int64_t id, struct user *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db, "SELECT " USER_COLUMNS " FROM users WHERE id = ?");
	query_bind_int(&query, id);
	return user_read_one(&query, out);
}

int store_user_list(struct store *store, struct user *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db, "SELECT " USER_COLUMNS " FROM users ORDER BY id LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0)
		user_read(&query, &out[count++]);
	return found < 0 ? found : (int)count;
}
