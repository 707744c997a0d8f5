/*
 * The way back down: a click becomes an order here, and the order a map update on the thread that
 * owns the maps. The caller waits, so that "blocked" is said only when packets drop.
 */
#include "agent/app/orders.h"

#include <errno.h>
#include <semaphore.h>

#include "agent/capture/capture.h"
#include "agent/util/queue.h"

enum order_kind {
	ORDER_BLOCK,
	ORDER_UNBLOCK,
	ORDER_HITS,
	ORDER_SYNC,
	ORDER_PANIC,
	ORDER_SAFE
};

/* Lives on the poster's stack until done is posted. */
struct order {
	enum order_kind kind;
	uint32_t rule_id;
	const struct block_rule *rules;
	const struct prefix *prefixes;
	size_t count;
	struct block_hits *hits;
	bool panic;
	int result;
	sem_t done;
};

static int post(struct queue *orders, struct order *order)
{
	int error;

	if (sem_init(&order->done, 0, 0))
		return -errno;
	error = queue_push(orders, order);
	if (!error) {
		/* without a limit: the order is on our stack; a pipeline that stands still is
		 * ended with the whole process by the supervisor */
		while (sem_wait(&order->done) && errno == EINTR)
			;
		error = order->result;
	}
	(void)sem_destroy(&order->done);
	return error;
}

static int order_block(void *arg, const struct block_rule *rule)
{
	struct order order = { .kind = ORDER_BLOCK, .rules = rule };

	return post(arg, &order);
}

static int order_unblock(void *arg, uint32_t rule_id)
{
	struct order order = { .kind = ORDER_UNBLOCK, .rule_id = rule_id };

	return post(arg, &order);
}

static int order_hits(void *arg, uint32_t rule_id, struct block_hits *hits)
{
	struct order order = { .kind = ORDER_HITS, .rule_id = rule_id, .hits = hits };

	return post(arg, &order);
}

static int order_sync(void *arg, const struct block_rule *rules, size_t count)
{
	struct order order = { .kind = ORDER_SYNC, .rules = rules, .count = count };

	return post(arg, &order);
}

static int order_safe(void *arg, const struct prefix *prefixes, size_t count)
{
	struct order order = { .kind = ORDER_SAFE, .prefixes = prefixes, .count = count };

	return post(arg, &order);
}

int orders_panic(struct queue *orders, bool on)
{
	struct order order = { .kind = ORDER_PANIC, .panic = on };

	return post(orders, &order);
}

struct block_datapath orders_datapath(struct queue *orders)
{
	return (struct block_datapath){ .arg = orders,
					.block = order_block,
					.unblock = order_unblock,
					.hits = order_hits,
					.sync = order_sync,
					.safe_set = order_safe };
}

static int carry_out(struct capture *capture, const struct order *order)
{
	switch (order->kind) {
	case ORDER_BLOCK:
		return capture_block(capture, order->rules);
	case ORDER_UNBLOCK:
		return capture_unblock(capture, order->rule_id);
	case ORDER_HITS:
		return capture_block_hits(capture, order->rule_id, order->hits);
	case ORDER_SYNC:
		return capture_block_sync(capture, order->rules, order->count);
	case ORDER_SAFE:
		return capture_safe_set(capture, order->prefixes, order->count);
	case ORDER_PANIC:
		break; /* the pipeline's own */
	}
	return -EINVAL;
}

void orders_serve(struct queue *orders, struct capture *capture, bool *panic)
{
	struct order *order;

	while ((order = queue_pop(orders))) {
		if (order->kind == ORDER_PANIC) {
			*panic = order->panic;
			order->result = capture_lease(capture, order->panic ? 0 : UINT64_MAX);
		} else {
			order->result = carry_out(capture, order);
		}
		(void)sem_post(&order->done); /* cannot overflow: one post per wait */
	}
}
