/*
 * A ring of pointers under a mutex. The eventfd holds 1 exactly while the ring is not empty: both
 * change together under the lock, so a level-triggered wait never misses and never spins.
 */
#include "agent/util/queue.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/eventfd.h>

#include "agent/util/clock.h"

struct queue {
	pthread_mutex_t lock;
	int fd;
	unsigned int capacity, first, len;
	uint64_t refused;
	void *items[];
};

int queue_new(unsigned int capacity, struct queue **out)
{
	struct queue *queue;

	if (capacity == 0)
		return -EINVAL;
	queue = calloc(1, sizeof(*queue) + capacity * sizeof(queue->items[0]));
	if (!queue)
		return -ENOMEM;
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->fd < 0) {
		int err = -errno;

		free(queue);
		return err;
	}
	(void)pthread_mutex_init(&queue->lock, NULL); /* cannot fail with default attributes */
	queue->capacity = capacity;
	*out = queue;
	return 0;
}

void queue_free(struct queue *queue)
{
	if (!queue)
		return;
	(void)close(queue->fd);			   /* nothing is lost with an eventfd */
	(void)pthread_mutex_destroy(&queue->lock); /* nobody holds it any more */
	free(queue);
}

static void lock(struct queue *queue)
{
	(void)pthread_mutex_lock(&queue->lock); /* a default mutex: no failure but misuse */
}

static void unlock(struct queue *queue)
{
	(void)pthread_mutex_unlock(&queue->lock);
}

int queue_push(struct queue *queue, void *item)
{
	bool is_full;

	lock(queue);
	is_full = queue->len == queue->capacity;
	if (is_full)
		queue->refused++;
	else
		queue->items[(queue->first + queue->len++) % queue->capacity] = item;
	if (!is_full && queue->len == 1)
		(void)eventfd_write(queue->fd, 1); /* from 0 to 1: never blocks */
	unlock(queue);
	return is_full ? -EAGAIN : 0;
}

void *queue_pop(struct queue *queue)
{
	void *item = NULL;
	eventfd_t drained;

	lock(queue);
	if (queue->len > 0) {
		item = queue->items[queue->first];
		queue->first = (queue->first + 1) % queue->capacity;
		if (--queue->len == 0)
			(void)eventfd_read(queue->fd, &drained); /* it held 1 */
	}
	unlock(queue);
	return item;
}

int queue_wait(struct queue *queue, int timeout_ms)
{
	struct pollfd pollfd = { .fd = queue->fd, .events = POLLIN };
	uint64_t start_ns = clock_monotonic_ns();
	int left_ms = timeout_ms;

	for (;;) {
		int ready = poll(&pollfd, 1, left_ms);
		uint64_t passed_ms;

		if (ready > 0)
			return 1;
		if (ready == 0 || errno != EINTR)
			return 0;
		if (timeout_ms < 0)
			continue;
		passed_ms = (clock_monotonic_ns() - start_ns) / NS_PER_MS;
		left_ms = passed_ms < (uint64_t)timeout_ms ? timeout_ms - (int)passed_ms : 0;
	}
}

int queue_fd(const struct queue *queue)
{
	return queue->fd;
}

unsigned int queue_len(struct queue *queue)
{
	unsigned int len;

	lock(queue);
	len = queue->len;
	unlock(queue);
	return len;
}

uint64_t queue_refused(struct queue *queue)
{
	uint64_t refused;

	lock(queue);
	refused = queue->refused;
	unlock(queue);
	return refused;
}
