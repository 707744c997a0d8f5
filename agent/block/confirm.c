/*
 * Commit-confirm: a wide change goes live with its end in the kernel, so that it ends also when
 * this process is gone; a confirmation gives it its real end. And rows turned off and on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

/* Wider than one site's network is confirmed: a /24 and a /48 are the longest prefixes that are
 * routed alone (RFC 7454 6.1.3), so what is wider may hold many networks. */
#define SURE_IPV4 24
#define SURE_IPV6 48

static bool is_wide(const struct block *block)
{
	if (block->domain[0])
		return !strchr(block->domain, '.');
	if (block->target.addr.family == ADDR_NONE)
		return false;
	return block->target.len < (block->target.addr.family == ADDR_IPV4 ? SURE_IPV4 : SURE_IPV6);
}

void confirm_mark(const struct block_service *service, struct block *block)
{
	if (block->action == BLOCK_COUNT || !is_wide(block))
		return;
	block->state = BLOCK_PENDING;
	block->confirm_by_unix_ms =
		block->created_unix_ms +
		config_int(service->options.config, CONFIG_BLOCK_CONFIRM) * 1000;
}

uint64_t confirm_end_ns(const struct block_service *service, int64_t confirm_by_unix_ms)
{
	int64_t most_ms = config_int(service->options.config, CONFIG_BLOCK_CONFIRM) * 1000;
	int64_t left_ms = confirm_by_unix_ms - service->unix_ms();

	if (left_ms > most_ms)
		left_ms = most_ms;
	return left_ms <= 0 ? 0 : service->boot_ns() + (uint64_t)left_ms * NS_PER_MS;
}

static int roll_back(struct block_service *service, struct active_block *active,
		     struct block_outcome *outcome)
{
	int error = active->list ? list_roll_back(service, active) : -ENOENT;

	if (error == -ENOENT)
		return block_end(service, active, BLOCK_ROLLED_BACK, outcome);
	if (error)
		return outcome_fail(outcome, error, "", "the list was not rolled back: %s",
				    strerror(-error));
	block_tell(service, active->id);
	return 0;
}

void confirm_tick(struct block_service *service)
{
	static struct log_limit limit;
	struct principal self = { .name = "sluice" };
	uint64_t now = service->boot_ns();
	char target[BLOCK_TEXT_MAX];

	/* from the end: deletion moves the last one, which was looked at already */
	for (size_t i = service->active_count; i-- > 0;) {
		struct active_block *active = &service->active[i];
		struct block_outcome outcome = { .field = "" };

		if (active->confirm_boot_ns == 0 || now < active->confirm_boot_ns)
			continue;
		(void)active_text(active, target);
		if (roll_back(service, active, &outcome) != 0)
			log_write_limited(&limit, LOG_LEVEL_WARN, "rolling back is tried again: %s",
					  outcome.message);
		else
			block_audit(service, &self, "block.rollback", target, NULL);
	}
}

/* The row first: should the datapath refuse, the countdown goes on and the row says so again. */
static int set_state(struct block_service *service, struct active_block *active, uint8_t state,
		     struct block_outcome *outcome)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct active_block before = *active;
	int64_t now_ms = service->unix_ms();
	struct block_rule rule;
	int error = store_block_set_state(service->options.store, active->id, state, 0);

	if (error)
		return outcome_fail(outcome, error, "", "the change could not be stored: %s",
				    strerror(-error));
	active->state = state;
	active->confirm_boot_ns = 0;
	rule = active_rule(active);
	error = active->list ? list_set_words(service, active)
			     : datapath->rule_set(datapath->arg, &rule);
	if (!error)
		return 0;
	active->state = before.state;
	active->confirm_boot_ns = before.confirm_boot_ns;
	if (before.confirm_boot_ns > service->boot_ns())
		now_ms += (int64_t)((before.confirm_boot_ns - service->boot_ns()) / NS_PER_MS);
	if (store_block_set_state(service->options.store, active->id, before.state,
				  before.confirm_boot_ns ? now_ms : 0) != 0)
		log_error("row and datapath differ until the next start id=%lld",
			  (long long)active->id);
	return outcome_fail(outcome, error, "", "the datapath refused the change: %s",
			    strerror(-error));
}

static struct active_block *find(struct block_service *service, const struct principal *who,
				 int64_t id, struct block_outcome *outcome)
{
	struct active_block *active = active_by_id(service, id);

	*outcome = (struct block_outcome){ .field = "" };
	if (order_require_admin(who, outcome) != 0)
		return NULL;
	if (!active)
		(void)outcome_fail(outcome, -ENOENT, "id", "no block %lld is in force",
				   (long long)id);
	return active;
}

static int finish(struct block_service *service, const struct principal *who, const char *action,
		  const struct active_block *active, struct block_outcome *outcome)
{
	struct json *detail = json_new_object();
	char target[BLOCK_TEXT_MAX];

	json_set_int(detail, "block", active->id);
	block_audit(service, who, action, active_text(active, target), detail);
	block_tell(service, active->id);
	(void)block_read_row(service, active->id, &outcome->block); /* only to be shown */
	return 0;
}

int block_confirm(struct block_service *service, const struct principal *who, int64_t id,
		  struct block_outcome *outcome)
{
	struct active_block *active = find(service, who, id, outcome);
	int error;

	if (!active)
		return outcome->error;
	if (active->confirm_boot_ns == 0)
		return outcome_fail(outcome, -EINVAL, "id", "block %lld waits for no confirmation",
				    (long long)id);
	if (service->boot_ns() >= active->confirm_boot_ns)
		return outcome_fail(outcome, -ETIME, "id",
				    "the time to confirm block %lld is over: it was rolled back",
				    (long long)id);
	error = active->list ? list_confirm(service, active, outcome)
			     : set_state(service, active, BLOCK_ACTIVE, outcome);
	return error ? error : finish(service, who, "block.confirm", active, outcome);
}

int block_set_off(struct block_service *service, const struct principal *who, int64_t id, bool off,
		  struct block_outcome *outcome)
{
	struct active_block *active = find(service, who, id, outcome);

	if (!active)
		return outcome->error;
	if (active->state == BLOCK_PENDING)
		return outcome_fail(outcome, -EINVAL, "id",
				    "block %lld waits for its confirmation: confirm or remove it",
				    (long long)id);
	if (set_state(service, active, off ? BLOCK_OFF : BLOCK_ACTIVE, outcome) != 0)
		return outcome->error;
	return finish(service, who, off ? "block.off" : "block.on", active, outcome);
}
