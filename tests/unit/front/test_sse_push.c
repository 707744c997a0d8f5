/* Events written past the HTTP library. Expected bytes: RFC 9112 7.1 (chunks), WHATWG HTML 9.2.6.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "agent/front/sse.h"
#include "agent/util/clock.h"
#include "include/user.h"

#define CHUNK_1 "1c\r\nid: 1\nevent: block\ndata: a\n\n\r\n"
#define CHUNK_2 "1c\r\nid: 2\nevent: block\ndata: b\n\n\r\n"
#define BEAT	"3\r\n:\n\n\r\n"

/* A browser whose socket takes @room bytes more, then answers @error. */
struct browser {
	struct sse_stream *stream;
	char text[4096];
	size_t len, room;
	int error, sleeps, wakes, writes, cuts;
};

static void count_sleep(void *arg)
{
	((struct browser *)arg)->sleeps++;
}

static void count_wake(void *arg)
{
	((struct browser *)arg)->wakes++;
}

static void count_cut(void *arg)
{
	((struct browser *)arg)->cuts++;
}

static ssize_t take(void *arg, const struct iovec *parts, int count)
{
	struct browser *browser = arg;
	size_t before = browser->len;

	browser->writes++;
	for (int i = 0; i < count; i++) {
		size_t len = parts[i].iov_len < browser->room ? parts[i].iov_len : browser->room;

		memcpy(browser->text + browser->len, parts[i].iov_base, len);
		browser->len += len;
		browser->room -= len;
		browser->text[browser->len] = '\0';
	}
	return browser->len > before ? (ssize_t)(browser->len - before) : browser->error;
}

/* A stream that has read its beginning and sleeps. */
static void open_asleep(struct sse_hub *hub, struct browser *browser, bool may_send)
{
	const struct sse_owner owner = { .role = ROLE_VIEWER, .session_tag = 7 };
	const struct sse_sleeper sleeper = { count_sleep, count_wake, may_send ? take : NULL,
					     count_cut, browser };
	const struct sse_wish wish = { 0 };
	char begin[64];

	*browser = (struct browser){ .room = 1000, .error = -EAGAIN };
	assert_int_equal(sse_open(hub, &owner, &sleeper, &wish, &browser->stream), 0);
	assert_true(sse_read(browser->stream, begin, sizeof(begin)) > 0);
	assert_int_equal(sse_read(browser->stream, begin, sizeof(begin)), 0);
	assert_int_equal(browser->sleeps, 1);
}

static void publish(struct sse_hub *hub, uint64_t id, const char *data)
{
	const struct event event = { .id = id, .name = "block", .data = data };

	sse_publish(hub, &event);
}

static void events_go_out_as_chunks_and_nobody_is_woken(void **state)
{
	struct browser one;

	open_asleep(*state, &one, true);
	publish(*state, 1, "a");
	publish(*state, 2, "b");
	assert_false(sse_take_turn(*state));
	assert_string_equal(one.text, CHUNK_1 CHUNK_2);
	assert_int_equal(one.writes, 1);
	assert_int_equal(one.wakes, 0);
	sse_close(one.stream);
}

static void who_can_only_be_asked_is_woken(void **state)
{
	struct browser one;
	char text[256] = "";

	open_asleep(*state, &one, false);
	publish(*state, 1, "a");
	(void)sse_take_turn(*state);
	assert_int_equal(one.wakes, 1);
	assert_true(sse_read(one.stream, text, sizeof(text) - 1) > 0);
	assert_string_equal(text, "id: 1\nevent: block\ndata: a\n\n");
	sse_close(one.stream);
}

/* Wherever the socket is full, also inside a chunk's size: every byte once, in order. */
static void what_a_full_socket_did_not_take_follows_with_the_next_event(void **state)
{
	static const char whole[] = CHUNK_1 CHUNK_2 CHUNK_1 CHUNK_2;

	for (size_t room = 0; room <= sizeof(CHUNK_1 CHUNK_2) - 1; room++) {
		struct browser one;

		open_asleep(*state, &one, true);
		one.room = room;
		publish(*state, 1, "a");
		publish(*state, 2, "b");
		(void)sse_take_turn(*state);
		assert_int_equal(one.len, room);
		one.room = room % 4;
		publish(*state, 1, "a");
		(void)sse_take_turn(*state);
		assert_int_equal(one.len, room + room % 4);
		one.room = 1000;
		publish(*state, 2, "b");
		(void)sse_take_turn(*state);
		assert_string_equal(one.text, whole);
		assert_int_equal(one.wakes, 0);
		sse_close(one.stream);
	}
}

static void sign_of_life_waits_for_room_too(void **state)
{
	uint64_t now = clock_monotonic_ns();
	struct browser one;

	open_asleep(*state, &one, true);
	one.room = 0;
	sse_tick(*state, now + 16 * NS_PER_S);
	(void)sse_take_turn(*state);
	assert_int_equal(one.len, 0);
	one.room = 1000;
	publish(*state, 1, "a");
	(void)sse_take_turn(*state);
	assert_string_equal(one.text, BEAT CHUNK_1);
	sse_close(one.stream);
}

static void stream_of_a_browser_that_left_is_woken_to_end(void **state)
{
	struct browser one;
	char text[64];

	open_asleep(*state, &one, true);
	one.room = 0;
	one.error = -EPIPE;
	publish(*state, 1, "a");
	(void)sse_take_turn(*state);
	assert_int_equal(one.wakes, 1);
	assert_int_equal(sse_read(one.stream, text, sizeof(text)), -EPIPE);
	assert_int_equal(one.cuts, 1);
	sse_close(one.stream);
}

static void nothing_follows_half_a_chunk(void **state)
{
	struct browser one;
	char text[64];

	open_asleep(*state, &one, true);
	one.room = 5;
	publish(*state, 1, "a");
	(void)sse_take_turn(*state);
	sse_end_session(*state, 7);
	(void)sse_take_turn(*state);
	assert_int_equal(one.len, 5);
	assert_int_equal(one.wakes, 1);
	assert_int_equal(sse_read(one.stream, text, sizeof(text)), -EPIPE);
	assert_int_equal(one.cuts, 1);
	sse_close(one.stream);
}

static void browser_that_takes_nothing_falls_out_of_the_ring(void **state)
{
	struct sse_counts counts;
	struct browser one;
	char text[64];

	open_asleep(*state, &one, true);
	one.room = 0;
	for (uint64_t id = 1; id <= SSE_RING_EVENTS + 1; id++)
		publish(*state, id, "a");
	(void)sse_take_turn(*state);
	assert_int_equal(one.wakes, 1);
	assert_int_equal(sse_read(one.stream, text, sizeof(text)), -EPIPE);
	sse_counts(*state, &counts);
	assert_int_equal(counts.ended_slow, 1);
	sse_close(one.stream);
}

static void many_events_at_once_all_go_out(void **state)
{
	struct browser one;

	open_asleep(*state, &one, true);
	for (uint64_t id = 1; id <= 40; id++)
		publish(*state, id % 2 ? 1 : 2, id % 2 ? "a" : "b");
	one.room = sizeof(one.text) - 1;
	(void)sse_take_turn(*state);
	assert_int_equal(one.len, 20 * (sizeof(CHUNK_1 CHUNK_2) - 1));
	assert_int_equal(one.writes, 3);
	sse_close(one.stream);
}

static int open_hub(void **state)
{
	return sse_hub_new((struct sse_hub **)state);
}

static int close_hub(void **state)
{
	sse_hub_free(*state);
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, open_hub, close_hub)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(events_go_out_as_chunks_and_nobody_is_woken),
		TEST(who_can_only_be_asked_is_woken),
		TEST(what_a_full_socket_did_not_take_follows_with_the_next_event),
		TEST(sign_of_life_waits_for_room_too),
		TEST(stream_of_a_browser_that_left_is_woken_to_end),
		TEST(nothing_follows_half_a_chunk),
		TEST(browser_that_takes_nothing_falls_out_of_the_ring),
		TEST(many_events_at_once_all_go_out),
	};

	return cmocka_run_group_tests_name("front_sse_push", tests, NULL, NULL);
}
