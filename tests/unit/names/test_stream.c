/* TCP directions put together: what comes in, in which pieces, and what is read of it. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/names/internal.h"

#define SECOND 1000000000ull
#define GET    "GET /a HTTP/1.1\r\nHost: one.example\r\n\r\n"
#define POST   "POST /b HTTP/1.1\r\nHost: two.example\r\nContent-Length: 4\r\n\r\nGET "
/* a query for a.example behind its length (RFC 1035 4.2.2) */
#define QUERY	    "\0\x1b\0\7\1\0\0\1\0\0\0\0\0\0\1a\7example\0\0\1\0\1"
#define QUERY_BYTES 29

/* What was read: one letter per message, and of the last its bytes. */
struct seen {
	char kinds[64];
	unsigned int count;
	bool was_pieced, was_last;
	uint32_t rule_id;
	uint8_t data[65536];
	size_t len;
};

struct world {
	struct stream_table *table;
	struct seen seen;
	struct payload payload;
};

/* A reader of heads and of lengths; the parsers have tests of their own. */
static ssize_t read_message(void *arg, const struct stream_bytes *bytes)
{
	struct seen *seen = arg;
	static struct http_message http;
	ssize_t used = -EBADMSG;

	if (bytes->kind == STREAM_HTTP_REQUEST)
		used = http_parse_request(bytes->data, bytes->len, bytes->is_last, &http);
	else if (bytes->kind == STREAM_HTTP_RESPONSE)
		used = http_parse_response(bytes->data, bytes->len, &http);
	else if (bytes->kind == STREAM_DNS && bytes->len < 2)
		used = 0;
	else if (bytes->kind == STREAM_DNS)
		used = 2 + (bytes->data[0] << 8 | bytes->data[1]);
	if (bytes->kind == STREAM_DNS && (size_t)used > bytes->len)
		used = 0;
	if (used <= 0)
		return used;
	seen->kinds[seen->count++ % (sizeof(seen->kinds) - 1)] = " dtqrs"[bytes->kind];
	seen->was_pieced = bytes->is_pieced;
	seen->was_last = bytes->is_last;
	seen->rule_id = bytes->rule_id;
	seen->len = bytes->len;
	memcpy(seen->data, bytes->data, bytes->len);
	return used;
}

static int set_up(void **state)
{
	static struct world world;
	struct stream_options options = { .max = 8, .arg = &world.seen, .read = read_message };

	world = (struct world){
		.payload = { .tuple = { .proto = 6, .src_port = 40000, .dst_port = 80 } }
	};
	*state = &world;
	return stream_table_new(&options, &world.table);
}

static int tear_down(void **state)
{
	struct world *world = *state;

	stream_table_free(world->table);
	return 0;
}

static void send(struct world *world, uint32_t seq, const void *data, size_t len)
{
	world->payload.seq = seq;
	world->payload.data = data;
	world->payload.len = world->payload.whole = (uint32_t)len;
	stream_take(world->table, &world->payload);
}

static void send_text(struct world *world, uint32_t seq, const char *text)
{
	send(world, seq, text, strlen(text));
}

/* Another connection: nothing of the last one is known of it. */
static void start_over(struct world *world)
{
	world->payload.tuple.src_port++;
	memset(&world->seen, 0, sizeof(world->seen));
}

static void whole_message_is_read_where_it_lies(void **state)
{
	struct world *world = *state;

	send_text(world, 1000, GET);
	assert_string_equal(world->seen.kinds, "q");
	assert_false(world->seen.was_pieced);
}

static void message_cut_anywhere_is_read_once(void **state)
{
	struct world *world = *state;

	for (size_t cut = 1; cut < strlen(GET); cut++) {
		start_over(world);
		send(world, 1000, GET, cut);
		assert_int_equal(world->seen.count, 0);
		send_text(world, 1000 + (uint32_t)cut, GET + cut);
		assert_string_equal(world->seen.kinds, "q");
		assert_true(world->seen.was_pieced);
		assert_memory_equal(world->seen.data, GET, strlen(GET));
	}
}

static void pieces_in_any_order_across_the_wrap_are_put_together(void **state)
{
	static const unsigned int orders[6][3] = { { 0, 1, 2 }, { 0, 2, 1 }, { 1, 0, 2 },
						   { 1, 2, 0 }, { 2, 0, 1 }, { 2, 1, 0 } };
	static const size_t from[4] = { 0, 9, 25, sizeof(GET) - 1 };
	struct world *world = *state;

	for (unsigned int i = 0; i < 6; i++) {
		start_over(world);
		for (unsigned int k = 0; k < 3; k++) {
			size_t at = from[orders[i][k]];

			send(world, (uint32_t)-20 + (uint32_t)at, GET + at,
			     from[orders[i][k] + 1] - at);
		}
		assert_string_equal(world->seen.kinds, "q");
		assert_memory_equal(world->seen.data, GET, strlen(GET));
	}
}

static void first_copy_of_a_byte_wins(void **state)
{
	struct world *world = *state;

	send(world, 1000, GET, 20);
	send_text(world, 1010, "XXXXXXXXXX: one.example\r\n\r\n");
	assert_string_equal(world->seen.kinds, "q");
	assert_memory_equal(world->seen.data, GET, 20);
}

static void retransmission_is_no_second_message(void **state)
{
	struct world *world = *state;

	send_text(world, 1000, GET);
	send_text(world, 1000, GET);
	send(world, 1000, GET, 12);
	assert_string_equal(world->seen.kinds, "q");
	send_text(world, 1000, GET GET);
	assert_string_equal(world->seen.kinds, "qq");
}

static void pipelined_requests_and_bodies_are_told_apart(void **state)
{
	struct world *world = *state;

	send_text(world, 1000, GET POST GET);
	assert_string_equal(world->seen.kinds, "qqq");
	send_text(world, 1000 + sizeof(GET POST GET) - 1, GET);
	assert_string_equal(world->seen.kinds, "qqqq");
}

static void body_in_later_segments_is_passed_over(void **state)
{
	struct world *world = *state;
	const char *head = "POST / HTTP/1.1\r\nContent-Length: 2000\r\n\r\n";
	uint32_t end = 1000 + (uint32_t)strlen(head);

	send_text(world, 1000, head);
	send_text(world, end, "some bytes");
	send_text(world, end + 10, GET); /* in the body */
	send_text(world, end + 2000, GET);
	assert_string_equal(world->seen.kinds, "qq");
}

static void connection_seen_midway_starts_at_the_next_beginning(void **state)
{
	struct world *world = *state;

	send_text(world, 1000, "no beginning of anything");
	send_text(world, 5000, GET);
	assert_string_equal(world->seen.kinds, "q");
	assert_int_equal(stream_count(world->table)->full, 0);
}

static void dns_messages_are_read_however_they_are_cut(void **state)
{
	static const char two[] = QUERY QUERY;
	struct world *world = *state;

	world->payload.tuple.dst_port = 53;
	for (size_t cut = 1; cut < sizeof(two) - 1; cut++) {
		start_over(world);
		send(world, 1, two, cut);
		send(world, 1 + (uint32_t)cut, two + cut, sizeof(two) - 1 - cut);
		assert_string_equal(world->seen.kinds, "dd");
	}
	start_over(world);
	for (size_t i = 0; i < sizeof(two) - 1; i++)
		send(world, 1 + (uint32_t)i, two + i, 1);
	assert_string_equal(world->seen.kinds, "dd");
}

static void dns_message_of_the_greatest_length_is_read(void **state)
{
	static uint8_t data[65537] = { 0xff, 0xff };
	struct world *world = *state;

	world->payload.tuple.src_port = 53;
	for (uint32_t at = 0; at < sizeof(data); at += 1400)
		send(world, 7 + at, data + at, sizeof(data) - at < 1400 ? sizeof(data) - at : 1400);
	assert_string_equal(world->seen.kinds, "d");
	assert_int_equal(world->seen.len, 65537);
	assert_int_equal(stream_count(world->table)->full, 0);
}

static void gap_is_given_up_after_a_minute(void **state)
{
	struct world *world = *state;

	send(world, 1000, GET, 10);
	stream_expire(world->table, 60 * SECOND - 1);
	assert_int_equal(stream_count(world->table)->full, 0);
	stream_expire(world->table, 60 * SECOND);
	assert_int_equal(stream_count(world->table)->full, 1);
	assert_int_equal(world->seen.count, 0);
}

static void head_that_never_ends_is_given_up_as_far_as_it_came(void **state)
{
	struct world *world = *state;

	send_text(world, 1000, "GET /a HTTP/1.1\r\nHost: one.example\r\nX: ");
	stream_expire(world->table, 60 * SECOND);
	assert_string_equal(world->seen.kinds, "q");
	assert_true(world->seen.was_last);
}

static void more_streams_than_fit_push_out_the_oldest(void **state)
{
	struct world *world = *state;

	for (uint16_t i = 0; i < 9; i++) {
		world->payload.tuple.src_port = i;
		send(world, 1000, GET, 10);
	}
	assert_int_equal(stream_count(world->table)->full, 1);
	for (uint16_t i = 1; i < 9; i++) {
		world->payload.tuple.src_port = i;
		send_text(world, 1010, GET + 10);
	}
	assert_string_equal(world->seen.kinds, "qqqqqqqq");
}

static void first_byte_that_comes_last_is_the_beginning(void **state)
{
	struct world *world = *state;

	send_text(world, 101, "ET / HTTP/1.1\r\n\r\n");
	assert_int_equal(world->seen.count, 0);
	send_text(world, 100, "G");
	assert_int_equal(world->seen.count, 1);
	assert_memory_equal(world->seen.data, "GET / ", 6);
}

/* RFC 9293 3.8.4: a byte from before, whatever it is */
static void byte_of_a_probe_is_not_the_beginning(void **state)
{
	struct world *world = *state;

	send_text(world, 100, "GET / HTTP/1.1\r\n");
	send_text(world, 99, "P");
	send_text(world, 116, "\r\n");
	assert_int_equal(world->seen.count, 1);
	assert_memory_equal(world->seen.data, "GET / ", 6);
}

static void too_many_holes_are_given_up(void **state)
{
	struct world *world = *state;

	send(world, 1000, GET, 4);
	for (uint32_t i = 0; i < 80; i++)
		send(world, 1010 + 2 * i, "x", 1);
	assert_int_equal(stream_count(world->table)->full, 1);
}

static void port_used_again_is_another_connection(void **state)
{
	struct world *world = *state;

	send_text(world, 3000000000u, GET);
	send_text(world, 1000, GET);
	assert_string_equal(world->seen.kinds, "qq");
	world->payload.tcp_flags = TCP_FLAG_SYN; /* data in a SYN: RFC 7413 */
	send_text(world, 2000000000u, GET);
	assert_string_equal(world->seen.kinds, "qqq");
	world->payload.tcp_flags = 0;
	send_text(world, 2000000001u, GET); /* the same bytes once more */
	assert_string_equal(world->seen.kinds, "qqq");
}

static void rule_of_any_piece_stays_with_the_message(void **state)
{
	struct world *world = *state;

	world->payload.rule_id = 7;
	send(world, 1000, GET, 20);
	world->payload.rule_id = 0;
	send_text(world, 1020, GET + 20);
	assert_int_equal(world->seen.rule_id, 7);
}

static void cut_payload_is_taken_as_far_as_it_goes(void **state)
{
	struct world *world = *state;
	const char *head = "GET /a HTTP/1.1\r\nHost: one.example\r\nCook";

	world->payload.seq = 1000;
	world->payload.data = (const uint8_t *)head;
	world->payload.len = strlen(head);
	world->payload.whole = 3000;
	stream_take(world->table, &world->payload);
	assert_string_equal(world->seen.kinds, "q");
	assert_true(world->seen.was_last);
}

static void malformed_messages_are_counted(void **state)
{
	struct world *world = *state;

	send_text(world, 1000, "GET / SMTP\r\n\r\n");
	assert_int_equal(stream_count(world->table)->malformed, 1);
	send_text(world, 2000, GET);
	assert_string_equal(world->seen.kinds, "q");
}

#define STREAM_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STREAM_TEST(whole_message_is_read_where_it_lies),
		STREAM_TEST(message_cut_anywhere_is_read_once),
		STREAM_TEST(pieces_in_any_order_across_the_wrap_are_put_together),
		STREAM_TEST(first_copy_of_a_byte_wins),
		STREAM_TEST(retransmission_is_no_second_message),
		STREAM_TEST(pipelined_requests_and_bodies_are_told_apart),
		STREAM_TEST(body_in_later_segments_is_passed_over),
		STREAM_TEST(connection_seen_midway_starts_at_the_next_beginning),
		STREAM_TEST(dns_messages_are_read_however_they_are_cut),
		STREAM_TEST(dns_message_of_the_greatest_length_is_read),
		STREAM_TEST(gap_is_given_up_after_a_minute),
		STREAM_TEST(head_that_never_ends_is_given_up_as_far_as_it_came),
		STREAM_TEST(more_streams_than_fit_push_out_the_oldest),
		STREAM_TEST(first_byte_that_comes_last_is_the_beginning),
		STREAM_TEST(byte_of_a_probe_is_not_the_beginning),
		STREAM_TEST(too_many_holes_are_given_up),
		STREAM_TEST(port_used_again_is_another_connection),
		STREAM_TEST(rule_of_any_piece_stays_with_the_message),
		STREAM_TEST(cut_payload_is_taken_as_far_as_it_goes),
		STREAM_TEST(malformed_messages_are_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
