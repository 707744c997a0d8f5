/*
 * A million entries in the kernel's maps: loaded as a list, every one of them swapped for another,
 * found again by a core that restarts; what the maps take. Rows for tests/bench/run.sh, exit 1 when
 * a bar is missed. Needs root and BPF; attaches nothing.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/capture/capture.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"
#include "agent/util/prefix_set.h"
#include "tests/bench/row.h"

#define ENTRIES 1000000U
#define RULE_ID 7
#define LOAD_S	5.0 /* loaded and swapped */
#define STEP_MS 5.0
#define MAPS_MB 200.0

/* What a list is made of. */
struct kind {
	const char *name;
	unsigned int six_of_ten, prefix_of_ten;
};

struct took {
	double cpu_s, longest_ms; /* of one step */
	int err;
};

static double cpu_s(void)
{
	struct timespec now;

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* cannot fail */
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* splitmix64 (Steele, Lea, Flood, OOPSLA 2014): any number gives another one. */
static uint64_t mix(uint64_t x)
{
	x += 0x9e3779b97f4a7c15ULL;
	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
	x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
	return x ^ x >> 31;
}

static struct prefix target_of(const struct kind *kind, uint64_t number)
{
	uint64_t words[2] = { mix(number), mix(~number) };
	bool is_prefix = number % 10 < kind->prefix_of_ten;
	struct prefix prefix = { .len = 0 };
	uint8_t bytes[16];

	memcpy(bytes, words, sizeof(bytes));
	bytes[0] = bytes[0] % 223 + 1;
	if (number / 10 % 10 < kind->six_of_ten) {
		bytes[0] = 0x20; /* 2000::/3 is what is in use (RFC 4291 2.4) */
		memset(bytes + 8, 0, is_prefix ? 8 : 0);
		prefix.addr = addr_from_ipv6(bytes);
		prefix.len = is_prefix ? 64 : 128;
		return prefix;
	}
	bytes[3] = is_prefix ? 0 : bytes[3];
	prefix.addr = addr_from_ipv4(bytes);
	prefix.len = is_prefix ? 24 : 32;
	return prefix;
}

/* Exactly ENTRIES of them: what comes twice counts once. */
static struct prefix_set *set_new(const struct kind *kind, uint64_t seed)
{
	struct prefix_set_builder *builder = prefix_set_builder_new(ENTRIES);

	for (uint64_t i = 0; builder && i < ENTRIES; i++) {
		struct prefix target = target_of(kind, seed + i);

		if (prefix_set_builder_add(builder, &target)) {
			prefix_set_builder_free(builder);
			return NULL;
		}
	}
	return builder ? prefix_set_builder_finish(builder) : NULL;
}

static struct took steps(struct capture *capture)
{
	struct took took = { 0 };
	double begin = cpu_s(), before = begin, now;

	do {
		took.err = capture_list_step(capture);
		now = cpu_s();
		if ((now - before) * 1e3 > took.longest_ms)
			took.longest_ms = (now - before) * 1e3;
		before = now;
	} while (took.err > 0);
	took.cpu_s = now - begin;
	return took;
}

static struct took put(struct capture *capture, const struct kind *kind, uint64_t seed)
{
	const struct block_rule rule = { .rule_id = RULE_ID };
	struct prefix_set *set = set_new(kind, seed);
	double begin = cpu_s();
	struct took took;
	int err = set ? capture_list_set(capture, &rule, set) : -1;

	prefix_set_unref(set);
	if (err)
		return (struct took){ .err = err };
	took = steps(capture);
	took.cpu_s = cpu_s() - begin;
	return took;
}

/* What the kernel says its maps of blocks take (fdinfo of each map, memlock), once each. */
static double maps_mb(void)
{
	unsigned long long total = 0;
	bool seen[65536] = { false };
	DIR *dir = opendir("/proc/self/fdinfo");
	const struct dirent *entry;

	while (dir && (entry = readdir(dir))) {
		unsigned long long bytes = 0;
		unsigned int id = 0, type = 0;
		char path[300], line[128];
		FILE *file;

		(void)snprintf(path, sizeof(path), "/proc/self/fdinfo/%s", entry->d_name);
		file = fopen(path, "re");
		while (file && fgets(line, sizeof(line), file)) {
			(void)sscanf(line, "map_type: %u", &type);   /* NOLINT: the kernel's text */
			(void)sscanf(line, "memlock: %llu", &bytes); /* NOLINT */
			(void)sscanf(line, "map_id: %u", &id);	     /* NOLINT */
		}
		if (file)
			(void)fclose(file); /* read only */
		/* hash (1) and prefix (11) maps: enum bpf_map_type, linux/bpf.h */
		if (id && !seen[id % 65536] && (type == 1 || type == 11))
			total += bytes;
		seen[id % 65536] = true;
	}
	if (dir)
		(void)closedir(dir); /* read only */
	return (double)total / 1e6;
}

static int row(const char *what, const char *bar, bool is_met, const char *measured)
{
	struct row row = { .is_judged = true, .is_missed = !is_met };

	(void)snprintf(row.what, sizeof(row.what), "%s", what);
	(void)snprintf(row.figure, sizeof(row.figure), "%s", measured);
	(void)snprintf(row.bar, sizeof(row.bar), "%s", bar);
	return row_print(&row);
}

/* Loader and core, without pins and interfaces. */
static int datapath_open(struct capture_kernel **kernel, struct capture **capture)
{
	const struct capture_kernel_options options = { .flow_slots = 1024,
							.mode = "auto",
							.interfaces = "auto" };
	char error[256] = "";
	int err = capture_kernel_load(&options, kernel, error);

	if (!err)
		err = capture_kernel_open(*kernel, capture);
	if (err)
		(void)fprintf(stderr, "bench_rules: %s (%d)\n", error, err);
	return err;
}

/* Core ends, another one opens the same maps. */
static int restart(struct capture_kernel *kernel, struct capture **capture, const struct kind *kind,
		   uint64_t seed, double *seconds)
{
	struct prefix_set *set = set_new(kind, seed);
	const struct block_rule rule = { .rule_id = RULE_ID };
	double begin;
	int err;

	capture_close(*capture);
	*capture = NULL;
	begin = cpu_s();
	err = set ? capture_kernel_open(kernel, capture) : -1;
	if (!err)
		err = capture_block_sync(*capture, NULL, 0);
	if (err >= 0)
		err = capture_list_set(*capture, &rule, set);
	if (!err)
		err = capture_block_settle(*capture);
	if (!err)
		err = steps(*capture).err;
	*seconds = cpu_s() - begin;
	prefix_set_unref(set);
	return err;
}

static int bench(const struct kind *kind)
{
	CLEANUP(capture_kernel_free) struct capture_kernel *kernel = NULL;
	CLEANUP(capture_close) struct capture *capture = NULL;
	char what[96], text[160];
	double found = 0, mb, longest;
	struct took load, swap;
	int missed = 0;

	if (datapath_open(&kernel, &capture))
		return -1;
	load = put(capture, kind, 1);
	mb = maps_mb();
	swap = put(capture, kind, 1ULL << 40);
	if (load.err || swap.err || restart(kernel, &capture, kind, 1ULL << 40, &found)) {
		(void)fprintf(stderr, "bench_rules: %s: load %d, swap %d\n", kind->name, load.err,
			      swap.err);
		return -1;
	}
	longest = load.longest_ms > swap.longest_ms ? load.longest_ms : swap.longest_ms;
	(void)snprintf(what, sizeof(what), "1M entries, %s, load + swap", kind->name);
	(void)snprintf(text, sizeof(text), "%.2f s (%.2f + %.2f); found at restart %.2f s",
		       load.cpu_s + swap.cpu_s, load.cpu_s, swap.cpu_s, found);
	missed += row(what, "<= 5 s", load.cpu_s + swap.cpu_s <= LOAD_S, text);
	(void)snprintf(what, sizeof(what), "1M entries, %s, longest step", kind->name);
	(void)snprintf(text, sizeof(text), "%.1f ms of the pipeline's thread", longest);
	missed += row(what, "<= 5 ms", longest <= STEP_MS, text);
	(void)snprintf(what, sizeof(what), "1M entries, %s, kernel memory", kind->name);
	(void)snprintf(text, sizeof(text), "%.0f MB", mb);
	missed += row(what, "<= 200 MB", mb <= MAPS_MB, text);
	return missed;
}

int main(void)
{
	static const struct kind kinds[] = {
		{ "IPv4 addresses", 0, 0 },
		{ "IPv6 addresses", 10, 0 },
		{ "both families, 2 of 10 prefixes", 3, 2 },
		{ "IPv4 prefixes only", 0, 10 },
		{ "IPv6 prefixes only", 10, 10 },
	};
	int missed = 0;

	log_init("bench_rules", LOG_LEVEL_ERROR);
	if (crypto_init())
		return 2;
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		int err = bench(&kinds[i]);

		if (err < 0)
			return 2;
		missed += err;
	}
	return missed ? 1 : 0;
}
