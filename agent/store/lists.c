/*
 * Content of lists in main.db: one encoded set per version. A list's row in blocks, its line in
 * lists and its sets change together, in one transaction.
 */
#include <errno.h>

#include "agent/store/internal.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

struct list_order {
	const struct block *block;
	const uint8_t *data; /* encoded; NULL: no new set */
	size_t size;
	const uint8_t *names; /* encoded */
	size_t names_size;
	uint32_t version; /* of both */
};

static int write_set(struct db *main, const struct list_order *order)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main, "INSERT OR REPLACE INTO list_sets VALUES (?,?,?,?)");
	query_bind_int(&query, order->block->id);
	query_bind_int(&query, order->version);
	query_bind_blob(&query, order->data, order->size);
	query_bind_blob(&query, order->names, order->names_size);
	return query_run(&query);
}

/* What neither is in force nor waits for its confirmation. */
static int drop_old_sets(struct db *main, const struct block *block)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "DELETE FROM list_sets WHERE block_id = ? AND version NOT IN (?, ?)");
	query_bind_int(&query, block->id);
	query_bind_int(&query, block->facts.version);
	query_bind_int(&query, block->facts.pending_version);
	return query_run(&query);
}

static int write_facts(struct db *main, const struct block *block)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct block_list_facts *facts = &block->facts;

	query_init(&query, main,
		   "INSERT INTO lists VALUES (?,?,?,?,?,?,?) ON CONFLICT (block_id) DO UPDATE SET"
		   " version = excluded.version, entries = excluded.entries,"
		   " pending_version = excluded.pending_version,"
		   " pending_entries = excluded.pending_entries,"
		   " pending_rule_id = excluded.pending_rule_id,"
		   " updated_unix_ms = excluded.updated_unix_ms");
	query_bind_int(&query, block->id);
	query_bind_int(&query, facts->version);
	query_bind_int(&query, (int64_t)facts->entries);
	query_bind_int(&query, facts->pending_version);
	query_bind_int(&query, (int64_t)facts->pending_entries);
	query_bind_int(&query, facts->pending_rule_id);
	query_bind_int(&query, facts->updated_unix_ms);
	return query_run(&query);
}

static int write_row(struct db *main, const struct block *block)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "UPDATE blocks SET state = ?, confirm_by_unix_ms = ?, expires_unix_ms = ?,"
		   " reason = ? WHERE id = ? AND state IN (0, 3, 4)");
	query_bind_int(&query, block->state);
	query_bind_int(&query, block->confirm_by_unix_ms);
	query_bind_int(&query, block->expires_unix_ms);
	query_bind_text(&query, block->reason);
	query_bind_int(&query, block->id);
	return store_run_changed(&query);
}

static int list_write(struct db *main, void *arg)
{
	const struct list_order *order = arg;
	int error = write_row(main, order->block);

	if (!error)
		error = write_facts(main, order->block);
	if (!error && order->data)
		error = write_set(main, order);
	return error ? error : drop_old_sets(main, order->block);
}

int store_list_write(struct store *store, const struct block *block, const struct prefix_set *set,
		     uint32_t version)
{
	size_t size = 0, names_size = 0;
	CLEANUP(free) uint8_t *data = set ? prefix_set_encode(set, &size) : NULL;
	CLEANUP(free)
	uint8_t *names = set ? name_set_encode(prefix_set_names(set), &names_size) : NULL;
	struct list_order order = { block, data, size, names, names_size, version };

	if (set && (!data || !names))
		return -ENOMEM;
	return writer_order(store->writer, list_write, &order);
}

/* Versions written before names could be in a list have none. */
static int decode_set(struct query *query, struct prefix_set **out)
{
	CLEANUP(prefix_set_unref) struct prefix_set *set = NULL;
	struct name_set *names = NULL;
	const void *data;
	size_t size;
	int error;

	data = query_blob(query, 0, &size);
	error = query->error ? query->error : prefix_set_decode(data, size, &set);
	if (error)
		return error;
	data = query_blob(query, 1, &size);
	if (size)
		error = name_set_decode(data, size, &names);
	if (error)
		return error;
	prefix_set_attach(set, names);
	*out = TAKE(set);
	return 0;
}

int store_list_read(struct store *store, int64_t block_id, uint32_t version,
		    struct prefix_set **out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT prefixes, names FROM list_sets WHERE block_id = ? AND version = ?");
	query_bind_int(&query, block_id);
	query_bind_int(&query, version);
	found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	return decode_set(&query, out);
}
