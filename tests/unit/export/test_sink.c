/*
 * A sink's thread: what fails is tried again after a pause, a few times; what does not fit is
 * counted; who hangs ends no stop.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
/* cmocka.h needs the four above */
#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/clock.h"

/* What the fake output does, and what it saw. Its thread and the test's share it. */
static struct {
	atomic_int open_error, send_error;
	atomic_uint opens, sends;
	atomic_bool refuses_one;
} fake;

static int open_fake(struct sink *sink)
{
	int error = atomic_load(&fake.open_error);

	(void)atomic_fetch_add(&fake.opens, 1);
	if (error)
		return error;
	sink->fd = eventfd(0, EFD_CLOEXEC);
	return sink->fd < 0 ? -errno : 0;
}

static int send_fake(struct sink *sink, const struct output_message *message)
{
	int error = atomic_load(&fake.send_error);

	(void)atomic_fetch_add(&fake.sends, 1);
	if (error) {
		sink_say(sink, "It answered 503.");
		return error;
	}
	if (atomic_load(&fake.refuses_one))
		sink_refuse(sink, 1);
	return (int)output_count(message) - atomic_load(&fake.refuses_one);
}

static const struct sink_type fake_type = {
	.name = "fake", .takes = OUTPUT_TEXT, .open = open_fake, .send = send_fake
};

static void begin(struct sink *sink)
{
	memset(&fake, 0, sizeof(fake));
	*sink = (struct sink){ .type = &fake_type };
	assert_int_equal(sink_start(sink), 0);
}

static void give(struct sink *sink, const char *lines)
{
	struct output_message *message = calloc(1, sizeof(*message));

	assert_non_null(message);
	message->kind = OUTPUT_TEXT;
	message->len = (uint32_t)strlen(lines);
	memcpy(message->data, lines, message->len);
	sink_take(sink, message);
	free(message);
}

/* Until its state says so; a failing test ends after 20 s. */
static struct output_state until(struct sink *sink, bool (*is_so)(const struct output_state *state))
{
	struct output_state state;

	for (int i = 0; i < 2000; i++) {
		sink_state(sink, &state);
		if (is_so(&state))
			return state;
		(void)poll(NULL, 0, 10);
	}
	fail_msg("it did not happen");
	return state;
}

static bool is_up(const struct output_state *state)
{
	return state->is_up;
}

static bool has_failed(const struct output_state *state)
{
	return state->failures > 0;
}

static bool has_sent(const struct output_state *state)
{
	return state->sent > 0;
}

static bool has_dropped(const struct output_state *state)
{
	return state->dropped > 0;
}

static void a_message_that_failed_is_tried_again_and_lost_never_silently(void **state)
{
	struct sink sink;
	struct output_state seen;

	(void)state;
	begin(&sink);
	(void)until(&sink, is_up);
	atomic_store(&fake.send_error, -EREMOTEIO);
	give(&sink, "a\nb\n");
	seen = until(&sink, has_failed);
	assert_false(seen.is_up);
	assert_string_equal(seen.error, "It answered 503.");
	assert_int_equal(seen.dropped, 0);
	atomic_store(&fake.send_error, 0);
	seen = until(&sink, has_sent);
	assert_int_equal(seen.sent, 2);
	assert_int_equal(seen.dropped, 0);
	assert_string_equal(seen.error, "");
	assert_true(atomic_load(&fake.sends) >= 2);
	sink_stop(&sink, 0);
}

static void the_pause_grows_although_the_server_takes_connections(void **state)
{
	struct sink sink;
	uint64_t began_ns = clock_monotonic_ns();

	(void)state;
	begin(&sink);
	atomic_store(&fake.send_error, -ECONNRESET);
	give(&sink, "a\n");
	while (atomic_load(&fake.sends) < 3) /* at 0, 1 and 3 s */
		(void)poll(NULL, 0, 10);
	assert_true(clock_monotonic_ns() - began_ns >= 3 * NS_PER_S);
	assert_int_equal(atomic_load(&fake.opens), 3);
	sink_stop(&sink, 0);
}

static void what_a_queue_cannot_hold_is_counted(void **state)
{
	struct sink sink;

	(void)state;
	memset(&fake, 0, sizeof(fake));
	atomic_store(&fake.open_error, -ECONNREFUSED);
	sink = (struct sink){ .type = &fake_type };
	assert_int_equal(sink_start(&sink), 0);
	for (int i = 0; i < 300; i++)
		give(&sink, "a\nb\n");
	assert_int_equal(until(&sink, has_dropped).dropped, 2 * (300 - 256));
	assert_string_equal(until(&sink, has_failed).error, "Nobody answers there.");
	sink_stop(&sink, 0);
}

static void lines_that_a_server_refuses_are_counted_and_not_tried_again(void **state)
{
	struct sink sink;
	struct output_state seen;

	(void)state;
	begin(&sink);
	atomic_store(&fake.refuses_one, true);
	give(&sink, "a\nb\nc\n");
	seen = until(&sink, has_sent);
	seen = until(&sink, has_dropped);
	assert_int_equal(seen.sent, 2);
	assert_int_equal(seen.dropped, 1);
	assert_int_equal(atomic_load(&fake.sends), 1);
	sink_stop(&sink, 0);
}

/* ---- a listener's stream ---------------------------------------------------------------------
 */

static int listen_at(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	(void)unlink(path); /* of a former run */
	assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
	assert_int_equal(listen(fd, 4), 0);
	return fd;
}

static void expect(int fd, const char *text)
{
	char got[64] = "";
	size_t len = 0;

	while (len < strlen(text)) {
		ssize_t more = read(fd, got + len, sizeof(got) - 1 - len);

		assert_true(more > 0);
		len += (size_t)more;
	}
	assert_string_equal(got, text);
}

static void a_listener_that_hangs_up_is_connected_to_again(void **state)
{
	char path[64];
	struct output_settings settings = { .eve_socket = path, .ca = "" };
	struct sink sink = { .type = &sink_eve_socket, .settings = &settings };
	struct output_state seen;
	int listener, peer;

	(void)state;
	(void)snprintf(path, sizeof(path), "/tmp/sluice-test-sink-%d", (int)getpid());
	listener = listen_at(path);
	assert_int_equal(sink_start(&sink), 0);
	peer = accept(listener, NULL, NULL);
	give(&sink, "{\"a\":1}\n{\"b\":2}\n");
	expect(peer, "{\"a\":1}\n{\"b\":2}\n");
	assert_int_equal(until(&sink, has_sent).sent, 2);
	close(peer);
	seen = until(&sink, has_failed);
	assert_false(seen.is_up);
	assert_string_equal(seen.error, "It hung up.");
	peer = accept(listener, NULL, NULL); /* a second later, nothing else done */
	give(&sink, "{\"c\":3}\n");
	expect(peer, "{\"c\":3}\n");
	assert_int_equal(until(&sink, is_up).dropped, 0);
	sink_stop(&sink, 0);
	close(peer);
	close(listener);
	(void)unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_message_that_failed_is_tried_again_and_lost_never_silently),
		cmocka_unit_test(the_pause_grows_although_the_server_takes_connections),
		cmocka_unit_test(what_a_queue_cannot_hold_is_counted),
		cmocka_unit_test(lines_that_a_server_refuses_are_counted_and_not_tried_again),
		cmocka_unit_test(a_listener_that_hangs_up_is_connected_to_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
