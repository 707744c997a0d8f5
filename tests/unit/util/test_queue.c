#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>

#include "agent/util/queue.h"

static int items[4];

static int new_queue_of_three(void **state)
{
	struct queue *queue = NULL;
	int err = queue_new(3, &queue);

	*state = queue;
	return err;
}

static int free_queue(void **state)
{
	queue_free(*state);
	return 0;
}

static bool is_readable(const struct queue *queue)
{
	struct pollfd pollfd = { .fd = queue_fd(queue), .events = POLLIN };

	return poll(&pollfd, 1, 0) == 1;
}

static void items_come_out_in_order_also_around_the_end(void **state)
{
	struct queue *queue = *state;

	for (int round = 0; round < 5; round++) {
		assert_int_equal(queue_push(queue, &items[0]), 0);
		assert_int_equal(queue_push(queue, &items[1]), 0);
		assert_ptr_equal(queue_pop(queue), &items[0]);
		assert_ptr_equal(queue_pop(queue), &items[1]);
		assert_null(queue_pop(queue));
	}
}

static void full_queue_refuses_and_counts(void **state)
{
	struct queue *queue = *state;

	for (int i = 0; i < 3; i++)
		assert_int_equal(queue_push(queue, &items[i]), 0);
	assert_int_equal(queue_push(queue, &items[3]), -EAGAIN);
	assert_int_equal(queue_push(queue, &items[3]), -EAGAIN);
	assert_int_equal(queue_refused(queue), 2);
	assert_int_equal(queue_len(queue), 3);
	assert_ptr_equal(queue_pop(queue), &items[0]);
	assert_int_equal(queue_push(queue, &items[3]), 0);
}

static void descriptor_is_readable_while_items_are_there(void **state)
{
	struct queue *queue = *state;

	assert_false(is_readable(queue));
	assert_int_equal(queue_push(queue, &items[0]), 0);
	assert_int_equal(queue_push(queue, &items[1]), 0);
	assert_true(is_readable(queue));
	assert_non_null(queue_pop(queue));
	assert_true(is_readable(queue));
	assert_non_null(queue_pop(queue));
	assert_false(is_readable(queue));
}

static void wait_returns_at_once_or_after_the_time(void **state)
{
	struct queue *queue = *state;

	assert_int_equal(queue_wait(queue, 0), 0);
	assert_int_equal(queue_wait(queue, 1), 0);
	assert_int_equal(queue_push(queue, &items[0]), 0);
	assert_int_equal(queue_wait(queue, -1), 1);
}

static void capacity_of_none_is_refused(void **state)
{
	struct queue *queue = NULL;

	(void)state;
	assert_int_equal(queue_new(0, &queue), -EINVAL);
	assert_null(queue);
	queue_free(NULL);
}

#define PER_PRODUCER 20000

/* Pushes its argument until it was taken often enough. */
struct producer {
	struct queue *queue;
	pthread_t thread;
	unsigned int taken; /* by the consumer only */
};

static void *produce(void *argument)
{
	struct producer *producer = argument;

	for (int i = 0; i < PER_PRODUCER;) {
		if (queue_push(producer->queue, producer) == 0)
			i++;
	}
	return NULL;
}

static void nothing_is_lost_between_threads(void **state)
{
	struct queue *queue = *state;
	struct producer producers[3] = { { .queue = queue },
					 { .queue = queue },
					 { .queue = queue } };

	for (int i = 0; i < 3; i++)
		assert_int_equal(pthread_create(&producers[i].thread, NULL, produce, &producers[i]),
				 0);
	for (int i = 0; i < 3 * PER_PRODUCER;) {
		struct producer *from;

		assert_int_equal(queue_wait(queue, 10000), 1);
		while ((from = queue_pop(queue))) {
			from->taken++;
			i++;
		}
	}
	for (int i = 0; i < 3; i++) {
		assert_int_equal(pthread_join(producers[i].thread, NULL), 0);
		assert_int_equal(producers[i].taken, PER_PRODUCER);
	}
}

#define queued(test) cmocka_unit_test_setup_teardown(test, new_queue_of_three, free_queue)

int main(void)
{
	const struct CMUnitTest tests[] = {
		queued(items_come_out_in_order_also_around_the_end),
		queued(full_queue_refuses_and_counts),
		queued(descriptor_is_readable_while_items_are_there),
		queued(wait_returns_at_once_or_after_the_time),
		cmocka_unit_test(capacity_of_none_is_refused),
		queued(nothing_is_lost_between_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
