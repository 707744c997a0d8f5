/*
 * The public face of flows.db: rows and totals in, sums out.
 */
#include <errno.h>

#include "agent/store/internal.h"
#include "agent/store/totals.h"

/* 2000 years in seconds keeps the arithmetic of steps far from overflow. */
#define UNIX_S_MAX (2000LL * 366 * 86400)

int store_flow_add(struct store *store, const struct flow *flow, const struct flow_extra *extra)
{
	return writer_add_flow(store->writer, flow, extra);
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
