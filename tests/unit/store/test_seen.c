/*
 * What was ever seen: first and last times as SQL has them from the records, across restarts,
 * bounded.
 */
#include "tests/unit/store/fixture.h"

#include <inttypes.h>

#include "agent/store/seen.h"
#include "agent/util/snapshot.h"
#include "include/history.h"

/* 2026-01-15T10:00:00Z, from date -u -d @1768471200 */
#define TEN_S INT64_C(1768471200)

static void reopen(struct fixture *f)
{
	fixture_close(f); /* everything is written */
	assert_int_equal(fixture_open(f), 0);
}

static void add(struct fixture *f, const char *dst, const char *sni, int64_t unix_s)
{
	struct flow flow = { .id = 1,
			     .packets_out = 1,
			     .start_unix_ms = unix_s * 1000,
			     .end_unix_ms = unix_s * 1000 };
	struct flow_extra extra = { .names = sni ? flow_names_new(sni, NULL, NULL) : NULL };

	flow.tuple.src = test_addr("198.18.0.1");
	flow.tuple.dst = test_addr(dst);
	assert_int_equal(store_flow_add(f->store, &flow, &extra), 0);
	flow_names_unref(extra.names);
}

static struct seen_key key_of(enum seen_kind kind, const char *text)
{
	struct seen_key key = { .kind = (uint8_t)kind, .len = (uint16_t)strlen(text) };

	memcpy(key.bytes, text, key.len);
	return key;
}

static bool has_text(void *arg, const struct seen_key *key)
{
	const char *text = arg;

	return memmem(key->bytes, key->len, text, strlen(text)) != NULL;
}

/* "key first-last ..." of a kind, times from TEN_S on. */
static void expect(struct fixture *f, enum seen_kind kind, const char *part, const char *expected)
{
	const struct seen_query query = { .kind = kind,
					  .has = part ? has_text : NULL,
					  .arg = (void *)(uintptr_t)part };
	struct seen_entry entries[16];
	char text[512] = "";
	size_t len = 0;
	int count = store_seen_list(f->store, &query, entries, 16);

	assert_true(count >= 0);
	for (int i = 0; i < count; i++)
		len += (size_t)snprintf(
			text + len, sizeof(text) - len, "%.*s %" PRId64 "-%" PRId64 "  ",
			(int)entries[i].key.len, (const char *)entries[i].key.bytes,
			entries[i].first_unix_s - TEN_S, entries[i].last_unix_s - TEN_S);
	assert_string_equal(text, expected);
}

static void first_and_last_times_are_those_of_the_records(void **state)
{
	struct fixture *f = *state;

	add(f, "203.0.113.1", "www.Example.com", TEN_S + 10);
	add(f, "203.0.113.1", "www.example.COM", TEN_S + 4000);
	add(f, "203.0.113.2", "a.example.org", TEN_S + 20);
	add(f, "2001:db8::1", NULL, TEN_S + 30);
	reopen(f);
	expect(f, SEEN_DOMAIN, NULL, "a.example.org 20-20  www.example.com 10-4000  ");
	expect(f, SEEN_DOMAIN, "example.org", "a.example.org 20-20  ");
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM seen WHERE kind = 1"), 3);
	/* an older record, and one more in between, after a restart */
	add(f, "203.0.113.2", "a.example.org", TEN_S + 5);
	add(f, "203.0.113.1", "www.example.com", TEN_S + 100);
	reopen(f);
	expect(f, SEEN_DOMAIN, NULL, "www.example.com 10-4000  a.example.org 5-20  ");
	assert_int_equal(
		raw_int(f, "flows.db", "SELECT last_s - first_s FROM seen WHERE key = x'cb007101'"),
		3990);
}

static void what_a_rule_dropped_was_not_seen(void **state)
{
	struct fixture *f = *state;
	const struct flow_extra extra = { .verdict = FLOW_DROPPED, .rule_id = 1 };
	struct flow flow = { .id = 1, .packets_out = 1, .end_unix_ms = TEN_S * 1000 };

	flow.tuple.src = test_addr("198.18.0.1");
	flow.tuple.dst = test_addr("198.18.0.2");
	assert_int_equal(store_flow_add(f->store, &flow, &extra), 0);
	reopen(f);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM seen"), 0);
}

static void notes_are_written_while_it_runs_and_stay(void **state)
{
	struct fixture *f = *state;
	const struct seen_key mac = key_of(SEEN_MAC, "abcdef");
	const struct totals second = { .unix_s = TEN_S };

	store_seen_note(f->store, &mac, TEN_S);
	assert_int_equal(store_totals_add(f->store, &second), 0);
	assert_int_equal(
		raw_int_within(f, "flows.db", "SELECT count(*) FROM seen WHERE kind = 4", 1), 1);
	store_seen_note(f->store, &mac, TEN_S + 30); /* written at the end */
	reopen(f);
	expect(f, SEEN_MAC, NULL, "abcdef 0-30  ");
}

static void pages_join(void **state)
{
	struct fixture *f = *state;
	struct seen_query query = { .kind = SEEN_JA4 };
	struct seen_entry page[7], last;
	char name[16];
	int sum = 0, count;

	for (int i = 0; i < 100; i++) {
		(void)snprintf(name, sizeof(name), "ja4-%02d", i);
		const struct seen_key key = key_of(SEEN_JA4, name);
		store_seen_note(f->store, &key, TEN_S + i / 3); /* several of one second */
	}
	reopen(f);
	while ((count = store_seen_list(f->store, &query, page, 7)) > 0) {
		for (int i = 0; i < count; i++) {
			(void)snprintf(name, sizeof(name), "ja4-%02d", 99 - sum++);
			assert_memory_equal(page[i].key.bytes, name, 6);
		}
		last = page[count - 1];
		query.after = &last;
	}
	assert_int_equal(sum, 100);
}

/* ---- bounds: the notes by themselves --------------------------------------------------------- */

static uint64_t fill(struct seen_notes *notes, struct db *db, uint32_t from, uint32_t to,
		     int64_t at)
{
	struct seen_key key = { .kind = SEEN_DESTINATION, .len = 4 };

	for (uint32_t i = from; i < to; i++) {
		memcpy(key.bytes, &i, 4);
		seen_note(notes, &key, at);
		if (i % 128 == 0) {
			assert_int_equal(seen_write(notes, db, true), 0);
			seen_written(notes);
		}
	}
	while (seen_is_waiting(notes)) {
		assert_int_equal(seen_write(notes, db, true), 0);
		seen_written(notes);
	}
	return seen_full(notes);
}

static void a_full_kind_counts_what_finds_no_room_and_forgets_the_oldest(void **state)
{
	struct fixture *f = *state;
	CLEANUP(seen_notes_free) struct seen_notes *notes = NULL;
	CLEANUP(db_close) struct db *db = NULL;
	char path[PATH_MAX];

	fixture_close(f);
	assert_int_equal(db_open(fixture_path(f, "flows.db", path), DB_WRITE, 100, &db), 0);
	assert_int_equal(seen_notes_new(1, &notes), 0); /* 1024 of each kind */
	assert_int_equal(fill(notes, db, 0, 1024, TEN_S), 0);
	/* an hour later nothing is old enough to go */
	assert_int_equal(fill(notes, db, 2000, 3000, TEN_S + 3600), 1000);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM seen"), 1024);
	/* a week later the oldest go, some at a time */
	seen_notes_free(TAKE(notes));
	assert_int_equal(seen_notes_new(1, &notes), 0);
	assert_int_equal(fill(notes, db, 5000, 6000, TEN_S + 8 * 86400), 1000 - 512);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM seen"), 1024);
	assert_int_equal(fill(notes, db, 5000, 5512, TEN_S + 8 * 86400), 1000 - 512);
}

static void more_notes_than_memory_holds_are_written_and_none_is_lost(void **state)
{
	struct fixture *f = *state;
	CLEANUP(seen_notes_free) struct seen_notes *notes = NULL;
	CLEANUP(db_close) struct db *db = NULL;
	char path[PATH_MAX];

	fixture_close(f);
	assert_int_equal(db_open(fixture_path(f, "flows.db", path), DB_WRITE, 100, &db), 0);
	assert_int_equal(db_exec(db, "PRAGMA synchronous = OFF"), 0);
	assert_int_equal(seen_notes_new(0, &notes), 0);
	assert_int_equal(fill(notes, db, 0, 20000, TEN_S), 0);
	assert_int_equal(fill(notes, db, 0, 20000, TEN_S + 7), 0);
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM seen"), 20000);
	seen_finish(notes);
	assert_int_equal(fill(notes, db, 0, 1, TEN_S), 0);
	assert_int_equal(raw_int(f, "flows.db",
				 "SELECT count(*) FROM seen WHERE first_s = 1768471200"
				 " AND last_s = 1768471207"),
			 20000);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(first_and_last_times_are_those_of_the_records),
		TEST(what_a_rule_dropped_was_not_seen),
		TEST(notes_are_written_while_it_runs_and_stay),
		TEST(pages_join),
		TEST(a_full_kind_counts_what_finds_no_room_and_forgets_the_oldest),
		TEST(more_notes_than_memory_holds_are_written_and_none_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
