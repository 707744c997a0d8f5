/* IP fragments of UDP datagrams: any order, copies, overlaps, and lies about the end. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/internal.h"

#define SECOND 1000000000ull

/* 8 bytes of UDP header (53 to 40000, length 40), then 32 bytes counting up. */
struct world {
	struct fragment_table *table;
	uint8_t datagram[40];
	struct payload whole;
	uint64_t now_ns;
};

static int set_up(void **state)
{
	static struct world world;

	world = (struct world){ .datagram = { 0, 53, 0x9c, 0x40, 0, 40, 0, 0 } };
	for (uint8_t i = 8; i < 40; i++)
		world.datagram[i] = i;
	*state = &world;
	return fragment_table_new(2, &world.table);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	fragment_table_free(world->table);
	return 0;
}

/* Bytes [from, to) of datagram @id; the last one ends it. */
static int send(struct world *world, uint32_t id, uint16_t from, uint16_t to)
{
	struct payload payload = {
		.tuple = { .proto = 17 },
		.is_fragment = true,
		.more = to < sizeof(world->datagram),
		.offset = from,
		.seq = id,
		.whole = to - from,
		.at_ns = world->now_ns,
		.data = world->datagram + from,
		.len = to - from,
	};

	return fragment_take(world->table, &payload, &world->whole);
}

static void assert_whole(const struct world *world)
{
	assert_int_equal(world->whole.tuple.src_port, 53);
	assert_int_equal(world->whole.tuple.dst_port, 40000);
	assert_false(world->whole.is_fragment);
	assert_int_equal(world->whole.len, 32);
	assert_memory_equal(world->whole.data, world->datagram + 8, 32);
}

static void fragments_in_any_order_make_the_datagram(void **state)
{
	static const uint16_t orders[6][3] = { { 0, 16, 32 }, { 0, 32, 16 }, { 16, 0, 32 },
					       { 16, 32, 0 }, { 32, 0, 16 }, { 32, 16, 0 } };
	struct world *world = *state;

	for (uint32_t i = 0; i < 6; i++) {
		for (unsigned int k = 0; k < 3; k++) {
			uint16_t from = orders[i][k];
			int done = send(world, i, from, from == 32 ? 40 : from + 16);

			assert_int_equal(done, k == 2);
		}
		assert_whole(world);
	}
}

/* RFC 791 3.2: numbers are counted for each protocol. */
static void segment_of_tcp_is_put_together(void **state)
{
	static const uint8_t segment[28] = {
		0x9c, 0x40, 0, 80, 1, 2, 3, 4, 0, 0, 0,	  0,   0x60, 0x18,
		0,    0,    0, 0,  0, 0, 1, 1, 1, 1, 'G', 'E', 'T',  ' ',
	};
	struct world *world = *state;
	struct payload piece = { .tuple = { .proto = 6 }, .is_fragment = true, .seq = 9 };

	assert_int_equal(send(world, 9, 0, 16), 0);
	piece.offset = 16;
	piece.data = segment + 16;
	piece.len = piece.whole = 12;
	assert_int_equal(fragment_take(world->table, &piece, &world->whole), 0);
	piece.more = true;
	piece.offset = 0;
	piece.data = segment;
	piece.len = piece.whole = 16;
	assert_int_equal(fragment_take(world->table, &piece, &world->whole), 1);
	assert_int_equal(world->whole.tuple.src_port, 40000);
	assert_int_equal(world->whole.tuple.dst_port, 80);
	assert_int_equal(world->whole.seq, 0x01020304);
	assert_int_equal(world->whole.tcp_flags, 0x18);
	assert_int_equal(world->whole.len, 4);
	assert_memory_equal(world->whole.data, "GET ", 4);
}

static void segment_without_a_whole_header_is_none(void **state)
{
	static const uint8_t broken[20] = { [12] = 0x40 }, beyond[20] = { [12] = 0x60 };
	struct world *world = *state;
	struct payload piece = { .tuple = { .proto = 6 }, .is_fragment = true, .seq = 1 };

	piece.len = piece.whole = 20;
	piece.data = broken;
	assert_int_equal(fragment_take(world->table, &piece, &world->whole), 0);
	piece.seq = 2;
	piece.data = beyond;
	assert_int_equal(fragment_take(world->table, &piece, &world->whole), 0);
	piece.seq = 3;
	piece.len = piece.whole = 12;
	assert_int_equal(fragment_take(world->table, &piece, &world->whole), 0);
}

static void datagrams_of_other_ports_are_left(void **state)
{
	struct world *world = *state;

	world->datagram[1] = 54;
	assert_int_equal(send(world, 1, 0, 16), 0);
	assert_int_equal(send(world, 1, 16, 40), 0);
}

/* RFC 9000 17.2: the first bit of a long header */
static void datagrams_that_may_be_quic_are_not_left(void **state)
{
	struct world *world = *state;

	world->datagram[1] = 54;
	world->datagram[8] = 0xc0;
	assert_int_equal(send(world, 1, 16, 40), 0);
	assert_int_equal(send(world, 1, 0, 16), 1);
	assert_int_equal(world->whole.tuple.src_port, 54);
	assert_memory_equal(world->whole.data, world->datagram + 8, 32);
}

static void copy_of_a_fragment_is_passed_over(void **state)
{
	struct world *world = *state;

	assert_int_equal(send(world, 1, 0, 16), 0);
	assert_int_equal(send(world, 1, 0, 16), 0);
	assert_int_equal(send(world, 1, 16, 40), 1);
	assert_whole(world);
	assert_int_equal(send(world, 1, 16, 40), 0);
	assert_int_equal(fragment_count(world->table)->malformed, 0);
}

/* RFC 5722 4 */
static void overlap_ends_the_datagram(void **state)
{
	struct world *world = *state;

	assert_int_equal(send(world, 1, 0, 16), 0);
	assert_int_equal(send(world, 1, 8, 24), 0);
	assert_int_equal(send(world, 1, 16, 40), 0);
	assert_int_equal(send(world, 1, 0, 16), 0);
	assert_int_equal(fragment_count(world->table)->malformed, 1);
}

static void bytes_behind_the_end_end_the_datagram(void **state)
{
	struct world *world = *state;
	struct payload last = { .tuple = { .proto = 17 }, .is_fragment = true, .seq = 1 };

	last.data = world->datagram;
	last.len = last.whole = 8;
	last.offset = 8;
	assert_int_equal(send(world, 1, 24, 32), 0);
	assert_int_equal(fragment_take(world->table, &last, &world->whole), 0);
	assert_int_equal(fragment_count(world->table)->malformed, 1);
	last.seq = 2;
	last.offset = 65528; /* and 8 more: RFC 791 allows 65535 */
	assert_int_equal(fragment_take(world->table, &last, &world->whole), 0);
	assert_int_equal(fragment_count(world->table)->malformed, 2);
}

static void datagrams_are_told_apart_by_number_and_address(void **state)
{
	struct world *world = *state;

	assert_int_equal(send(world, 1, 0, 16), 0);
	assert_int_equal(send(world, 2, 16, 40), 0);
	assert_int_equal(send(world, 2, 0, 16), 1);
	assert_int_equal(send(world, 1, 16, 40), 1);
}

static void oldest_makes_room_and_is_counted(void **state)
{
	struct world *world = *state;

	for (uint32_t id = 1; id <= 3; id++) {
		world->now_ns = id;
		assert_int_equal(send(world, id, 0, 16), 0);
	}
	assert_int_equal(fragment_count(world->table)->full, 1);
	assert_int_equal(send(world, 2, 16, 40), 1);
	assert_int_equal(send(world, 3, 16, 40), 1);
}

static void rest_is_not_waited_for_longer_than_thirty_seconds(void **state)
{
	struct world *world = *state;

	assert_int_equal(send(world, 1, 0, 16), 0);
	fragment_expire(world->table, 30 * SECOND);
	assert_int_equal(fragment_count(world->table)->full, 1);
	assert_int_equal(send(world, 1, 16, 40), 0);
}

/* A fragment of which the capture kept the first @len of 16 bytes. */
static int send_cut(struct world *world, uint16_t from, size_t len)
{
	const struct payload cut = { .tuple = { .proto = 17 },
				     .is_fragment = true,
				     .more = true,
				     .offset = from,
				     .seq = 1,
				     .whole = 16,
				     .data = world->datagram + from,
				     .len = len };

	return fragment_take(world->table, &cut, &world->whole);
}

static void cut_fragment_ends_the_datagram(void **state)
{
	struct world *world = *state;

	assert_int_equal(send_cut(world, 16, 8), 0);
	assert_int_equal(fragment_count(world->table)->cut, 1);
	assert_int_equal(send(world, 1, 0, 16), 0);
	assert_int_equal(send(world, 1, 32, 40), 0);
}

static void first_fragment_that_is_cut_gives_what_there_is(void **state)
{
	struct world *world = *state;

	assert_int_equal(send_cut(world, 0, 12), 1);
	assert_int_equal(world->whole.tuple.src_port, 53);
	assert_false(world->whole.is_fragment);
	assert_int_equal(world->whole.len, 4);
	assert_int_equal(world->whole.whole, 8);
	assert_memory_equal(world->whole.data, world->datagram + 8, 4);
	assert_int_equal(fragment_count(world->table)->cut, 0);
	assert_int_equal(send(world, 1, 16, 40), 0);
}

static void first_fragment_without_a_whole_header_gives_nothing(void **state)
{
	struct world *world = *state;

	assert_int_equal(send_cut(world, 0, 7), 0);
	assert_int_equal(fragment_count(world->table)->cut, 1);
}

#define FRAGMENT_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FRAGMENT_TEST(fragments_in_any_order_make_the_datagram),
		FRAGMENT_TEST(segment_of_tcp_is_put_together),
		FRAGMENT_TEST(segment_without_a_whole_header_is_none),
		FRAGMENT_TEST(datagrams_of_other_ports_are_left),
		FRAGMENT_TEST(datagrams_that_may_be_quic_are_not_left),
		FRAGMENT_TEST(copy_of_a_fragment_is_passed_over),
		FRAGMENT_TEST(overlap_ends_the_datagram),
		FRAGMENT_TEST(bytes_behind_the_end_end_the_datagram),
		FRAGMENT_TEST(datagrams_are_told_apart_by_number_and_address),
		FRAGMENT_TEST(oldest_makes_room_and_is_counted),
		FRAGMENT_TEST(rest_is_not_waited_for_longer_than_thirty_seconds),
		FRAGMENT_TEST(cut_fragment_ends_the_datagram),
		FRAGMENT_TEST(first_fragment_that_is_cut_gives_what_there_is),
		FRAGMENT_TEST(first_fragment_without_a_whole_header_gives_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
