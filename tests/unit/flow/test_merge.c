/*
 * Flags of a slot that served an earlier flow: what is told for the first time is the new packets',
 * the rest may be the connection's before. And which way a flow goes. Times are invented; a scan a
 * second, as core's.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "agent/flow/flow.h"
#include "agent/util/addr.h"

#define S  1000000000ULL
#define MS 1000000ULL

#define SYN TCP_FLAG_SYN
#define ACK TCP_FLAG_ACK
#define FIN TCP_FLAG_FIN
#define RST TCP_FLAG_RST
#define PSH TCP_FLAG_PSH

struct world {
	struct flow_table *table;
	struct flow last;
	unsigned int ended;
	bool both_enter; /* as on a mirror port, in a capture and through a router */
};

static void on_change(void *arg, const struct flow *flow, bool is_new)
{
	struct world *world = arg;

	(void)is_new;
	world->last = *flow;
}

static void on_record(void *arg, const struct flow *flow)
{
	struct world *world = arg;

	world->ended += flow->is_final;
}

static int set_up(void **state)
{
	static struct world world;
	const struct flow_options options = {
		.capacity = 8,
		.sink = { .arg = &world, .on_change = on_change, .on_record = on_record },
	};

	world = (struct world){ 0 };
	*state = &world;
	return flow_table_new(&options, &world.table);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	flow_table_free(world->table);
	return 0;
}

/* What the slot of one way tells: it began at 1 s. */
static void tell(struct world *world, bool is_server, uint64_t last_ns, uint8_t flags,
		 uint8_t new_flags)
{
	struct flow_delta delta = {
		.tuple = { .src_port = 40000, .dst_port = 443, .proto = IPPROTO_TCP },
		.direction = DIRECTION_INGRESS,
		.tcp_flags = flags,
		.new_flags = new_flags,
		.packets = 1,
		.bytes = 40,
		.first_ns = 1 * S,
		.last_ns = last_ns,
	};

	assert_int_equal(addr_parse("198.18.0.2", &delta.tuple.src), 0);
	assert_int_equal(addr_parse("198.18.0.1", &delta.tuple.dst), 0);
	if (is_server) {
		const struct addr src = delta.tuple.src;

		delta.tuple.src = delta.tuple.dst;
		delta.tuple.dst = src;
		delta.tuple.src_port = 443;
		delta.tuple.dst_port = 40000;
		delta.direction = world->both_enter ? DIRECTION_INGRESS : DIRECTION_EGRESS;
	}
	assert_int_equal(flow_table_add(world->table, &delta, 0), 0);
}

/* A connection from 1 s to 2 s that has ended and is forgotten. */
static void end_first(struct world *world)
{
	const uint8_t flags = SYN | ACK | FIN;

	tell(world, false, 2 * S, flags, flags);
	tell(world, true, 2 * S, flags, flags);
	for (uint64_t t = 3; t <= 9; t++)
		flow_table_expire(world->table, t * S);
	assert_int_equal(world->ended, 1);
}

static void reset_behind_the_end_of_a_flow_is_seen(void **state)
{
	struct world *world = *state;

	end_first(world);
	tell(world, false, 9500 * MS, SYN | ACK | FIN | RST, RST);
	assert_int_equal(world->last.tcp_flags_out, RST | ACK);
	assert_int_equal(world->last.state, FLOW_CLOSED);
}

static void flags_of_the_flow_before_are_not_believed(void **state)
{
	struct world *world = *state;

	end_first(world);
	tell(world, false, 9500 * MS, SYN | ACK | FIN | PSH, PSH);
	assert_int_equal(world->last.tcp_flags_out, ACK | PSH);
	assert_int_equal(world->last.state, FLOW_NEW);
}

static void a_flag_that_is_new_later_on_is_seen_too(void **state)
{
	struct world *world = *state;

	end_first(world);
	tell(world, false, 9500 * MS, SYN | ACK | FIN, 0);
	tell(world, true, 9500 * MS, SYN | ACK | FIN, 0);
	assert_int_equal(world->last.state, FLOW_ESTABLISHED);
	tell(world, true, 9600 * MS, SYN | ACK | FIN | RST, RST);
	assert_int_equal(world->last.state, FLOW_CLOSED);
	assert_int_equal(world->last.tcp_flags_in, ACK | RST);
}

/* Every packet of such a slot was a SYN, so the next one is, though no flag is new. */
static void what_every_packet_carried_needs_not_be_new(void **state)
{
	struct world *world = *state;

	tell(world, false, 1 * S, SYN, SYN);
	for (uint64_t t = 2; t <= 20; t++)
		flow_table_expire(world->table, t * S);
	assert_int_equal(world->ended, 1);
	tell(world, false, 20500 * MS, SYN, 0);
	assert_int_equal(world->last.tcp_flags_out, SYN);
}

static void a_flow_comes_in_whichever_way_is_read_first(void **state)
{
	struct world *world = *state;

	world->both_enter = true;
	tell(world, true, 2 * S, ACK, ACK);
	tell(world, false, 3 * S, SYN | ACK, SYN | ACK);
	assert_int_equal(world->last.tuple.src_port, 40000);
	assert_true(world->last.ingress);
	tell(world, true, 4 * S, ACK, 0);
	assert_true(world->last.ingress);
}

#define MERGE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MERGE_TEST(reset_behind_the_end_of_a_flow_is_seen),
		MERGE_TEST(flags_of_the_flow_before_are_not_believed),
		MERGE_TEST(a_flag_that_is_new_later_on_is_seen_too),
		MERGE_TEST(what_every_packet_carried_needs_not_be_new),
		MERGE_TEST(a_flow_comes_in_whichever_way_is_read_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
