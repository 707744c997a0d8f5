/*
 * Copies go there by anomaly_set_*, questions by order.
 */
#include "agent/app/anomaly_desk.h"

#include <errno.h>
#include <stdlib.h>

#include "agent/app/anomaly.h"
#include "agent/app/orders.h"
#include "agent/block/block.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"

#define SAFE_SHOWN_MAX 4096 /* as the API's */
#define OWN_EVERY_S    10
#define OPEN_EVERY_S   60
/* Incidents that nothing was added to for a day, and low ones, keep nothing out. */
#define OPEN_FORGET_MS (24LL * 3600 * 1000)

static void tell_own(const struct anomaly_desk *desk)
{
	CLEANUP(free) struct safe_entry *safe = calloc(SAFE_SHOWN_MAX, sizeof(*safe));
	CLEANUP(free) struct addr *own = calloc(SAFE_SHOWN_MAX, sizeof(*own));
	size_t count = 0;
	int found = safe && own ? block_safe_list(desk->block, safe, SAFE_SHOWN_MAX) : 0;

	for (int i = 0; i < found; i++)
		if (safe[i].kind == SAFE_OWN)
			own[count++] = safe[i].prefix.addr;
	if (count)
		anomaly_set_own(desk->anomaly, own, count);
}

static void tell_open(const struct anomaly_desk *desk)
{
	CLEANUP(free) struct addr *open = calloc(ANOMALY_OPEN_MAX, sizeof(*open));
	int found =
		open ? store_incident_open_sources(desk->store, clock_unix_ms() - OPEN_FORGET_MS,
						   open, ANOMALY_OPEN_MAX)
		     : -ENOMEM;

	if (found >= 0) /* else those of a minute ago stay */
		anomaly_set_open(desk->anomaly, open, (size_t)found);
}

void anomaly_desk_tick(struct anomaly_desk *desk)
{
	if (desk->seconds % OWN_EVERY_S == 0)
		tell_own(desk);
	if (desk->seconds % OPEN_EVERY_S == 0)
		tell_open(desk);
	desk->seconds++;
}

static int read_status(void *arg, void *out)
{
	anomaly_status(arg, out);
	return 0;
}

int anomaly_desk_status(const struct anomaly_desk *desk, struct learning *out)
{
	const struct orders_call call = { read_status, desk->anomaly, out };

	return orders_call(desk->orders, &call);
}

struct question {
	const struct addr *addr;
	struct learning_host *out;
};

static int read_host(void *arg, void *out)
{
	const struct question *question = out;

	return anomaly_host(arg, question->addr, question->out);
}

int anomaly_desk_host(const struct anomaly_desk *desk, const struct addr *addr,
		      struct learning_host *out)
{
	struct question question = { addr, out };
	const struct orders_call call = { read_host, desk->anomaly, &question };

	return orders_call(desk->orders, &call);
}
