/*
 * What was ever seen, newest first.
 */
#include <errno.h>
#include <string.h>

#include "agent/store/internal.h"
#include "agent/store/seen.h"

static int read_row(struct query *query, struct seen_entry *out)
{
	size_t len;
	const void *key = query_blob(query, 0, &len);

	if (!key || len > SEEN_KEY_MAX)
		return -EBADMSG;
	memcpy(out->key.bytes, key, len);
	out->key.len = (uint16_t)len;
	out->first_unix_s = query_int(query, 1);
	out->last_unix_s = query_int(query, 2);
	return 0;
}

int seen_list(struct db *db, const struct seen_query *asked, struct seen_entry *out, size_t max)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct seen_entry *after = asked->after;
	size_t count = 0;
	int found = 0;

	query_init(&query, db,
		   "SELECT key, first_s, last_s FROM seen WHERE kind = ?1"
		   " AND (first_s, key) < (?2, ?3) ORDER BY first_s DESC, key DESC");
	query_bind_int(&query, asked->kind);
	query_bind_int(&query, after ? after->first_unix_s : INT64_MAX);
	query_bind_blob(&query, after ? after->key.bytes : NULL, after ? after->key.len : 0);
	while (count < max && (found = query_next(&query)) > 0) {
		struct seen_entry *row = &out[count];

		row->key.kind = (uint8_t)asked->kind;
		found = read_row(&query, row);
		if (found)
			break;
		count += !asked->has || asked->has(asked->arg, &row->key);
	}
	return found < 0 ? found : (int)count;
}

int store_seen_list(struct store *store, const struct seen_query *query, struct seen_entry *out,
		    size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };

	if ((unsigned int)query->kind >= SEEN_KIND_COUNT)
		return -EINVAL;
	int error = lease_begin(&lease, store->flows_readers);
	if (!error)
		error = seen_list(lease.db, query, out, max);
	if (error == -EBADMSG && lease.db)
		pool_report_corrupt(store->flows_readers, db_generation(lease.db));
	return error;
}

void store_seen_note(struct store *store, const struct seen_key *key, int64_t unix_s)
{
	history_seen_note(store->history, key, unix_s);
}

uint64_t store_seen_full(struct store *store)
{
	return history_seen_full(store->history);
}
