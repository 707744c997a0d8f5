/*
 * Settings in main.db: text by key.
 */
#include <errno.h>

#include "agent/store/internal.h"

int store_setting_get(struct store *store, const char *key, char *out, size_t size)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db, "SELECT value FROM settings WHERE key = ?");
	query_bind_text(&query, key);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	size_t len;
	(void)query_blob(&query, 0, &len); /* for its length */
	if (len >= size)
		return -ENOBUFS;
	query_text(&query, 0, out, size);
	return 0;
}

struct setting {
	const char *key, *value;
};

static int setting_set(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct setting *setting = arg;

	query_init(&query, main,
		   "INSERT INTO settings (key, value) VALUES (?, ?)"
		   " ON CONFLICT(key) DO UPDATE SET value = excluded.value");
	query_bind_text(&query, setting->key);
	query_bind_text(&query, setting->value);
	return query_run(&query);
}

int store_setting_set(struct store *store, const char *key, const char *value)
{
	struct setting setting = { key, value };

	return writer_order(store->writer, setting_set, &setting);
}
