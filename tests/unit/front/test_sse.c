/* The fan-out of events without HTTP. Expected values: docs/api.md "Events"; WHATWG HTML 9.2.6. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "agent/front/sse.h"
#include "agent/util/clock.h"
#include "include/user.h"

#define RETRY "retry: 2000\n\n"

/* A stream of a test and how often it slept and was woken. */
struct listener {
	struct sse_stream *stream;
	int slept, woken;
	char text[65536];
};

static void count_sleep(void *arg)
{
	((struct listener *)arg)->slept++;
}

static void count_wake(void *arg)
{
	((struct listener *)arg)->woken++;
}

static int open_as(struct sse_hub *hub, struct listener *listener, enum role role, uint64_t tag,
		   const char *last_id)
{
	const struct sse_owner owner = { .role = (uint8_t)role, .session_tag = tag };
	const struct sse_sleeper sleeper = { count_sleep, count_wake, NULL, NULL, listener };
	const struct sse_wish wish = { .last_event_id = last_id };

	memset(listener, 0, sizeof(*listener));
	return sse_open(hub, &owner, &sleeper, &wish, &listener->stream);
}

/* Everything there is to read now, in pieces of @piece bytes. */
static const char *read_all(struct listener *listener, size_t piece)
{
	size_t at = 0;
	ssize_t got;

	while ((got = sse_read(listener->stream, listener->text + at, piece)) > 0)
		at += (size_t)got;
	listener->text[at] = '\0';
	return got == 0 ? listener->text : NULL;
}

static void publish(struct sse_hub *hub, uint64_t id, const char *name, enum role role,
		    bool is_sticky)
{
	const struct event event = { id, (uint8_t)role, 0, is_sticky, name, "{}" };

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

static void a_stream_reads_events_in_order_then_sleeps(void **state)
{
	static struct listener one;

	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, NULL), 0);
	publish(*state, 7, "block", ROLE_VIEWER, false);
	publish(*state, 8, "incident", ROLE_VIEWER, false);
	assert_string_equal(read_all(&one, 4096), RETRY "id: 7\nevent: block\ndata: {}\n\n"
							"id: 8\nevent: incident\ndata: {}\n\n");
	assert_int_equal(one.slept, 1);
	sse_close(one.stream);
}

static void an_event_wakes_who_sleeps_once(void **state)
{
	static struct listener one;

	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, NULL), 0);
	publish(*state, 1, "a", ROLE_VIEWER, false);
	assert_int_equal(one.woken, 0); /* it does not sleep yet */
	(void)read_all(&one, 4096);
	publish(*state, 2, "a", ROLE_VIEWER, false);
	publish(*state, 3, "a", ROLE_VIEWER, false);
	(void)sse_take_turn(*state);
	assert_int_equal(one.woken, 1);
	sse_close(one.stream);
}

static void a_turn_wakes_a_few_hundred_who_waited_longest(void **state)
{
	enum {
		COUNT = SSE_TURN_STREAMS + 2
	};
	static struct listener all[COUNT];

	for (unsigned int i = 0; i < COUNT; i++) {
		const struct sse_owner owner = { .role = ROLE_VIEWER, .session_tag = i };
		const struct sse_sleeper sleeper = { count_sleep, count_wake, NULL, NULL, &all[i] };
		const struct sse_wish wish = { 0 };

		all[i].woken = 0;
		assert_int_equal(sse_open(*state, &owner, &sleeper, &wish, &all[i].stream), 0);
		(void)read_all(&all[i], 4096);
	}
	publish(*state, 1, "a", ROLE_VIEWER, false);
	assert_int_equal(all[0].woken, 0);
	assert_true(sse_take_turn(*state));
	assert_int_equal(all[SSE_TURN_STREAMS - 1].woken, 1);
	assert_int_equal(all[SSE_TURN_STREAMS].woken, 0);
	sse_close(all[SSE_TURN_STREAMS].stream); /* who leaves is not woken any more */
	assert_false(sse_take_turn(*state));
	assert_int_equal(all[SSE_TURN_STREAMS].woken, 0);
	assert_int_equal(all[SSE_TURN_STREAMS + 1].woken, 1);
	for (unsigned int i = 0; i < COUNT; i++)
		if (i != SSE_TURN_STREAMS)
			sse_close(all[i].stream);
}

static void small_reads_give_the_same_bytes(void **state)
{
	static struct listener one;

	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, NULL), 0);
	publish(*state, 1, "a", ROLE_VIEWER, false);
	assert_string_equal(read_all(&one, 13), RETRY "id: 1\nevent: a\ndata: {}\n\n");
	sse_close(one.stream);
}

static void events_above_a_role_are_not_seen_and_do_not_wake(void **state)
{
	static struct listener viewer, analyst;

	assert_int_equal(open_as(*state, &viewer, ROLE_VIEWER, 1, NULL), 0);
	assert_int_equal(open_as(*state, &analyst, ROLE_ANALYST, 2, NULL), 0);
	(void)read_all(&viewer, 4096);
	(void)read_all(&analyst, 4096);
	publish(*state, 1, "secret", ROLE_ANALYST, true);
	(void)sse_take_turn(*state);
	assert_int_equal(viewer.woken, 0);
	assert_int_equal(analyst.woken, 1);
	assert_string_equal(read_all(&viewer, 4096), "");
	assert_string_equal(read_all(&analyst, 4096), "id: 1\nevent: secret\ndata: {}\n\n");
	sse_close(viewer.stream);
	assert_int_equal(open_as(*state, &viewer, ROLE_VIEWER, 1, NULL), 0);
	assert_string_equal(read_all(&viewer, 4096), RETRY);
	sse_close(viewer.stream);
	sse_close(analyst.stream);
}

/* Two events of one name, each for its roles, live and sticky. */
static void an_event_up_to_a_role_is_not_seen_above_it(void **state)
{
	static struct listener viewer, analyst, late;
	struct event event = { 1, ROLE_VIEWER, ROLE_VIEWER, true, "new_incident", "{}" };

	assert_int_equal(open_as(*state, &viewer, ROLE_VIEWER, 1, NULL), 0);
	assert_int_equal(open_as(*state, &analyst, ROLE_ANALYST, 2, NULL), 0);
	(void)read_all(&viewer, 4096);
	(void)read_all(&analyst, 4096);
	sse_publish(*state, &event);
	(void)sse_take_turn(*state);
	assert_int_equal(analyst.woken, 0);
	event = (struct event){ 2, ROLE_ANALYST, 0, true, "new_incident", "{\"reason\":1}" };
	sse_publish(*state, &event);
	assert_string_equal(read_all(&viewer, 4096), "id: 1\nevent: new_incident\ndata: {}\n\n");
	assert_string_equal(read_all(&analyst, 4096),
			    "id: 2\nevent: new_incident\ndata: {\"reason\":1}\n\n");
	assert_int_equal(open_as(*state, &late, ROLE_ADMIN, 3, NULL), 0);
	assert_string_equal(read_all(&late, 4096),
			    RETRY "id: 2\nevent: new_incident\ndata: {\"reason\":1}\n\n");
	sse_close(viewer.stream);
	sse_close(analyst.stream);
	sse_close(late.stream);
}

static void a_new_stream_begins_with_the_newest_of_each_sticky_name(void **state)
{
	static struct listener one;

	publish(*state, 1, "snapshot", ROLE_VIEWER, true);
	publish(*state, 2, "analyzer_status", ROLE_VIEWER, true);
	publish(*state, 3, "snapshot", ROLE_VIEWER, true);
	publish(*state, 4, "block", ROLE_VIEWER, false);
	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, NULL), 0);
	publish(*state, 5, "block", ROLE_VIEWER, false);
	assert_string_equal(read_all(&one, 4096),
			    RETRY "id: 2\nevent: analyzer_status\ndata: {}\n\n"
				  "id: 3\nevent: snapshot\ndata: {}\n\n"
				  "id: 5\nevent: block\ndata: {}\n\n");
	sse_close(one.stream);
}

static void last_event_id_resumes_without_loss(void **state)
{
	static struct listener one;

	for (uint64_t id = 1; id <= 4; id++)
		publish(*state, id, "a", ROLE_VIEWER, true);
	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, "2"), 0);
	assert_string_equal(read_all(&one, 4096), RETRY "id: 3\nevent: a\ndata: {}\n\n"
							"id: 4\nevent: a\ndata: {}\n\n");
	sse_close(one.stream);
	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, "4"), 0);
	assert_string_equal(read_all(&one, 4096), RETRY);
	sse_close(one.stream);
}

static void an_id_the_ring_does_not_hold_begins_anew(void **state)
{
	static const char *const unknown[] = {
		"0", "99", "x", "", "-1", "1 ", "00000000000000000000", "18446744073709551617"
	};
	static struct listener one;

	publish(*state, 1, "a", ROLE_VIEWER, true);
	for (size_t i = 0; i < sizeof(unknown) / sizeof(unknown[0]); i++) {
		assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, unknown[i]), 0);
		assert_string_equal(read_all(&one, 4096), RETRY "id: 1\nevent: a\ndata: {}\n\n");
		sse_close(one.stream);
	}
}

static void ids_of_a_core_before_are_not_resumed(void **state)
{
	static struct listener one;

	publish(*state, 100, "a", ROLE_VIEWER, false);
	publish(*state, 101, "a", ROLE_VIEWER, false);
	publish(*state, 1, "a", ROLE_VIEWER, true);
	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, "100"), 0);
	assert_string_equal(read_all(&one, 4096), RETRY "id: 1\nevent: a\ndata: {}\n\n");
	sse_close(one.stream);
}

static void the_ring_holds_512_events(void **state)
{
	static struct listener oldest, older;

	for (uint64_t id = 1; id <= 513; id++)
		publish(*state, id, "a", ROLE_VIEWER, false);
	assert_int_equal(open_as(*state, &older, ROLE_VIEWER, 1, "1"), 0);
	assert_int_equal(open_as(*state, &oldest, ROLE_VIEWER, 1, "2"), 0);
	assert_string_equal(read_all(&older, 4096), RETRY);
	assert_non_null(strstr(read_all(&oldest, 4096), "id: 3\n"));
	assert_non_null(strstr(oldest.text, "id: 513\n"));
	sse_close(older.stream);
	sse_close(oldest.stream);
}

static void a_slow_stream_ends_when_it_falls_out_of_the_ring(void **state)
{
	static struct listener slow;
	struct sse_counts counts;

	assert_int_equal(open_as(*state, &slow, ROLE_VIEWER, 1, NULL), 0);
	for (uint64_t id = 1; id <= 513; id++)
		publish(*state, id, "a", ROLE_VIEWER, false);
	assert_int_equal(sse_read(slow.stream, slow.text, 4096), strlen(RETRY));
	assert_int_equal(sse_read(slow.stream, slow.text, 4096), -EPIPE);
	sse_counts(*state, &counts);
	assert_int_equal(counts.ended_slow, 1);
	sse_close(slow.stream);
}

static void the_ring_is_bounded_in_bytes(void **state)
{
	static char data[SSE_EVENT_BYTES_MAX + 2];
	static struct listener one;
	struct event event = { 1, ROLE_VIEWER, 0, false, "big", data };
	struct sse_counts counts;

	memset(data, 'x', sizeof(data) - 2);
	for (; event.id <= 20; event.id++) /* 20 times 256 KiB: five more than 4 MiB hold */
		sse_publish(*state, &event);
	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, "1"), 0);
	assert_string_equal(read_all(&one, 4096), RETRY);
	sse_close(one.stream);
	data[sizeof(data) - 2] = 'x';
	sse_publish(*state, &event);
	sse_counts(*state, &counts);
	assert_int_equal(counts.published, 20);
	assert_int_equal(counts.refused_events, 1);
}

static void an_event_of_two_lines_is_refused(void **state)
{
	const struct event bad = { 1, ROLE_VIEWER, 0, false, "a", "{}\n\ndata: forged" };
	struct sse_counts counts;

	sse_publish(*state, &bad);
	sse_counts(*state, &counts);
	assert_int_equal(counts.published, 0);
	assert_int_equal(counts.refused_events, 1);
}

static void a_heartbeat_comes_every_15_seconds(void **state)
{
	static struct listener one;
	uint64_t now = clock_monotonic_ns();

	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, NULL), 0);
	(void)read_all(&one, 4096);
	sse_tick(*state, now + 14 * NS_PER_S);
	(void)sse_take_turn(*state);
	assert_int_equal(one.woken, 0);
	sse_tick(*state, now + 16 * NS_PER_S);
	(void)sse_take_turn(*state);
	assert_int_equal(one.woken, 1);
	assert_string_equal(read_all(&one, 4096), ":\n\n");
	sse_tick(*state, now + 30 * NS_PER_S);
	(void)sse_take_turn(*state);
	assert_int_equal(one.woken, 1);
	sse_tick(*state, now + 31 * NS_PER_S);
	(void)sse_take_turn(*state);
	assert_int_equal(one.woken, 2);
	sse_close(one.stream);
}

static void streams_of_an_ended_session_end(void **state)
{
	static struct listener mine, other;

	assert_int_equal(open_as(*state, &mine, ROLE_VIEWER, 1, NULL), 0);
	assert_int_equal(open_as(*state, &other, ROLE_VIEWER, 2, NULL), 0);
	(void)read_all(&mine, 4096);
	(void)read_all(&other, 4096);
	sse_end_session(*state, 1);
	(void)sse_take_turn(*state);
	assert_int_equal(mine.woken, 1);
	assert_int_equal(sse_read(mine.stream, mine.text, 4096), -EPIPE);
	assert_int_equal(sse_read(other.stream, other.text, 4096), 0);
	sse_close(mine.stream);
	sse_close(other.stream);
}

static void a_session_has_so_many_streams_and_others_are_free(void **state)
{
	static struct listener many[SSE_SESSION_MAX + 1], other;

	for (int i = 0; i < SSE_SESSION_MAX; i++)
		assert_int_equal(open_as(*state, &many[i], ROLE_VIEWER, 1, NULL), 0);
	assert_int_equal(open_as(*state, &many[SSE_SESSION_MAX], ROLE_VIEWER, 1, NULL), -EAGAIN);
	assert_int_equal(open_as(*state, &other, ROLE_VIEWER, 2, NULL), 0);
	sse_close(other.stream);
	for (int i = 0; i < SSE_SESSION_MAX; i++)
		sse_close(many[i].stream);
}

static void sessions_are_confirmed_every_30_seconds(void **state)
{
	static struct listener one;
	uint64_t now = clock_monotonic_ns(), id;
	struct sse_owner owner;

	assert_int_equal(open_as(*state, &one, ROLE_ANALYST, 5, NULL), 0);
	(void)read_all(&one, 4096);
	assert_false(sse_next_check(*state, now + 29 * NS_PER_S, &id, &owner));
	assert_true(sse_next_check(*state, now + 31 * NS_PER_S, &id, &owner));
	assert_int_equal(owner.session_tag, 5);
	assert_false(sse_next_check(*state, now + 31 * NS_PER_S, &id, &owner));
	sse_checked(*state, id, true, ROLE_VIEWER); /* the role went down */
	publish(*state, 1, "secret", ROLE_ANALYST, false);
	assert_string_equal(read_all(&one, 4096), "");
	sse_checked(*state, id, false, ROLE_NONE);
	assert_int_equal(sse_read(one.stream, one.text, 4096), -EPIPE);
	sse_close(one.stream);
	sse_checked(*state, id, false, ROLE_NONE); /* gone meanwhile */
}

static void after_the_end_no_stream_opens(void **state)
{
	static struct listener one, late;

	assert_int_equal(open_as(*state, &one, ROLE_VIEWER, 1, NULL), 0);
	sse_end_all(*state);
	assert_int_equal(sse_read(one.stream, one.text, 4096), -EPIPE);
	assert_int_equal(open_as(*state, &late, ROLE_VIEWER, 2, NULL), -ENOSPC);
	sse_close(one.stream);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, new_hub, free_hub)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_stream_reads_events_in_order_then_sleeps),
		TEST(a_turn_wakes_a_few_hundred_who_waited_longest),
		TEST(an_event_wakes_who_sleeps_once),
		TEST(small_reads_give_the_same_bytes),
		TEST(events_above_a_role_are_not_seen_and_do_not_wake),
		TEST(an_event_up_to_a_role_is_not_seen_above_it),
		TEST(a_new_stream_begins_with_the_newest_of_each_sticky_name),
		TEST(last_event_id_resumes_without_loss),
		TEST(an_id_the_ring_does_not_hold_begins_anew),
		TEST(ids_of_a_core_before_are_not_resumed),
		TEST(the_ring_holds_512_events),
		TEST(a_slow_stream_ends_when_it_falls_out_of_the_ring),
		TEST(the_ring_is_bounded_in_bytes),
		TEST(an_event_of_two_lines_is_refused),
		TEST(a_heartbeat_comes_every_15_seconds),
		TEST(streams_of_an_ended_session_end),
		TEST(a_session_has_so_many_streams_and_others_are_free),
		TEST(sessions_are_confirmed_every_30_seconds),
		TEST(after_the_end_no_stream_opens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
