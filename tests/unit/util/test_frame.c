#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/frame.h"

struct ends {
	int a, b;
	struct frame_reader reader; /* of b */
};

static int connect_ends(void **state)
{
	struct ends *ends = calloc(1, sizeof(*ends));
	int pair[2];

	assert_non_null(ends);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	ends->a = pair[0];
	ends->b = pair[1];
	assert_int_equal(fcntl(ends->b, F_SETFL, O_NONBLOCK), 0);
	frame_reader_init(&ends->reader);
	*state = ends;
	return 0;
}

static int close_ends(void **state)
{
	struct ends *ends = *state;

	(void)close(ends->a); /* may be closed by the test */
	(void)close(ends->b);
	frame_reader_done(&ends->reader);
	free(ends);
	return 0;
}

static void fill(struct ends *ends)
{
	assert_true(frame_reader_fill(&ends->reader, ends->b) > 0);
}

static void sent_frame_arrives_whole(void **state)
{
	struct ends *ends = *state;
	struct frame frame;

	assert_int_equal(
		frame_send(ends->a,
			   &(struct frame){ FRAME_REQUEST, 0x1122334455667788, "hello", 5 }, 100),
		0);
	fill(ends);
	assert_int_equal(frame_reader_next(&ends->reader, &frame), 1);
	assert_int_equal(frame.type, FRAME_REQUEST);
	assert_true(frame.id == 0x1122334455667788);
	assert_int_equal(frame.len, 5);
	assert_memory_equal(frame.body, "hello", 5);
	assert_int_equal(frame_reader_next(&ends->reader, &frame), 0);
}

static void frame_layout_is_length_type_zero_id(void **state)
{
	/* By hand, for a little-endian machine; the frame never leaves it. */
	static const uint8_t expected[] = {
		2, 0, 0, 0, 3, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 'h', 'i'
	};
	struct buffer out;

	(void)state;
	buffer_init(&out, 100);
	assert_int_equal(frame_append(&out, FRAME_EVENT, 7, "hi", 2), 0);
	assert_int_equal(out.len, sizeof(expected));
	assert_memory_equal(out.data, expected, sizeof(expected));
	buffer_done(&out);
}

static void empty_body_is_a_frame(void **state)
{
	struct ends *ends = *state;
	struct frame frame;

	assert_int_equal(frame_send(ends->a, &(struct frame){ FRAME_SUPERVISE, 1, NULL, 0 }, 100),
			 0);
	fill(ends);
	assert_int_equal(frame_reader_next(&ends->reader, &frame), 1);
	assert_int_equal(frame.len, 0);
}

static void several_frames_of_one_read_come_one_by_one(void **state)
{
	struct ends *ends = *state;
	struct frame frame;

	for (uint64_t id = 0; id < 3; id++)
		assert_int_equal(
			frame_send(ends->a, &(struct frame){ FRAME_EVENT, id, "x", 1 }, 100), 0);
	fill(ends);
	for (uint64_t id = 0; id < 3; id++) {
		assert_int_equal(frame_reader_next(&ends->reader, &frame), 1);
		assert_true(frame.id == id);
	}
	assert_int_equal(frame_reader_next(&ends->reader, &frame), 0);
}

static void frame_in_single_bytes_is_put_together(void **state)
{
	struct ends *ends = *state;
	struct frame frame;
	struct buffer out;

	buffer_init(&out, 100);
	assert_int_equal(frame_append(&out, FRAME_RESPONSE, 9, "abc", 3), 0);
	for (size_t i = 0; i < out.len; i++) {
		assert_int_equal(frame_reader_next(&ends->reader, &frame), 0);
		assert_int_equal(write(ends->a, out.data + i, 1), 1);
		fill(ends);
	}
	assert_int_equal(frame_reader_next(&ends->reader, &frame), 1);
	assert_memory_equal(frame.body, "abc", 3);
	buffer_done(&out);
}

static void expect_fatal(struct ends *ends, struct frame_header header)
{
	struct frame frame;

	assert_int_equal(write(ends->a, &header, sizeof(header)), sizeof(header));
	fill(ends);
	assert_int_equal(frame_reader_next(&ends->reader, &frame), -EPROTO);
}

static void length_past_the_maximum_is_fatal_before_the_body_comes(void **state)
{
	expect_fatal(*state, (struct frame_header){ .length = FRAME_BODY_MAX + 1, .type = 1 });
}

static void type_zero_is_fatal(void **state)
{
	expect_fatal(*state, (struct frame_header){ .type = 0 });
}

static void unknown_type_is_fatal(void **state)
{
	expect_fatal(*state, (struct frame_header){ .type = FRAME_TYPE_COUNT });
}

static void reserved_bits_are_fatal(void **state)
{
	expect_fatal(*state, (struct frame_header){ .type = 1, .reserved = 1 });
}

static void nothing_there_is_eagain_and_the_end_is_zero(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(frame_reader_fill(&ends->reader, ends->b), -EAGAIN);
	assert_int_equal(close(ends->a), 0);
	assert_int_equal(frame_reader_fill(&ends->reader, ends->b), 0);
	ends->a = -1;
}

static void body_past_the_maximum_is_not_sent(void **state)
{
	struct ends *ends = *state;
	struct buffer out;

	buffer_init(&out, 100);
	assert_int_equal(
		frame_send(ends->a, &(struct frame){ FRAME_EVENT, 0, "", FRAME_BODY_MAX + 1 }, 0),
		-EMSGSIZE);
	assert_int_equal(frame_append(&out, FRAME_EVENT, 0, "", FRAME_BODY_MAX + 1), -EMSGSIZE);
	assert_int_equal(frame_reader_fill(&ends->reader, ends->b), -EAGAIN);
	buffer_done(&out);
}

static void append_past_the_buffer_leaves_no_half_frame(void **state)
{
	struct buffer out;

	(void)state;
	buffer_init(&out, 20);
	assert_int_equal(frame_append(&out, FRAME_EVENT, 0, "12345", 5), -E2BIG);
	assert_int_equal(out.len, 0);
	buffer_done(&out);
}

static void send_to_a_full_socket_times_out(void **state)
{
	static const uint8_t body[1 << 20];
	struct ends *ends = *state;
	int err = 0;

	for (int i = 0; i < 64 && !err; i++)
		err = frame_send(ends->a, &(struct frame){ FRAME_EVENT, 0, body, sizeof(body) }, 1);
	assert_int_equal(err, -ETIMEDOUT);
}

static void send_to_a_closed_socket_fails_without_signal(void **state)
{
	struct ends *ends = *state;

	assert_int_equal(close(ends->b), 0);
	assert_int_equal(frame_send(ends->a, &(struct frame){ FRAME_EVENT, 0, "x", 1 }, 10),
			 -EPIPE);
	ends->b = -1;
}

struct sender {
	int fd;
	const uint8_t *body;
	int err;
};

static void *send_largest(void *argument)
{
	struct sender *sender = argument;

	sender->err = frame_send(sender->fd,
				 &(struct frame){ FRAME_RESPONSE, 5, sender->body, FRAME_BODY_MAX },
				 10000);
	return NULL;
}

static void largest_frame_passes_and_its_memory_is_given_back(void **state)
{
	struct ends *ends = *state;
	uint8_t *body = calloc(1, FRAME_BODY_MAX);
	struct sender sender = { .fd = ends->a, .body = body };
	struct frame frame;
	pthread_t thread;

	assert_non_null(body);
	body[FRAME_BODY_MAX - 1] = 0xab;
	assert_int_equal(fcntl(ends->b, F_SETFL, 0), 0); /* wait for the other thread */
	assert_int_equal(pthread_create(&thread, NULL, send_largest, &sender), 0);
	do {
		fill(ends);
	} while (frame_reader_next(&ends->reader, &frame) == 0);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_int_equal(sender.err, 0);
	assert_int_equal(frame.len, FRAME_BODY_MAX);
	assert_int_equal(((const uint8_t *)frame.body)[FRAME_BODY_MAX - 1], 0xab);
	assert_int_equal(frame_send(ends->a, &(struct frame){ FRAME_EVENT, 0, "x", 1 }, 100), 0);
	fill(ends);
	assert_true(ends->reader.in.capacity < 1 << 20);
	free(body);
}

#define connected(test) cmocka_unit_test_setup_teardown(test, connect_ends, close_ends)

int main(void)
{
	const struct CMUnitTest tests[] = {
		connected(sent_frame_arrives_whole),
		cmocka_unit_test(frame_layout_is_length_type_zero_id),
		connected(empty_body_is_a_frame),
		connected(several_frames_of_one_read_come_one_by_one),
		connected(frame_in_single_bytes_is_put_together),
		connected(length_past_the_maximum_is_fatal_before_the_body_comes),
		connected(type_zero_is_fatal),
		connected(unknown_type_is_fatal),
		connected(reserved_bits_are_fatal),
		connected(nothing_there_is_eagain_and_the_end_is_zero),
		connected(body_past_the_maximum_is_not_sent),
		cmocka_unit_test(append_past_the_buffer_leaves_no_half_frame),
		connected(send_to_a_full_socket_times_out),
		connected(send_to_a_closed_socket_fails_without_signal),
		connected(largest_frame_passes_and_its_memory_is_given_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
