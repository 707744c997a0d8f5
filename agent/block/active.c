/*
 * The blocks in force: lookups, rule ids, hits. At most BLOCK_RULES_MAX - 1 entries, so a walk of
 * the whole table (64k entries, below a millisecond) is fine for an order given by a person.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

#define RULE_USED UINT32_MAX

struct active_block *active_by_id(const struct block_service *service, int64_t id)
{
	for (size_t i = 0; i < service->active_count; i++) {
		if (service->active[i].id == id)
			return &service->active[i];
	}
	return NULL;
}

struct active_block *active_by_target(const struct block_service *service,
				      const struct prefix *target)
{
	for (size_t i = 0; i < service->active_count; i++) {
		if (prefix_is_equal(&service->active[i].target, target))
			return &service->active[i];
	}
	return NULL;
}

struct active_block *active_overlapping(const struct block_service *service,
					const struct prefix *prefix)
{
	struct active_block *found = NULL;

	for (size_t i = 0; i < service->active_count; i++) {
		struct active_block *active = &service->active[i];

		if (prefix_overlaps(&active->target, prefix) &&
		    (!found || active->target.len > found->target.len))
			found = active;
	}
	return found;
}

struct active_block *active_holding(const struct block_service *service,
				    const struct prefix *prefix)
{
	struct active_block *found = NULL;

	for (size_t i = 0; i < service->active_count; i++) {
		struct active_block *active = &service->active[i];

		if (active->target.len <= prefix->len && prefix_overlaps(&active->target, prefix) &&
		    (!found || active->target.len > found->target.len))
			found = active;
	}
	return found;
}

int active_reserve(struct block_service *service)
{
	size_t capacity = service->active_capacity ? service->active_capacity * 2 : 64;
	struct active_block *grown;

	if (service->active_count < service->active_capacity)
		return 0;
	grown = reallocarray(service->active, capacity, sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	service->active = grown;
	service->active_capacity = capacity;
	return 0;
}

struct active_block *active_insert(struct block_service *service, const struct block *block,
				   uint64_t end_boot_ns)
{
	struct active_block *active = &service->active[service->active_count++];

	*active = (struct active_block){
		.id = block->id,
		.target = block->target,
		.rule_id = block->rule_id,
		.action = block->action,
		.direction = block->direction,
		.proto = block->proto,
		.port = block->port,
		.end_boot_ns = end_boot_ns,
		.base = block->hits,
		.hits = block->hits,
		.saved = block->hits,
	};
	service->rule_state[block->rule_id] = RULE_USED;
	return active;
}

void active_delete(struct block_service *service, struct active_block *active)
{
	service->rule_state[active->rule_id] = (uint32_t)(service->boot_ns() / NS_PER_S) + 1;
	*active = service->active[--service->active_count];
}

struct block_rule active_rule(const struct active_block *active)
{
	return (struct block_rule){
		.rule_id = active->rule_id,
		.target = active->target,
		.action = active->action,
		.direction = active->direction,
		.proto = active->proto,
		.port = active->port,
		.end_boot_ns = active->end_boot_ns,
	};
}

void active_read_hits(struct block_service *service, struct active_block *active)
{
	const struct block_datapath *datapath = &service->options.datapath;
	uint64_t now = service->boot_ns();
	struct block_hits fresh = { 0 };

	if (active->read_boot_ns && now - active->read_boot_ns < NS_PER_S)
		return;
	if (datapath->hits(datapath->arg, active->rule_id, &fresh) != 0)
		return; /* what was read last stands */
	active->read_boot_ns = now;
	active->hits.packets = active->base.packets + fresh.packets;
	active->hits.bytes = active->base.bytes + fresh.bytes;
	if (fresh.last_unix_ms > active->hits.last_unix_ms)
		active->hits.last_unix_ms = fresh.last_unix_ms;
}

void active_save_hits(struct block_service *service, struct active_block *active)
{
	static struct log_limit limit;
	int error;

	if (active->hits.packets == active->saved.packets)
		return;
	error = store_block_save_hits(service->options.store, active->id, &active->hits);
	if (error) {
		log_write_limited(&limit, LOG_LEVEL_WARN, "hits of a block not saved id=%lld: %s",
				  (long long)active->id, strerror(-error));
		return;
	}
	active->saved = active->hits;
}

bool rule_is_free(const struct block_service *service, uint32_t rule_id)
{
	uint64_t now_s = service->boot_ns() / NS_PER_S;
	uint32_t state;

	if (rule_id == 0 || rule_id >= BLOCK_RULES_MAX)
		return false;
	state = service->rule_state[rule_id];
	if (state == RULE_USED)
		return false;
	return state == 0 || now_s >= (uint64_t)state - 1 + RULE_REST_S;
}

uint32_t rule_find_free(const struct block_service *service)
{
	for (uint32_t id = 1; id < BLOCK_RULES_MAX; id++) {
		if (rule_is_free(service, id))
			return id;
	}
	return 0;
}
