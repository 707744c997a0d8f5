/*
 * Reports and their schedules in main.db, and the incidents of a period for them.
 */
#include <errno.h>
#include <string.h>

#include "agent/store/internal.h"
#include "include/report.h"

#define REPORT_COLUMNS                                                                      \
	"id, kind, format, state, from_unix_ms, to_unix_ms, zone, author, created_unix_ms," \
	" finished_unix_ms, size_bytes, sha256, schedule_id, error"
#define SCHEDULE_COLUMNS                                                                     \
	"id, kind, format, every, minute, zone, author, created_unix_ms, last_due_unix_ms, " \
	"recipients"

/* ---- reports --------------------------------------------------------------------------------- */

static int report_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct report *report = arg;

	query_init(&query, main,
		   "INSERT INTO reports (kind, format, state, from_unix_ms, to_unix_ms, zone,"
		   " author, created_unix_ms, finished_unix_ms, size_bytes, sha256, schedule_id,"
		   " error) VALUES (?,?,?,?,?,?,?,?,0,0,'',?,'')");
	query_bind_int(&query, report->kind);
	query_bind_int(&query, report->format);
	query_bind_int(&query, report->state);
	query_bind_int(&query, report->from_unix_ms);
	query_bind_int(&query, report->to_unix_ms);
	query_bind_text(&query, report->zone);
	query_bind_text(&query, report->author);
	query_bind_int(&query, report->created_unix_ms);
	query_bind_int(&query, report->schedule_id);
	int error = query_run(&query);
	if (!error)
		report->id = db_last_id(main);
	return error;
}

int store_report_insert(struct store *store, struct report *report)
{
	return writer_order(store->writer, report_insert, report);
}

static int report_update(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct report *report = arg;

	query_init(&query, main,
		   "UPDATE reports SET state = ?, finished_unix_ms = ?, size_bytes = ?,"
		   " sha256 = ?, error = ? WHERE id = ?");
	query_bind_int(&query, report->state);
	query_bind_int(&query, report->finished_unix_ms);
	query_bind_int(&query, report->size_bytes);
	query_bind_text(&query, report->sha256);
	query_bind_text(&query, report->error);
	query_bind_int(&query, report->id);
	return store_run_changed(&query);
}

int store_report_update(struct store *store, const struct report *report)
{
	struct report copy = *report;

	return writer_order(store->writer, report_update, &copy);
}

static int report_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *id = arg;

	query_init(&query, main, "DELETE FROM reports WHERE id = ?");
	query_bind_int(&query, *id);
	return store_run_changed(&query);
}

int store_report_delete(struct store *store, int64_t id)
{
	return writer_order(store->writer, report_delete, &id);
}

static void report_read(struct query *query, struct report *out)
{
	*out = (struct report){ .id = query_int(query, 0),
				.kind = (uint8_t)query_int(query, 1),
				.format = (uint8_t)query_int(query, 2),
				.state = (uint8_t)query_int(query, 3),
				.from_unix_ms = query_int(query, 4),
				.to_unix_ms = query_int(query, 5),
				.created_unix_ms = query_int(query, 8),
				.finished_unix_ms = query_int(query, 9),
				.size_bytes = query_int(query, 10),
				.schedule_id = query_int(query, 12) };
	query_text(query, 6, out->zone, sizeof(out->zone));
	query_text(query, 7, out->author, sizeof(out->author));
	query_text(query, 11, out->sha256, sizeof(out->sha256));
	query_text(query, 13, out->error, sizeof(out->error));
}

int store_report_get(struct store *store, int64_t id, struct report *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db, "SELECT " REPORT_COLUMNS " FROM reports WHERE id = ?");
	query_bind_int(&query, id);
	found = query_next(&query);
	if (found > 0)
		report_read(&query, out);
	return found > 0 ? query.error : found ? found : -ENOENT;
}

int store_report_list(struct store *store, int64_t before, struct report *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT " REPORT_COLUMNS " FROM reports WHERE id < ? ORDER BY id DESC LIMIT ?");
	query_bind_int(&query, before ? before : INT64_MAX);
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0)
		report_read(&query, &out[count++]);
	return found < 0 ? found : (int)count;
}

/* ---- schedules ------------------------------------------------------------------------------- */

static int schedule_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct report_schedule *schedule = arg;

	query_init(&query, main,
		   "INSERT INTO report_schedules (kind, format, every, minute, zone, author,"
		   " created_unix_ms, last_due_unix_ms, recipients) VALUES (?,?,?,?,?,?,?,?,?)");
	query_bind_int(&query, schedule->kind);
	query_bind_int(&query, schedule->format);
	query_bind_int(&query, schedule->every);
	query_bind_int(&query, schedule->minute);
	query_bind_text(&query, schedule->zone);
	query_bind_text(&query, schedule->author);
	query_bind_int(&query, schedule->created_unix_ms);
	query_bind_int(&query, schedule->last_due_unix_ms);
	query_bind_text(&query, schedule->to);
	int error = query_run(&query);
	if (!error)
		schedule->id = db_last_id(main);
	return error;
}

int store_report_schedule_insert(struct store *store, struct report_schedule *schedule)
{
	return writer_order(store->writer, schedule_insert, schedule);
}

static int schedule_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *id = arg;

	query_init(&query, main, "DELETE FROM report_schedules WHERE id = ?");
	query_bind_int(&query, *id);
	return store_run_changed(&query);
}

int store_report_schedule_delete(struct store *store, int64_t id)
{
	return writer_order(store->writer, schedule_delete, &id);
}

struct schedule_due {
	int64_t id, due_unix_ms;
};

static int schedule_touch(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct schedule_due *due = arg;

	query_init(&query, main, "UPDATE report_schedules SET last_due_unix_ms = ? WHERE id = ?");
	query_bind_int(&query, due->due_unix_ms);
	query_bind_int(&query, due->id);
	return store_run_changed(&query);
}

int store_report_schedule_touch(struct store *store, int64_t id, int64_t due_unix_ms)
{
	struct schedule_due due = { id, due_unix_ms };

	return writer_order(store->writer, schedule_touch, &due);
}

int store_report_schedule_list(struct store *store, struct report_schedule *out, size_t max)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT " SCHEDULE_COLUMNS " FROM report_schedules ORDER BY id LIMIT ?");
	query_bind_int(&query, (int64_t)max);
	while (count < max && (found = query_next(&query)) > 0) {
		struct report_schedule *row = &out[count++];

		*row = (struct report_schedule){ .id = query_int(&query, 0),
						 .kind = (uint8_t)query_int(&query, 1),
						 .format = (uint8_t)query_int(&query, 2),
						 .every = (uint8_t)query_int(&query, 3),
						 .minute = (uint16_t)query_int(&query, 4),
						 .created_unix_ms = query_int(&query, 7),
						 .last_due_unix_ms = query_int(&query, 8) };
		query_text(&query, 5, row->zone, sizeof(row->zone));
		query_text(&query, 6, row->author, sizeof(row->author));
		query_text(&query, 9, row->to, sizeof(row->to));
	}
	return found < 0 ? found : (int)count;
}

/* ---- incidents of a period ------------------------------------------------------------------- */

static int find_detector(const char *name)
{
	static const char *const names[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) [DETECTOR_##id] = (name),
#include "include/detectors.def"
#undef DETECTOR
	};

	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (!strcmp(names[i], name))
			return i;
	return -ENOENT;
}

static bool read_incident(struct query *query, struct incident *out)
{
	char detector[32];

	query_text(query, 1, detector, sizeof(detector));
	int found = find_detector(detector);
	*out = (struct incident){ .id = query_int(query, 0),
				  .detector = (uint8_t)found,
				  .severity = (uint8_t)query_int(query, 2),
				  .state = (uint8_t)query_int(query, 3),
				  .proto = (uint8_t)query_int(query, 4),
				  .score = query_double(query, 5),
				  .dst_port = (uint16_t)query_int(query, 8),
				  .first_unix_ms = query_int(query, 9),
				  .last_unix_ms = query_int(query, 10),
				  .count = (uint64_t)query_int(query, 11) };
	query_addr(query, 6, &out->src);
	query_addr(query, 7, &out->dst);
	return found >= 0; /* one of a newer version is not ours to name */
}

int store_incident_visit(struct store *store, const struct incident_period *period,
			 bool (*visit)(void *arg, const struct incident *incident), void *arg)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db,
		   "SELECT id, detector, severity, state, proto, score, src, dst, dst_port,"
		   " first_unix_ms, last_unix_ms, count FROM incidents"
		   " WHERE first_unix_ms >= ? AND first_unix_ms < ? ORDER BY id DESC");
	query_bind_int(&query, period->from_unix_ms);
	query_bind_int(&query, period->to_unix_ms);
	while ((found = query_next(&query)) > 0) {
		struct incident incident;

		if (read_incident(&query, &incident) && !visit(arg, &incident))
			return 0;
	}
	return found;
}
