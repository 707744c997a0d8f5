/* Streams that are members of gzip, read as browsers read them: by zlib, as far as bytes have come.
 * Expected values: RFC 1952; docs/api.md "Events". */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "agent/front/sse.h"
#include "agent/util/clock.h"
#include "include/user.h"

#define RETRY "retry: 2000\n\n"
#define PIECE 4096 /* agent/front/stream.c */

struct reader {
	struct sse_stream *stream;
	z_stream z;
	int code; /* of the last inflate */
	size_t wire_len;
	char text[1 << 19];
};

static void nothing(void *arg)
{
	(void)arg;
}

static void open_gzip(struct sse_hub *hub, struct reader *reader, enum role role,
		      const char *last_id)
{
	const struct sse_owner owner = { .role = (uint8_t)role, .session_tag = 1 };
	const struct sse_sleeper sleeper = { nothing, nothing, NULL, NULL, NULL };
	const struct sse_wish wish = { .last_event_id = last_id, .is_gzip = true };

	memset(reader, 0, sizeof(*reader));
	assert_int_equal(inflateInit2(&reader->z, 15 + 16), Z_OK);
	assert_int_equal(sse_open(hub, &owner, &sleeper, &wish, &reader->stream), 0);
}

static void close_gzip(struct reader *reader)
{
	(void)inflateEnd(&reader->z);
	sse_close(reader->stream);
}

/* What is new since the last call. Reads until the stream sleeps or ends. */
static const char *read_new(struct reader *reader, size_t piece)
{
	size_t before = reader->z.total_out;
	char wire[PIECE];
	ssize_t got;

	while ((got = sse_read(reader->stream, wire, piece)) > 0) {
		reader->z.next_in = (Bytef *)wire;
		reader->z.avail_in = (uInt)got;
		reader->z.next_out = (Bytef *)reader->text + reader->z.total_out;
		reader->z.avail_out = (uInt)(sizeof(reader->text) - 1 - reader->z.total_out);
		reader->code = inflate(&reader->z, Z_SYNC_FLUSH);
		assert_true(reader->code == Z_OK || reader->code == Z_STREAM_END);
		assert_int_equal(reader->z.avail_in, 0);
		reader->wire_len += (size_t)got;
	}
	assert_true(got == 0 || got == -EPIPE);
	reader->text[reader->z.total_out] = '\0';
	return reader->text + before;
}

static void publish(struct sse_hub *hub, uint64_t id, const char *data, enum role role,
		    bool is_sticky)
{
	const struct event event = { id, (uint8_t)role, 0, is_sticky, "a", data };

	sse_publish(hub, &event);
}

static int new_hub(void **state)
{
	return sse_hub_new((struct sse_hub **)state);
}

static int free_hub(void **state)
{
	sse_hub_free(*state);
	return 0;
}

static void each_event_is_there_as_soon_as_it_is_sent(void **state)
{
	static struct reader one;

	open_gzip(*state, &one, ROLE_VIEWER, NULL);
	assert_string_equal(read_new(&one, PIECE), RETRY);
	publish(*state, 1, "{\"n\":1}", ROLE_VIEWER, false);
	assert_string_equal(read_new(&one, PIECE), "id: 1\nevent: a\ndata: {\"n\":1}\n\n");
	publish(*state, 2, "{\"n\":2}", ROLE_VIEWER, false);
	assert_string_equal(read_new(&one, PIECE), "id: 2\nevent: a\ndata: {\"n\":2}\n\n");
	close_gzip(&one);
}

static void who_joins_between_two_events_shares_the_second(void **state)
{
	static struct reader early, late, back;

	open_gzip(*state, &early, ROLE_VIEWER, NULL);
	publish(*state, 1, "{\"n\":1}", ROLE_VIEWER, true);
	(void)read_new(&early, PIECE);
	open_gzip(*state, &late, ROLE_VIEWER, NULL);
	publish(*state, 2, "{\"n\":1,\"m\":2}", ROLE_VIEWER, true);
	open_gzip(*state, &back, ROLE_VIEWER, "1");
	assert_string_equal(read_new(&early, PIECE),
			    "id: 2\nevent: a\ndata: {\"n\":1,\"m\":2}\n\n");
	assert_string_equal(read_new(&late, PIECE),
			    RETRY "id: 1\nevent: a\ndata: {\"n\":1}\n\n"
				  "id: 2\nevent: a\ndata: {\"n\":1,\"m\":2}\n\n");
	assert_string_equal(read_new(&back, PIECE),
			    RETRY "id: 2\nevent: a\ndata: {\"n\":1,\"m\":2}\n\n");
	close_gzip(&early);
	close_gzip(&late);
	close_gzip(&back);
}

static void reads_of_any_size_give_the_same_text(void **state)
{
	for (size_t piece = 1; piece <= 64; piece++) {
		static struct reader one;

		open_gzip(*state, &one, ROLE_VIEWER, NULL);
		publish(*state, piece, "{}", ROLE_VIEWER, false);
		(void)read_new(&one, piece);
		assert_int_equal(strncmp(one.text, RETRY "id: ", sizeof(RETRY) + 3), 0);
		assert_non_null(strstr(one.text, "\nevent: a\ndata: {}\n\n"));
		close_gzip(&one);
	}
}

static void a_stream_that_is_ended_is_a_whole_member(void **state)
{
	static struct reader one;

	open_gzip(*state, &one, ROLE_VIEWER, NULL);
	publish(*state, 1, "{}", ROLE_VIEWER, false);
	(void)read_new(&one, PIECE);
	assert_int_equal(one.code, Z_OK);
	sse_end_session(*state, 1);
	(void)read_new(&one, PIECE);
	assert_int_equal(one.code, Z_STREAM_END); /* CRC and length are right */
	assert_int_equal(sse_read(one.stream, one.text, PIECE), -EPIPE);
	close_gzip(&one);
}

static void who_is_too_slow_gets_whole_events_and_the_end(void **state)
{
	static struct reader slow;

	open_gzip(*state, &slow, ROLE_VIEWER, NULL);
	for (uint64_t id = 1; id <= SSE_RING_EVENTS + 1; id++)
		publish(*state, id, "{}", ROLE_VIEWER, false);
	assert_string_equal(read_new(&slow, PIECE), RETRY);
	assert_int_equal(slow.code, Z_STREAM_END);
	close_gzip(&slow);
}

/* Nothing more goes out once a session is over, not even the rest of an event. */
static void an_event_that_was_broken_off_is_not_finished(void **state)
{
	static struct reader one;
	char wire[20];

	open_gzip(*state, &one, ROLE_VIEWER, NULL);
	publish(*state, 1, "{}", ROLE_VIEWER, false);
	assert_int_equal(sse_read(one.stream, wire, sizeof(wire)), sizeof(wire));
	sse_end_session(*state, 1);
	assert_int_equal(sse_read(one.stream, wire, sizeof(wire)), -EPIPE);
	close_gzip(&one);
}

static void signs_of_life_come_in_the_member(void **state)
{
	static struct reader one;

	open_gzip(*state, &one, ROLE_VIEWER, NULL);
	(void)read_new(&one, PIECE);
	sse_tick(*state, clock_monotonic_ns() + (SSE_HEARTBEAT_S + 1) * NS_PER_S);
	assert_string_equal(read_new(&one, PIECE), ":\n\n");
	close_gzip(&one);
}

/* Two texts of one length, one of which would get much smaller. */
static void the_length_of_what_viewers_may_not_see_tells_nothing(void **state)
{
	static const char *const data[] = { "{\"reason\":\"tooth-fairy tooth-fairy\"}",
					    "{\"reason\":\"tooth-fairy elephants12\"}" };
	size_t analyst[2], viewer[2];
	static struct reader one;

	for (unsigned int i = 0; i < 2; i++) {
		open_gzip(*state, &one, ROLE_ANALYST, NULL);
		(void)read_new(&one, PIECE);
		one.wire_len = 0;
		publish(*state, 1, data[i], ROLE_ANALYST, false);
		assert_non_null(strstr(read_new(&one, PIECE), data[i]));
		analyst[i] = one.wire_len;
		one.wire_len = 0;
		publish(*state, 1, data[i], ROLE_VIEWER, false);
		assert_non_null(strstr(read_new(&one, PIECE), data[i]));
		viewer[i] = one.wire_len;
		close_gzip(&one);
	}
	assert_int_equal(analyst[0], analyst[1]);
	assert_true(viewer[0] < viewer[1]); /* what it would have told */
}

static void the_longest_event_comes_in_pieces(void **state)
{
	static char data[SSE_EVENT_BYTES_MAX + 1];
	static struct reader one;

	memset(data, 'x', SSE_EVENT_BYTES_MAX);
	for (int role = ROLE_VIEWER; role <= ROLE_ANALYST; role++) {
		open_gzip(*state, &one, ROLE_ANALYST, NULL);
		(void)read_new(&one, PIECE);
		publish(*state, 1, data, role, false);
		assert_non_null(strstr(read_new(&one, PIECE), data));
		close_gzip(&one);
	}
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_hub, free_hub)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(each_event_is_there_as_soon_as_it_is_sent),
		TEST(who_joins_between_two_events_shares_the_second),
		TEST(reads_of_any_size_give_the_same_text),
		TEST(a_stream_that_is_ended_is_a_whole_member),
		TEST(who_is_too_slow_gets_whole_events_and_the_end),
		TEST(an_event_that_was_broken_off_is_not_finished),
		TEST(signs_of_life_come_in_the_member),
		TEST(the_length_of_what_viewers_may_not_see_tells_nothing),
		TEST(the_longest_event_comes_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
