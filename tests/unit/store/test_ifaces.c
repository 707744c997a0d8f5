/*
 * Names of interfaces in the history: what a record's interface was called when it was counted.
 */
#include "tests/unit/store/fixture.h"

#include "agent/query/query.h"
#include "include/history.h"

/* 2026-01-15T10:00:00Z, from date -u -d @1768471200 */
#define TEN_MS 1768471200000LL

static void add(struct fixture *f, uint64_t id, uint8_t iface)
{
	struct flow flow = { .id = id,
			     .iface = iface,
			     .packets_out = 1,
			     .start_unix_ms = TEN_MS + (int64_t)id,
			     .end_unix_ms = TEN_MS + (int64_t)id };

	flow.tuple.src = test_addr("198.18.0.1");
	flow.tuple.dst = test_addr("198.18.0.2");
	assert_int_equal(store_flow_add(f->store, &flow, NULL), 0);
}

static void reopen(struct fixture *f)
{
	fixture_close(f); /* everything is written */
	assert_int_equal(fixture_open(f), 0);
}

struct found {
	char text[512]; /* id=name, newest first */
	size_t len;
};

static bool take(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	struct found *found = arg;

	found->len += (size_t)snprintf(found->text + found->len, sizeof(found->text) - found->len,
				       "%llu=%s ", (unsigned long long)record->id, texts->iface);
	return true;
}

static void expect(struct fixture *f, const char *text, const char *expected)
{
	static const char now[HISTORY_IFACES][16] = { "now0", "now1" };
	CLEANUP(flow_query_free) struct flow_query *query = NULL;
	struct flow_query_error error;
	struct history_search search = { .to_unix_ms = INT64_MAX, .ifaces = now };
	struct history_reach reach;
	struct found found = { .len = 0 };

	assert_int_equal(flow_query_parse(text, TEN_MS, &query, &error), 0);
	search.query = query;
	assert_int_equal(store_search(f->store, &search, take, &found, &reach), 0);
	assert_string_equal(found.text, expected);
}

static void a_name_stays_when_a_restart_numbers_anew(void **state)
{
	struct fixture *f = *state;

	store_iface_set(f->store, 0, "eth0");
	store_iface_set(f->store, 1, "wan1");
	add(f, 1, 0);
	add(f, 2, 1);
	reopen(f);
	store_iface_set(f->store, 0, "wan1");
	store_iface_set(f->store, 1, "tun0");
	add(f, 3, 0);
	add(f, 4, 1);
	reopen(f);
	expect(f, "", "4=tun0 3=wan1 2=wan1 1=eth0 ");
	expect(f, "iface:wan1", "3=wan1 2=wan1 ");
	expect(f, "iface:now0", "");
}

static void a_row_keeps_the_name_it_was_added_under(void **state)
{
	struct fixture *f = *state;

	store_iface_set(f->store, 0, "eth0");
	add(f, 1, 0);
	store_iface_set(f->store, 0, "eth1"); /* while the row waits for the writer */
	add(f, 2, 0);
	reopen(f);
	expect(f, "", "2=eth1 1=eth0 ");
}

static void records_without_a_name_have_the_number_of_the_datapath(void **state)
{
	struct fixture *f = *state;

	add(f, 1, 1);
	reopen(f);
	expect(f, "iface:now1", "1=now1 ");
}

static void more_names_than_an_hour_has_room_for_are_unknown(void **state)
{
	struct fixture *f = *state;
	char name[16];

	for (int i = 0; i < 200; i++) { /* 192 fit */
		(void)snprintf(name, sizeof(name), "veth%d", i);
		store_iface_set(f->store, 5, name);
		add(f, (uint64_t)i + 1, 5);
	}
	reopen(f);
	expect(f, "iface:veth191", "192=veth191 ");
	expect(f, "id=193", "193= ");
	assert_int_equal(raw_int(f, "flows.db", "SELECT count(*) FROM ifaces"), 192);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_name_stays_when_a_restart_numbers_anew),
		TEST(a_row_keeps_the_name_it_was_added_under),
		TEST(records_without_a_name_have_the_number_of_the_datapath),
		TEST(more_names_than_an_hour_has_room_for_are_unknown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
