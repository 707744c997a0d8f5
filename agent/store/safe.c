/*
 * The manual part of the safe list in main.db.
 */
#include <errno.h>

#include "agent/store/internal.h"
#include "agent/util/clock.h"

struct safe_order {
	struct safe_entry entry;
	const char *author;
};

static int safe_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct safe_order *order = arg;

	query_init(&query, main,
		   "INSERT INTO safe (addr, prefix_len, note, author, created_unix_ms)"
		   " VALUES (?,?,?,?,?)");
	query_bind_addr(&query, &order->entry.prefix.addr);
	query_bind_int(&query, order->entry.prefix.len);
	query_bind_text(&query, order->entry.note);
	query_bind_text(&query, order->author);
	query_bind_int(&query, clock_unix_ms());
	int error = query_run(&query);
	if (!error)
		order->entry.id = db_last_id(main);
	return error;
}

int store_safe_insert(struct store *store, struct safe_entry *entry, const char *author)
{
	struct safe_order order = { *entry, author };
	int error = writer_order(store->writer, safe_insert, &order);

	if (!error)
		entry->id = order.entry.id;
	return error;
}

static int safe_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *id = arg;

	query_init(&query, main, "DELETE FROM safe WHERE id = ?");
	query_bind_int(&query, *id);
	return store_run_changed(&query);
}

int store_safe_delete(struct store *store, int64_t id)
{
	return writer_order(store->writer, safe_delete, &id);
}

int store_safe_list(struct store *store, struct safe_entry *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT id, addr, prefix_len, note FROM safe ORDER BY id LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		struct safe_entry *entry = &out[count++];

		*entry = (struct safe_entry){ .kind = SAFE_MANUAL };
		entry->id = query_int(&query, 0);
		query_addr(&query, 1, &entry->prefix.addr);
		entry->prefix.len = (uint8_t)query_int(&query, 2);
		query_text(&query, 3, entry->note, sizeof(entry->note));
		if (query.error)
			return query.error;
	}
	return found < 0 ? found : (int)count;
}
