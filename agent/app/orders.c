/*
 * The way back down: a click becomes an order here, and the order a map update on the thread that
 * owns the maps. The caller waits, so that "blocked" is said only when packets drop.
 */
#include "agent/app/orders.h"

#include <errno.h>
#include <semaphore.h>

#include "agent/app/hits.h"
#include "agent/capture/capture.h"
#include "agent/names/names.h"
#include "agent/util/queue.h"

enum order_kind {
	ORDER_BLOCK,
	ORDER_UNBLOCK,
	ORDER_HITS,
	ORDER_SYNC,
	ORDER_SETTLE,
	ORDER_PANIC,
	ORDER_SAFE,
	ORDER_LIST_SET,
	ORDER_LIST_REMOVE,
	ORDER_RULE_SET,
	ORDER_TARGET_HITS,
	ORDER_NAME_HITS,
	ORDER_LIST_HITS,
	ORDER_ADDRS_OF,
	ORDER_IS_SHARED,
	ORDER_CALL
};

/* Lives on the poster's stack until done is posted. */
struct order {
	enum order_kind kind;
	uint32_t rule_id;
	const struct block_rule *rules;
	const struct prefix *prefixes;
	struct prefix_set *set;
	const char *domain;
	struct name_addr *addrs;
	size_t count;
	struct block_hits *hits;
	const struct orders_call *call;
	bool panic;
	int result;
	sem_t done;
};

static int post(struct orders *orders, struct order *order)
{
	int error;

	if (sem_init(&order->done, 0, 0))
		return -errno;
	error = queue_push(orders->queue, order);
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

static int order_settle(void *arg)
{
	struct order order = { .kind = ORDER_SETTLE };

	return post(arg, &order);
}

static int order_list_set(void *arg, const struct block_rule *rule, struct prefix_set *set)
{
	struct order order = { .kind = ORDER_LIST_SET, .rules = rule, .set = set };

	return post(arg, &order);
}

static int order_list_remove(void *arg, uint32_t rule_id)
{
	struct order order = { .kind = ORDER_LIST_REMOVE, .rule_id = rule_id };

	return post(arg, &order);
}

static int order_rule_set(void *arg, const struct block_rule *rule)
{
	struct order order = { .kind = ORDER_RULE_SET, .rules = rule };

	return post(arg, &order);
}

static int order_target_hits(void *arg, const struct prefix *target, struct block_hits *hits)
{
	struct order order = { .kind = ORDER_TARGET_HITS, .prefixes = target, .hits = hits };

	return post(arg, &order);
}

static int order_name_hits(void *arg, const char *name, struct block_hits *hits)
{
	struct order order = { .kind = ORDER_NAME_HITS, .domain = name, .hits = hits };

	return post(arg, &order);
}

static int order_list_hits(void *arg, uint32_t rule_id, struct block_hits *hits)
{
	struct order order = { .kind = ORDER_LIST_HITS, .rule_id = rule_id, .hits = hits };

	return post(arg, &order);
}

static int order_addrs_of(void *arg, const char *domain, struct name_addr *out, size_t max)
{
	struct order order = {
		.kind = ORDER_ADDRS_OF, .domain = domain, .addrs = out, .count = max
	};

	return post(arg, &order);
}

static int order_is_shared(void *arg, struct name_addr *about)
{
	struct order order = { .kind = ORDER_IS_SHARED, .addrs = about };

	return post(arg, &order);
}

static bool order_is_busy(void *arg)
{
	const struct orders *orders = arg;

	return atomic_load(&orders->is_busy);
}

int orders_panic(struct orders *orders, bool on)
{
	struct order order = { .kind = ORDER_PANIC, .panic = on };

	return post(orders, &order);
}

int orders_call(struct orders *orders, const struct orders_call *call)
{
	struct order order = { .kind = ORDER_CALL, .call = call };

	return post(orders, &order);
}

struct block_datapath orders_datapath(struct orders *orders)
{
	return (struct block_datapath){
		.arg = orders,
		.block = order_block,
		.unblock = order_unblock,
		.hits = order_hits,
		.sync = order_sync,
		.settle = order_settle,
		.safe_set = order_safe,
		.list_set = order_list_set,
		.list_remove = order_list_remove,
		.is_busy = order_is_busy,
		.rule_set = order_rule_set,
		.target_hits = order_target_hits,
		.name_hits = order_name_hits,
		.list_hits = order_list_hits,
		.addrs_of = order_addrs_of,
		.is_shared = order_is_shared,
	};
}

static int carry_out_list(struct capture *capture, const struct order *order)
{
	switch (order->kind) {
	case ORDER_LIST_SET:
		return capture_list_set(capture, order->rules, order->set);
	case ORDER_LIST_REMOVE:
		return capture_list_remove(capture, order->rule_id);
	case ORDER_RULE_SET:
		return capture_rule_set(capture, order->rules);
	case ORDER_TARGET_HITS:
		return capture_target_hits(capture, order->prefixes, order->hits);
	case ORDER_NAME_HITS:
		return capture_name_hits(capture, order->domain, order->hits);
	case ORDER_LIST_HITS:
		return capture_list_hits(capture, order->rule_id, order->hits);
	default:
		return -EINVAL;
	}
}

static int carry_out(const struct orders_ends *ends, const struct order *order)
{
	struct capture *capture = ends->capture;

	switch (order->kind) {
	case ORDER_BLOCK:
		return capture_block(capture, order->rules);
	case ORDER_UNBLOCK:
		return capture_unblock(capture, order->rule_id);
	case ORDER_HITS:
		return capture_block_hits(capture, order->rule_id, order->hits);
	case ORDER_SYNC:
		return capture_block_sync(capture, order->rules, order->count);
	case ORDER_SETTLE:
		return capture_block_settle(capture);
	case ORDER_SAFE:
		return capture_safe_set(capture, order->prefixes, order->count);
	case ORDER_ADDRS_OF:
		ends->catch_up(ends->arg);
		return (int)names_addrs_of(ends->names, order->domain, order->addrs, order->count);
	case ORDER_IS_SHARED:
		ends->catch_up(ends->arg);
		return names_is_shared(ends->names, order->addrs);
	case ORDER_PANIC:
		*ends->panic = order->panic;
		return capture_lease(capture, order->panic ? 0 : UINT64_MAX);
	case ORDER_CALL:
		return order->call->ask(order->call->arg, order->call->out);
	default:
		return carry_out_list(capture, order);
	}
}

void orders_serve(struct orders *orders, const struct orders_ends *ends)
{
	struct order *order;

	while ((order = queue_pop(orders->queue))) {
		/* before the poster hears of it: what it asks next is whether the work is done */
		if (order->kind == ORDER_LIST_SET || order->kind == ORDER_LIST_REMOVE)
			atomic_store(&orders->is_busy, true);
		if (order->rules)
			hits_know(ends->hits, order->rules,
				  order->kind == ORDER_SYNC ? order->count : 1);
		order->result = carry_out(ends, order);
		(void)sem_post(&order->done); /* it fails only beyond SEM_VALUE_MAX */
	}
}
