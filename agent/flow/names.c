/*
 * What flows call themselves: a bounded pool of names, and the namings whose flow has not come yet,
 * because its packets still lie in the kernel's cache.
 */
#include <stdlib.h>

#include "agent/flow/internal.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"

/* A flow in the kernel's cache is read within a second; one more for a late scan. */
#define WAIT_NS (2 * NS_PER_S)

int naming_init(struct naming *naming)
{
	naming->waiting = calloc(NAMES_WAITING_MAX, sizeof(*naming->waiting));
	naming->pool = calloc(NAMES_POOL_MAX, sizeof(*naming->pool));
	return naming->waiting && naming->pool ? 0 : -1;
}

void naming_done(struct naming *naming)
{
	for (uint32_t i = 0; naming->pool && i < naming->high; i++)
		flow_names_unref(naming->pool[i].names);
	for (uint32_t i = 0; naming->waiting && i < naming->waiting_count; i++)
		flow_names_unref(naming->waiting[i].names);
	free(naming->pool);
	free(naming->waiting);
}

/* ---- the pool: number is index + 1 --------------------------------------------------------- */

static uint32_t pool_take(struct naming *naming, struct flow_names *names)
{
	uint32_t number = naming->free;

	if (number)
		naming->free = naming->pool[number - 1].next_free;
	else if (naming->high < NAMES_POOL_MAX)
		number = ++naming->high;
	if (number)
		naming->pool[number - 1] = (struct pool_names){ .names = names, .users = 1 };
	return number;
}

void naming_keep(struct naming *naming, uint32_t number)
{
	if (number)
		naming->pool[number - 1].users++;
}

void naming_drop(struct naming *naming, uint32_t number)
{
	struct pool_names *slot;

	if (!number)
		return;
	slot = &naming->pool[number - 1];
	if (--slot->users)
		return;
	flow_names_unref(slot->names);
	*slot = (struct pool_names){ .next_free = naming->free };
	naming->free = number;
}

struct flow_names *naming_get(const struct naming *naming, uint32_t number)
{
	return number ? naming->pool[number - 1].names : NULL;
}

/* ---- naming a flow ----------------------------------------------------------------------------
 */

static const char *first_of(const char *known, const char *fresh)
{
	return known[0] || !fresh ? known : fresh;
}

/* Takes @names. What is known stays, what is new is added. */
static void attach(struct flow_table *table, struct flow *flow, struct flow_names *names)
{
	struct naming *naming = &table->naming;
	struct flow_names *known = naming_get(naming, flow->name);
	CLEANUP(flow_names_unref) struct flow_names *fresh = names;
	uint32_t number;

	if (known) {
		CLEANUP(flow_names_unref)
		struct flow_names *both = flow_names_new(first_of(known->sni, fresh->sni),
							 first_of(known->host, fresh->host),
							 first_of(known->ja4, fresh->ja4));

		flow_names_unref(fresh);
		fresh = TAKE(both);
	}
	number = fresh ? pool_take(naming, fresh) : 0;
	if (!number) {
		naming->lost++;
		return;
	}
	(void)TAKE(fresh);
	naming_drop(naming, flow->name);
	flow->name = number;
}

static void wait_for_flow(struct naming *naming, const struct five_tuple *tuple, uint8_t iface,
			  struct naming_wait wait)
{
	if (naming->waiting_count == NAMES_WAITING_MAX) {
		flow_names_unref(wait.names);
		naming->lost++;
		return;
	}
	wait.tuple = *tuple;
	wait.iface = iface;
	naming->waiting[naming->waiting_count++] = wait;
}

void flow_table_name(struct flow_table *table, const struct five_tuple *tuple, uint8_t iface,
		     const struct flow_naming *words)
{
	struct flow_names *names = flow_names_new(words->sni, words->host, words->ja4);
	uint32_t number;

	if (!names) {
		table->naming.lost++;
		return;
	}
	number = table_find(table, tuple, iface);
	if (number != NONE)
		attach(table, &table->entries[number].flow, names);
	else
		wait_for_flow(&table->naming, tuple, iface,
			      (struct naming_wait){ .names = names,
						    .until_ns = table->now_ns + WAIT_NS });
}

void naming_settle(struct flow_table *table, uint64_t now_ns)
{
	struct naming *naming = &table->naming;
	uint32_t kept = 0;

	for (uint32_t i = 0; i < naming->waiting_count; i++) {
		struct naming_wait *wait = &naming->waiting[i];
		uint32_t number = table_find(table, &wait->tuple, wait->iface);

		if (number != NONE) {
			attach(table, &table->entries[number].flow, wait->names);
		} else if (wait->until_ns < now_ns) {
			flow_names_unref(wait->names); /* a packet that was dropped has no flow */
		} else {
			naming->waiting[kept++] = *wait;
		}
	}
	naming->waiting_count = kept;
}

struct flow_names *flow_table_names(const struct flow_table *table, const struct flow *flow)
{
	return naming_get(&table->naming, flow->name);
}

uint64_t flow_table_names_lost(const struct flow_table *table)
{
	return table->naming.lost;
}
