/*
 * Group commit: orders that arrived while the last commit was on its way to disk share the next.
 */
#include "agent/store/orders.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

#include "agent/store/reserve.h"
#include "agent/util/queue.h"

/* Each waits for a thread of its own; core has a handful. */
#define ORDERS_MAX 64

struct order {
	order_fn run;
	void *arg;
	bool in_transaction;
	bool is_done; /* under orders->lock */
	int result;
};

struct orders {
	const char *reserve;
	struct queue *queue;
	pthread_mutex_t lock;
	pthread_cond_t done;
};

int orders_new(const char *reserve, struct orders **out)
{
	CLEANUP(orders_free) struct orders *orders = calloc(1, sizeof(*orders));

	if (!orders)
		return -ENOMEM;
	orders->reserve = reserve;
	/* Neither fails with default attributes. */
	(void)pthread_mutex_init(&orders->lock, NULL);
	(void)pthread_cond_init(&orders->done, NULL);
	int error = queue_new(ORDERS_MAX, &orders->queue);
	if (error)
		return error;
	*out = TAKE(orders);
	return 0;
}

void orders_free(struct orders *orders)
{
	if (!orders)
		return;
	queue_free(orders->queue);
	(void)pthread_cond_destroy(&orders->done);
	(void)pthread_mutex_destroy(&orders->lock);
	free(orders);
}

int orders_post(struct orders *orders, order_fn run, void *arg, int in_transaction)
{
	struct order order = { .run = run, .arg = arg, .in_transaction = in_transaction };
	int error = queue_push(orders->queue, &order);

	if (error)
		return error;
	(void)pthread_mutex_lock(&orders->lock);
	while (!order.is_done)
		(void)pthread_cond_wait(&orders->done, &orders->lock);
	(void)pthread_mutex_unlock(&orders->lock);
	return order.result;
}

int orders_fd(const struct orders *orders)
{
	return queue_fd(orders->queue);
}

/* Alone in a transaction. */
static void order_run_alone(struct order *order, struct db *main)
{
	if (!order->in_transaction) {
		order->result = order->run(main, order->arg);
		return;
	}
	order->result = db_begin(main);
	if (!order->result)
		order->result = order->run(main, order->arg);
	if (order->result >= 0) {
		int error = db_commit(main);

		order->result = error ? error : order->result;
	}
	if (order->result < 0)
		db_rollback(main);
}

/* Once more with the room that was kept back for this. */
static void order_run_last(const struct orders *orders, struct order *order, struct db *main)
{
	order_run_alone(order, main);
	if (order->result == -ENOSPC && reserve_release(orders->reserve))
		order_run_alone(order, main);
}

/* In the group's transaction: a refused order takes only its own changes back. */
static int order_run_in_group(struct order *order, struct db *main)
{
	int error = db_exec(main, "SAVEPOINT an_order");

	if (error)
		return error;
	order->result = order->run(main, order->arg);
	if (order->result < 0)
		error = db_exec(main, "ROLLBACK TO an_order");
	return error ? error : db_exec(main, "RELEASE an_order");
}

static int orders_run_group(struct order **group, unsigned int count, struct db *main)
{
	int error = db_begin(main);

	for (unsigned int i = 0; i < count && !error; i++)
		if (group[i]->in_transaction)
			error = order_run_in_group(group[i], main);
	if (!error)
		error = db_commit(main);
	if (error)
		db_rollback(main);
	return error;
}

void orders_run(struct orders *orders, struct db *main)
{
	struct order *group[ORDERS_MAX];
	unsigned int count = 0;

	while (count < ORDERS_MAX) {
		group[count] = queue_pop(orders->queue);
		if (!group[count])
			break;
		count++;
	}
	if (!count)
		return;
	/* A disk that fills up in the middle undoes the whole transaction: then one by one, so that
	 * each caller hears of its own fate only. */
	bool is_alone = count == 1 || orders_run_group(group, count, main);
	for (unsigned int i = 0; i < count; i++)
		if (is_alone || !group[i]->in_transaction)
			order_run_last(orders, group[i], main);
	(void)pthread_mutex_lock(&orders->lock);
	for (unsigned int i = 0; i < count; i++)
		group[i]->is_done = true;
	(void)pthread_cond_broadcast(&orders->done);
	(void)pthread_mutex_unlock(&orders->lock);
}
