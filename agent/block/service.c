/*
 * The life of a block: order, row, datapath, audit, event; expiry and hits while it lives. While
 * running the boot clock decides when a block ends, so that a jump of wall time neither ends it
 * early nor keeps it.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/log.h"
#include "include/name.h"

/* Each tick (1 s) saves the hits of one 60th of the blocks, so each is saved once a minute. */

#define SAVE_ROUND_TICKS 60
/* The narrowest that one customer gets: RFC 6177 2. */
#define AUTOMATIC_IPV6_LEN 64

int block_service_new(const struct block_options *options, struct block_service **out)
{
	CLEANUP(block_service_free) struct block_service *service = calloc(1, sizeof(*service));
	int error;

	if (!service)
		return -ENOMEM;
	service->options = *options;
	service->boot_ns = clock_boot_ns;
	service->unix_ms = clock_unix_ms;
	service->rule_state = calloc(BLOCK_RULES_MAX, sizeof(*service->rule_state));
	if (!service->rule_state)
		return -ENOMEM;
	error = safe_init(service);
	if (error)
		return error;
	if (options->reads_host) {
		error = host_open(&service->host);
		if (error)
			return error;
		host_read_name(service->own_name, sizeof(service->own_name));
	}
	*out = TAKE(service);
	return 0;
}

void block_service_free(struct block_service *service)
{
	if (!service)
		return;
	for (size_t i = 0; i < service->active_count; i++) {
		service->active[i].read_boot_ns = 0;
		active_read_hits(service, &service->active[i]);
		active_save_hits(service, &service->active[i]);
		active_done(&service->active[i]);
	}
	uploads_free(service->uploads);
	safe_done(service);
	host_close(service->host);
	free(service->active);
	free(service->rule_state);
	free(service);
}

/* ---- what every change ends with ------------------------------------------------------------ */

void block_audit(struct block_service *service, const struct principal *who, const char *action,
		 const char *target, struct json *detail)
{
	CLEANUP(json_free) struct json *owned = detail;
	CLEANUP(free) char *text = owned ? json_print(owned, NULL) : NULL;
	const struct audit_entry entry = { .who = who->name,
					   .peer = &who->peer,
					   .action = action,
					   .target = target,
					   .detail = text };
	int error = store_audit_write(service->options.store, &entry);

	if (error)
		log_error("audit line not written action=%s target=%s: %s", action, target,
			  strerror(-error));
}

int block_read_row(struct block_service *service, int64_t id, struct block *out)
{
	struct active_block *active = active_by_id(service, id);
	int error = store_block_get(service->options.store, id, out);

	if (error)
		return error;
	if (active) {
		active_read_hits(service, active);
		out->hits = active->hits;
	}
	return 0;
}

void block_tell(struct block_service *service, int64_t id)
{
	struct block block;

	if (service->options.on_change && block_read_row(service, id, &block) == 0)
		service->options.on_change(service->options.arg, &block);
}

static void tell_change(struct block_service *service, const struct block *block)
{
	if (service->options.on_change)
		service->options.on_change(service->options.arg, block);
}

/* ---- add ------------------------------------------------------------------------------------ */

static struct json *describe(const struct block *block)
{
	struct json *detail = json_new_object();

	json_set_int(detail, "block", block->id);
	json_set_string(detail, "action", block_action_name(block->action));
	json_set_string(detail, "direction", block_direction_name(block->direction));
	json_set_int(detail, "proto", block->proto);
	json_set_int(detail, "port", block->port);
	json_set_time(detail, "expires", block->expires_unix_ms);
	json_set_string(detail, "reason", block->reason);
	json_set_time(detail, "confirm_by", block->confirm_by_unix_ms);
	if (block->incident_id)
		json_set_int(detail, "incident", block->incident_id);
	return detail;
}

/* Row first, then the datapath: what drops packets is always in the list. */
static int apply(struct block_service *service, struct block *block, struct block_outcome *outcome)
{
	const struct block_datapath *datapath = &service->options.datapath;
	int64_t life_ms = block->expires_unix_ms - block->created_unix_ms;
	uint64_t end =
		block->expires_unix_ms ? service->boot_ns() + (uint64_t)life_ms * NS_PER_MS : 0;
	struct active_block *active;
	struct block_rule rule;
	int error = store_block_insert(service->options.store, block);

	if (error)
		return outcome_fail(outcome, error, "", "the block could not be stored: %s",
				    strerror(-error));
	active = active_insert(service, block, end);
	error = -ENOMEM;
	if (active) {
		if (block->confirm_by_unix_ms)
			active->confirm_boot_ns =
				confirm_end_ns(service, block->confirm_by_unix_ms);
		rule = active_rule(active);
		error = datapath->block(datapath->arg, &rule);
		if (!error)
			return 0;
		active_delete(service, active);
	}
	if (store_block_end(service->options.store, block->id, BLOCK_REMOVED, service->unix_ms()) !=
	    0)
		log_error("row of a refused block stays active until the next start id=%lld",
			  (long long)block->id);
	return outcome_fail(outcome, error, "", "the datapath refused the block: %s",
			    strerror(-error));
}

/* Everything that can refuse a well-formed order before a row is written. */
static int admit(struct block_service *service, const struct principal *who, struct block *block,
		 struct block_outcome *outcome)
{
	struct active_block *same = active_same(service, block);
	char target[BLOCK_TEXT_MAX];

	safe_refresh_host(service, NS_PER_S);
	if (!block->domain[0] && safe_check(service, who, &block->target, outcome) != 0)
		return outcome->error;
	if (same) {
		(void)block_read_row(service, same->id, &outcome->block); /* only to be shown */
		return outcome_fail(outcome, -EEXIST, "value", "%s is blocked already (block %lld)",
				    block_text(block, target), (long long)same->id);
	}
	block->rule_id = rule_find_free(service);
	if (block->rule_id == 0)
		return outcome_fail(outcome, -ENOSPC, "", "all %d rules are in use or resting",
				    BLOCK_RULES_MAX - 1);
	if (active_reserve(service) != 0)
		return outcome_fail(outcome, -ENOMEM, "", "no memory for another block");
	return 0;
}

static int add_block(struct block_service *service, const struct principal *who,
		     struct block *block, bool is_trial, struct block_outcome *outcome)
{
	char target[BLOCK_TEXT_MAX];

	(void)snprintf(block->author, sizeof(block->author), "%.64s", who->name);
	confirm_mark(service, block);
	if (admit(service, who, block, outcome) != 0 || is_trial)
		return outcome->error;
	if (apply(service, block, outcome) != 0)
		return outcome->error;
	block_audit(service, who, "block.add", block_text(block, target), describe(block));
	outcome->block = *block;
	tell_change(service, block);
	return 0;
}

static void add_note(struct block_notes *notes, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void add_note(struct block_notes *notes, const char *format, ...)
{
	va_list args;

	if (!notes)
		return;
	if (notes->count < BLOCK_NOTES_MAX) {
		va_start(args, format);
		(void)vsnprintf(notes->text[notes->count], sizeof(notes->text[0]), format,
				args); /* may cut */
		va_end(args);
	}
	notes->count++;
}

/* The addresses that only this name was seen on, as blocks of their own; the rest is said. */
static void add_addresses(struct block_service *service, const struct principal *who,
			  const struct block *name, struct block_notes *notes)
{
	enum {
		ADDRS_MAX = 64
	};
	const struct block_datapath *datapath = &service->options.datapath;
	CLEANUP(free) struct name_addr *addrs = calloc(ADDRS_MAX, sizeof(*addrs));
	int count = addrs && datapath->addrs_of
			    ? datapath->addrs_of(datapath->arg, name->domain, addrs, ADDRS_MAX)
			    : 0;
	char text[ADDR_TEXT_MAX];

	for (int i = 0; i < count; i++) {
		struct block block = *name;
		struct block_outcome outcome = { .field = "" };

		(void)addr_format(&addrs[i].addr, text);
		if (addrs[i].is_shared) {
			add_note(notes, "%s is not blocked: %s was seen on it too", text,
				 addrs[i].other);
			continue;
		}
		block.domain[0] = '\0';
		block.parent_id = name->id;
		block.target = prefix_from_addr(&addrs[i].addr);
		block.action = name->action == BLOCK_REFUSE ? BLOCK_DROP : name->action;
		(void)snprintf(block.reason, sizeof(block.reason), "address of %s (block %lld)",
			       name->domain, (long long)name->id); /* fits */
		if (add_block(service, who, &block, false, &outcome) != 0)
			add_note(notes, "%s is not blocked: %s", text, outcome.message);
		else if (notes)
			notes->added++;
	}
}

/* What is done by itself holds one address, or /64, that nobody else needs. */
static int check_automatic(struct block_service *service, const struct addr *addr,
			   const struct prefix *target, struct block_outcome *outcome)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct name_addr about = { .addr = *addr };
	char text[ADDR_TEXT_MAX];
	bool is_narrow = target->len >= (addr->family == ADDR_IPV4 ? 32 : AUTOMATIC_IPV6_LEN);
	int shared;

	if (target->addr.family == ADDR_NONE || !is_narrow)
		return outcome_fail(outcome, -EINVAL, "value",
				    "what is blocked by itself is one address wide");
	shared = datapath->is_shared ? datapath->is_shared(datapath->arg, &about) : 0;
	if (shared < 0)
		return outcome_fail(outcome, shared, "", "the names of the address are not known");
	if (!shared)
		return 0;
	return outcome_fail(outcome, -EMLINK, "value",
			    "%s is a shared address: %.128s is on it too", addr_format(addr, text),
			    about.other);
}

int block_add(struct block_service *service, const struct principal *who,
	      const struct block_request *request, struct block_outcome *outcome)
{
	struct block block = { 0 };

	*outcome = (struct block_outcome){ .field = "" };
	if (order_require_admin(who, outcome) != 0)
		return outcome->error;
	if (order_parse(service, request, &block, outcome) != 0)
		return outcome->error;
	if (block.list[0])
		return outcome_fail(outcome, -EINVAL, "list", "a list is made by an upload");
	if (request->with_addresses && !block.domain[0])
		return outcome_fail(outcome, -EINVAL, "addresses", "only a name has addresses");
	if (request->automatic &&
	    check_automatic(service, request->automatic, &block.target, outcome) != 0)
		return outcome->error;
	if (add_block(service, who, &block, request->is_trial, outcome) != 0)
		return outcome->error;
	if (request->with_addresses)
		add_addresses(service, who, &block, request->notes);
	return 0;
}

/* ---- end ------------------------------------------------------------------------------------ */

/* The row could not be ended: drop again, so that list and datapath agree. */
static void restore(struct block_service *service, struct active_block *active)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct block_rule rule = active_rule(active);
	int error =
		active->list ? list_replay(service, active) : datapath->block(datapath->arg, &rule);

	active->base = active->hits;
	if (error)
		log_error("block not enforced though listed id=%lld: %s", (long long)active->id,
			  strerror(-error));
}

int block_end(struct block_service *service, struct active_block *active, enum block_state state,
	      struct block_outcome *outcome)
{
	const struct block_datapath *datapath = &service->options.datapath;
	int64_t id = active->id;
	int error;

	active->read_boot_ns = 0; /* the last reading before the entry goes */
	active_read_hits(service, active);
	error = active->list ? list_end(service, active)
			     : datapath->unblock(datapath->arg, active->rule_id);
	if (error && error != -ENOENT)
		return outcome_fail(outcome, error, "", "the datapath did not end the block: %s",
				    strerror(-error));
	error = store_block_end(service->options.store, id, state, service->unix_ms());
	if (error && error != -ENOENT) {
		restore(service, active);
		return outcome_fail(outcome, error, "", "the end of the block was not stored: %s",
				    strerror(-error));
	}
	active_save_hits(service, active);
	active_delete(service, active);
	if (store_block_get(service->options.store, id, &outcome->block) == 0)
		tell_change(service, &outcome->block);
	return 0;
}

/* The addresses of a name go with it. */
static void remove_children(struct block_service *service, const struct principal *who,
			    int64_t parent_id)
{
	for (size_t i = service->active_count; i-- > 0;) {
		struct block_outcome outcome = { .field = "" };
		char target[BLOCK_TEXT_MAX];

		if (service->active[i].parent_id != parent_id)
			continue;
		(void)active_text(&service->active[i], target);
		if (block_end(service, &service->active[i], BLOCK_REMOVED, &outcome) == 0)
			block_audit(service, who, "block.remove", target, NULL);
		else
			log_warn("an address of a removed name stays blocked: %s", outcome.message);
	}
}

int block_remove(struct block_service *service, const struct principal *who, int64_t id,
		 struct block_outcome *outcome)
{
	struct active_block *active = active_by_id(service, id);
	char target[BLOCK_TEXT_MAX];
	struct json *detail;

	*outcome = (struct block_outcome){ .field = "" };
	if (order_require_admin(who, outcome) != 0)
		return outcome->error;
	if (!active)
		return outcome_fail(outcome, -ENOENT, "id", "no block %lld is active",
				    (long long)id);
	(void)active_text(active, target);
	if (block_end(service, active, BLOCK_REMOVED, outcome) != 0)
		return outcome->error;
	detail = json_new_object();
	json_set_int(detail, "block", id);
	json_set_uint(detail, "hits", outcome->block.hits.packets);
	block_audit(service, who, "block.remove", target, detail);
	remove_children(service, who, id);
	return 0;
}

static void expire(struct block_service *service)
{
	static struct log_limit limit;
	struct principal self = { .name = "sluice" };
	uint64_t now = service->boot_ns();
	char target[BLOCK_TEXT_MAX];

	/* from the end: deletion moves the last one, which was looked at already */
	for (size_t i = service->active_count; i-- > 0;) {
		struct active_block *active = &service->active[i];
		struct block_outcome outcome = { .field = "" };

		if (active->end_boot_ns == 0 || now < active->end_boot_ns)
			continue;
		(void)active_text(active, target);
		if (block_end(service, active, BLOCK_EXPIRED, &outcome) != 0)
			log_write_limited(&limit, LOG_LEVEL_WARN, "expiry is tried again: %s",
					  outcome.message);
		else
			block_audit(service, &self, "block.expire", target, NULL);
	}
}

static void save_some_hits(struct block_service *service)
{
	size_t round = service->active_count / SAVE_ROUND_TICKS + 1;

	for (size_t i = 0; i < round && service->active_count > 0; i++) {
		struct active_block *active;

		if (service->save_cursor >= service->active_count)
			service->save_cursor = 0;
		active = &service->active[service->save_cursor++];
		active_read_hits(service, active);
		active_save_hits(service, active);
	}
}

void block_tick(struct block_service *service)
{
	confirm_tick(service);
	expire(service);
	list_tick(service);
	save_some_hits(service);
	safe_refresh_host(service, SAFE_AGE_NS);
	(void)safe_push(service); /* logged there, tried again at the next tick */
}

/* ---- read ------------------------------------------------------------------------------------ */

int block_list(struct block_service *service, bool active_only, int64_t before, struct block *out,
	       size_t max)
{
	int count = store_block_list(service->options.store, active_only, before, out, max);

	for (int i = 0; i < count; i++) {
		struct active_block *active = active_by_id(service, out[i].id);

		if (!active)
			continue;
		active_read_hits(service, active);
		out[i].hits = active->hits;
	}
	return count;
}

int block_get(struct block_service *service, int64_t id, struct block *out)
{
	return block_read_row(service, id, out);
}
