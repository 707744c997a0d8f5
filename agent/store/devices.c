/*
 * Names of devices in main.db.
 */
#include <errno.h>

#include "agent/store/internal.h"
#include "include/device.h"

struct device_order {
	const struct device_name *rows;
	size_t count;
};

static int put_one(struct db *main, const struct device_name *row)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "INSERT OR REPLACE INTO devices (addr, source, name, last_unix_s)"
		   " VALUES (?,?,?,?)");
	query_bind_addr(&query, &row->addr);
	query_bind_int(&query, row->source);
	query_bind_text(&query, row->name);
	query_bind_int(&query, row->last_unix_s);
	return query_run(&query);
}

static int drop_oldest(struct db *main)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "DELETE FROM devices WHERE addr IN (SELECT addr FROM devices"
		   " ORDER BY last_unix_s DESC LIMIT -1 OFFSET ?)");
	query_bind_int(&query, STORE_DEVICES_MAX);
	return query_run(&query);
}

static int device_put(struct db *main, void *arg)
{
	const struct device_order *order = arg;
	int error = 0;

	for (size_t i = 0; i < order->count && !error; i++)
		error = put_one(main, &order->rows[i]);
	return error ? error : drop_oldest(main);
}

int store_device_put(struct store *store, const struct device_name *rows, size_t count)
{
	struct device_order order = { rows, count };

	return count ? writer_order(store->writer, device_put, &order) : 0;
}

int store_device_list(struct store *store, struct device_name *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT addr, source, name, last_unix_s FROM devices"
		   " ORDER BY last_unix_s DESC, addr LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		struct device_name *row = &out[count++];

		*row = (struct device_name){ .source = (uint8_t)query_int(&query, 1),
					     .last_unix_s = query_int(&query, 3) };
		query_addr(&query, 0, &row->addr);
		query_text(&query, 2, row->name, sizeof(row->name));
	}
	return found < 0 ? found : (int)count;
}
