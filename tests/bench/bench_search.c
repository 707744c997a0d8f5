/*
 * How long searches of the history take: find one address (absent, rare, busy), the newest rows,
 * a name; sums by group over a day; a hunt; opening; dropping an hour. One table row per line for
 * run.sh. usage: bench_search DIR ROWS [WORD]   DIR/flows.db is made when it is missing: ROWS over
 * 48 hours; WORD: only the figures whose name holds it, "fill": none, and the 48 hours end now.
 * Bars: issue "History", speed table.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/query/query.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/snapshot.h"
#include "include/history.h"

#define HOURS	48
#define HOUR_MS 3600000LL
#define ROUNDS	3
#define NAMES	1000

struct bench {
	const char *dir, *word;
	char key_file[512];
	struct store *store;
	int64_t begin_unix_ms;
	uint64_t rows;
	bool missed;
};

static double cpu_ms(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage); /* cannot fail with these arguments */
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e3 +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e3;
}

/* splitmix64, Steele, Lea, Flood, OOPSLA 2014 */
static uint64_t mix(uint64_t at)
{
	uint64_t z = at * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* 30,000 sources and destinations an hour, some everywhere; 203.0.113.77 twice in all. */
static void make_flow(const struct bench *bench, uint64_t i, struct flow *flow)
{
	static const uint16_t ports[] = { 443, 443, 443, 53, 53, 80, 22, 123 };
	const uint8_t rare[4] = { 203, 0, 113, 77 };
	uint64_t r = mix(2 * i), s = mix(2 * i + 1);
	uint32_t own = (uint32_t)(r & 3 ? r >> 32 & 255 : r >> 32 & 16383);
	uint8_t src[4] = { 10, 0, (uint8_t)(own >> 8), (uint8_t)own };
	uint8_t dst[4] = { 198, (uint8_t)(18 + (s & 1)), (uint8_t)(s >> 8), (uint8_t)(s >> 16) };

	*flow = (struct flow){ .id = i + 1, .state = FLOW_CLOSED, .is_final = true };
	flow->tuple.src = addr_from_ipv4(src);
	flow->tuple.dst = addr_from_ipv4(i == bench->rows / 3 || i == bench->rows / 2 ? rare : dst);
	flow->tuple.src_port = (uint16_t)(32768 + (r >> 16) % 28232);
	flow->tuple.dst_port = ports[s >> 24 & 7];
	flow->tuple.proto = flow->tuple.dst_port == 53 ? 17 : 6;
	flow->tcp_flags_out = flow->tcp_flags_in = flow->tuple.proto == 6 ? 0x1b : 0;
	flow->packets_out = 1 + (s >> 32) % 40;
	flow->bytes_out = flow->packets_out * (40 + (s >> 40) % 500);
	flow->packets_in = 1 + (s >> 36) % 60;
	flow->bytes_in = flow->packets_in * (40 + (s >> 44) % 1400);
	flow->end_unix_ms =
		bench->begin_unix_ms + (int64_t)((double)i * HOURS * HOUR_MS / (double)bench->rows);
	flow->start_unix_ms = flow->end_unix_ms - (int64_t)((r >> 40) % 60000);
}

static const struct timespec moment = { .tv_nsec = 1000000 };

/* The second that ends before @flow, as the pipeline sums it. */
static int add_second(const struct bench *bench, const struct flow *flow, struct totals *second)
{
	int64_t unix_s = flow->end_unix_ms / 1000;
	int error = 0;

	while (second->unix_s && second->unix_s < unix_s && !error) {
		error = store_totals_add(bench->store, second);
		if (error == -EAGAIN) {
			(void)nanosleep(&moment, NULL);
			error = 0;
			continue;
		}
		*second = (struct totals){ .unix_s = second->unix_s + 1 };
	}
	second->unix_s = unix_s;
	second->packets_in += flow->packets_in;
	second->packets_out += flow->packets_out;
	second->bytes_in += flow->bytes_in;
	second->bytes_out += flow->bytes_out;
	second->new_flows++;
	return error;
}

static int fill_rows(struct bench *bench, struct flow_names *const names[NAMES])
{
	struct totals second = { 0 };
	struct flow flow;
	int error = 0;

	for (uint64_t i = 0; i < bench->rows && !error; i++) {
		struct flow_extra extra = { 0 };

		make_flow(bench, i, &flow);
		if (flow.tuple.dst_port == 443)
			extra.names = names[mix(i) % NAMES];
		while (store_flow_add(bench->store, &flow, &extra) == -EAGAIN)
			(void)nanosleep(&moment, NULL);
		error = add_second(bench, &flow, &second);
	}
	return error;
}

static int fill(struct bench *bench)
{
	struct flow_names *names[NAMES];
	int error;

	for (unsigned int i = 0; i < NAMES; i++) {
		char sni[64];

		(void)snprintf(sni, sizeof(sni), "host%u.example.%s", i, i % 3 ? "com" : "net");
		names[i] = flow_names_new(sni, NULL, "t13d1516h2_8daaf6152771_02713d6af862");
		if (!names[i])
			return -ENOMEM;
	}
	error = fill_rows(bench, names);
	for (unsigned int i = 0; i < NAMES; i++)
		flow_names_unref(names[i]);
	return error;
}

/* ---- figures --------------------------------------------------------------------------------- */

struct row {
	const char *what, *unit;
	double bar_ms; /* 0 = none */
	bool is_cpu;
};

static bool is_asked(const struct bench *bench, const struct row *row)
{
	return !bench->word || strstr(row->what, bench->word);
}

static void print_row(struct bench *bench, const struct row *row, double wall, double cpu,
		      uint64_t found)
{
	double figure = row->is_cpu ? cpu : wall;
	bool is_missed = row->bar_ms > 0 && figure > row->bar_ms;

	if (!is_asked(bench, row))
		return;
	bench->missed |= is_missed;
	(void)printf("%s\t<= %.0f ms %s\t%.0f ms wall, %.0f ms CPU, %" PRIu64 " %s\t%s\n",
		     row->what, row->bar_ms, row->is_cpu ? "CPU" : "wall", wall, cpu, found,
		     row->unit,
		     row->bar_ms <= 0 ? "-"
		     : is_missed      ? "MISS"
				      : "ok");
}

struct newest {
	uint64_t found, max;
};

static bool count_match(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	struct newest *newest = arg;

	(void)record;
	(void)texts;
	return ++newest->found < newest->max;
}

static struct flow_query *parse(const struct bench *bench, const char *text)
{
	struct flow_query_error error;
	struct flow_query *query = NULL;

	if (flow_query_parse(text, bench->begin_unix_ms + HOURS * HOUR_MS, &query, &error)) {
		(void)fprintf(stderr, "bench_search: %s\n", error.text);
		exit(1);
	}
	return query;
}

/* A search that was cut says nothing of how long it takes: others had the machine for a second. */
static bool is_whole(const struct history_reach *reach)
{
	if (!reach->is_complete)
		(void)fprintf(stderr, "bench_search: a search was cut at %" PRIu64 " records\n",
			      reach->looked_at);
	return reach->is_complete;
}

/* The best of ROUNDS: others' load on the machine only ever adds. */
static void bench_find(struct bench *bench, const char *text, uint64_t max, const struct row *row)
{
	CLEANUP(flow_query_free) struct flow_query *query = parse(bench, text);
	const struct history_search search = { .query = query, .to_unix_ms = INT64_MAX };
	struct history_reach reach;
	double wall = 1e9, cpu = 1e9;
	struct newest newest = { 0 };

	for (int i = 0; i < ROUNDS && is_asked(bench, row); i++) {
		uint64_t began = clock_monotonic_ns();
		double before = cpu_ms(), took;

		newest = (struct newest){ 0, max };
		if (store_search(bench->store, &search, count_match, &newest, &reach))
			exit(1);
		took = (double)(clock_monotonic_ns() - began) / 1e6;
		wall = took < wall ? took : wall;
		cpu = cpu_ms() - before < cpu ? cpu_ms() - before : cpu;
	}
	print_row(bench, row, wall, cpu, newest.found);
}

static void bench_top(struct bench *bench, int group, const char *text, const struct row *row)
{
	CLEANUP(flow_query_free) struct flow_query *query = parse(bench, text);
	const struct history_search search = { .query = query, .to_unix_ms = INT64_MAX };
	const struct history_grouping grouping = { .group = group, .max = 100 };
	struct history_reach reach = { 0 };
	double wall = 1e9, cpu = 1e9;

	for (int i = 0; i < ROUNDS && is_asked(bench, row); i++) {
		uint64_t began = clock_monotonic_ns();
		double before = cpu_ms(), took;
		struct history_top top;

		if (store_search_top(bench->store, &search, &grouping, &top, &reach))
			exit(1);
		free(top.groups);
		if (!is_whole(&reach))
			continue;
		took = (double)(clock_monotonic_ns() - began) / 1e6;
		wall = took < wall ? took : wall;
		cpu = cpu_ms() - before < cpu ? cpu_ms() - before : cpu;
	}
	print_row(bench, row, wall, cpu, reach.looked_at);
}

static void bench_hunt(struct bench *bench)
{
	static const char *const texts[] = { "192.0.2.1", "203.0.113.77", "192.0.2.3" };
	const struct row row = { "hunt: 3 addresses, one of them rare", "records", 150, false };
	struct history_sighting sightings[3];
	struct indicator indicators[3];
	CLEANUP(indicator_set_free) struct indicator_set *set = NULL;
	const struct history_search search = { .to_unix_ms = INT64_MAX };
	struct history_reach reach;
	double wall = 1e9, cpu = 1e9;

	for (int i = 0; i < 3; i++)
		if (indicator_parse(texts[i], &indicators[i]))
			exit(1);
	if (indicator_set_new(indicators, 3, &set))
		exit(1);
	for (int i = 0; i < ROUNDS && is_asked(bench, &row); i++) {
		uint64_t began = clock_monotonic_ns();
		double before = cpu_ms(), took;

		memset(sightings, 0, sizeof(sightings));
		if (store_hunt(bench->store, &search, set, sightings, &reach))
			exit(1);
		took = (double)(clock_monotonic_ns() - began) / 1e6;
		wall = took < wall ? took : wall;
		cpu = cpu_ms() - before < cpu ? cpu_ms() - before : cpu;
	}
	print_row(bench, &row, wall, cpu, sightings[1].count);
}

static void run(struct bench *bench)
{
	bench_find(bench, "192.0.2.1", 100,
		   &(struct row){ "find an address that is nowhere", "rows", 150, false });
	bench_find(bench, "203.0.113.77", 100,
		   &(struct row){ "find an address that is in two rows", "rows", 150, false });
	bench_find(bench, "src:10.0.0.7", 100,
		   &(struct row){ "newest 100 rows of a busy address", "rows", 150, false });
	bench_find(bench, "bytes>1 dport:22", 100,
		   &(struct row){ "newest 100 rows of a port", "rows", 150, false });
	bench_hunt(bench);
	bench_top(bench, FLOW_GROUP_SRC, "since:24h",
		  &(struct row){ "top sources of 24 h", "rows looked at", 2000, true });
	bench_top(bench, FLOW_GROUP_DST, "since:24h",
		  &(struct row){ "top destinations of 24 h", "rows looked at", 2000, true });
	bench_top(bench, FLOW_GROUP_DPORT, "since:24h proto:tcp bytes>10k",
		  &(struct row){ "top ports of larger TCP flows of 24 h", "rows looked at", 2000,
				 true });
	bench_top(bench, FLOW_GROUP_SNI, "since:24h",
		  &(struct row){ "top server names of 24 h", "rows looked at", 0, true });
	bench_find(bench, "since:24h sni:*.nowhere.example", 100,
		   &(struct row){ "find a name that is nowhere in 24 h", "rows", 0, true });
}

/* ---- retention ------------------------------------------------------------------------------- */

static uint64_t rows_of_hour(const struct bench *bench, int64_t from_unix_ms)
{
	const struct history_search search = { .from_unix_ms = from_unix_ms,
					       .to_unix_ms = from_unix_ms + HOUR_MS };
	struct history_reach reach;
	struct newest newest = { 0, 1 };

	if (store_search(bench->store, &search, count_match, &newest, &reach))
		exit(1);
	return newest.found;
}

/* From the opening of a store in which the oldest hour has expired until it is gone, a few looks
 * whether it is over in it. */
static int bench_drop(struct bench *bench, struct store_options *options)
{
	const struct row row = { "dropping an expired hour", "rows", 100, true };
	const struct timespec pause = { .tv_nsec = 100000000 };
	int64_t hour_unix_ms = bench->begin_unix_ms;
	uint64_t began;
	double before;
	char error[256];

	while (is_asked(bench, &row) && !rows_of_hour(bench, hour_unix_ms))
		hour_unix_ms += HOUR_MS;
	store_close(TAKE(bench->store));
	if (!is_asked(bench, &row))
		return 0;
	/* the hour after it is younger by an hour */
	options->flows_max_age_s = (clock_unix_ms() - hour_unix_ms - HOUR_MS) / 1000 - 60;
	if (store_open(options, &bench->store, error))
		return -EIO;
	began = clock_monotonic_ns();
	before = cpu_ms();
	while (rows_of_hour(bench, hour_unix_ms) && clock_monotonic_ns() - began < 60 * NS_PER_S)
		(void)nanosleep(&pause, NULL);
	print_row(bench, &row, (double)(clock_monotonic_ns() - began) / 1e6, cpu_ms() - before,
		  bench->rows / HOURS);
	store_close(TAKE(bench->store));
	return 0;
}

/* With the check of a history of full size, which may not hold up serving. */
static int open_again(struct bench *bench, const struct store_options *options)
{
	const struct row row = { "opening the store", "records", 500, true };
	char error[256];

	store_close(TAKE(bench->store)); /* everything is written */
	uint64_t began = clock_monotonic_ns();
	double before = cpu_ms();
	if (store_open(options, &bench->store, error)) {
		(void)fprintf(stderr, "bench_search: %s\n", error);
		return 1;
	}
	print_row(bench, &row, (double)(clock_monotonic_ns() - began) / 1e6, cpu_ms() - before,
		  bench->rows);
	return 0;
}

int main(int argc, char **argv)
{
	struct bench bench = { .dir = argc >= 3 ? argv[1] : NULL,
			       .word = argc == 4 ? argv[3] : NULL,
			       .rows = argc >= 3 ? strtoull(argv[2], NULL, 10) : 0 };
	struct store_options options = { .dir = bench.dir, .flows_max_age_s = 36500LL * 86400 };
	char error[256], path[512];
	bool is_new;

	if (!bench.rows) {
		(void)fprintf(stderr, "usage: bench_search DIR ROWS [WORD]\n");
		return 2;
	}
	(void)snprintf(bench.key_file, sizeof(bench.key_file), "%s/secret.key", bench.dir);
	(void)snprintf(path, sizeof(path), "%s/flows.db", bench.dir);
	options.key_file = bench.key_file;
	log_set_level(LOG_LEVEL_WARN); /* the hour that is dropped on purpose is no failure */
	is_new = access(path, F_OK) != 0;
	/* 2026-01-15T00:00:00Z, from date -u -d @1768435200 */
	bench.begin_unix_ms = 1768435200000LL;
	if (bench.word && !strcmp(bench.word, "fill"))
		bench.begin_unix_ms = clock_unix_ms() - HOURS * HOUR_MS;
	if (store_open(&options, &bench.store, error)) {
		(void)fprintf(stderr, "bench_search: %s\n", error);
		return 1;
	}
	if (is_new && fill(&bench))
		return 1;
	if (open_again(&bench, &options))
		return 1;
	run(&bench);
	if (bench_drop(&bench, &options))
		return 1;
	return bench.missed;
}
