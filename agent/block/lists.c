/*
 * Lists in force: versions, the second rule of one that waits for its confirmation, replay. A new
 * version goes to the datapath as a whole set; what differs is found there.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/block/internal.h"
#include "agent/block/list_apply.h"
#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/log.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

#define KEEP_END (-1)

void list_free(struct active_list *list)
{
	if (!list)
		return;
	prefix_set_unref(list->set);
	prefix_set_unref(list->pending);
	free(list);
}

/* ---- the two rules ----------------------------------------------------------------------------
 */

/* The rule of what is in force: without the countdown, which is the second one's. */
static struct block_rule main_rule(const struct active_block *active)
{
	struct block_rule rule = active_rule(active);

	rule.end_boot_ns = active->end_boot_ns;
	return rule;
}

static struct block_rule second_rule(const struct active_block *active)
{
	struct block_rule rule = active_rule(active);

	rule.rule_id = active->list->facts.pending_rule_id;
	return rule;
}

static int set_main(struct block_service *service, const struct active_block *active,
		    struct prefix_set *set)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct block_rule rule = main_rule(active);

	return datapath->list_set(datapath->arg, &rule, set);
}

static int drop_rule(struct block_service *service, uint32_t rule_id)
{
	const struct block_datapath *datapath = &service->options.datapath;
	int error = datapath->list_remove(datapath->arg, rule_id);

	return error == -ENOENT ? 0 : error;
}

int list_set_words(struct block_service *service, struct active_block *active)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct block_rule rule = main_rule(active);
	int error = active->list->set ? datapath->rule_set(datapath->arg, &rule) : 0;

	if (error || !active->list->facts.pending_rule_id)
		return error;
	rule = second_rule(active);
	return datapath->rule_set(datapath->arg, &rule);
}

int list_end(struct block_service *service, struct active_block *active)
{
	struct active_list *list = active->list;
	int error = list->set ? drop_rule(service, active->rule_id) : 0;

	if (!error && list->facts.pending_rule_id) {
		error = drop_rule(service, list->facts.pending_rule_id);
		if (!error) {
			rule_release(service, list->facts.pending_rule_id);
			list->facts.pending_rule_id = 0;
		}
	}
	return error;
}

int list_read_hits(struct block_service *service, const struct active_block *active,
		   struct block_hits *hits)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct block_hits second = { 0 };
	uint32_t second_id = active->list->facts.pending_rule_id;

	*hits = (struct block_hits){ 0 };
	if (active->list->set && datapath->list_hits(datapath->arg, active->rule_id, hits) != 0)
		return -ENOENT;
	int error = second_id ? datapath->list_hits(datapath->arg, second_id, &second) : -ENOENT;
	if (error)
		return error == -EAGAIN ? error : 0;
	hits->packets += second.packets;
	hits->bytes += second.bytes;
	for (int layer = 0; layer < HIT_LAYER_COUNT; layer++)
		hits->layers[layer] += second.layers[layer];
	if (second.last_unix_ms > hits->last_unix_ms)
		hits->last_unix_ms = second.last_unix_ms;
	return 0;
}

/* ---- rows -------------------------------------------------------------------------------------
 */

/* State and facts as they are now, and a new end unless it is KEEP_END; what the row has else
 * stays. */
static int write_row(struct block_service *service, const struct active_block *active,
		     int64_t expires_unix_ms)
{
	struct block row;
	int error = store_block_get(service->options.store, active->id, &row);

	if (error)
		return error;
	row.state = active->state;
	row.facts = active->list->facts;
	if (!active->confirm_boot_ns)
		row.confirm_by_unix_ms = 0;
	if (expires_unix_ms != KEEP_END)
		row.expires_unix_ms = expires_unix_ms;
	return store_list_write(service->options.store, &row, NULL, 0);
}

/* ---- a new version ----------------------------------------------------------------------------
 */

/* Names that only @after has. Returns 0 or -ENOMEM. */
static int gain_names(const struct prefix_set *before, const struct prefix_set *after,
		      struct prefix_set *gain)
{
	struct name_set_diff diff = { .before = prefix_set_names(before),
				      .after = prefix_set_names(after) };
	CLEANUP(name_set_builder_free)
	struct name_set_builder *builder = name_set_builder_new(name_set_len(diff.after) + 1);
	struct name_set *names;
	const char *name;
	int side;

	while (builder && (side = name_set_diff_next(&diff, &name)) != 0)
		if (side > 0 && name_set_builder_add(builder, name) != 0)
			return -ENOMEM;
	names = builder ? name_set_builder_finish(TAKE(builder)) : NULL;
	if (!names)
		return -ENOMEM;
	prefix_set_attach(gain, names);
	return 0;
}

/* What only @after has; NULL without memory. */
static struct prefix_set *make_gain(const struct prefix_set *before, const struct prefix_set *after,
				    size_t added)
{
	struct prefix_set_diff diff = { .before = before, .after = after };
	CLEANUP(prefix_set_builder_free)
	struct prefix_set_builder *builder = prefix_set_builder_new(added + 1);
	CLEANUP(prefix_set_unref) struct prefix_set *gain = NULL;
	struct prefix prefix;
	int side;

	while (builder && (side = prefix_set_diff_next(&diff, &prefix)) != 0)
		if (side > 0 && prefix_set_builder_add(builder, &prefix) != 0)
			return NULL;
	gain = builder ? prefix_set_builder_finish(TAKE(builder)) : NULL;
	return gain && !gain_names(before, after, gain) ? TAKE(gain) : NULL;
}

void list_count_changes(const struct prefix_set *before, const struct prefix_set *after,
			struct block_list_report *report)
{
	struct prefix_set_diff diff = { .before = before, .after = after };
	struct name_set_diff names = { .before = prefix_set_names(before),
				       .after = prefix_set_names(after) };
	struct prefix prefix;
	const char *name;
	int side;

	report->added = report->removed = 0;
	while ((side = prefix_set_diff_next(&diff, &prefix)) != 0)
		*(side > 0 ? &report->added : &report->removed) += 1;
	while ((side = name_set_diff_next(&names, &name)) != 0)
		*(side > 0 ? &report->added : &report->removed) += 1;
}

static int take_now(struct block_service *service, struct active_block *active, struct block *row,
		    struct prefix_set *set)
{
	struct active_list *list = active->list;
	struct block_list_facts before = list->facts;
	int error = set_main(service, active, set);

	if (error)
		return error;
	list->facts.version++;
	list->facts.entries = prefix_set_total(set);
	list->facts.updated_unix_ms = service->unix_ms();
	row->facts = list->facts;
	error = store_list_write(service->options.store, row, set, list->facts.version);
	if (error) {
		list->facts = before;
		if ((list->set ? set_main(service, active, list->set)
			       : drop_rule(service, active->rule_id)) != 0)
			log_error("a list's new version stays until the next start id=%lld",
				  (long long)active->id);
		return error;
	}
	prefix_set_unref(list->set);
	list->set = prefix_set_ref(set);
	return 0;
}

static int take_pending(struct block_service *service, struct active_block *active,
			struct block *row, struct prefix_set *set, size_t added)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct active_list *list = active->list;
	CLEANUP(prefix_set_unref) struct prefix_set *gain = make_gain(list->set, set, added);
	struct active_block before = *active;
	struct block_list_facts facts = list->facts;
	struct block_rule rule;
	int error = gain ? 0 : -ENOMEM;

	if (error)
		return error;
	list->facts.pending_rule_id = rule_take(service);
	if (!list->facts.pending_rule_id)
		return -ENOSPC;
	list->facts.pending_version = facts.version + 1;
	list->facts.pending_entries = prefix_set_total(set);
	list->facts.updated_unix_ms = service->unix_ms();
	row->confirm_by_unix_ms = service->unix_ms() +
				  config_int(service->options.config, CONFIG_BLOCK_CONFIRM) * 1000;
	active->state = row->state = BLOCK_PENDING;
	active->confirm_boot_ns = confirm_end_ns(service, row->confirm_by_unix_ms);
	rule = second_rule(active);
	error = datapath->list_set(datapath->arg, &rule, gain);
	row->facts = list->facts;
	if (!error)
		error = store_list_write(service->options.store, row, set,
					 list->facts.pending_version);
	if (!error) {
		list->pending = prefix_set_ref(set);
		return 0;
	}
	(void)drop_rule(service, rule.rule_id); /* else it ends by its countdown */
	rule_release(service, rule.rule_id);
	list->facts = facts;
	active->state = before.state;
	active->confirm_boot_ns = before.confirm_boot_ns;
	return error;
}

int list_take(struct block_service *service, struct active_block *active, struct block *row,
	      const struct block_list_report *report)
{
	size_t most = (size_t)config_int(service->options.config, CONFIG_BLOCK_CONFIRM_ENTRIES);

	if (report->added > most && active->action != BLOCK_COUNT && active->state != BLOCK_OFF)
		return take_pending(service, active, row, report->set, report->added);
	return take_now(service, active, row, report->set);
}

/* ---- confirmed, or not ------------------------------------------------------------------------
 */

/*
 * First the second rule's end is lifted, then the first rule gets everything, and once it holds
 * that, the second one goes (list_tick): no moment without.
 */
int list_confirm(struct block_service *service, struct active_block *active,
		 struct block_outcome *outcome)
{
	struct active_list *list = active->list;
	struct active_block before = *active;
	struct block_list_facts facts = list->facts;
	int error;

	active->state = BLOCK_ACTIVE;
	active->confirm_boot_ns = 0;
	error = list_set_words(service, active);
	list->facts.version = facts.pending_version;
	list->facts.entries = facts.pending_entries;
	list->facts.pending_version = 0;
	list->facts.pending_entries = 0;
	if (!error)
		error = write_row(service, active, KEEP_END);
	if (error) {
		list->facts = facts;
		active->state = before.state;
		active->confirm_boot_ns = before.confirm_boot_ns;
		if (list_set_words(service, active) != 0)
			log_error("a list drops without its countdown id=%lld",
				  (long long)active->id);
		return outcome_fail(outcome, error, "", "the list was not confirmed: %s",
				    strerror(-error));
	}
	prefix_set_unref(list->set);
	list->set = TAKE(list->pending);
	list->is_merging = true;
	if (set_main(service, active, list->set) != 0)
		log_warn("a confirmed list is moved at the next start id=%lld",
			 (long long)active->id);
	return 0;
}

static int forget_pending(struct block_service *service, struct active_block *active)
{
	struct active_list *list = active->list;
	int error = drop_rule(service, list->facts.pending_rule_id);

	if (error)
		return error;
	active->read_boot_ns = 0;
	rule_release(service, list->facts.pending_rule_id);
	list->facts.pending_rule_id = 0;
	list->facts.pending_version = 0;
	list->facts.pending_entries = 0;
	prefix_set_unref(list->pending);
	list->pending = NULL;
	return 0;
}

int list_roll_back(struct block_service *service, struct active_block *active)
{
	struct active_list *list = active->list;
	struct block_hits second = { 0 };
	const struct block_datapath *datapath = &service->options.datapath;
	int error;

	if (!list->facts.version)
		return -ENOENT;
	/* its hits stay in the sum */
	if (datapath->list_hits(datapath->arg, list->facts.pending_rule_id, &second) == 0) {
		active->base.packets += second.packets;
		active->base.bytes += second.bytes;
		for (int layer = 0; layer < HIT_LAYER_COUNT; layer++)
			active->base.layers[layer] += second.layers[layer];
	}
	error = forget_pending(service, active);
	if (error)
		return error;
	active->state = BLOCK_ACTIVE;
	active->confirm_boot_ns = 0;
	return write_row(service, active, KEEP_END);
}

/* ---- start and tick ---------------------------------------------------------------------------
 */

int list_load(struct block_service *service, struct active_block *active)
{
	struct active_list *list = active->list;
	struct block_list_facts *facts = &list->facts;
	struct store *store = service->options.store;
	int error = 0;

	if (facts->version)
		error = store_list_read(store, active->id, facts->version, &list->set);
	if (!error && facts->pending_version)
		error = store_list_read(store, active->id, facts->pending_version, &list->pending);
	if (error)
		return error;
	if (!facts->pending_rule_id)
		return 0;
	list->is_merging = facts->pending_version == 0;
	if (rule_is_free(service, facts->pending_rule_id))
		service->rule_state[facts->pending_rule_id] = UINT32_MAX;
	else
		facts->pending_rule_id = rule_take(service);
	return facts->pending_rule_id ? 0 : -ENOSPC;
}

int list_replay(struct block_service *service, struct active_block *active)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct active_list *list = active->list;
	CLEANUP(prefix_set_unref) struct prefix_set *second = NULL;
	struct block_list_report report = { 0 };
	struct block_rule rule;
	int error = list->set ? set_main(service, active, list->set) : 0;

	if (error || !list->facts.pending_rule_id)
		return error;
	if (list->is_merging) {
		second = prefix_set_ref(list->set); /* what the first may not hold yet */
	} else {
		list_count_changes(list->set, list->pending, &report);
		second = make_gain(list->set, list->pending, report.added);
	}
	if (!second)
		return -ENOMEM;
	rule = second_rule(active);
	return datapath->list_set(datapath->arg, &rule, second);
}

void list_tick(struct block_service *service)
{
	bool is_busy = block_list_is_busy(service);

	for (size_t i = 0; i < service->active_count && !is_busy; i++) {
		struct active_block *active = &service->active[i];

		if (!active->list || !active->list->is_merging)
			continue;
		active_read_hits(service, active);
		active->base = active->hits; /* the first rule begins to count anew from here */
		if (forget_pending(service, active) == 0) {
			active->list->is_merging = false;
			if (write_row(service, active, KEEP_END) != 0)
				log_warn("a list is moved again at the next start id=%lld",
					 (long long)active->id);
		}
	}
	uploads_tick(service);
}

int block_list_renew(struct block_service *service, const char *name, int64_t ttl_s)
{
	struct block wanted = { 0 };
	struct active_block *active;
	uint64_t end_before_ns;
	int error;

	(void)snprintf(wanted.list, sizeof(wanted.list), "%s", name); /* cut: no list's name */
	active = *name ? active_same(service, &wanted) : NULL;
	if (!active)
		return -ENOENT;
	end_before_ns = active->end_boot_ns;
	active->end_boot_ns = service->boot_ns() + (uint64_t)ttl_s * NS_PER_S;
	error = list_set_words(service, active);
	if (!error)
		error = write_row(service, active, service->unix_ms() + ttl_s * 1000);
	if (error) {
		active->end_boot_ns = end_before_ns;
		if (list_set_words(service, active) != 0)
			log_error("a list lives longer than its row says id=%lld",
				  (long long)active->id);
		return error;
	}
	block_tell(service, active->id);
	return 0;
}

bool block_list_is_busy(struct block_service *service)
{
	const struct block_datapath *datapath = &service->options.datapath;

	return datapath->is_busy && datapath->is_busy(datapath->arg);
}

int block_list_entries(struct block_service *service, int64_t id, size_t from,
		       struct block_list_entry *out, size_t max)
{
	const struct block_datapath *datapath = &service->options.datapath;
	struct active_block *active = active_by_id(service, id);
	const struct prefix_set *set;
	size_t count = 0, prefixes;

	if (!active || !active->list)
		return -ENOENT;
	set = active->list->set ? active->list->set : active->list->pending;
	prefixes = prefix_set_len(set);
	for (size_t i = from; i < prefix_set_total(set) && count < max; i++) {
		struct block_list_entry *entry = &out[count++];

		memset(entry, 0, sizeof(*entry));
		if (i < prefixes)
			entry->prefix = prefix_set_at(set, i);
		else
			(void)snprintf(entry->name, sizeof(entry->name), "%s",
				       name_set_at(prefix_set_names(set), i - prefixes)); /* fits */
		/* none: not there yet */
		if (i < prefixes)
			(void)datapath->target_hits(datapath->arg, &entry->prefix, &entry->hits);
		else
			(void)datapath->name_hits(datapath->arg, entry->name, &entry->hits);
	}
	return (int)count;
}
