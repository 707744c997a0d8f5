/*
 * What flows call themselves: attached when the flow is there, kept for it when it comes a little
 * later, added up, and shared with snapshots that outlive the flow.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/flow/flow.h"
#include "agent/util/addr.h"
#include "agent/util/snapshot.h"

#define S 1000000000ULL

static struct flow_delta delta_of(uint16_t port, uint64_t at_ns)
{
	struct flow_delta delta = {
		.tuple = { .src_port = port, .dst_port = 443, .proto = IPPROTO_TCP },
		.packets = 1,
		.bytes = 60,
		.first_ns = at_ns,
		.last_ns = at_ns
	};

	assert_int_equal(addr_parse("198.18.0.1", &delta.tuple.src), 0);
	assert_int_equal(addr_parse("198.18.0.2", &delta.tuple.dst), 0);
	return delta;
}

static struct flow_table *begin(void)
{
	const struct flow_options options = { .capacity = 16, .ended_kept = 4 };
	struct flow_table *table = NULL;

	assert_int_equal(flow_table_new(&options, &table), 0);
	return table;
}

/* The names of the only flow in a snapshot, printed; "-" without. */
static const char *shown(struct flow_table *table, char text[static 256])
{
	struct snapshot *snapshot = flow_table_snapshot(table, 0);
	const struct flow_names *names;

	assert_non_null(snapshot);
	assert_int_equal(snapshot->flow_count, 1);
	names = snapshot_names(snapshot, &snapshot->flows[0]);
	(void)snprintf(text, 256, "%s|%s|%s", names ? names->sni : "-", names ? names->host : "-",
		       names ? names->ja4 : "-");
	snapshot_unref(snapshot);
	return text;
}

static void name(struct flow_table *table, uint16_t port, struct flow_naming naming)
{
	const struct flow_delta delta = delta_of(port, 0);

	flow_table_name(table, &delta.tuple, 0, &naming);
}

static void a_name_is_attached_and_what_comes_later_is_added(void **state)
{
	struct flow_table *table = begin();
	const struct flow_delta delta = delta_of(1000, S);
	char text[256];

	(void)state;
	assert_int_equal(flow_table_add(table, &delta, 0), 0);
	assert_string_equal(shown(table, text), "-|-|-");
	name(table, 1000, (struct flow_naming){ .host = "looked.up" });
	assert_string_equal(shown(table, text), "|looked.up|");
	name(table, 1000, (struct flow_naming){ .sni = "a.example", .ja4 = "t13d" });
	assert_string_equal(shown(table, text), "a.example|looked.up|t13d");
	name(table, 1000, (struct flow_naming){ .sni = "b.example", .host = "other" });
	assert_string_equal(shown(table, text), "a.example|looked.up|t13d");
	flow_table_free(table);
}

static void a_name_waits_two_seconds_for_its_flow(void **state)
{
	struct flow_table *table = begin();
	const struct flow_delta early = delta_of(1000, S), late = delta_of(2000, 9 * S);
	char text[256];

	(void)state;
	flow_table_expire(table, S);
	name(table, 1000, (struct flow_naming){ .sni = "early.example" });
	name(table, 2000, (struct flow_naming){ .sni = "late.example" });
	assert_int_equal(flow_table_add(table, &early, 0), 0);
	flow_table_expire(table, 2 * S);
	assert_string_equal(shown(table, text), "early.example||");
	flow_table_expire(table, 30 * S); /* half open: ended, and kept for readers */
	assert_string_equal(shown(table, text), "early.example||");
	flow_table_free(table);
	table = begin();
	flow_table_expire(table, S);
	name(table, 2000, (struct flow_naming){ .sni = "late.example" });
	flow_table_expire(table, 4 * S);
	assert_int_equal(flow_table_add(table, &late, 0), 0);
	flow_table_expire(table, 5 * S);
	assert_string_equal(shown(table, text), "-|-|-");
	flow_table_free(table);
}

static void the_answer_finds_the_same_flow(void **state)
{
	struct flow_table *table = begin();
	const struct flow_delta delta = delta_of(1000, S);
	struct five_tuple back = delta.tuple;
	const struct flow *flow;

	(void)state;
	assert_int_equal(flow_table_add(table, &delta, 0), 0);
	back.src = delta.tuple.dst;
	back.dst = delta.tuple.src;
	back.src_port = 443;
	back.dst_port = 1000;
	flow = flow_table_find(table, &back, 0);
	assert_non_null(flow);
	assert_ptr_equal(flow, flow_table_find(table, &delta.tuple, 0));
	assert_null(flow_table_find(table, &back, 1));
	flow_table_free(table);
}

static void a_snapshot_keeps_names_of_flows_that_are_gone(void **state)
{
	struct flow_table *table = begin();
	const struct flow_delta delta = delta_of(1000, S);
	struct snapshot *snapshot;

	(void)state;
	assert_int_equal(flow_table_add(table, &delta, 0), 0);
	name(table, 1000, (struct flow_naming){ .sni = "kept.example" });
	snapshot = flow_table_snapshot(table, 0);
	flow_table_free(table);
	assert_string_equal(snapshot_names(snapshot, &snapshot->flows[0])->sni, "kept.example");
	snapshot_unref(snapshot);
}

static void names_of_ended_flows_make_room_again(void **state)
{
	struct flow_table *table = begin();

	(void)state;
	for (unsigned int i = 0; i < 40000; i++) { /* more than the pool holds at once */
		const struct flow_delta delta =
			delta_of((uint16_t)(i % 60000 + 1), (i + 1) * 20 * S);

		assert_int_equal(flow_table_add(table, &delta, 0), 0);
		name(table, (uint16_t)(i % 60000 + 1), (struct flow_naming){ .sni = "x.example" });
		flow_table_expire(table, (i + 2) * 20 * S);
	}
	assert_int_equal(flow_table_names_lost(table), 0);
	flow_table_free(table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_name_is_attached_and_what_comes_later_is_added),
		cmocka_unit_test(a_name_waits_two_seconds_for_its_flow),
		cmocka_unit_test(the_answer_finds_the_same_flow),
		cmocka_unit_test(a_snapshot_keeps_names_of_flows_that_are_gone),
		cmocka_unit_test(names_of_ended_flows_make_room_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
