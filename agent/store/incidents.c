/*
 * Incidents in main.db: list columns in clear, details sealed beside them.
 */
#include <errno.h>
#include <string.h>

#include "agent/store/details.h"
#include "agent/store/internal.h"

#define INCIDENT_COLUMNS                                               \
	"detector, severity, state, proto, score, src, dst, dst_port," \
	" first_unix_ms, last_unix_ms, count, version, expected_id, response_until_unix_ms"

static const char *const DETECTOR_NAMES[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) [DETECTOR_##id] = (name),
#include "include/detectors.def"
#undef DETECTOR
};

const char *detector_stored_name(int detector)
{
	return detector < 0 || detector >= DETECTOR_COUNT ? "" : DETECTOR_NAMES[detector];
}

int detector_find(const char *name)
{
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (!strcmp(DETECTOR_NAMES[i], name))
			return i;
	return -ENOENT;
}

static int incident_read(struct query *query, struct incident *incident)
{
	char detector[32];

	*incident = (struct incident){ 0 };
	query_text(query, 1, detector, sizeof(detector));
	int found = detector_find(detector);
	if (found < 0)
		return found;
	incident->id = query_int(query, 0);
	incident->detector = (uint8_t)found;
	incident->severity = (uint8_t)query_int(query, 2);
	incident->state = (uint8_t)query_int(query, 3);
	incident->proto = (uint8_t)query_int(query, 4);
	incident->score = query_double(query, 5);
	query_addr(query, 6, &incident->src);
	query_addr(query, 7, &incident->dst);
	incident->dst_port = (uint16_t)query_int(query, 8);
	incident->first_unix_ms = query_int(query, 9);
	incident->last_unix_ms = query_int(query, 10);
	incident->count = (uint64_t)query_int(query, 11);
	incident->version = (uint32_t)query_int(query, 12);
	incident->expected_id = query_int(query, 13);
	incident->response_until_unix_ms = query_int(query, 14);
	return query->error;
}

static void incident_bind(struct query *query, const struct incident *incident)
{
	query_bind_text(query, DETECTOR_NAMES[incident->detector]);
	query_bind_int(query, incident->severity);
	query_bind_int(query, incident->state);
	query_bind_int(query, incident->proto);
	query_bind_double(query, incident->score);
	query_bind_addr(query, &incident->src);
	query_bind_addr(query, &incident->dst);
	query_bind_int(query, incident->dst_port);
	query_bind_int(query, incident->first_unix_ms);
	query_bind_int(query, incident->last_unix_ms);
	query_bind_int(query, (int64_t)incident->count);
	query_bind_int(query, incident->version);
	query_bind_int(query, incident->expected_id);
	query_bind_int(query, incident->response_until_unix_ms);
}

/* ---- writing --------------------------------------------------------------------------------- */

struct incident_order {
	const struct vault *vault;
	struct incident incident;
	const struct incident_details *details;
};

static int incident_insert(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	struct incident_order *order = arg;

	query_init(&query, main,
		   "INSERT INTO incidents (" INCIDENT_COLUMNS
		   ") VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?)");
	incident_bind(&query, &order->incident);
	int error = query_run(&query);
	if (error)
		return error;
	/* The record is bound to the row's id, which exists only now: same transaction. */
	order->incident.id = db_last_id(main);
	return details_write(main, order->vault, order->incident.id, order->details);
}

int store_incident_insert(struct store *store, struct incident *incident,
			  const struct incident_details *details)
{
	struct incident_order order = { store->vault, *incident, details };

	if (incident->detector >= DETECTOR_COUNT || !details)
		return -EINVAL;
	int error = writer_order(store->writer, incident_insert, &order);
	if (!error)
		incident->id = order.incident.id;
	return error;
}

static int incident_update(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct incident_order *order = arg;

	query_init(&query, main,
		   "UPDATE incidents SET detector = ?, severity = ?, state = ?, proto = ?,"
		   " score = ?, src = ?, dst = ?, dst_port = ?, first_unix_ms = ?,"
		   " last_unix_ms = ?, count = ?, version = ?, expected_id = ?,"
		   " response_until_unix_ms = ? WHERE id = ?");
	incident_bind(&query, &order->incident);
	query_bind_int(&query, order->incident.id);
	int error = store_run_changed(&query);
	if (error || !order->details)
		return error;
	return details_write(main, order->vault, order->incident.id, order->details);
}

int store_incident_update(struct store *store, const struct incident *incident,
			  const struct incident_details *details)
{
	struct incident_order order = { store->vault, *incident, details };

	if (incident->detector >= DETECTOR_COUNT)
		return -EINVAL;
	return writer_order(store->writer, incident_update, &order);
}

/* ---- reading --------------------------------------------------------------------------------- */

int store_incident_get(struct store *store, int64_t id, struct incident *out,
		       struct incident_details *details)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	struct incident incident;
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db, "SELECT id, " INCIDENT_COLUMNS " FROM incidents WHERE id = ?");
	query_bind_int(&query, id);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	error = incident_read(&query, &incident);
	if (!error && details)
		error = details_read(lease.db, store->vault, id, details);
	if (!error)
		*out = incident;
	return error;
}

int store_incident_find(struct store *store, const struct addr *src, enum detector detector,
			int64_t since_unix_ms, struct incident *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	struct incident incident;

	if ((unsigned int)detector >= DETECTOR_COUNT)
		return -EINVAL;
	int error = lease_begin(&lease, store->main_readers);
	if (error)
		return error;
	query_init(&query, lease.db,
		   "SELECT id, " INCIDENT_COLUMNS " FROM incidents"
		   " WHERE src IS ? AND detector = ? AND first_unix_ms >= ?"
		   " ORDER BY first_unix_ms DESC, id DESC LIMIT 1");
	query_bind_addr(&query, src);
	query_bind_text(&query, DETECTOR_NAMES[detector]);
	query_bind_int(&query, since_unix_ms);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	error = incident_read(&query, &incident);
	if (!error)
		*out = incident;
	return error;
}

/* ---- lists ----------------------------------------------------------------------------------- */

#define MATCHES                                                                     \
	" WHERE id < ?1 AND (?2 < 0 OR severity = ?2) AND (?3 < 0 OR state = ?3)"   \
	" AND (?4 IS NULL OR detector = ?4)"                                        \
	" AND (?5 IS NULL OR (src BETWEEN ?5 AND ?6 AND length(src) = length(?5)))" \
	" AND (?7 IS NULL OR (dst BETWEEN ?7 AND ?8 AND length(dst) = length(?7)))" \
	" AND (?9 = 0 OR last_unix_ms >= ?9) AND (?10 = 0 OR first_unix_ms < ?10)"  \
	" AND (?11 < 0 OR proto = ?11) AND (?12 = 0 OR (state IN (2, 3)) = (?12 = 2))"
#define LIST(order) \
	"SELECT id, " INCIDENT_COLUMNS " FROM incidents" MATCHES order " LIMIT ?13 OFFSET ?14"

static const char *const LISTS[INCIDENT_SORTS] = {
	[INCIDENTS_NEWEST] = LIST(" ORDER BY id DESC"),
	[INCIDENTS_LAST_SEEN] = LIST(" ORDER BY last_unix_ms DESC, id DESC"),
	[INCIDENTS_SEVERITY] = LIST(" ORDER BY severity DESC, id DESC"),
	[INCIDENTS_SCORE] = LIST(" ORDER BY score DESC, id DESC"),
	[INCIDENTS_COUNT] = LIST(" ORDER BY count DESC, id DESC"),
};

/* The first and the last address of a prefix; both ADDR_NONE when it is any. */
struct span {
	struct addr first, last;
};

static struct span span_of(const struct prefix *prefix)
{
	struct span span = { prefix->addr, prefix->addr };
	unsigned int from = prefix->len + (prefix->addr.family == ADDR_IPV4 ? 96U : 0U);

	if (prefix->addr.family == ADDR_NONE)
		return (struct span){ 0 };
	for (unsigned int bit = from; bit < 128; bit++)
		span.last.bytes[bit / 8] |= (uint8_t)(0x80 >> bit % 8);
	return span;
}

/* The addresses stay bound until the query is done: @spans are the caller's. */
static void filter_bind(struct query *query, const struct incident_filter *filter,
			const struct span spans[2])
{
	query_bind_int(query, filter->before_id > 0 ? filter->before_id : INT64_MAX);
	query_bind_int(query, filter->severity);
	query_bind_int(query, filter->state);
	query_bind_text(query, filter->detector < 0 ? NULL : DETECTOR_NAMES[filter->detector]);
	for (int i = 0; i < 2; i++) {
		query_bind_addr(query, &spans[i].first);
		query_bind_addr(query, &spans[i].last);
	}
	query_bind_int(query, filter->from_unix_ms);
	query_bind_int(query, filter->to_unix_ms);
	query_bind_int(query, filter->has_proto ? filter->proto : -1);
	query_bind_int(query, filter->settled);
}

static bool filter_is_possible(const struct incident_filter *filter)
{
	return filter->detector < DETECTOR_COUNT && filter->sort < INCIDENT_SORTS;
}

int store_incident_list(struct store *store, const struct incident_filter *filter,
			struct incident *out, size_t max)
{
	const struct span spans[2] = { span_of(&filter->src), span_of(&filter->dst) };
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	size_t count = 0;

	if (!filter_is_possible(filter))
		return -EINVAL;
	int found = lease_begin(&lease, store->main_readers);
	if (found)
		return found;
	query_init(&query, lease.db, LISTS[filter->sort]);
	filter_bind(&query, filter, spans);
	query_bind_int(&query, (int64_t)max);
	query_bind_int(&query, (int64_t)filter->offset);
	while (count < max && (found = query_next(&query)) > 0) {
		int error = incident_read(&query, &out[count]);

		/* A detector that this program does not have (any more) is left out. */
		if (error && error != -ENOENT)
			return error;
		count += !error;
	}
	return found < 0 ? found : (int)count;
}

int store_incident_count(struct store *store, const struct incident_filter *filter, uint64_t *count)
{
	const struct span spans[2] = { span_of(&filter->src), span_of(&filter->dst) };
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	struct incident_filter all = *filter;

	if (!filter_is_possible(filter))
		return -EINVAL;
	int found = lease_begin(&lease, store->main_readers);
	if (found)
		return found;
	all.before_id = 0;
	query_init(&query, lease.db, "SELECT count(*) FROM incidents" MATCHES);
	filter_bind(&query, &all, spans);
	found = query_next(&query);
	if (found > 0)
		*count = (uint64_t)query_int(&query, 0);
	return found > 0 ? query.error : found ? found : -EIO;
}

int store_incident_counts(struct store *store, uint64_t by_severity[3], uint64_t by_proto[256])
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	memset(by_severity, 0, 3 * sizeof(by_severity[0]));
	memset(by_proto, 0, 256 * sizeof(by_proto[0]));
	query_init(&query, lease.db,
		   "SELECT severity, proto, count(*), sum(state = 0) FROM incidents"
		   " GROUP BY severity, proto");
	while ((found = query_next(&query)) > 0) {
		uint64_t severity = (uint64_t)query_int(&query, 0);
		uint64_t proto = (uint64_t)query_int(&query, 1);

		if (severity < 3)
			by_severity[severity] += (uint64_t)query_int(&query, 3);
		if (proto < 256)
			by_proto[proto] += (uint64_t)query_int(&query, 2);
	}
	return found;
}
