/*
 * What reports cost. Rows of the table, one by one:
 *   a general report of 30 days over ROWS rows of history and 500 incidents: gathered, drawn by a
 *   process of its own as the service does it, in seconds and in that process's memory;
 *   one of 20,000 incidents: pages a second;
 *   an executive summary, page 1 and 2 with their charts: seconds and memory of its process, for
 *   report_peer.py, which draws one page with one chart by reportlab and matplotlib.
 * usage: bench_report DIR ROWS   DIR/flows.db is made when it is missing
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/report/internal.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "tests/bench/measure.h"
#include "tests/bench/row.h"

#define DAYS	  30
#define DAY_S	  86400LL
#define INCIDENTS 500
#define TRIES	  5
#define MANY	  20000 /* incidents: 350 pages */
/* 2026-01-15T00:00:00Z, from date -u -d @1768435200 */
#define BEGIN_S 1768435200LL

/* Ends the run unless @error is 0; 1 is a failure without a number. */
static void require(int error, const char *what)
{
	if (!error)
		return;
	(void)fprintf(stderr, "bench_report: %s: %s\n", what, strerror(error < 0 ? -error : EIO));
	exit(1);
}

/* A render process that waits for its document. Made before the store is open: the service's is the
 * child of a small supervisor, too. */
struct drawer {
	pid_t pid;
	int fd;
};

struct cost {
	double wall_s, gather_s, cpu_s; /* CPU: of this thread, of the process that drew */
	long kib;
	size_t bytes;
	unsigned int pages;
};

static void start_drawer(struct drawer *drawer)
{
	int pair[2];

	require(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) ? -errno : 0, "no socket");
	drawer->pid = fork();
	if (drawer->pid == 0) {
		close(pair[0]);
		_exit(report_render(pair[1]) ? 1 : 0);
	}
	close(pair[1]);
	drawer->fd = pair[0];
}

static unsigned int count_pages(const struct buffer *pdf)
{
	static const char mark[] = "/Type /Page\n";
	const char *at = (const char *)pdf->data, *end = at + pdf->len;
	unsigned int count = 0;

	while ((at = memmem(at, (size_t)(end - at), mark, sizeof(mark) - 1))) {
		count++;
		at += sizeof(mark) - 1;
	}
	return count;
}

static void draw(struct drawer *drawer, const struct json *document, struct cost *out)
{
	const atomic_bool never = false;
	const struct exchange exchange = { drawer->fd, &never };
	CLEANUP(buffer_done) struct buffer pdf;
	struct rusage usage;
	atomic_uint percent;
	int status = 1;

	buffer_init(&pdf, PDF_MAX);
	require(wire_draw(&exchange, document, &percent, &pdf), "nothing was drawn");
	close(drawer->fd);
	require(wait4(drawer->pid, &status, 0, &usage) != drawer->pid || status, "render ended");
	out->cpu_s = (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		     (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	out->kib = usage.ru_maxrss;
	out->bytes = pdf.len;
	out->pages = count_pages(&pdf);
}

/* ---- the history ----------------------------------------------------------------------------- */

/* splitmix64, Steele, Lea, Flood, OOPSLA 2014 */
static uint64_t mix(uint64_t at)
{
	uint64_t z = at * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void add_flows(struct store *store, uint64_t rows)
{
	static const uint16_t ports[] = { 443, 443, 443, 53, 53, 80, 22, 123 };
	const struct timespec moment = { .tv_nsec = 1000000 };

	for (uint64_t i = 0; i < rows; i++) {
		uint64_t r = mix(2 * i), s = mix(2 * i + 1);
		uint32_t own = (uint32_t)(r & 3 ? r >> 32 & 255 : r >> 32 & 16383);
		const uint8_t src[4] = { 10, 0, (uint8_t)(own >> 8), (uint8_t)own };
		const uint8_t dst[4] = { 198, (uint8_t)(18 + (s & 1)), (uint8_t)(s >> 8),
					 (uint8_t)(s >> 16) };
		struct flow flow = { .id = i + 1, .state = FLOW_CLOSED, .is_final = true };

		flow.tuple.src = addr_from_ipv4(src);
		flow.tuple.dst = addr_from_ipv4(dst);
		flow.tuple.src_port = (uint16_t)(32768 + (r >> 16) % 28232);
		flow.tuple.dst_port = ports[s >> 24 & 7];
		flow.tuple.proto = flow.tuple.dst_port == 53 ? 17 : 6;
		flow.packets_out = 1 + (s >> 32) % 40;
		flow.bytes_out = flow.packets_out * (40 + (s >> 40) % 500);
		flow.packets_in = 1 + (s >> 36) % 60;
		flow.bytes_in = flow.packets_in * (40 + (s >> 44) % 1400);
		flow.end_unix_ms = BEGIN_S * 1000 + (int64_t)((double)i * DAYS * (double)DAY_S *
							      1000 / (double)rows);
		flow.start_unix_ms = flow.end_unix_ms - 500;
		while (store_flow_add(store, &flow, NULL) == -EAGAIN)
			(void)nanosleep(&moment, NULL);
	}
}

static void add_totals(struct store *store)
{
	for (int64_t day = 0; day < DAYS; day++) {
		struct totals minutes[1440] = { 0 };

		for (int64_t i = 0; i < 1440; i++)
			minutes[i] = (struct totals){ .unix_s = BEGIN_S + day * DAY_S + i * 60,
						      .packets_in = 5000 + mix((uint64_t)i) % 9000,
						      .bytes_in = mix((uint64_t)i) % 4000000,
						      .packets_out = 4000,
						      .bytes_out = 900000,
						      .new_flows = 230 };
		require(store_totals_add_many(store, minutes, 1440), "minutes were not written");
	}
}

static void add_incidents(struct store *store)
{
	const struct incident_details details = { .reason = "Five ports in two seconds." };

	for (uint64_t i = 0; i < INCIDENTS; i++) {
		struct incident one = { .detector = (uint8_t)(i % DETECTOR_COUNT),
					.severity = (uint8_t)(i % 3),
					.proto = 6,
					.dst_port = 22,
					.score = 0.7,
					.count = 3 };
		const uint8_t src[4] = { 203, 0, 113, (uint8_t)i };

		one.src = addr_from_ipv4(src);
		one.dst = addr_from_ipv4((const uint8_t[4]){ 192, 0, 2, 10 });
		one.first_unix_ms =
			BEGIN_S * 1000 + (int64_t)(i * (DAYS * DAY_S * 1000ULL / INCIDENTS));
		one.last_unix_ms = one.first_unix_ms + 1000;
		require(store_incident_insert(store, &one, &details), "no incident was written");
	}
}

static struct store *open_store(const char *dir)
{
	char key[512], error[256];
	const struct store_options options = { .dir = dir,
					       .key_file = key,
					       .flows_max_age_s = 36500LL * 86400 };
	struct store *store = NULL;

	(void)snprintf(key, sizeof(key), "%s/secret.key", dir);
	if (store_open(&options, &store, error)) {
		(void)fprintf(stderr, "bench_report: %s\n", error);
		exit(1);
	}
	return store;
}

/* In a process of its own, before there is a drawer: one that waits a minute for its document ends.
 */
static void make_history(const char *dir, uint64_t rows)
{
	const struct incident_filter any = {
		.severity = -1, .state = -1, .detector = -1, .settled = 0
	};
	char path[512];
	uint64_t count = 0;
	pid_t pid = fork();
	int status = 1;

	if (pid) {
		require(waitpid(pid, &status, 0) != pid || status, "no history was made");
		return;
	}
	(void)snprintf(path, sizeof(path), "%s/flows.db", dir);
	bool is_new = access(path, F_OK) != 0;
	struct store *store = open_store(dir);
	if (is_new) {
		add_flows(store, rows);
		add_totals(store);
	}
	/* main.db may be another one than it was */
	require(store_incident_count(store, &any, &count), "no count");
	if (!count)
		add_incidents(store);
	store_close(store); /* everything is written */
	_exit(0);
}

/* ---- figures --------------------------------------------------------------------------------- */

static struct json *gather(struct store *store, uint8_t kind)
{
	const struct report report = { .kind = kind,
				       .from_unix_ms = BEGIN_S * 1000,
				       .to_unix_ms = (BEGIN_S + DAYS * DAY_S) * 1000 };
	const atomic_bool never = false;
	atomic_uint percent;
	const struct gather from = { .store = store,
				     .report = &report,
				     .version = "bench",
				     .percent = &percent,
				     .is_cancelled = &never };
	struct json *document = NULL;

	if (report_gather(&from, &document)) {
		(void)fprintf(stderr, "bench_report: the history did not answer\n");
		exit(1);
	}
	return document;
}

static double seconds(void)
{
	return (double)clock_monotonic_ns() / 1e9;
}

static bool bench_month(struct store *store, struct drawer *drawers, uint64_t rows)
{
	struct cost best = { .wall_s = 1e9 };
	struct row row = { .is_judged = true, .bar = "<= 3 s, <= 96 MB" };

	for (int i = 0; i < TRIES; i++) {
		struct cost cost = { 0 };
		double began = seconds(), used = cpu_ns();
		CLEANUP(json_free) struct json *document = gather(store, REPORT_GENERAL);

		draw(&drawers[i], document, &cost);
		cost.gather_s = (cpu_ns() - used) / 1e9;
		cost.wall_s = seconds() - began;
		best = cost.wall_s < best.wall_s ? cost : best;
	}
	(void)snprintf(row.what, sizeof(row.what), "general report of 30 days, %.3g M rows",
		       (double)rows / 1e6);
	(void)snprintf(row.figure, sizeof(row.figure),
		       "%.2f s (CPU: core %.2f, render %.2f s), render %.1f MB; %u pages, %zu kB",
		       best.wall_s, best.gather_s, best.cpu_s, (double)best.kib / 1024, best.pages,
		       best.bytes / 1000);
	row.is_missed = best.wall_s > 3 || best.kib > 96 * 1024;
	return row_print(&row);
}

/* The same incidents again and again: the table does not mind. */
static bool bench_pages(const struct json *document, struct drawer *drawer)
{
	struct row row = { .what = "report of 20,000 incidents",
			   .is_judged = true,
			   .bar = ">= 100 pages/s, <= 96 MB" };
	CLEANUP(json_free) struct json *all = NULL;
	CLEANUP(free) char *text = json_print(document, NULL);
	struct json *rows = json_new_array();
	struct cost cost = { 0 };
	char reason[128];
	size_t count;

	if (!text || json_parse(text, strlen(text), &all, reason))
		exit(1);
	const struct json *listed = json_get(all, "incidents");
	count = json_array_len(listed);
	for (size_t i = 0; i < MANY && count; i++) {
		CLEANUP(free) char *one = json_print(json_array_get(listed, i % count), NULL);
		struct json *copy = NULL;

		if (!one || json_parse(one, strlen(one), &copy, reason))
			exit(1);
		json_add(rows, copy);
	}
	json_set(all, "incidents", rows);
	draw(drawer, all, &cost);
	(void)snprintf(row.figure, sizeof(row.figure),
		       "%.0f pages per CPU-second, %.1f MB; %u pages, %zu kB",
		       cost.pages / cost.cpu_s, (double)cost.kib / 1024, cost.pages,
		       cost.bytes / 1000);
	row.is_missed = cost.pages / cost.cpu_s < 100 || cost.kib > 96 * 1024;
	return row_print(&row);
}

/* For the peer: the least of the rounds. */
static void bench_small(struct store *store, struct drawer *drawers)
{
	CLEANUP(json_free) struct json *document = gather(store, REPORT_EXECUTIVE);
	struct cost best = { .cpu_s = 1e9 };

	for (int i = 0; i < TRIES; i++) {
		struct cost cost = { 0 };

		draw(&drawers[i], document, &cost);
		best = cost.cpu_s < best.cpu_s ? cost : best;
	}
	printf("small %.6f %ld %zu %u\n", best.cpu_s, best.kib, best.bytes, best.pages);
}

int main(int argc, char **argv)
{
	struct drawer drawers[2 * TRIES + 1];
	uint64_t rows = argc == 3 ? strtoull(argv[2], NULL, 10) : 0;
	bool is_missed;

	if (!rows) {
		(void)fprintf(stderr, "usage: bench_report DIR ROWS\n");
		return 2;
	}
	make_history(argv[1], rows);
	for (size_t i = 0; i < sizeof(drawers) / sizeof(drawers[0]); i++)
		start_drawer(&drawers[i]);
	struct store *store = open_store(argv[1]);
	store_set_patience(10 * NS_PER_S); /* as the service's */
	is_missed = bench_month(store, drawers, rows);
	CLEANUP(json_free) struct json *document = gather(store, REPORT_INCIDENTS);
	is_missed |= bench_pages(document, &drawers[2 * TRIES]);
	bench_small(store, drawers + TRIES);
	store_close(store);
	return is_missed;
}
