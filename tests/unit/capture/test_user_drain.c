/*
 * The reader's half of the generation protocol, over arrays that the test writes as the kernel
 * would.
 */
#include "agent/capture/drain.h"
#include "tests/unit/capture/user_fixture.h"

struct cache {
	struct flow4_set flows4[1];
	struct flow6_set flows6[1];
	struct flow_shadow shadow4[FLOW_WAYS], shadow6[FLOW_WAYS];
	struct ledger ledger[IFACES_MAX * 2];
	struct drain_tables tables;
	struct drain_clock clock;
};

static struct kept kept;

static const struct capture_sink sink = { &kept, keep_flow, keep_event, NULL };

/* What survives core: the arrays. What does not is made anew by every call. */
static void cache_open(struct cache *cache)
{
	memset(&kept, 0, sizeof(kept));
	cache->tables = (struct drain_tables){
		.flows4 = cache->flows4,
		.flows6 = cache->flows6,
		.shadow4 = cache->shadow4,
		.shadow6 = cache->shadow6,
		.ledger = cache->ledger,
		.slots4 = FLOW_WAYS,
		.slots6 = FLOW_WAYS,
	};
	cache->clock = (struct drain_clock){ .jiffies = 5000,
					     .mono_ns = 100 * SECOND,
					     .unix_ms = 1000000,
					     .ns_per_jiffy = 4000000 };
}

static void slot_set(struct cache *cache, uint32_t gen, uint64_t packets, uint64_t bytes)
{
	struct flow4_slot *slot = &cache->flows4[0].way[0];

	slot->key = (struct flow4_key){ .src = 1, .dst = 2, .proto = 17, .iface = 3, .used = 1 };
	slot->value.gen = gen;
	slot->value.packets = packets;
	slot->value.bytes = bytes;
	slot->value.first_jiffies = 4000;
	slot->value.last_jiffies = 4500;
}

static struct evict4_record record_of(const struct cache *cache)
{
	return (struct evict4_record){ .family = 4, .slot = 0, .old = cache->flows4[0].way[0] };
}

static int scan(struct cache *cache)
{
	return drain_scan(&cache->tables, &cache->clock, &sink);
}

static int take(struct cache *cache, const struct evict4_record *record)
{
	return drain_record(&cache->tables, &cache->clock, record, sizeof(*record), &sink);
}

static void scan_counts_the_growth_of_a_generation(void **state)
{
	struct cache cache = { 0 };

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 2, 3, 300);
	assert_int_equal(scan(&cache), 1);
	slot_set(&cache, 2, 5, 700);
	assert_int_equal(scan(&cache), 1);
	assert_int_equal(kept.packets, 5);
	assert_int_equal(kept.bytes, 700);
	assert_int_equal(cache.ledger[6].packets, 5);
}

static void scan_leaves_alone_what_is_being_rewritten(void **state)
{
	struct cache cache = { 0 };

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 3, 9, 900);
	assert_int_equal(scan(&cache), 0);
	slot_set(&cache, 1, 9, 900);
	assert_int_equal(scan(&cache), 0);
}

static void record_closes_what_scans_had_begun(void **state)
{
	struct cache cache = { 0 };
	struct evict4_record record;

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 2, 3, 300);
	scan(&cache);
	slot_set(&cache, 2, 4, 400);
	record = record_of(&cache);
	slot_set(&cache, 4, 10, 1000);
	/* the scan comes first and must not take the new generation for the old */
	assert_int_equal(scan(&cache), 0);
	assert_int_equal(take(&cache, &record), 1);
	assert_int_equal(scan(&cache), 1);
	assert_int_equal(kept.packets, 14);
	assert_int_equal(kept.bytes, 1400);
}

static void record_of_a_slot_never_scanned_counts_whole(void **state)
{
	struct cache cache = { 0 };
	struct evict4_record record;

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 2, 4, 400);
	record = record_of(&cache);
	assert_int_equal(take(&cache, &record), 1);
	assert_int_equal(kept.packets, 4);
}

/* Core was killed after booking a record and before the ring moved on: it comes again. */
static void record_read_twice_counts_once(void **state)
{
	struct cache cache = { 0 };
	struct evict4_record record;

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 2, 4, 400);
	record = record_of(&cache);
	assert_int_equal(take(&cache, &record), 1);
	cache_open(&cache);
	assert_int_equal(take(&cache, &record), 0);
	assert_int_equal(kept.packets, 0);
	assert_int_equal(cache.ledger[6].packets, 4);
}

static void restart_goes_on_where_it_stopped(void **state)
{
	struct cache cache = { 0 };

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 2, 3, 300);
	scan(&cache);
	cache_open(&cache);
	assert_int_equal(scan(&cache), 0);
	slot_set(&cache, 2, 8, 800);
	assert_int_equal(scan(&cache), 1);
	assert_int_equal(kept.packets, 5);
	assert_int_equal(cache.ledger[6].packets, 8);
}

/* Of a slot each flag is new once, whoever hands it up: a scan, core after a restart, a record. */
static void flags_are_new_once_in_a_generation(void **state)
{
	struct cache cache = { 0 };
	struct flow4_slot *slot = &cache.flows4[0].way[0];
	struct evict4_record record;

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 2, 3, 300);
	slot->key.proto = 6;
	slot->value.tcp_flags = 0x12;
	scan(&cache);
	assert_int_equal(kept.deltas[0].new_flags, 0x12);
	cache_open(&cache);
	slot->value.packets++;
	slot->value.tcp_flags = 0x13;
	scan(&cache);
	assert_int_equal(kept.deltas[0].tcp_flags, 0x13);
	assert_int_equal(kept.deltas[0].new_flags, 0x01);
	slot->value.packets++;
	slot->value.tcp_flags = 0x17;
	record = record_of(&cache);
	take(&cache, &record);
	assert_int_equal(kept.deltas[1].new_flags, 0x04);
	slot->value.gen = 4;
	slot->value.packets = 1;
	slot->value.tcp_flags = 0x10;
	scan(&cache);
	assert_int_equal(kept.deltas[2].new_flags, 0x10);
}

static void generation_wraps_past_never_used(void **state)
{
	struct cache cache = { 0 };
	struct evict4_record record;

	(void)state;
	cache_open(&cache);
	cache.shadow4[0].gen = 0xfffffffe;
	slot_set(&cache, 0xfffffffe, 1, 100);
	record = record_of(&cache);
	assert_int_equal(take(&cache, &record), 1);
	slot_set(&cache, flow_gen_next(0xfffffffe), 2, 200);
	assert_int_equal(cache.flows4[0].way[0].value.gen, 2);
	assert_int_equal(scan(&cache), 1);
	assert_int_equal(kept.packets, 3);
}

static void broken_records_are_refused(void **state)
{
	struct cache cache = { 0 };
	struct evict4_record record;

	(void)state;
	cache_open(&cache);
	slot_set(&cache, 2, 4, 400);
	record = record_of(&cache);
	record.slot = FLOW_WAYS;
	assert_int_equal(take(&cache, &record), -EINVAL);
	record.slot = 0;
	record.family = 5;
	assert_int_equal(take(&cache, &record), -EINVAL);
	record.family = 6;
	assert_int_equal(take(&cache, &record), -EINVAL);
	assert_int_equal(drain_record(&cache.tables, &cache.clock, &record, 3, &sink), -EINVAL);
	assert_int_equal(drain_event(&cache.clock, &record, 8, &sink), -EINVAL);
	assert_int_equal(kept.delta_count, 0);
}

static void jiffies_become_the_machines_clock(void **state)
{
	/* 5000 jiffies of 4 ms are now, 100 s; 4000 were 4 s before */
	struct drain_clock clock = { .jiffies = 5000,
				     .mono_ns = 100 * SECOND,
				     .unix_ms = 1000000,
				     .ns_per_jiffy = 4000000 };

	(void)state;
	assert_int_equal(drain_clock_mono_ns(&clock, 4000), 96 * SECOND);
	assert_int_equal(drain_clock_mono_ns(&clock, 5003), 100 * SECOND);
	assert_int_equal(drain_clock_unix_ms(&clock, 4000), 996000);
	assert_int_equal(drain_clock_unix_ms(&clock, 0), 0);
	/* the low half has wrapped since */
	clock.jiffies = 0x100000064;
	assert_int_equal(drain_clock_mono_ns(&clock, 0xffffff9c), 100 * SECOND - 200 * 4000000ULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scan_counts_the_growth_of_a_generation),
		cmocka_unit_test(scan_leaves_alone_what_is_being_rewritten),
		cmocka_unit_test(record_closes_what_scans_had_begun),
		cmocka_unit_test(record_of_a_slot_never_scanned_counts_whole),
		cmocka_unit_test(record_read_twice_counts_once),
		cmocka_unit_test(restart_goes_on_where_it_stopped),
		cmocka_unit_test(flags_are_new_once_in_a_generation),
		cmocka_unit_test(generation_wraps_past_never_used),
		cmocka_unit_test(broken_records_are_refused),
		cmocka_unit_test(jiffies_become_the_machines_clock),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
