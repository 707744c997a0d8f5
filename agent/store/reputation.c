/*
 * Reputation in main.db.
 */
#include <errno.h>

#include "agent/store/internal.h"
#include "include/reputation.h"

#define REPUTATION_KEPT 50000 /* 10 MB: a hundred days of VirusTotal's daily quota */

static int drop_oldest(struct db *main)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "DELETE FROM reputation WHERE rowid IN (SELECT rowid FROM reputation"
		   " ORDER BY fetched_unix_ms DESC LIMIT -1 OFFSET ?)");
	query_bind_int(&query, REPUTATION_KEPT);
	return query_run(&query);
}

static int reputation_put(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct reputation *row = arg;

	query_init(&query, main,
		   "INSERT OR REPLACE INTO reputation VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	query_bind_int(&query, row->provider);
	query_bind_text(&query, row->value);
	query_bind_int(&query, row->verdict);
	query_bind_text(&query, row->owner);
	query_bind_text(&query, row->country);
	query_bind_int(&query, row->malicious);
	query_bind_int(&query, row->suspicious);
	query_bind_int(&query, row->harmless);
	query_bind_int(&query, row->undetected);
	query_bind_int(&query, row->score);
	query_bind_int(&query, row->reports);
	query_bind_int(&query, row->analysed_unix_ms);
	query_bind_int(&query, row->fetched_unix_ms);
	query_bind_int(&query, row->expires_unix_ms);
	int error = query_run(&query);
	return error ? error : drop_oldest(main);
}

int store_reputation_put(struct store *store, const struct reputation *reputation)
{
	struct reputation copy = *reputation;

	return writer_order(store->writer, reputation_put, &copy);
}

int store_reputation_get(struct store *store, const char *value, struct reputation *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT provider, value, verdict, owner, country, malicious, suspicious,"
		   " harmless, undetected, score, reports, analysed_unix_ms, fetched_unix_ms,"
		   " expires_unix_ms FROM reputation WHERE value = ? ORDER BY provider");
	query_bind_text(&query, value);
	while (count < max && (found = query_next(&query)) > 0) {
		struct reputation *row = &out[count++];

		*row = (struct reputation){ .provider = (uint8_t)query_int(&query, 0),
					    .verdict = (uint8_t)query_int(&query, 2),
					    .malicious = query_int(&query, 5),
					    .suspicious = query_int(&query, 6),
					    .harmless = query_int(&query, 7),
					    .undetected = query_int(&query, 8),
					    .score = query_int(&query, 9),
					    .reports = query_int(&query, 10),
					    .analysed_unix_ms = query_int(&query, 11),
					    .fetched_unix_ms = query_int(&query, 12),
					    .expires_unix_ms = query_int(&query, 13) };
		query_text(&query, 1, row->value, sizeof(row->value));
		query_text(&query, 3, row->owner, sizeof(row->owner));
		query_text(&query, 4, row->country, sizeof(row->country));
	}
	return found < 0 ? found : (int)count;
}
