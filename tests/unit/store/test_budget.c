/*
 * Ten times the byte budget of traffic, names and addresses that never come again: flows.db with
 * its WAL never exceeds the budget. SLUICE_SOAK=1: 500 MB, else 16 MiB.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>

#include "agent/util/clock.h"
#include "agent/util/snapshot.h"

#define HOURS	  48
#define ROW_LEAST 320 /* bytes that a row takes with a name of its own (measured below) */

struct sampler {
	const struct fixture *f;
	uint64_t most;
	unsigned int samples;
	atomic_bool is_over;
};

static uint64_t size_of(const struct fixture *f, const char *name)
{
	char path[PATH_MAX];
	struct stat info;

	return stat(fixture_path(f, name, path), &info) ? 0 : (uint64_t)info.st_size;
}

static uint64_t history_bytes(const struct fixture *f)
{
	return size_of(f, "flows.db") + size_of(f, "flows.db-wal") + size_of(f, "flows.db-shm");
}

static void *sample(void *arg)
{
	const struct timespec moment = { .tv_nsec = 2000000 };
	struct sampler *sampler = arg;

	while (!atomic_load(&sampler->is_over)) {
		uint64_t bytes = history_bytes(sampler->f);

		sampler->most = bytes > sampler->most ? bytes : sampler->most;
		sampler->samples++;
		(void)nanosleep(&moment, NULL);
	}
	return NULL;
}

/* The @i-th row: nothing of it was there before. */
static void add(struct fixture *f, uint64_t i, int64_t end_unix_ms)
{
	const struct timespec moment = { .tv_nsec = 500000 };
	const uint8_t dst[16] = { 0x20,
				  0x01,
				  0x0d,
				  0xb8,
				  [8] = (uint8_t)(i >> 24),
				  (uint8_t)(i >> 16),
				  (uint8_t)(i >> 8),
				  (uint8_t)i };
	struct flow flow = { .id = i + 1,
			     .packets_out = i,
			     .bytes_out = i << 16,
			     .start_unix_ms = end_unix_ms,
			     .end_unix_ms = end_unix_ms };
	struct flow_extra extra = { 0 };
	char sni[160];

	(void)snprintf(sni, sizeof(sni), "n%016" PRIx64 ".%080d.example.com", i, 0);
	extra.names = flow_names_new(sni, NULL, NULL);
	flow.tuple.src = flow.tuple.dst = addr_from_ipv6(dst);
	flow.tuple.src_port = (uint16_t)(1024 + i % 60000);
	flow.tuple.dst_port = (uint16_t)i;
	while (store_flow_add(f->store, &flow, &extra) == -EAGAIN)
		(void)nanosleep(&moment, NULL);
	flow_names_unref(extra.names);
}

static const char *hour_of(int64_t unix_ms, char hour[static 16])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	struct tm utc;

	(void)gmtime_r(&seconds, &utc);
	(void)strftime(hour, 16, "%Y%m%d%H", &utc);
	return hour;
}

static void ten_times_the_budget_of_traffic_never_exceeds_it(void **state)
{
	struct fixture *f = *state;
	struct store_options options = fixture_options(f);
	uint64_t budget = getenv("SLUICE_SOAK") ? 500000000 : 16 << 20;
	struct sampler sampler = { .f = f };
	int64_t now_ms = clock_unix_ms();
	uint64_t rows = 10 * budget / ROW_LEAST;
	char sql[64], hour[16];
	pthread_t thread;

	fixture_close(f);
	options.flows_max_bytes = budget;
	assert_int_equal(store_open(&options, &f->store, f->error), 0);
	assert_int_equal(pthread_create(&thread, NULL, sample, &sampler), 0);
	for (uint64_t i = 0; i < rows; i++)
		add(f, i, now_ms - (HOURS - 1 - (int64_t)(i * HOURS / rows)) * 3600000);
	(void)snprintf(sql, sizeof(sql), "SELECT max(id) FROM flows_%s", hour_of(now_ms, hour));
	for (int i = 0; i < 5; i++) /* 20 s */
		if (raw_int_within(f, "flows.db", sql, (int64_t)rows) == (int64_t)rows)
			break;
	assert_int_equal(raw_int(f, "flows.db", sql), rows); /* the newest is there */
	fixture_close(f);
	atomic_store(&sampler.is_over, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	print_message("%" PRIu64 " rows, most %" PRIu64 " of %" PRIu64 " bytes in %u samples\n",
		      rows, sampler.most, budget, sampler.samples);
	assert_true(sampler.samples > 500);
	assert_true(sampler.most <= budget);
	assert_true(sampler.most > budget / 2); /* it is used, too */
	assert_int_equal(store_open(&options, &f->store, f->error), 0);
	assert_false(store_flows_was_reset(f->store));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(ten_times_the_budget_of_traffic_never_exceeds_it,
						fixture_setup, fixture_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
