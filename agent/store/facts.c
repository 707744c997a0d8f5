/*
 * How much of its budget the history uses and for how long that lasts; and its sums made anew.
 */
#include <errno.h>

#include "agent/store/internal.h"
#include "agent/store/retention.h"
#include "agent/store/tops.h"
#include "agent/util/clock.h"

#define DAY_S  86400LL
#define HOUR_S 3600LL
/* Too little to tell a rate by. */
#define RATE_MIN_S 600

/* ---- the forecast ---------------------------------------------------------------------------- */

/* -ENOENT: it has no records yet. */
static int read_oldest(struct db *db, int64_t *hour)
{
	CLEANUP(query_done) struct query query = { 0 };
	char name[FLOWS_TABLE_MAX];

	query_init(&query, db, FLOWS_HOURS_SQL " LIMIT 1");
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	query_text(&query, 0, name, sizeof(name));
	*hour = flows_hour_parse(name);
	return *hour < 0 ? -ENOENT : 0;
}

/* Records that are summed, which is all but those of the last seconds. */
static int count_since(struct db *db, int64_t hour, uint64_t *records)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, db, "SELECT ifnull(sum(summed_row), 0) FROM hours WHERE hour >= ?");
	query_bind_int(&query, hour);
	int found = query_next(&query);
	if (found > 0)
		*records = (uint64_t)query_int(&query, 0);
	return found < 0 ? found : 0;
}

/* At the rate of the last day, or of all there is when that is less. */
static void forecast(int64_t now_unix_s, uint64_t recent, struct store_history_facts *out)
{
	const struct retention_share share = retention_split(out->max_bytes);
	int64_t since_s = now_unix_s / HOUR_S * HOUR_S - DAY_S;
	int64_t span_s = now_unix_s - (out->oldest_unix_s > since_s ? out->oldest_unix_s : since_s);

	out->bytes_per_day = out->holds_s = -1;
	if (span_s < RATE_MIN_S || !out->records || !recent)
		return;
	double each = (double)out->used_bytes / (double)out->records;
	double per_s = each * (double)recent / (double)span_s;
	out->bytes_per_day = (int64_t)(per_s * (double)DAY_S);
	if (out->max_bytes)
		out->holds_s = (int64_t)((double)share.used_bytes / per_s);
	if (out->max_age_s && (out->holds_s < 0 || out->holds_s > out->max_age_s))
		out->holds_s = out->max_age_s;
}

static int read_facts(struct db *db, int64_t now_unix_s, struct store_history_facts *out)
{
	uint64_t recent = 0;
	int64_t oldest = 0;
	int error = retention_bytes(db, &out->used_bytes, &out->file_bytes);

	out->bytes_per_day = out->holds_s = out->oldest_unix_s = -1;
	if (!error)
		error = read_oldest(db, &oldest);
	if (error)
		return error == -ENOENT ? 0 : error;
	out->oldest_unix_s = oldest * HOUR_S;
	error = count_since(db, oldest, &out->records);
	if (!error)
		error = count_since(db, now_unix_s / HOUR_S - DAY_S / HOUR_S, &recent);
	if (!error)
		forecast(now_unix_s, recent, out);
	return error;
}

int store_history_facts(struct store *store, int64_t now_unix_s, struct store_history_facts *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	int error = lease_begin(&lease, store->flows_readers);

	*out = (struct store_history_facts){ 0 };
	history_limits(store->history, &out->max_bytes, &out->max_age_s);
	if (!error)
		error = read_facts(lease.db, now_unix_s, out);
	if (error == -EBADMSG && lease.db)
		pool_report_corrupt(store->flows_readers, db_generation(lease.db));
	return error;
}

/* ---- sums made anew -------------------------------------------------------------------------- */

/* The first hour of records from @from on. -ENOENT: there is none. */
static int next_hour(struct store *store, int64_t from, int64_t *hour)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->flows_readers);

	if (found)
		return found;
	query_init(&query, lease.db, FLOWS_HOURS_SQL);
	while ((found = query_next(&query)) > 0) {
		char name[FLOWS_TABLE_MAX];

		query_text(&query, 0, name, sizeof(name));
		*hour = flows_hour_parse(name);
		if (*hour >= from)
			return 0;
	}
	return found ? found : -ENOENT;
}

struct rebuild_order {
	struct history *history;
	int64_t hour;
	struct tops_rebuilt result;
};

static int run_rebuild(struct db *main, void *arg)
{
	struct rebuild_order *order = arg;

	(void)main; /* another database */
	return history_rebuild_hour(order->history, order->hour, &order->result);
}

int store_rebuild_sums(struct store *store, int64_t from_hour, uint64_t deadline_ns,
		       struct store_rebuilt *out)
{
	struct rebuild_order order = { .history = store->history, .hour = from_hour - 1 };
	int error = 0;

	*out = (struct store_rebuilt){ .next_hour = -1 };
	while (!(error = next_hour(store, order.hour + 1, &order.hour))) {
		if (deadline_ns && clock_monotonic_ns() > deadline_ns) {
			out->next_hour = order.hour;
			return 0;
		}
		error = writer_order_plain(store->writer, run_rebuild, &order);
		if (error == -ENOENT) /* dropped meanwhile, or of version 1 */
			continue;
		if (error)
			return error;
		out->hours++;
		out->records += order.result.records;
		out->changed += order.result.has_changed;
	}
	return error == -ENOENT ? 0 : error;
}
