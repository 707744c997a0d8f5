/*
 * At start: every active row of main.db back into the datapath, what expired meanwhile ended. The
 * boot clock began anew, so the wall clock says how much of a life is left.
 */
#include <errno.h>
#include <stdlib.h>

#include "agent/block/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

/*
 * The end of @block on the boot clock, by what is left of it on the wall clock; never more than
 * its whole life, should the clock have been set back. False when it is over.
 */
static bool end_after_restart(const struct block_service *service, const struct block *block,
			      uint64_t *end_boot_ns)
{
	int64_t life_ms = block->expires_unix_ms - block->created_unix_ms;
	int64_t left_ms = block->expires_unix_ms - service->unix_ms();

	*end_boot_ns = 0;
	if (block->expires_unix_ms == 0)
		return true;
	if (left_ms > life_ms)
		left_ms = life_ms;
	if (left_ms <= 0)
		return false;
	*end_boot_ns = service->boot_ns() + (uint64_t)left_ms * NS_PER_MS;
	return true;
}

static int replay_row(struct block_service *service, struct block *block)
{
	struct principal self = { .name = "sluice" };
	char target[BLOCK_TEXT_MAX];
	struct active_block *active;
	uint64_t end_boot_ns;
	int error;

	if (!end_after_restart(service, block, &end_boot_ns)) {
		error = store_block_end(service->options.store, block->id, BLOCK_EXPIRED,
					block->expires_unix_ms);
		if (!error)
			block_audit(service, &self, "block.expire", block_text(block, target),
				    NULL);
		return error;
	}
	error = active_reserve(service);
	if (error)
		return error;
	/* a row keeps its rule, so that the datapath keeps the rule's hits */
	if (!rule_is_free(service, block->rule_id))
		block->rule_id = rule_find_free(service);
	if (block->rule_id == 0)
		return -ENOSPC;
	active = active_insert(service, block, end_boot_ns);
	if (!active)
		return -ENOMEM;
	/* 1: over already, for the tick that follows */
	active->confirm_boot_ns = confirm_end_ns(service, block->confirm_by_unix_ms);
	if (block->confirm_by_unix_ms && !active->confirm_boot_ns)
		active->confirm_boot_ns = 1;
	return active->list ? list_load(service, active) : 0;
}

static int replay_rows(struct block_service *service)
{
	enum {
		PAGE = 256
	};
	CLEANUP(free) struct block *rows = calloc(PAGE, sizeof(*rows));
	int64_t before = 0;
	int count = PAGE;

	if (!rows)
		return -ENOMEM;
	while (count == PAGE) {
		count = store_block_list(service->options.store, true, before, rows, PAGE);
		if (count < 0)
			return count;
		for (int i = 0; i < count; i++) {
			int error = replay_row(service, &rows[i]);

			if (error)
				return error;
			before = rows[i].id;
		}
	}
	return 0;
}

/* A rule's hits are there at once; a list's after its first round. */
static void adopt_hits(struct block_service *service, struct active_block *active)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct block_hits kept = { 0 };

	active->is_adopting = active->list != NULL;
	if (!active->list && !datapath->hits(datapath->arg, active->rule_id, &kept))
		active_adopt_hits(active, &kept);
}

static int replay_to_datapath(struct block_service *service)
{
	const struct block_datapath *datapath = &service->options.datapath;
	CLEANUP(free) struct block_rule *rules = calloc(service->active_count + 1, sizeof(*rules));
	size_t count = 0;
	int repairs, error = 0;

	if (!rules)
		return -ENOMEM;
	for (size_t i = 0; i < service->active_count; i++) {
		if (!service->active[i].list)
			rules[count++] = active_rule(&service->active[i]);
	}
	repairs = datapath->sync(datapath->arg, rules, count);
	if (repairs < 0)
		return repairs;
	for (size_t i = 0; i < service->active_count && !error; i++) {
		if (service->active[i].list)
			error = list_replay(service, &service->active[i]);
	}
	if (!error && datapath->settle)
		error = datapath->settle(datapath->arg);
	if (error)
		return error;
	for (size_t i = 0; i < service->active_count; i++)
		adopt_hits(service, &service->active[i]);
	log_info("blocks replayed blocks=%zu repairs=%d", service->active_count, repairs);
	return 0;
}

int block_start(struct block_service *service)
{
	int error = safe_load_manual(service);

	if (error)
		return error;
	safe_refresh_host(service, 0);
	error = safe_push(service); /* before any rule: no moment without the safe list */
	if (error)
		return error;
	error = replay_rows(service);
	if (error)
		return error;
	confirm_tick(service); /* before the datapath: what is over never drops again */
	return replay_to_datapath(service);
}
