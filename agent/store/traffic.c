/*
 * The public face of flows.db: rows and totals in, sums out.
 */
#include <errno.h>
#include <string.h>

#include "agent/store/internal.h"
#include "agent/store/tops.h"
#include "agent/store/totals.h"

/* 2000 years in seconds keeps the arithmetic of steps far from overflow. */
#define UNIX_S_MAX (2000LL * 366 * 86400)

int store_flow_add(struct store *store, const struct flow *flow, const struct flow_extra *extra)
{
	return writer_add_flow(store->writer, flow, extra);
}

void store_iface_set(struct store *store, uint8_t index, const char *name)
{
	writer_set_iface(store->writer, index, name);
}

int store_totals_add(struct store *store, const struct totals *totals)
{
	return writer_add_totals(store->writer, totals);
}

int store_totals_add_many(struct store *store, const struct totals *totals, size_t count)
{
	return writer_order_minutes(store->writer, totals, count);
}

uint64_t store_rows_lost(struct store *store)
{
	return writer_rows_lost(store->writer);
}

uint64_t store_next_flow_id(struct store *store)
{
	return store->first_flow_id;
}

static bool range_is_valid(const struct totals_range *range)
{
	return range->from_unix_s >= 0 && range->from_unix_s <= range->to_unix_s &&
	       range->to_unix_s <= UNIX_S_MAX && range->step_s > 0 && range->step_s <= UNIX_S_MAX;
}

int store_totals_sum(struct store *store, const struct totals_range *range, struct totals *out,
		     size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };

	if (!range_is_valid(range))
		return -EINVAL;
	int64_t seconds = range->to_unix_s - range->from_unix_s;
	uint64_t steps = (uint64_t)((seconds + range->step_s - 1) / range->step_s);
	size_t count = steps < max ? (size_t)steps : max;
	if (!count)
		return 0;
	int error = lease_begin(&lease, store->flows_readers);
	if (!error)
		error = totals_sum(lease.db, range->from_unix_s, range->step_s, out, count);
	if (error == -EBADMSG && lease.db)
		pool_report_corrupt(store->flows_readers, db_generation(lease.db));
	return error ? error : (int)count;
}

/* ---- hourly sums ----------------------------------------------------------------------------- */

/* Keys told apart while hours are added up: two hours of different ones in full. */
#define TOP_READ_MAX 65536

static size_t fill_top(struct top_table *table, struct top_row *out, size_t max)
{
	size_t count = 0;

	top_table_cut(table, (uint32_t)(max - 1 < TOP_READ_MAX ? max - 1 : TOP_READ_MAX));
	for (; count < table->count; count++) {
		const struct top_entry *entry = &table->entries[count];

		out[count] = (struct top_row){ .len = entry->len, .sums = entry->sums };
		memcpy(out[count].key, top_entry_key(entry), entry->len);
	}
	if (table->others.records)
		out[count++] = (struct top_row){ .is_others = true, .sums = table->others };
	return count;
}

static int64_t hour_of(int64_t unix_ms)
{
	return unix_ms / MS_PER_HOUR;
}

int store_top(struct store *store, const struct top_query *query, struct top_row *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(top_table_done) struct top_table table = { 0 };
	const struct tops_range range = { hour_of(query->from_unix_ms),
					  hour_of(query->to_unix_ms - 1) + 1, query->by };

	if (query->from_unix_ms < 0 || query->from_unix_ms > query->to_unix_ms ||
	    (unsigned int)query->by >= TOP_BY_COUNT || !max)
		return -EINVAL;
	top_table_init(&table, TOP_READ_MAX);
	int error = lease_begin(&lease, store->flows_readers);
	if (!error)
		error = tops_read(lease.db, &range, &table);
	if (error == -EBADMSG && lease.db)
		pool_report_corrupt(store->flows_readers, db_generation(lease.db));
	return error ? error : (int)fill_top(&table, out, max);
}
