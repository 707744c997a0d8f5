/*
 * A source whose datapath runs in this process: frames are fed by a simulator or a file reader,
 * drained and blocked like the kernel's.
 */
#include <errno.h>
#include <stdio.h>

#include "agent/capture/capture.h"
#include "agent/capture/drain.h"
#include "agent/capture/rules.h"
#include "agent/capture/user.h"
#include "agent/capture/usermaps.h"
#include "agent/util/clock.h"

#define SLOTS_MAX (1U << 20)
/* 65535 bytes of IPv4 (RFC 791 3.1), 40 more of IPv6, Ethernet with two tags, rounded up */
#define FRAME_MAX (65535 + 128)

struct user_source {
	struct capture base; /* first: the vtable's view of it */
	struct usermaps *maps;
	struct rules *rules;
	struct drain_tables tables;
	unsigned int iface_count;
	char names[IFACES_MAX][IFACE_NAME_MAX];
	uint64_t now_ns;
	int64_t unix_ms; /* 0: the machine's */
};

static struct user_source *source_of(struct capture *capture)
{
	return (struct user_source *)capture;
}

/*
 * The datapath's jiffies are milliseconds of the caller's clock, from 1 on for 0 is "never". Taken
 * at their start, so that the times of a flow do not depend on when it is drained.
 */
static uint64_t jiffies_of(uint64_t at_ns)
{
	return at_ns / NS_PER_MS + 1;
}

static struct drain_clock clock_of(const struct user_source *source)
{
	return (struct drain_clock){
		.jiffies = jiffies_of(source->now_ns),
		.mono_ns = source->now_ns / NS_PER_MS * NS_PER_MS,
		.unix_ms = source->unix_ms ? source->unix_ms : clock_unix_ms(),
		.ns_per_jiffy = NS_PER_MS,
	};
}

/* ---- frames in ---- */

int capture_user_add_iface(struct capture *user, const char *name)
{
	struct user_source *source = source_of(user);
	unsigned int index = source->iface_count;
	struct iface_entry *entry;

	if (index == IFACES_MAX)
		return -ENOSPC;
	(void)snprintf(source->names[index], sizeof(source->names[index]), "%s", name);
	/* ifindexes 1 to 64: no probing in a table of 256 */
	entry = &source->maps->ifaces.at[index + 1];
	*entry = (struct iface_entry){ .ifindex = index + 1, .index = (uint8_t)index, .used = 1 };
	source->iface_count++;
	return (int)index;
}

struct control *user_control(struct capture *user)
{
	return source_of(user)->maps->control.at;
}

int capture_user_feed(struct capture *user, const struct capture_frame *frame)
{
	struct user_source *source = source_of(user);
	const struct user_frame context = {
		.data = frame->data,
		.len = (uint32_t)frame->len,
		.ifindex = frame->iface + 1U,
		.maps = source->maps,
	};

	if (frame->iface >= source->iface_count || frame->len > FRAME_MAX ||
	    frame->direction > DIRECTION_EGRESS)
		return -EINVAL;
	source->now_ns = frame->at_ns;
	source->maps->control.at->replay_jiffies = jiffies_of(frame->at_ns);
	source->maps->control.at->replay_mono_ns = frame->at_ns;
	return user_datapath_run(&context, frame->direction);
}

/* An eighth is kept for the frames between two questions. */
bool capture_user_is_full(const struct capture *user)
{
	const struct usermaps *maps = ((const struct user_source *)user)->maps;

	return maps->events.used > maps->events.size / 8 * 7 ||
	       maps->evict.used > maps->evict.size / 8 * 7;
}

void capture_user_set_boot_ns(struct capture *user, uint64_t boot_ns)
{
	source_of(user)->maps->control.at->replay_boot_ns = boot_ns;
}

void capture_user_set_unix_ms(struct capture *user, int64_t unix_ms)
{
	source_of(user)->unix_ms = unix_ms;
}

/* ---- deltas out ---- */

struct draining {
	const struct user_source *source;
	const struct capture_sink *sink;
	struct drain_clock clock;
	int count;
};

/* The rings hold only what our own datapath wrote: a record is never refused. */
static void take_record(void *arg, const void *record, size_t len)
{
	struct draining *draining = arg;
	int count = drain_record(&draining->source->tables, &draining->clock, record, len,
				 draining->sink);

	if (count > 0)
		draining->count += count;
}

static void take_event(void *arg, const void *record, size_t len)
{
	struct draining *draining = arg;

	(void)drain_event(&draining->clock, record, len, draining->sink); /* as take_record */
}

static int user_drain(struct capture *capture, bool scan, const struct capture_sink *sink)
{
	struct user_source *source = source_of(capture);
	struct draining draining = { .source = source, .sink = sink, .clock = clock_of(source) };

	userring_consume(&source->maps->evict, take_record, &draining);
	userring_consume(&source->maps->events, take_event, &draining);
	if (scan)
		draining.count += drain_scan(&source->tables, &draining.clock, sink);
	return draining.count;
}

/* ---- rules ---- */

static struct usermap *map_of(void *arg, enum rules_map map)
{
	struct usermaps *maps = arg;
	struct usermap *const by_name[RULES_MAP_COUNT] = {
		[RULES_BLOCK4] = &maps->block4, [RULES_BLOCK6] = &maps->block6,
		[RULES_LPM4] = &maps->lpm4,	[RULES_LPM6] = &maps->lpm6,
		[RULES_SAFE4] = &maps->safe4,	[RULES_SAFE6] = &maps->safe6,
		[RULES_NAMES] = &maps->domains, [RULES_FLOWS] = &maps->flow_blocks,
	};

	return by_name[map];
}

static int keyed_lookup(void *arg, enum rules_map map, const void *key, void *value)
{
	const struct usermap *keyed = map_of(arg, map);
	const void *found = usermap_lookup(keyed, key);

	if (!found)
		return -ENOENT;
	memcpy(value, found, keyed->value_size);
	return 0;
}

static int keyed_update(void *arg, enum rules_map map, const void *key, const void *value)
{
	return usermap_update(map_of(arg, map), key, value);
}

static int keyed_remove(void *arg, enum rules_map map, const void *key)
{
	return usermap_remove(map_of(arg, map), key);
}

static int keyed_next(void *arg, enum rules_map map, const void *key, void *next)
{
	return usermap_next_key(map_of(arg, map), key, next);
}

static const struct rules_map_ops keyed_ops = {
	.lookup = keyed_lookup,
	.update = keyed_update,
	.remove = keyed_remove,
	.next_key = keyed_next,
};

static int user_block(struct capture *capture, const struct block_rule *rule)
{
	return rules_block(source_of(capture)->rules, rule);
}

static int user_unblock(struct capture *capture, uint32_t rule_id)
{
	return rules_unblock(source_of(capture)->rules, rule_id);
}

static int user_block_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	struct user_source *source = source_of(capture);
	struct drain_clock clock = clock_of(source);

	return rules_hits(source->rules, rule_id, &clock, hits);
}

static int user_block_sync(struct capture *capture, const struct block_rule *list, size_t count)
{
	return rules_sync(source_of(capture)->rules, list, count);
}

static int user_safe_set(struct capture *capture, const struct prefix *prefixes, size_t count)
{
	return rules_safe_set(source_of(capture)->rules, prefixes, count);
}

static int user_event_fd(const struct capture *capture)
{
	(void)capture; /* drained by whoever feeds it */
	return -1;
}

static int user_list_set(struct capture *capture, const struct block_rule *rule,
			 struct prefix_set *set)
{
	return rules_full_list_set(source_of(capture)->rules, rule, set);
}

static int user_list_step(struct capture *capture)
{
	const struct user_source *source = source_of(capture);

	rules_flows_expire(source->rules, source->maps->control.at->replay_boot_ns);
	return rules_full_list_step(source->rules);
}

static int user_rule_set(struct capture *capture, const struct block_rule *rule)
{
	return rules_rule_set(source_of(capture)->rules, rule);
}

static int user_list_remove(struct capture *capture, uint32_t rule_id)
{
	return rules_full_list_remove(source_of(capture)->rules, rule_id);
}

static int user_target_hits(struct capture *capture, const struct prefix *target,
			    struct block_hits *hits)
{
	const struct user_source *source = source_of(capture);
	struct drain_clock clock = clock_of(source);

	return rules_target_hits(source->rules, target, &clock, hits);
}

static int user_name_hits(struct capture *capture, const char *name, struct block_hits *hits)
{
	const struct user_source *source = source_of(capture);
	struct drain_clock clock = clock_of(source);

	return rules_entry_name_hits(source->rules, name, &clock, hits);
}

static int user_list_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	const struct user_source *source = source_of(capture);
	struct drain_clock clock = clock_of(source);

	return rules_full_list_hits(source->rules, rule_id, &clock, hits);
}

static uint32_t user_domain_find(struct capture *capture, const char *name, bool is_counted)
{
	return rules_name_find(source_of(capture)->rules, name, is_counted);
}

static int user_flow_block(struct capture *capture, const struct five_tuple *tuple,
			   uint32_t rule_id, uint8_t layer, uint64_t until_boot_ns)
{
	return rules_flow_block(source_of(capture)->rules, tuple, rule_id, layer, until_boot_ns);
}

static int user_block_settle(struct capture *capture)
{
	return rules_full_settle(source_of(capture)->rules);
}

static int user_lease(struct capture *capture, uint64_t until_boot_ns)
{
	rules_set_lease(source_of(capture)->maps->control.at, until_boot_ns);
	return 0;
}

static bool user_is_panicked(struct capture *capture)
{
	return rules_is_panicked(source_of(capture)->maps->control.at);
}

/* ---- coverage ---- */

static void add_map(struct coverage *coverage, const char *name, uint64_t entries,
		    uint64_t capacity)
{
	coverage->maps[coverage->map_count++] = (struct coverage_map){
		.name = name,
		.entries = entries,
		.capacity = capacity,
	};
}

static void add_iface(const struct user_source *source, uint8_t index, struct coverage *coverage)
{
	struct coverage_iface *iface = &coverage->ifaces[coverage->iface_count++];
	const struct drain_counters counters = { source->maps->counters.at, 1 };

	memcpy(iface->name, source->names[index], sizeof(iface->name));
	iface->ifindex = index + 1U;
	iface->index = index;
	iface->mode = ATTACH_USER;
	for (int d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++) {
		drain_coverage(&source->tables, &counters, index, (enum direction)d,
			       &iface->dir[d]);
		coverage->complete = coverage->complete && !iface->dir[d].unattributed;
	}
}

static int user_coverage(struct capture *capture, struct coverage *coverage)
{
	const struct user_source *source = source_of(capture);
	const struct drain_tables *tables = &source->tables;

	memset(coverage, 0, sizeof(*coverage));
	coverage->events_lost = drain_events_lost(source->maps->cpus.at, 1);
	coverage->events_skipped = drain_events_skipped(source->maps->cpus.at, 1);
	coverage->complete = !coverage->events_lost;
	for (unsigned int i = 0; i < source->iface_count; i++)
		add_iface(source, (uint8_t)i, coverage);
	add_map(coverage, "flows4", drain_slots_used4(tables), tables->slots4);
	add_map(coverage, "flows6", drain_slots_used6(tables), tables->slots6);
	add_map(coverage, "rules_exact", rules_count(source->rules, true),
		2ULL * USER_BLOCK_ENTRIES);
	add_map(coverage, "rules_prefix", rules_count(source->rules, false),
		2ULL * USER_BLOCK_ENTRIES);
	add_map(coverage, "rule_sets", rules_rows_count(source->rules), RULE_SETS_MAX);
	add_map(coverage, "names", rules_names_count(source->rules), RULES_NAMES_MAX);
	add_map(coverage, "cut_flows", rules_flows_count(source->rules), RULES_FLOWS_MAX);
	add_map(coverage, "safe", rules_safe_count(source->rules), USER_SAFE_ENTRIES);
	return 0;
}

static uint64_t user_now_ns(struct capture *capture)
{
	return source_of(capture)->now_ns;
}

/* ---- life ---- */

static void source_free(struct user_source *source)
{
	if (!source)
		return;
	rules_free(source->rules);
	usermaps_free(source->maps);
	free(source);
}
DEFINE_CLEANUP(source_free, struct user_source)

static void user_close(struct capture *capture)
{
	source_free(source_of(capture));
}

static const struct capture_ops user_ops = {
	.drain = user_drain,
	.event_fd = user_event_fd,
	.list_set = user_list_set,
	.list_step = user_list_step,
	.rule_set = user_rule_set,
	.list_remove = user_list_remove,
	.target_hits = user_target_hits,
	.name_hits = user_name_hits,
	.list_hits = user_list_hits,
	.domain_find = user_domain_find,
	.flow_block = user_flow_block,
	.block_settle = user_block_settle,
	.block = user_block,
	.unblock = user_unblock,
	.block_hits = user_block_hits,
	.block_sync = user_block_sync,
	.safe_set = user_safe_set,
	.lease = user_lease,
	.is_panicked = user_is_panicked,
	.coverage = user_coverage,
	.now_ns = user_now_ns,
	.close = user_close,
};

/* Nobody's lease: what a demo or a replay blocks stays blocked until capture_lease says else. */
static int source_open_rules(struct user_source *source)
{
	struct usermaps *maps = source->maps;
	struct rules_tables tables = {
		.ops = &keyed_ops,
		.arg = maps,
		.control = maps->control.at,
		.rules = maps->rules.at,
		.nets16 = maps->nets16.at,
		.bits24 = maps->bits24.at,
		.bits48 = maps->bits48.at,
		.bits_names = maps->bits_names.at,
		.rule_sets = maps->rule_sets.at,
		.safe_max = USER_SAFE_ENTRIES,
		.block_max = USER_BLOCK_ENTRIES,
	};

	return rules_new(&tables, UINT64_MAX, &source->rules);
}

int capture_user_new(unsigned int flow_slots, struct capture **out)
{
	CLEANUP(source_free) struct user_source *source = NULL;
	int err;

	if (flow_slots < FLOW_WAYS || flow_slots > SLOTS_MAX || flow_slots & (flow_slots - 1))
		return -EINVAL;
	source = calloc(1, sizeof(*source));
	if (!source)
		return -ENOMEM;
	source->base.ops = &user_ops;
	err = usermaps_new(flow_slots / FLOW_WAYS, CAPTURE_USER_BURST, &source->maps);
	if (err)
		return err;
	source->tables = (struct drain_tables){
		.flows4 = source->maps->flows4.at,
		.flows6 = source->maps->flows6.at,
		.shadow4 = source->maps->shadow4.at,
		.shadow6 = source->maps->shadow6.at,
		.ledger = source->maps->ledger.at,
		.slots4 = flow_slots,
		.slots6 = flow_slots,
	};
	err = source_open_rules(source);
	if (err)
		return err;
	*out = &TAKE(source)->base;
	return 0;
}
