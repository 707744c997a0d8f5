/*
 * The blocks in force: lookups, rule ids, hits. At most BLOCK_RULES_MAX - 1 entries, so a walk of
 * the whole table (64k entries, below a millisecond) is fine for an order given by a person.
 */
#include <errno.h>
#include <stdio.h>
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

static bool is_same(const struct active_block *active, const struct block *block)
{
	if (block->list[0] || active->list)
		return active->list && strcmp(active->list->name, block->list) == 0;
	if (block->domain[0] || active->domain) {
		if (!active->domain || strcmp(active->domain, block->domain) != 0)
			return false;
	} else if (!prefix_is_equal(&active->target, &block->target)) {
		return false;
	}
	return active->direction == block->direction && active->proto == block->proto &&
	       active->port == block->port;
}

struct active_block *active_same(const struct block_service *service, const struct block *block)
{
	for (size_t i = 0; i < service->active_count; i++) {
		if (is_same(&service->active[i], block))
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

		if (active->target.addr.family != ADDR_NONE &&
		    prefix_overlaps(&active->target, prefix) &&
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
	struct active_block *active = &service->active[service->active_count];
	char *domain = block->domain[0] ? strdup(block->domain) : NULL;
	struct active_list *list = block->list[0] ? calloc(1, sizeof(*list)) : NULL;

	if ((block->domain[0] && !domain) || (block->list[0] && !list)) {
		free(domain);
		free(list);
		return NULL;
	}
	if (list) {
		memcpy(list->name, block->list, sizeof(list->name));
		list->facts = block->facts;
	}
	service->active_count++;
	*active = (struct active_block){
		.id = block->id,
		.parent_id = block->parent_id,
		.incident_id = block->incident_id,
		.domain = domain,
		.list = list,
		.state = block->state,
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

void active_done(struct active_block *active)
{
	free(active->domain);
	list_free(active->list);
}

void rule_release(struct block_service *service, uint32_t rule_id)
{
	service->rule_state[rule_id] = (uint32_t)(service->boot_ns() / NS_PER_S) + 1;
}

uint32_t rule_take(struct block_service *service)
{
	uint32_t rule_id = rule_find_free(service);

	if (rule_id)
		service->rule_state[rule_id] = RULE_USED;
	return rule_id;
}

static const char *text_of(const char *domain, const char *list, const struct prefix *target,
			   char text[static BLOCK_TEXT_MAX])
{
	char prefix[PREFIX_TEXT_MAX];

	if (list)
		(void)snprintf(text, BLOCK_TEXT_MAX, "list %s", list); /* fits */
	else
		(void)snprintf(text, BLOCK_TEXT_MAX, "%s",
			       domain ? domain : prefix_format(target, prefix)); /* fits */
	return text;
}

const char *active_text(const struct active_block *active, char text[static BLOCK_TEXT_MAX])
{
	return text_of(active->domain, active->list ? active->list->name : NULL, &active->target,
		       text);
}

const char *block_text(const struct block *block, char text[static BLOCK_TEXT_MAX])
{
	return text_of(block->domain[0] ? block->domain : NULL, block->list[0] ? block->list : NULL,
		       &block->target, text);
}

void active_delete(struct block_service *service, struct active_block *active)
{
	rule_release(service, active->rule_id);
	active_done(active);
	*active = service->active[--service->active_count];
}

struct block_rule active_rule(const struct active_block *active)
{
	uint64_t end = active->end_boot_ns;

	if (active->confirm_boot_ns && (!end || active->confirm_boot_ns < end))
		end = active->confirm_boot_ns;
	return (struct block_rule){
		.rule_id = active->rule_id,
		.target = active->target,
		.domain = active->domain,
		.is_inactive = active->state == BLOCK_OFF,
		.action = active->action,
		.direction = active->direction,
		.proto = active->proto,
		.port = active->port,
		.end_boot_ns = end,
		.block_id = active->id,
		.incident_id = active->incident_id,
		.list = active->list ? active->list->name : NULL,
	};
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/*
 * Pinned maps may have kept a rule's hits, fresh ones begin at 0, and main.db knows a total of up
 * to a minute ago: the greater one is the total, so that nothing counts twice.
 */
void active_adopt_hits(struct active_block *active, const struct block_hits *kept)
{
	active->base.packets -= least(kept->packets, active->base.packets);
	active->base.bytes -= least(kept->bytes, active->base.bytes);
	for (int layer = 0; layer < HIT_LAYER_COUNT; layer++)
		active->base.layers[layer] -=
			least(kept->layers[layer], active->base.layers[layer]);
	active->is_adopting = false;
}

void active_read_hits(struct block_service *service, struct active_block *active)
{
	const struct block_datapath *datapath = &service->options.datapath;
	uint64_t now = service->boot_ns();
	struct block_hits fresh = { 0 };
	int error;

	if (active->read_boot_ns && now - active->read_boot_ns < NS_PER_S)
		return;
	error = active->list ? list_read_hits(service, active, &fresh)
			     : datapath->hits(datapath->arg, active->rule_id, &fresh);
	if (error)
		return; /* what was read last stands */
	if (active->is_adopting)
		active_adopt_hits(active, &fresh);
	active->read_boot_ns = now;
	active->hits.packets = active->base.packets + fresh.packets;
	active->hits.bytes = active->base.bytes + fresh.bytes;
	for (int layer = 0; layer < HIT_LAYER_COUNT; layer++)
		active->hits.layers[layer] = active->base.layers[layer] + fresh.layers[layer];
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
