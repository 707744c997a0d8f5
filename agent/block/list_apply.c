/*
 * From an upload to a version of a list: parts are collected here, read on the jobs thread, and
 * taken on the service thread, after one more look at the safe list.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/block/list_apply.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/buffer.h"
#include "agent/util/json.h"
#include "agent/util/log.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

#define UPLOADS_MAX 4
/* A part that does not come within that time never comes. */
#define UPLOAD_AGE_NS (120 * NS_PER_S)

struct upload {
	char name[BLOCK_LIST_MAX]; /* "" free */
	struct buffer bytes;
	uint64_t touched_ns;
};

/* One list on its way through the jobs thread. */
struct work {
	struct block_service *service;
	struct principal who;
	struct block_list_order order;
	struct block block; /* as the order has it */
	struct buffer bytes;
	struct safe_entry *safe;
	size_t safe_count;
	char own_name[DOMAIN_TEXT_MAX];
	struct block_list_report report;
	int error;
};

static void work_free(struct work *work)
{
	if (!work)
		return;
	buffer_done(&work->bytes);
	free(work->safe);
	free(work->report.notes);
	prefix_set_unref(work->report.set);
	free(work);
}

DEFINE_CLEANUP(work_free, struct work)

void uploads_free(struct upload *uploads)
{
	for (size_t i = 0; uploads && i < UPLOADS_MAX; i++)
		buffer_done(&uploads[i].bytes);
	free(uploads);
}

static void upload_forget(struct upload *upload)
{
	buffer_done(&upload->bytes);
	upload->name[0] = '\0';
}

void uploads_tick(struct block_service *service)
{
	for (size_t i = 0; service->uploads && i < UPLOADS_MAX; i++) {
		struct upload *upload = &service->uploads[i];

		if (upload->name[0] && service->boot_ns() - upload->touched_ns > UPLOAD_AGE_NS)
			upload_forget(upload);
	}
}

static struct upload *upload_find(struct block_service *service, const char *name)
{
	for (size_t i = 0; service->uploads && i < UPLOADS_MAX; i++) {
		if (strcmp(service->uploads[i].name, name) == 0)
			return &service->uploads[i];
	}
	return NULL;
}

static struct upload *upload_begin(struct block_service *service, const char *name)
{
	struct upload *upload;

	if (!service->uploads)
		service->uploads = calloc(UPLOADS_MAX, sizeof(*service->uploads));
	upload = upload_find(service, name);
	if (!upload)
		upload = upload_find(service, "");
	if (!upload)
		return NULL;
	upload_forget(upload);
	buffer_init(&upload->bytes, BLOCK_LIST_BYTES_MAX);
	(void)snprintf(upload->name, sizeof(upload->name), "%s", name); /* checked: fits */
	return upload;
}

int block_list_part(struct block_service *service, const struct principal *who,
		    const struct block_list_part *part, struct block_outcome *outcome)
{
	const struct block_request request = { .list = part->name };
	struct block block = { 0 };
	struct upload *upload;

	*outcome = (struct block_outcome){ .field = "" };
	if (order_require_admin(who, outcome) != 0 ||
	    order_parse(service, &request, &block, outcome) != 0)
		return outcome->error;
	upload = part->offset == 0 ? upload_begin(service, part->name)
				   : upload_find(service, part->name);
	if (!upload && part->offset == 0)
		return outcome_fail(outcome, -EBUSY, "", "%d other lists are being uploaded",
				    UPLOADS_MAX);
	if (!upload || (uint64_t)part->offset != upload->bytes.len)
		return outcome_fail(outcome, -EINVAL, "offset", "not the next part of this list");
	upload->touched_ns = service->boot_ns();
	buffer_append(&upload->bytes, part->data, part->len);
	if (!upload->bytes.error)
		return 0;
	upload_forget(upload);
	return outcome_fail(outcome, -E2BIG, "", "a list is at most %u MiB",
			    BLOCK_LIST_BYTES_MAX >> 20);
}

/* ---- taking it --------------------------------------------------------------------------------
 */

static bool has_scope(const struct active_block *active, const struct block *block)
{
	return active->action == block->action && active->direction == block->direction &&
	       active->proto == block->proto && active->port == block->port;
}

/* The safe list as it is now: it may have grown while the lines were read. */
static int check_safe(const struct work *work, struct block_outcome *outcome)
{
	size_t count;
	CLEANUP(free) struct safe_entry *safe = safe_copy(work->service, &work->who, &count);
	struct prefix found;

	if (!safe)
		return outcome_fail(outcome, -ENOMEM, "", "no memory for the list");
	for (size_t i = 0; i < count; i++) {
		if (prefix_set_overlapping(work->report.set, &safe[i].prefix, &found))
			return safe_refuse(&safe[i], &found, outcome);
	}
	return 0;
}

static int check_replaced(const struct active_block *active, const struct block *block,
			  struct block_outcome *outcome)
{
	if (active->state == BLOCK_PENDING)
		return outcome_fail(outcome, -EBUSY, "list",
				    "list %s waits for its confirmation: confirm it first "
				    "(block %lld)",
				    block->list, (long long)active->id);
	if (active->list->is_merging)
		return outcome_fail(outcome, -EBUSY, "list",
				    "list %s is still being applied: try again in a moment",
				    block->list);
	if (!has_scope(active, block))
		return outcome_fail(outcome, -EINVAL, "list",
				    "list %s exists with another action, direction, protocol or "
				    "port: give the same, or remove it first (block %lld)",
				    block->list, (long long)active->id);
	return 0;
}

/* A list of that name for the first time: its row, without content yet. */
static struct active_block *make_list(struct work *work, struct block_outcome *outcome)
{
	struct block_service *service = work->service;
	struct block *block = &work->block;
	int64_t life_ms = block->expires_unix_ms - block->created_unix_ms;
	struct active_block *active;
	int error = active_reserve(service);

	block->rule_id = rule_find_free(service);
	if (!error && !block->rule_id)
		error = -ENOSPC;
	(void)snprintf(block->author, sizeof(block->author), "%.64s", work->who.name);
	if (!error)
		error = store_block_insert(service->options.store, block);
	if (error) {
		(void)outcome_fail(outcome, error, "", "the list could not be stored: %s",
				   strerror(-error));
		return NULL;
	}
	active = active_insert(
		service, block,
		block->expires_unix_ms ? service->boot_ns() + (uint64_t)life_ms * NS_PER_MS : 0);
	if (active)
		return active;
	(void)store_block_end(service->options.store, block->id, BLOCK_REMOVED,
			      service->unix_ms()); /* else at the next start */
	(void)outcome_fail(outcome, -ENOMEM, "", "no memory for the list");
	return NULL;
}

static void audit(const struct work *work, const struct block *block)
{
	struct json *detail = json_new_object();
	char target[BLOCK_TEXT_MAX];

	json_set_int(detail, "block", block->id);
	json_set_uint(detail, "version",
		      block->facts.pending_version ? block->facts.pending_version
						   : block->facts.version);
	json_set_uint(detail, "entries", prefix_set_total(work->report.set));
	json_set_uint(detail, "names", name_set_len(prefix_set_names(work->report.set)));
	json_set_uint(detail, "added", work->report.added);
	json_set_uint(detail, "removed", work->report.removed);
	json_set_uint(detail, "refused", work->report.refused);
	json_set_string(detail, "action", block_action_name(block->action));
	json_set_time(detail, "confirm_by", block->confirm_by_unix_ms);
	block_audit(work->service, &work->who, "block.list", block_text(block, target), detail);
}

/* A new version brings its own life and reason, when the order names them. */
static void renew(const struct work *work, struct active_block *active, struct block *row)
{
	const struct block *order = &work->block;
	int64_t life_ms = order->expires_unix_ms - order->created_unix_ms;

	if (work->order.request.ttl_s != -1) {
		row->expires_unix_ms = order->expires_unix_ms;
		active->end_boot_ns = order->expires_unix_ms ? work->service->boot_ns() +
								       (uint64_t)life_ms * NS_PER_MS
							     : 0;
	}
	if (order->reason[0])
		memcpy(row->reason, order->reason, sizeof(row->reason));
}

static int take(struct work *work, struct block_outcome *outcome)
{
	struct block_service *service = work->service;
	struct active_block *active = active_same(service, &work->block);
	bool is_new = !active;
	uint64_t end_before = active ? active->end_boot_ns : 0;
	struct block row;
	int error;

	if (active && check_replaced(active, &work->block, outcome) != 0)
		return outcome->error;
	list_count_changes(active ? active->list->set : NULL, work->report.set, &work->report);
	if (!active)
		active = make_list(work, outcome);
	if (!active)
		return outcome->error;
	error = store_block_get(service->options.store, active->id, &row);
	if (!error && !is_new)
		renew(work, active, &row);
	if (!error)
		error = list_take(service, active, &row, &work->report);
	if (error) {
		(void)outcome_fail(outcome, error, "", "the list was not applied: %s",
				   error == -ENOSPC
					   ? "the datapath has no room for it (1048576 of each "
					     "kind of address, 131072 names in all)"
					   : strerror(-error));
		active->end_boot_ns = is_new ? active->end_boot_ns : end_before;
		if (is_new) {
			struct block_outcome ignored = { .field = "" };

			(void)block_end(service, active, BLOCK_REMOVED, &ignored); /* said above */
		}
		return error;
	}
	work->report.is_applied = true;
	(void)block_read_row(service, active->id, &outcome->block); /* only to be shown */
	audit(work, &outcome->block);
	block_tell(service, active->id);
	return 0;
}

static void finish(void *arg)
{
	CLEANUP(work_free) struct work *work = arg;
	struct block_outcome outcome = { .field = "" };
	const struct block_list_report *report = &work->report;

	safe_refresh_host(work->service, NS_PER_S);
	if (work->error == -ENOSPC)
		(void)outcome_fail(
			&outcome, work->error, "list",
			"a list has at most %d addresses and prefixes and %d names: nothing "
			"was changed",
			BLOCK_LIST_ENTRIES_MAX, BLOCK_LIST_NAMES_MAX);
	else if (work->error)
		(void)outcome_fail(&outcome, work->error, "", "the list could not be read: %s",
				   strerror(-work->error));
	else if (work->order.is_all_or_nothing && report->refused)
		(void)outcome_fail(&outcome, -EINVAL, "list",
				   "%zu lines are wrong: nothing was changed", report->refused);
	else if (!prefix_set_total(report->set))
		(void)outcome_fail(
			&outcome, -EINVAL, "list",
			"no line holds an address or a name to block: nothing was changed");
	else if (check_safe(work, &outcome) == 0 && !work->order.is_dry)
		(void)take(work, &outcome); /* told by outcome */
	work->order.done(work->order.arg, &outcome, report);
}

static void read_work(void *arg)
{
	struct work *work = arg;
	const struct lines_input input = { (const char *)work->bytes.data, work->bytes.len,
					   work->safe, work->safe_count, work->own_name };

	work->error = lines_read(&input, &work->report);
}

static void refuse(const struct block_list_order *order, const struct block_outcome *outcome)
{
	const struct block_list_report none = { 0 };

	order->done(order->arg, outcome, &none);
}

static struct work *make_work(struct block_service *service, const struct principal *who,
			      const struct block_list_order *order, struct block_outcome *outcome)
{
	CLEANUP(work_free) struct work *work = calloc(1, sizeof(*work));
	struct upload *upload;

	if (!work) {
		(void)outcome_fail(outcome, -ENOMEM, "", "no memory for the list");
		return NULL;
	}
	work->service = service;
	work->who = *who;
	work->order = *order;
	if (order_require_admin(who, outcome) != 0 ||
	    order_parse(service, &order->request, &work->block, outcome) != 0)
		return NULL;
	upload = upload_find(service, work->block.list);
	if (!upload) {
		(void)outcome_fail(outcome, -EINVAL, "list", "nothing was uploaded for list %s",
				   work->block.list);
		return NULL;
	}
	work->bytes = upload->bytes;
	buffer_init(&upload->bytes, BLOCK_LIST_BYTES_MAX);
	upload_forget(upload);
	safe_refresh_host(service, NS_PER_S);
	work->safe = safe_copy(service, who, &work->safe_count);
	memcpy(work->own_name, service->own_name, sizeof(work->own_name));
	if (!work->safe) {
		(void)outcome_fail(outcome, -ENOMEM, "", "no memory for the list");
		return NULL;
	}
	return TAKE(work);
}

void block_list_apply(struct block_service *service, const struct principal *who,
		      const struct block_list_order *order)
{
	struct block_outcome outcome = { .field = "" };
	struct work *work = make_work(service, who, order, &outcome);
	int error;

	if (!work) {
		refuse(order, &outcome);
		return;
	}
	if (!service->options.run) {
		read_work(work);
		finish(work);
		return;
	}
	error = service->options.run(service->options.run_arg, read_work, finish, work);
	if (error) {
		work_free(work);
		(void)outcome_fail(&outcome, error, "", "too much waits already: try again later");
		refuse(order, &outcome);
	}
}
