/*
 * What people do with incidents, in main.db: history of each, expectations, responses.
 */
#include <errno.h>

#include "agent/store/internal.h"

/* ---- history --------------------------------------------------------------------------------- */

static int event_insert(struct db *main, const struct incident_event *event)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "INSERT INTO incident_history"
		   " (incident_id, time_unix_ms, who, action, before, after, text)"
		   " VALUES (?,?,?,?,?,?,?)");
	query_bind_int(&query, event->incident_id);
	query_bind_int(&query, event->time_unix_ms);
	query_bind_text(&query, event->who);
	query_bind_text(&query, event->action);
	query_bind_text(&query, event->before);
	query_bind_text(&query, event->after);
	query_bind_text(&query, event->text);
	return query_run(&query);
}

static int event_add(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct incident_event *event = arg;
	int error = event_insert(main, event);

	if (error)
		return error;
	query_init(&query, main,
		   "DELETE FROM incident_history WHERE incident_id = ?1 AND id <="
		   " (SELECT id FROM incident_history WHERE incident_id = ?1"
		   "  ORDER BY id DESC LIMIT 1 OFFSET ?2)");
	query_bind_int(&query, event->incident_id);
	query_bind_int(&query, STORE_INCIDENT_HISTORY_MAX);
	return query_run(&query);
}

int store_incident_event_add(struct store *store, const struct incident_event *event)
{
	struct incident_event copy = *event;

	return writer_order(store->writer, event_add, &copy);
}

int store_incident_event_list(struct store *store, int64_t incident_id, struct incident_event *out,
			      size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT id, time_unix_ms, who, action, before, after, text"
		   " FROM incident_history WHERE incident_id = ? ORDER BY id LIMIT ?");
	query_bind_int(&query, incident_id);
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		struct incident_event *event = &out[count++];

		*event = (struct incident_event){ .incident_id = incident_id };
		event->id = query_int(&query, 0);
		event->time_unix_ms = query_int(&query, 1);
		query_text(&query, 2, event->who, sizeof(event->who));
		query_text(&query, 3, event->action, sizeof(event->action));
		query_text(&query, 4, event->before, sizeof(event->before));
		query_text(&query, 5, event->after, sizeof(event->after));
		query_text(&query, 6, event->text, sizeof(event->text));
		if (query.error)
			return query.error;
	}
	return found < 0 ? found : (int)count;
}

/* ---- expectations ---------------------------------------------------------------------------- */

static int expected_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct expected *expected = arg;

	query_init(&query, main,
		   "INSERT INTO expected (detector, src, src_len, dst, dst_len, dst_port, note,"
		   " author, created_unix_ms, expires_unix_ms, incident_id)"
		   " VALUES (?,?,?,?,?,?,?,?,?,?,?)");
	query_bind_text(&query, detector_stored_name(expected->detector));
	query_bind_addr(&query, &expected->src.addr);
	query_bind_int(&query, expected->src.len);
	query_bind_addr(&query, &expected->dst.addr);
	query_bind_int(&query, expected->dst.len);
	query_bind_int(&query, expected->dst_port);
	query_bind_text(&query, expected->note);
	query_bind_text(&query, expected->author);
	query_bind_int(&query, expected->created_unix_ms);
	query_bind_int(&query, expected->expires_unix_ms);
	query_bind_int(&query, expected->incident_id);
	int error = query_run(&query);
	if (!error)
		expected->id = db_last_id(main);
	return error;
}

int store_expected_insert(struct store *store, struct expected *expected)
{
	struct expected copy = *expected;
	int error = expected->detector < DETECTOR_COUNT
			    ? writer_order(store->writer, expected_insert, &copy)
			    : -EINVAL;

	if (!error)
		expected->id = copy.id;
	return error;
}

static int expected_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *id = arg;

	query_init(&query, main, "DELETE FROM expected WHERE id = ?");
	query_bind_int(&query, *id);
	return store_run_changed(&query);
}

int store_expected_delete(struct store *store, int64_t id)
{
	return writer_order(store->writer, expected_delete, &id);
}

static int expected_save(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct expected *expected = arg;

	query_init(&query, main, "UPDATE expected SET silenced = ?, last_unix_ms = ? WHERE id = ?");
	query_bind_int(&query, (int64_t)expected->silenced);
	query_bind_int(&query, expected->last_unix_ms);
	query_bind_int(&query, expected->id);
	return store_run_changed(&query);
}

int store_expected_save(struct store *store, const struct expected *expected)
{
	struct expected copy = *expected;

	return writer_order(store->writer, expected_save, &copy);
}

/* -ENOENT: of a detector that this program does not have. */
static int expected_read(struct query *query, struct expected *expected)
{
	char detector[32];

	*expected = (struct expected){ .detector = -1 };
	query_text(query, 1, detector, sizeof(detector));
	if (*detector) {
		expected->detector = detector_find(detector);
		if (expected->detector < 0)
			return -ENOENT;
	}
	expected->id = query_int(query, 0);
	query_addr(query, 2, &expected->src.addr);
	expected->src.len = (uint8_t)query_int(query, 3);
	query_addr(query, 4, &expected->dst.addr);
	expected->dst.len = (uint8_t)query_int(query, 5);
	expected->dst_port = (uint16_t)query_int(query, 6);
	query_text(query, 7, expected->note, sizeof(expected->note));
	query_text(query, 8, expected->author, sizeof(expected->author));
	expected->created_unix_ms = query_int(query, 9);
	expected->expires_unix_ms = query_int(query, 10);
	expected->incident_id = query_int(query, 11);
	expected->silenced = (uint64_t)query_int(query, 12);
	expected->last_unix_ms = query_int(query, 13);
	return query->error;
}

int store_expected_list(struct store *store, struct expected *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT id, detector, src, src_len, dst, dst_len, dst_port, note, author,"
		   " created_unix_ms, expires_unix_ms, incident_id, silenced, last_unix_ms"
		   " FROM expected ORDER BY id LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		int error = expected_read(&query, &out[count]);

		if (error && error != -ENOENT)
			return error;
		count += !error;
	}
	return found < 0 ? found : (int)count;
}

/* ---- responses ------------------------------------------------------------------------------- */

struct response_order {
	uint8_t detector;
	const struct response_policy *policy; /* NULL: take it away */
};

static int response_delete(struct db *main, uint8_t detector)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main, "DELETE FROM responses WHERE detector = ?");
	query_bind_text(&query, detector_stored_name(detector));
	return query_run(&query);
}

static int response_set(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct response_order *order = arg;

	if (!order->policy)
		return response_delete(main, order->detector);
	query_init(&query, main,
		   "INSERT INTO responses (detector, kind, ttl_s, author, changed_unix_ms)"
		   " VALUES (?,?,?,?,?) ON CONFLICT(detector) DO UPDATE SET kind = excluded.kind,"
		   " ttl_s = excluded.ttl_s, author = excluded.author,"
		   " changed_unix_ms = excluded.changed_unix_ms");
	query_bind_text(&query, detector_stored_name(order->detector));
	query_bind_int(&query, order->policy->kind);
	query_bind_int(&query, order->policy->ttl_s);
	query_bind_text(&query, order->policy->author);
	query_bind_int(&query, order->policy->changed_unix_ms);
	return query_run(&query);
}

int store_response_set(struct store *store, uint8_t detector, const struct response_policy *policy)
{
	struct response_order order = { detector, policy };

	if (detector >= DETECTOR_COUNT)
		return -EINVAL;
	return writer_order(store->writer, response_set, &order);
}

int store_response_load(struct store *store, struct response_policy out[static DETECTOR_COUNT])
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT detector, kind, ttl_s, author, changed_unix_ms FROM responses");
	while ((found = query_next(&query)) > 0) {
		char name[32];
		int detector;

		query_text(&query, 0, name, sizeof(name));
		detector = detector_find(name);
		if (detector < 0)
			continue;
		out[detector].kind = (uint8_t)query_int(&query, 1);
		out[detector].ttl_s = query_int(&query, 2);
		query_text(&query, 3, out[detector].author, sizeof(out[detector].author));
		out[detector].changed_unix_ms = query_int(&query, 4);
	}
	return found < 0 ? found : query.error;
}
