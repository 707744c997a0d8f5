/*
 * Incidents: list columns come back, details are sealed, and a changed, moved or foreign record is
 * detected.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>

#define SECRET "kumquat-reason-7f3a"

static struct incident scan_by(const char *src)
{
	return (struct incident){
		.detector = DETECTOR_PORT_SCAN,
		.severity = SEVERITY_HIGH,
		.proto = 6,
		.score = 0.875,
		.src = test_addr(src),
		.dst = test_addr("192.0.2.10"),
		.dst_port = 443,
		.first_unix_ms = 1000,
		.last_unix_ms = 2000,
		.count = 1024,
	};
}

static int64_t insert_scan(struct fixture *f, const char *src, const char *reason)
{
	char evidence[] = "[{\"src\":\"kumquat-evidence\"}]", notes[] = "kumquat-notes";
	struct incident incident = scan_by(src);
	struct incident_details details = { .evidence_json = evidence, .notes = notes };

	(void)snprintf(details.reason, sizeof(details.reason), "%s", reason);
	assert_int_equal(store_incident_insert(f->store, &incident, &details), 0);
	return incident.id;
}

static int read_details(struct fixture *f, int64_t id)
{
	struct incident incident;
	struct incident_details details = { 0 };
	int error = store_incident_get(f->store, id, &incident, &details);

	store_incident_details_done(&details);
	return error;
}

static void incident_comes_back_with_details(void **state)
{
	struct fixture *f = *state;
	struct incident out;
	struct incident_details details;
	int64_t id = insert_scan(f, "2001:db8::1", SECRET);

	assert_int_equal(store_incident_get(f->store, id, &out, &details), 0);
	assert_int_equal(out.detector, DETECTOR_PORT_SCAN);
	assert_int_equal(out.severity, SEVERITY_HIGH);
	assert_true(out.score == 0.875);
	struct addr src = test_addr("2001:db8::1");
	assert_true(addr_is_equal(&out.src, &src));
	assert_int_equal(out.dst_port, 443);
	assert_int_equal(out.count, 1024);
	assert_string_equal(details.reason, SECRET);
	assert_string_equal(details.evidence_json, "[{\"src\":\"kumquat-evidence\"}]");
	assert_string_equal(details.notes, "kumquat-notes");
	store_incident_details_done(&details);
}

static void details_without_notes_come_back_without(void **state)
{
	struct fixture *f = *state;
	struct incident incident = scan_by("192.0.2.1"), out;
	struct incident_details details = { .reason = "r" }, read;

	assert_int_equal(store_incident_insert(f->store, &incident, &details), 0);
	assert_int_equal(store_incident_get(f->store, incident.id, &out, &read), 0);
	assert_null(read.notes);
	assert_null(read.evidence_json);
	assert_string_equal(read.reason, "r");
	store_incident_details_done(&read);
}

static void sealed_text_is_in_no_file(void **state)
{
	static const char *const files[] = { "main.db", "main.db-wal", "main.db-shm", "flows.db",
					     "flows.db-wal" };
	struct fixture *f = *state;

	(void)insert_scan(f, "192.0.2.1", SECRET);
	/* the same bytes in clear are found, so the search would find them */
	assert_int_equal(store_setting_set(f->store, "clear", "kumquat in clear"), 0);
	assert_true(raw_file_has(f, "main.db-wal", "kumquat in clear"));
	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
		assert_false(raw_file_has(f, files[i], "kumquat-"));
		assert_false(raw_file_has(f, files[i], SECRET));
	}
	fixture_close(f);
	assert_false(raw_file_has(f, "main.db", "kumquat-"));
	assert_true(raw_file_has(f, "main.db", "kumquat in clear"));
}

static void update_keeps_details_unless_given(void **state)
{
	struct fixture *f = *state;
	int64_t id = insert_scan(f, "192.0.2.1", SECRET);
	struct incident out;
	struct incident_details read, fresh = { .reason = "second" };

	assert_int_equal(store_incident_get(f->store, id, &out, NULL), 0);
	out.state = INCIDENT_RESOLVED;
	out.count = 2000;
	assert_int_equal(store_incident_update(f->store, &out, NULL), 0);
	assert_int_equal(store_incident_get(f->store, id, &out, &read), 0);
	assert_int_equal(out.state, INCIDENT_RESOLVED);
	assert_string_equal(read.reason, SECRET);
	store_incident_details_done(&read);
	assert_int_equal(store_incident_update(f->store, &out, &fresh), 0);
	assert_int_equal(store_incident_get(f->store, id, &out, &read), 0);
	assert_string_equal(read.reason, "second");
	store_incident_details_done(&read);
	out.id = 99;
	assert_int_equal(store_incident_update(f->store, &out, NULL), -ENOENT);
}

static void find_gives_the_newest_since(void **state)
{
	struct fixture *f = *state;
	struct addr src = test_addr("192.0.2.1");
	struct incident out;

	(void)insert_scan(f, "192.0.2.1", "a");
	int64_t newer = insert_scan(f, "192.0.2.1", "b");
	(void)insert_scan(f, "192.0.2.2", "c");
	assert_int_equal(store_incident_find(f->store, &src, DETECTOR_PORT_SCAN, 1000, &out), 0);
	assert_int_equal(out.id, newer);
	assert_int_equal(store_incident_find(f->store, &src, DETECTOR_PORT_SCAN, 1001, &out),
			 -ENOENT);
}

static void list_filters_and_pages(void **state)
{
	struct fixture *f = *state;
	struct incident_filter any = { .severity = -1, .state = -1, .detector = -1 };
	struct incident list[4];

	for (int i = 0; i < 3; i++)
		(void)insert_scan(f, "192.0.2.1", "a");
	int64_t other = insert_scan(f, "192.0.2.2", "b");
	assert_int_equal(store_incident_list(f->store, &any, list, 2), 2);
	assert_int_equal(list[0].id, other);
	any.before_id = list[1].id;
	assert_int_equal(store_incident_list(f->store, &any, list, 4), 2);
	assert_int_equal(list[0].id, 2);
	struct incident_filter by_src = any;
	by_src.before_id = 0;
	assert_int_equal(prefix_parse("192.0.2.2", false, &by_src.src), 0);
	assert_int_equal(store_incident_list(f->store, &by_src, list, 4), 1);
	assert_int_equal(prefix_parse("192.0.2.0/30", false, &by_src.src), 0);
	assert_int_equal(store_incident_list(f->store, &by_src, list, 4), 4);
	assert_int_equal(prefix_parse("192.0.2.0/31", false, &by_src.src), 0);
	assert_int_equal(store_incident_list(f->store, &by_src, list, 4), 3);
	assert_int_equal(prefix_parse("2001:db8::/32", false, &by_src.src), 0);
	assert_int_equal(store_incident_list(f->store, &by_src, list, 4), 0);
	struct incident_filter low = any;
	low.severity = SEVERITY_LOW;
	assert_int_equal(store_incident_list(f->store, &low, list, 4), 0);
}

/* @change: of an incident that is otherwise as scan_by makes it. */
static int64_t insert_changed(struct fixture *f, void (*change)(struct incident *incident))
{
	struct incident incident = scan_by("192.0.2.9");
	struct incident_details details = { .reason = "r" };

	change(&incident);
	assert_int_equal(store_incident_insert(f->store, &incident, &details), 0);
	return incident.id;
}

static void make_late(struct incident *incident)
{
	incident->first_unix_ms = 50000;
	incident->last_unix_ms = 60000;
	incident->score = 0.1;
}

static void make_resolved(struct incident *incident)
{
	incident->state = INCIDENT_RESOLVED;
	incident->proto = 17;
	incident->severity = SEVERITY_LOW;
	incident->count = 99999;
}

static unsigned int listed(struct fixture *f, const struct incident_filter *filter, int64_t *first)
{
	struct incident list[8];
	uint64_t total = 0;
	int count = store_incident_list(f->store, filter, list, 8);

	assert_true(count >= 0);
	*first = count ? list[0].id : 0;
	assert_int_equal(store_incident_count(f->store, filter, &total), 0);
	assert_int_equal(total, count);
	return (unsigned int)count;
}

static void list_filters_by_time_protocol_end_and_state(void **state)
{
	struct fixture *f = *state;
	const struct incident_filter any = { .severity = -1, .state = -1, .detector = -1 };
	struct incident_filter filter = any;
	int64_t plain = insert_scan(f, "192.0.2.1", "a"), late = insert_changed(f, make_late);
	int64_t resolved = insert_changed(f, make_resolved), first;

	filter.from_unix_ms = 2001;
	assert_int_equal(listed(f, &filter, &first), 1);
	assert_int_equal(first, late);
	filter = any;
	filter.to_unix_ms = 50000;
	assert_int_equal(listed(f, &filter, &first), 2);
	filter = any;
	filter.has_proto = true;
	filter.proto = 17;
	assert_int_equal(listed(f, &filter, &first), 1);
	assert_int_equal(first, resolved);
	filter = any;
	filter.settled = INCIDENTS_UNSETTLED;
	assert_int_equal(listed(f, &filter, &first), 2);
	filter.settled = INCIDENTS_SETTLED;
	assert_int_equal(listed(f, &filter, &first), 1);
	filter = any;
	assert_int_equal(prefix_parse("192.0.2.10", false, &filter.dst), 0);
	assert_int_equal(listed(f, &filter, &first), 3);
	filter.sort = INCIDENTS_COUNT;
	(void)listed(f, &filter, &first);
	assert_int_equal(first, resolved);
	filter.sort = INCIDENTS_LAST_SEEN;
	(void)listed(f, &filter, &first);
	assert_int_equal(first, late);
	filter.sort = INCIDENTS_SCORE;
	filter.offset = 2;
	struct incident list[2];
	assert_int_equal(store_incident_list(f->store, &filter, list, 2), 1);
	assert_int_equal(list[0].id, late);
	assert_true(plain < late);
}

static void counts_are_open_by_severity_and_all_by_protocol(void **state)
{
	struct fixture *f = *state;
	uint64_t by_severity[3], by_proto[256];
	struct incident out;

	(void)insert_scan(f, "192.0.2.1", "a");
	int64_t closed = insert_scan(f, "192.0.2.1", "b");
	assert_int_equal(store_incident_get(f->store, closed, &out, NULL), 0);
	out.state = INCIDENT_RESOLVED;
	assert_int_equal(store_incident_update(f->store, &out, NULL), 0);
	assert_int_equal(store_incident_counts(f->store, by_severity, by_proto), 0);
	assert_int_equal(by_severity[SEVERITY_HIGH], 1);
	assert_int_equal(by_severity[SEVERITY_LOW], 0);
	assert_int_equal(by_proto[6], 2);
	assert_int_equal(by_proto[17], 0);
}

static void oversized_details_leave_no_row(void **state)
{
	struct fixture *f = *state;
	struct incident incident = scan_by("192.0.2.1");
	char *notes = malloc((1 << 20) + 1);

	assert_non_null(notes);
	memset(notes, 'n', 1 << 20);
	notes[1 << 20] = '\0';
	struct incident_details details = { .notes = notes };
	assert_int_equal(store_incident_insert(f->store, &incident, &details), -E2BIG);
	assert_int_equal(raw_int(f, "main.db", "SELECT count(*) FROM incidents"), 0);
	free(notes);
}

/* Every byte of the record in turn, through another connection. */
static void every_flipped_byte_is_detected(void **state)
{
	struct fixture *f = *state;
	int64_t id = insert_scan(f, "192.0.2.1", "short");
	sqlite3 *db = raw_open(f, "main.db");
	sqlite3_stmt *update, *select;
	uint8_t sealed[512];

	assert_int_equal(
		sqlite3_prepare_v2(db, "SELECT sealed FROM incident_details", -1, &select, NULL),
		SQLITE_OK);
	assert_int_equal(sqlite3_step(select), SQLITE_ROW);
	int len = sqlite3_column_bytes(select, 0);
	assert_in_range(len, 64, sizeof(sealed));
	memcpy(sealed, sqlite3_column_blob(select, 0), (size_t)len);
	(void)sqlite3_finalize(select);
	assert_int_equal(
		sqlite3_prepare_v2(db, "UPDATE incident_details SET sealed = ?", -1, &update, NULL),
		SQLITE_OK);
	for (int i = 0; i <= len; i++) {
		if (i < len)
			sealed[i] ^= 0x10;
		(void)sqlite3_bind_blob(update, 1, sealed, len, SQLITE_STATIC);
		assert_int_equal(sqlite3_step(update), SQLITE_DONE);
		(void)sqlite3_reset(update);
		int error = read_details(f, id);
		if (i < len)
			assert_true(error == -EBADMSG || error == -ENOKEY);
		else
			assert_int_equal(error, 0); /* unchanged again */
		if (i < len)
			sealed[i] ^= 0x10;
	}
	(void)sqlite3_finalize(update);
	assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void swapped_rows_are_detected(void **state)
{
	struct fixture *f = *state;
	int64_t a = insert_scan(f, "192.0.2.1", "a"), b = insert_scan(f, "192.0.2.2", "b");

	raw_exec(f, "main.db",
		 "UPDATE incident_details SET incident_id = incident_id + 10;"
		 "UPDATE incident_details SET incident_id = 13 - incident_id");
	assert_int_equal(read_details(f, a), -EBADMSG);
	assert_int_equal(read_details(f, b), -EBADMSG);
}

static void missing_key_ring_refuses_the_start(void **state)
{
	struct fixture *f = *state;

	(void)insert_scan(f, "192.0.2.1", SECRET);
	fixture_close(f);
	assert_int_equal(unlink(f->key_file), 0);
	assert_int_equal(fixture_open(f), -ENOKEY);
	assert_non_null(strstr(f->error, f->key_file));
	assert_int_equal(access(f->key_file, F_OK), -1); /* no new one */
}

static void wrong_key_refuses_the_start(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	(void)insert_scan(f, "192.0.2.1", SECRET);
	fixture_close(f);
	file = fopen(f->key_file, "w");
	assert_non_null(file);
	/* key id 1 as the row wants, but 32 zero bytes */
	(void)fprintf(file, "1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 2026-01-01T00:00:00Z\n");
	assert_int_equal(fclose(file), 0);
	assert_int_equal(fixture_open(f), -ENOKEY);
	assert_non_null(strstr(f->error, "key 1"));
}

static void one_damaged_row_does_not_refuse_the_start(void **state)
{
	struct fixture *f = *state;

	(void)insert_scan(f, "192.0.2.1", "older");
	int64_t newest = insert_scan(f, "192.0.2.1", "newest");
	raw_exec(f, "main.db",
		 "UPDATE incident_details SET sealed = substr(sealed, 1, 60)"
		 " WHERE incident_id = 2");
	fixture_close(f);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(read_details(f, newest), -EBADMSG);
}

static void newest_key_of_the_ring_seals_and_old_ones_unseal(void **state)
{
	struct fixture *f = *state;
	int64_t old = insert_scan(f, "192.0.2.1", SECRET);
	FILE *file;

	fixture_close(f);
	file = fopen(f->key_file, "a");
	assert_non_null(file);
	(void)fprintf(file, "7 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 2026-01-01T00:00:00Z\n");
	assert_int_equal(fclose(file), 0);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(read_details(f, old), 0);
	int64_t fresh = insert_scan(f, "192.0.2.1", "fresh");
	assert_int_equal(read_details(f, fresh), 0);
	assert_int_equal(raw_int(f, "main.db",
				 "SELECT key_id FROM incident_details"
				 " ORDER BY incident_id DESC"),
			 7);
}

static void readable_key_ring_is_refused(void **state)
{
	struct fixture *f = *state;

	fixture_close(f);
	assert_int_equal(chmod(f->key_file, 0644), 0);
	assert_int_equal(fixture_open(f), -EPERM);
	assert_non_null(strstr(f->error, "chmod 0600"));
}

static void wrong_key_ring_line_is_named_without_its_key(void **state)
{
	struct fixture *f = *state;
	FILE *file;

	fixture_close(f);
	file = fopen(f->key_file, "a");
	assert_non_null(file);
	(void)fprintf(file, "1 AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA 2026-01-01T00:00:00Z\n");
	assert_int_equal(fclose(file), 0);
	assert_int_equal(fixture_open(f), -EINVAL);
	assert_non_null(strstr(f->error, "line 3"));
	assert_null(strstr(f->error, "AAAA"));
}

static void key_ring_is_private_and_credential_goes_first(void **state)
{
	struct fixture *f = *state;
	struct stat info;
	char path[PATH_MAX];

	assert_int_equal(stat(f->key_file, &info), 0);
	assert_int_equal(info.st_mode & 07777, 0600);
	(void)insert_scan(f, "192.0.2.1", SECRET);
	fixture_close(f);
	/* the key moves to where the service manager puts it; key_file names nothing */
	(void)snprintf(path, sizeof(path), "%s/secret.key", f->dir);
	(void)snprintf(f->key_file, sizeof(f->key_file), "%s/none", f->dir);
	assert_int_equal(chmod(path, 0400), 0);
	assert_int_equal(setenv("CREDENTIALS_DIRECTORY", f->dir, 1), 0);
	int error = fixture_open(f);
	assert_int_equal(unsetenv("CREDENTIALS_DIRECTORY"), 0);
	assert_int_equal(error, 0);
	assert_int_equal(read_details(f, 1), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		T(incident_comes_back_with_details),
		T(details_without_notes_come_back_without),
		T(sealed_text_is_in_no_file),
		T(update_keeps_details_unless_given),
		T(find_gives_the_newest_since),
		T(list_filters_and_pages),
		T(list_filters_by_time_protocol_end_and_state),
		T(counts_are_open_by_severity_and_all_by_protocol),
		T(oversized_details_leave_no_row),
		T(every_flipped_byte_is_detected),
		T(swapped_rows_are_detected),
		T(missing_key_ring_refuses_the_start),
		T(wrong_key_refuses_the_start),
		T(one_damaged_row_does_not_refuse_the_start),
		T(newest_key_of_the_ring_seals_and_old_ones_unseal),
		T(readable_key_ring_is_refused),
		T(wrong_key_ring_line_is_named_without_its_key),
		T(key_ring_is_private_and_credential_goes_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
