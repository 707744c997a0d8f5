/*
 * The kernel source as core's pipeline uses it: rings and scans in, rules and lease out, coverage
 * summed. Works on mapped memory and the few descriptors core kept.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_source.h"
#include "agent/capture/kernel_verdicts.h"
#include "agent/capture/ring_reader.h"
#include "agent/util/clock.h"

static struct kernel_source *source_of(struct capture *capture)
{
	return (struct kernel_source *)capture; /* base is its first member */
}

/* ---- drain
 * --------------------------------------------------------------------------------------- */

static int take_record(void *context, void *record, size_t len)
{
	struct source_ring *ring = context;
	struct kernel_source *source = ring->source;
	int up = ring->tables ? drain_record(ring->tables, &source->now, record, len, source->sink)
			      : drain_event(&source->now, record, len, source->sink);

	/* A record that is none of ours is passed over: nothing else could be done with it. */
	if (up > 0 && ring->tables)
		source->delivered++;
	/* what ends the pass is behind it all the same */
	return --ring->left ? 0 : -ECANCELED;
}

int source_ring_consume(struct source_ring *ring)
{
	int err;

	ring->left = ring->budget;
	err = ring_reader_consume(ring->reader, take_record, ring);
	return err == -ECANCELED ? 0 : err;
}

static int cache_consume(struct source_cache *cache)
{
	int err = 0;

	for (size_t i = 0; !err && i < cache->ring_count; i++)
		err = source_ring_consume(&cache->rings[i]);
	return err;
}

static void scan_caches(struct kernel_source *source)
{
	source->delivered += drain_scan(&source->cache.tables, &source->now, source->sink);
	if (!source->retired.ring_count)
		return;
	source->delivered += drain_scan(&source->retired.tables, &source->now, source->sink);
	if (source->now.mono_ns > source->retired_until_ns)
		source_retired_done(source);
}

static int kernel_drain(struct capture *capture, bool scan, const struct capture_sink *sink)
{
	struct kernel_source *source = source_of(capture);
	int err = kernel_clock_now(source->clock, source->ns_per_jiffy, &source->now);

	if (err)
		return err;
	source->sink = sink;
	source->delivered = 0;
	err = cache_consume(&source->retired);
	if (!err)
		err = cache_consume(&source->cache);
	if (!err)
		err = source_ring_consume(&source->events);
	if (!err && scan)
		scan_caches(source);
	source->sink = NULL;
	if (err)
		return err;
	return source->delivered > INT_MAX ? INT_MAX : (int)source->delivered;
}

/* ---- rules
 * ----------------------------------------------------------------------------------------- */

static int kernel_block(struct capture *capture, const struct block_rule *rule)
{
	return rules_block(source_of(capture)->rules, rule);
}

static int kernel_unblock(struct capture *capture, uint32_t rule_id)
{
	return rules_unblock(source_of(capture)->rules, rule_id);
}

static int kernel_block_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	const struct kernel_source *source = source_of(capture);
	struct drain_clock now = source->now;
	/* Taken anew: the hit may be younger than the last drain. */
	int err = kernel_clock_now(source->clock, source->ns_per_jiffy, &now);

	return err ? err : rules_hits(source->rules, rule_id, &now, hits);
}

static int kernel_block_sync(struct capture *capture, const struct block_rule *rules, size_t count)
{
	return rules_sync(source_of(capture)->rules, rules, count);
}

static int kernel_safe_set(struct capture *capture, const struct prefix *prefixes, size_t count)
{
	return rules_safe_set(source_of(capture)->rules, prefixes, count);
}

static int kernel_event_fd(const struct capture *capture)
{
	const struct kernel_source *source = (const struct kernel_source *)capture;

	return source->events_fd;
}

static int kernel_list_set(struct capture *capture, const struct block_rule *rule,
			   struct prefix_set *set)
{
	return rules_full_list_set(source_of(capture)->rules, rule, set);
}

static int kernel_list_step(struct capture *capture)
{
	struct rules *rules = source_of(capture)->rules;

	rules_flows_expire(rules, clock_boot_ns());
	return rules_full_list_step(rules);
}

static int kernel_rule_set(struct capture *capture, const struct block_rule *rule)
{
	return rules_rule_set(source_of(capture)->rules, rule);
}

static int kernel_list_remove(struct capture *capture, uint32_t rule_id)
{
	return rules_full_list_remove(source_of(capture)->rules, rule_id);
}

static int kernel_target_hits(struct capture *capture, const struct prefix *target,
			      struct block_hits *hits)
{
	const struct kernel_source *source = source_of(capture);

	return rules_target_hits(source->rules, target, &source->now, hits);
}

static int kernel_name_hits(struct capture *capture, const char *name, struct block_hits *hits)
{
	const struct kernel_source *source = source_of(capture);

	return rules_entry_name_hits(source->rules, name, &source->now, hits);
}

static int kernel_list_hits(struct capture *capture, uint32_t rule_id, struct block_hits *hits)
{
	const struct kernel_source *source = source_of(capture);

	return rules_full_list_hits(source->rules, rule_id, &source->now, hits);
}

static uint32_t kernel_domain_find(struct capture *capture, const char *name, bool is_counted)
{
	return rules_name_find(source_of(capture)->rules, name, is_counted);
}

static int kernel_flow_block(struct capture *capture, const struct five_tuple *tuple,
			     uint32_t rule_id, uint8_t layer, uint64_t until_boot_ns)
{
	return rules_flow_block(source_of(capture)->rules, tuple, rule_id, layer, until_boot_ns);
}

static int kernel_block_settle(struct capture *capture)
{
	return rules_full_settle(source_of(capture)->rules);
}

static int kernel_lease(struct capture *capture, uint64_t until_boot_ns)
{
	rules_set_lease(source_of(capture)->tables.control, until_boot_ns);
	return 0;
}

static bool kernel_is_panicked(struct capture *capture)
{
	return rules_is_panicked(source_of(capture)->tables.control);
}

/* ---- coverage
 * -------------------------------------------------------------------------------------- */

static void add_map(struct coverage *coverage, const char *name, uint64_t entries,
		    uint64_t capacity)
{
	coverage->maps[coverage->map_count++] = (struct coverage_map){
		.name = name,
		.entries = entries,
		.capacity = capacity,
	};
}

static void add_maps(const struct kernel_source *source, struct coverage *coverage)
{
	const struct drain_tables *tables = &source->cache.tables;
	const struct rules *rules = source->rules;

	add_map(coverage, "flows4", drain_slots_used4(tables), tables->slots4);
	add_map(coverage, "flows6", drain_slots_used6(tables), tables->slots6);
	/* a map for each family */
	add_map(coverage, "rules_exact", rules_count(rules, true), 2ULL * source->tables.block_max);
	add_map(coverage, "rules_prefix", rules_count(rules, false),
		2ULL * source->tables.block_max);
	add_map(coverage, "rule_sets", rules_rows_count(rules), RULE_SETS_MAX);
	add_map(coverage, "names", rules_names_count(rules), RULES_NAMES_MAX);
	add_map(coverage, "cut_flows", rules_flows_count(rules), RULES_FLOWS_MAX);
	add_map(coverage, "safe", rules_safe_count(rules), source->tables.safe_max);
}

static void add_iface(const struct kernel_source *source, uint8_t index, struct coverage *coverage)
{
	struct coverage_iface *iface = &coverage->ifaces[coverage->iface_count];
	const struct drain_counters counters = { source->counters, source->cpu_count };
	struct kernel_row row;

	if (!kernel_rows_copy(&source->rows[index], &row))
		return;
	memset(iface, 0, sizeof(*iface));
	memcpy(iface->name, row.name, sizeof(iface->name));
	memcpy(iface->note, row.note, sizeof(iface->note));
	iface->ifindex = row.ifindex;
	iface->index = index;
	iface->mode = row.mode;
	for (int d = DIRECTION_INGRESS; d <= DIRECTION_EGRESS; d++) {
		drain_coverage(&source->cache.tables, &counters, index, (enum direction)d,
			       &iface->dir[d]);
		coverage->complete = coverage->complete && !iface->dir[d].unattributed;
	}
	coverage->iface_count++;
}

static int kernel_coverage(struct capture *capture, struct coverage *coverage)
{
	const struct kernel_source *source = source_of(capture);

	memset(coverage, 0, sizeof(*coverage));
	coverage->events_lost = drain_events_lost(source->cpus, source->cpu_count);
	coverage->events_skipped = drain_events_skipped(source->cpus, source->cpu_count) +
				   kernel_verdicts_packets(source);
	coverage->complete = !coverage->events_lost;
	for (int i = 0; i < IFACES_MAX; i++)
		add_iface(source, (uint8_t)i, coverage);
	add_maps(source, coverage);
	return 0;
}

static uint64_t kernel_now_ns(struct capture *capture)
{
	(void)capture;
	return clock_monotonic_ns();
}

static void kernel_close(struct capture *capture)
{
	source_close(source_of(capture));
}

const struct capture_ops *kernel_source_ops(void)
{
	static const struct capture_ops ops = {
		.drain = kernel_drain,
		.event_fd = kernel_event_fd,
		.list_set = kernel_list_set,
		.list_step = kernel_list_step,
		.rule_set = kernel_rule_set,
		.list_remove = kernel_list_remove,
		.target_hits = kernel_target_hits,
		.name_hits = kernel_name_hits,
		.list_hits = kernel_list_hits,
		.domain_find = kernel_domain_find,
		.flow_block = kernel_flow_block,
		.block_settle = kernel_block_settle,
		.block = kernel_block,
		.unblock = kernel_unblock,
		.block_hits = kernel_block_hits,
		.block_sync = kernel_block_sync,
		.safe_set = kernel_safe_set,
		.lease = kernel_lease,
		.is_panicked = kernel_is_panicked,
		.coverage = kernel_coverage,
		.now_ns = kernel_now_ns,
		.close = kernel_close,
	};

	return &ops;
}
