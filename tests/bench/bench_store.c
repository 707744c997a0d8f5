/*
 * How fast flow records reach the disk, through the queue and the writer thread, with the bytes a
 * row takes and what dashboards wait for.
 * usage: bench_store [ROWS]   exit 1 when a bar of facts P3 is missed: 100k rows/s, 300k rows per
 * CPU-second, 60 bytes a row.
 */
#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"

#define ROWS_DEFAULT	   1000000
#define MIN_ROWS_PER_S	   100000.0
#define MIN_ROWS_PER_CPU_S 300000.0
#define MAX_BYTES_PER_ROW  60.0

/* Names in use at once: an hour of an office sees about as many (measured: demo traffic, one hour,
 * SELECT count(*) of its names). */
#define NAMES 2000

struct bench {
	char dir[64];
	char key_file[96];
	struct store *store;
	uint64_t seed;
	struct flow_names *names[NAMES];
};

static double cpu_seconds(void)
{
	struct rusage usage;

	(void)getrusage(RUSAGE_SELF, &usage); /* cannot fail with these arguments */
	return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
	       (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

/* splitmix64, Steele, Lea, Flood, OOPSLA 2014 */
static uint64_t next_random(struct bench *bench)
{
	uint64_t z = bench->seed += 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

/* Records as a gateway sees them: ephemeral ports, a few services, a tenth IPv6, most small. */
static void make_flow(struct bench *bench, uint64_t id, struct flow *flow)
{
	static const uint16_t ports[] = { 443, 443, 443, 53, 53, 80, 22, 123 };
	uint64_t r = next_random(bench), s = next_random(bench);
	uint8_t v4[4] = { 10, 0, (uint8_t)(r & 3), (uint8_t)(r >> 8) };

	memset(flow, 0, sizeof(*flow));
	flow->id = id;
	flow->tuple.src = addr_from_ipv4(v4);
	(void)memcpy(v4, &s, 4);
	flow->tuple.dst = addr_from_ipv4(v4);
	if (r % 10 == 0) {
		uint8_t v6[16] = { 0x20, 0x01, 0x0d, 0xb8 };

		(void)memcpy(v6 + 8, &s, 8);
		flow->tuple.src = flow->tuple.dst = addr_from_ipv6(v6);
	}
	flow->tuple.src_port = (uint16_t)(32768 + (r >> 16) % 28232);
	flow->tuple.dst_port = ports[(r >> 32) % 8];
	flow->tuple.proto = flow->tuple.dst_port == 53 ? 17 : 6;
	flow->state = FLOW_CLOSED;
	flow->tcp_flags_out = flow->tuple.proto == 6 ? 0x1b : 0;
	flow->tcp_flags_in = flow->tcp_flags_out;
	flow->is_final = true;
	flow->packets_out = 1 + (s >> 32) % 40;
	flow->bytes_out = flow->packets_out * (40 + (s >> 40) % 500);
	flow->packets_in = 1 + (s >> 36) % 60;
	flow->bytes_in = flow->packets_in * (40 + (s >> 44) % 1400);
	flow->end_unix_ms = clock_unix_ms();
	flow->start_unix_ms = flow->end_unix_ms - (int64_t)((r >> 40) % 60000);
}

static int make_names(struct bench *bench)
{
	char sni[64], ja4[40];

	for (unsigned int i = 0; i < NAMES; i++) {
		(void)snprintf(sni, sizeof(sni), "host%u.service.example.com", i);
		(void)snprintf(ja4, sizeof(ja4), "t13d1516h2_%012u_02713d6af862", i % 20);
		bench->names[i] = flow_names_new(i % 4 ? sni : NULL, sni, i % 4 ? ja4 : NULL);
		if (!bench->names[i])
			return -ENOMEM;
	}
	return 0;
}

static void add_rows(struct bench *bench, uint64_t rows)
{
	const struct timespec moment = { .tv_nsec = 1000000 };
	struct flow flow;

	for (uint64_t i = 0; i < rows; i++) {
		struct flow_extra extra = { 0 };

		make_flow(bench, i + 1, &flow);
		if (i % 3) /* two of three have a name */
			extra.names = bench->names[next_random(bench) % NAMES];
		/* wait like the pipeline never would: the bench wants every row written */
		while (store_flow_add(bench->store, &flow, &extra) == -EAGAIN)
			(void)nanosleep(&moment, NULL);
	}
}

static int bench_open(struct bench *bench)
{
	struct store_options options = { .dir = bench->dir, .key_file = bench->key_file };
	char error[256];
	int result = store_open(&options, &bench->store, error);

	if (result)
		(void)fprintf(stderr, "bench_store: %s\n", error);
	return result;
}

static int bench_rows(struct bench *bench, uint64_t rows)
{
	char path[96];
	struct stat info;

	if (bench_open(bench))
		return 1;
	uint64_t began = clock_monotonic_ns();
	double cpu = cpu_seconds();
	add_rows(bench, rows);
	store_close(TAKE(bench->store)); /* everything is written and in the file */
	double wall_s = (double)(clock_monotonic_ns() - began) / 1e9;
	cpu = cpu_seconds() - cpu;
	(void)snprintf(path, sizeof(path), "%s/flows.db", bench->dir);
	if (stat(path, &info))
		return 1;
	double per_s = (double)rows / wall_s, per_cpu_s = (double)rows / cpu;
	double bytes = (double)info.st_size / (double)rows;
	(void)printf("store ingestion: %" PRIu64 " rows, %.0f rows/s wall, %.0f rows per CPU-s, "
		     "%.1f bytes a row\n",
		     rows, per_s, per_cpu_s, bytes);
	return per_s < MIN_ROWS_PER_S || per_cpu_s < MIN_ROWS_PER_CPU_S ||
	       bytes > MAX_BYTES_PER_ROW;
}

/* A day of seconds read as minutes, cold connection first, then warm. */
static int bench_totals(struct bench *bench)
{
	static struct totals day[86400 / 60];
	int64_t now_s = clock_unix_ms() / 1000 / 60 * 60;
	struct totals_range range = { now_s - 86400 + 60, now_s + 60, 60 };
	int count = 0;

	if (bench_open(bench))
		return 1;
	for (int64_t s = 0; s < 3600; s++) {
		struct totals second = { .unix_s = now_s - s, .bytes_in = 1000000 };

		if (store_totals_add(bench->store, &second))
			return 1;
	}
	store_close(TAKE(bench->store));
	if (bench_open(bench))
		return 1;
	for (int round = 0; round < 2; round++) {
		uint64_t began = clock_monotonic_ns();

		count = store_totals_sum(bench->store, &range, day, 86400 / 60);
		(void)printf("store series: 24 h by minute over 3600 seconds' rows, %s: %.2f ms\n",
			     round ? "warm" : "cold", (double)(clock_monotonic_ns() - began) / 1e6);
	}
	store_close(TAKE(bench->store));
	return count != 86400 / 60;
}

static void bench_remove(struct bench *bench)
{
	char path[400];
	DIR *dir = opendir(bench->dir);

	for (struct dirent *e = dir ? readdir(dir) : NULL; e; e = readdir(dir)) {
		(void)snprintf(path, sizeof(path), "%s/%s", bench->dir, e->d_name);
		if (e->d_name[0] != '.')
			(void)unlink(path);
	}
	if (dir)
		(void)closedir(dir);
	(void)rmdir(bench->dir);
}

int main(int argc, char **argv)
{
	struct bench bench = { .dir = "/tmp/sluice-bench-XXXXXX", .seed = 1 };
	uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : ROWS_DEFAULT;

	if (!mkdtemp(bench.dir) || !rows) {
		perror("bench_store");
		return 2;
	}
	(void)snprintf(bench.key_file, sizeof(bench.key_file), "%s/secret.key", bench.dir);
	int failed = make_names(&bench) ? 1 : bench_rows(&bench, rows);
	if (!failed)
		failed = bench_totals(&bench);
	for (unsigned int i = 0; i < NAMES; i++)
		flow_names_unref(bench.names[i]);
	bench_remove(&bench);
	return failed;
}
