/*
 * Feeds in main.db: where they come from, and what became of the last try.
 */
#include <errno.h>

#include "agent/store/internal.h"
#include "include/feed.h"

static int feed_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct feed *feed = arg;

	query_init(
		&query, main,
		"INSERT INTO feeds (name, url, author, action, state, every_s, created_unix_ms,"
		" checked_unix_ms, changed_unix_ms, entries, refused, etag, last_modified, error,"
		" csv_column, lifetime_s) VALUES (?,?,?,?,0,?,?,0,0,0,0,'','','',?,?)");
	query_bind_text(&query, feed->name);
	query_bind_text(&query, feed->url);
	query_bind_text(&query, feed->author);
	query_bind_int(&query, feed->action);
	query_bind_int(&query, feed->every_s);
	query_bind_int(&query, feed->created_unix_ms);
	query_bind_int(&query, feed->column);
	query_bind_int(&query, feed->lifetime_s);
	int error = query_run(&query);
	if (!error)
		feed->id = db_last_id(main);
	return error;
}

int store_feed_insert(struct store *store, struct feed *feed)
{
	return writer_order(store->writer, feed_insert, feed);
}

static int feed_update(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct feed *feed = arg;

	query_init(&query, main,
		   "UPDATE feeds SET state = ?, checked_unix_ms = ?, changed_unix_ms = ?,"
		   " entries = ?, refused = ?, etag = ?, last_modified = ?, error = ?,"
		   " seen_unix_ms = ?"
		   " WHERE id = ?");
	query_bind_int(&query, feed->state);
	query_bind_int(&query, feed->checked_unix_ms);
	query_bind_int(&query, feed->changed_unix_ms);
	query_bind_int(&query, feed->entries);
	query_bind_int(&query, feed->refused);
	query_bind_text(&query, feed->etag);
	query_bind_text(&query, feed->last_modified);
	query_bind_text(&query, feed->error);
	query_bind_int(&query, feed->seen_unix_ms);
	query_bind_int(&query, feed->id);
	return store_run_changed(&query);
}

int store_feed_update(struct store *store, const struct feed *feed)
{
	struct feed copy = *feed;

	return writer_order(store->writer, feed_update, &copy);
}

static int feed_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *id = arg;

	query_init(&query, main, "DELETE FROM feeds WHERE id = ?");
	query_bind_int(&query, *id);
	return store_run_changed(&query);
}

int store_feed_delete(struct store *store, int64_t id)
{
	return writer_order(store->writer, feed_delete, &id);
}

static void feed_read(struct query *query, struct feed *out)
{
	*out = (struct feed){ .id = query_int(query, 0),
			      .action = (uint8_t)query_int(query, 4),
			      .state = (uint8_t)query_int(query, 5),
			      .every_s = query_int(query, 6),
			      .created_unix_ms = query_int(query, 7),
			      .checked_unix_ms = query_int(query, 8),
			      .changed_unix_ms = query_int(query, 9),
			      .entries = query_int(query, 10),
			      .refused = query_int(query, 11),
			      .column = (uint8_t)query_int(query, 15),
			      .lifetime_s = query_int(query, 16),
			      .seen_unix_ms = query_int(query, 17) };
	query_text(query, 1, out->name, sizeof(out->name));
	query_text(query, 2, out->url, sizeof(out->url));
	query_text(query, 3, out->author, sizeof(out->author));
	query_text(query, 12, out->etag, sizeof(out->etag));
	query_text(query, 13, out->last_modified, sizeof(out->last_modified));
	query_text(query, 14, out->error, sizeof(out->error));
}

int store_feed_list(struct store *store, struct feed *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(
		&query, lease.db,
		"SELECT id, name, url, author, action, state, every_s, created_unix_ms,"
		" checked_unix_ms, changed_unix_ms, entries, refused, etag, last_modified, error,"
		" csv_column, lifetime_s, seen_unix_ms FROM feeds ORDER BY id LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0)
		feed_read(&query, &out[count++]);
	return found < 0 ? found : (int)count;
}
