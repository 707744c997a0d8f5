/*
 * One byte changed at a hundred places of each database: the store answers, or sets flows.db aside,
 * or refuses main.db and leaves it as it is; within 2 s, and it never crashes.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <glob.h>

#include "agent/query/query.h"
#include "agent/util/clock.h"
#include "agent/util/snapshot.h"
#include "include/history.h"

#define PLACES	100
#define ROWS	3000
#define TEN_MS	1768471200000LL /* 2026-01-15T10:00:00Z, from date -u -d @1768471200 */
#define HOUR_MS 3600000LL

/* splitmix64, Steele, Lea, Flood, OOPSLA 2014 */
static uint64_t mix(uint64_t at)
{
	uint64_t z = at * 0x9e3779b97f4a7c15ULL;

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

static void add_rows(struct fixture *f)
{
	store_iface_set(f->store, 0, "eth0");
	for (uint64_t i = 0; i < ROWS; i++) {
		const uint8_t dst[4] = { 203, 0, 113, (uint8_t)mix(i) };
		struct flow flow = { .id = i + 1, .packets_out = 1, .bytes_out = mix(i) >> 40 };
		struct flow_extra extra = { 0 };
		char sni[64];

		(void)snprintf(sni, sizeof(sni), "h%u.example.com", (unsigned int)(i % 50));
		extra.names = flow_names_new(sni, NULL, NULL);
		flow.tuple.src = test_addr("198.18.0.1");
		flow.tuple.dst = addr_from_ipv4(dst);
		flow.end_unix_ms = TEN_MS + (int64_t)(i % 3) * HOUR_MS;
		assert_int_equal(store_flow_add(f->store, &flow, &extra), 0);
		flow_names_unref(extra.names);
	}
	fixture_close(f);
}

static char *read_file(const struct fixture *f, const char *name, size_t *len)
{
	char path[PATH_MAX];
	FILE *file = fopen(fixture_path(f, name, path), "rb");
	char *data = malloc(8 << 20);

	assert_non_null(file);
	assert_non_null(data);
	*len = fread(data, 1, 8 << 20, file);
	assert_int_equal(fclose(file), 0);
	return data;
}

static void write_file(const struct fixture *f, const char *name, const char *data, size_t len)
{
	char path[PATH_MAX];
	FILE *file = fopen(fixture_path(f, name, path), "wb");

	assert_non_null(file);
	assert_int_equal(fwrite(data, 1, len, file), len);
	assert_int_equal(fclose(file), 0);
}

static void remove_files(const struct fixture *f, const char *end)
{
	char pattern[PATH_MAX];
	glob_t found;

	(void)snprintf(pattern, sizeof(pattern), "%s/%s", f->dir, end);
	if (glob(pattern, 0, NULL, &found))
		return;
	for (size_t i = 0; i < found.gl_pathc; i++)
		(void)unlink(found.gl_pathv[i]);
	globfree(&found);
}

static bool count_it(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	uint64_t *count = arg;

	(void)record;
	(void)texts;
	return ++*count > 0;
}

/* Everything that reads. Returns the first failure. */
static int read_all(struct fixture *f, uint64_t *count)
{
	const struct history_search search = { .to_unix_ms = INT64_MAX };
	const struct top_query top = { TEN_MS, TEN_MS + 3 * HOUR_MS, TOP_DOMAIN };
	const struct seen_query seen = { .kind = SEEN_DESTINATION };
	static struct top_row rows[1000];
	static struct seen_entry entries[300];
	struct history_reach reach;
	struct store_history_facts facts;
	struct totals sums[1];

	*count = 0;
	int error = store_search(f->store, &search, count_it, count, &reach);
	if (!error)
		error = store_top(f->store, &top, rows, 1000);
	if (error >= 0)
		error = store_seen_list(f->store, &seen, entries, 300);
	if (error >= 0)
		error = store_history_facts(f->store, TEN_MS / 1000, &facts);
	if (error >= 0)
		error = read_totals(f->store, TEN_MS / 1000, TEN_MS / 1000 + 60, 60, sums, 1);
	return error < 0 ? error : 0;
}

static void one_byte_of_flows_db_anywhere_does_no_harm(void **state)
{
	struct fixture *f = *state;
	unsigned int resets = 0, refused = 0;
	size_t len;

	add_rows(f);
	char *good = read_file(f, "flows.db", &len);
	assert_true(len > 100000);
	for (uint64_t i = 0; i < PLACES; i++) {
		size_t at = i < 20 ? (size_t)i * 5 : (size_t)(mix(i) % len);
		uint64_t count = 0, began = clock_monotonic_ns();

		good[at] = (char)(good[at] ^ 0x5a);
		write_file(f, "flows.db", good, len);
		good[at] = (char)(good[at] ^ 0x5a);
		int error = fixture_open(f);
		if (error) { /* the number of a newer version */
			assert_int_equal(error, -ESTALE);
			refused++;
			remove_files(f, "flows.db*");
			continue;
		}
		while (read_all(f, &count) == -EBADMSG && !store_flows_was_reset(f->store)) {
			assert_true(clock_monotonic_ns() - began < 4 * NS_PER_S);
			(void)usleep(10000); /* the writer's next second begins the new file */
		}
		resets += store_flows_was_reset(f->store);
		assert_true(count <= ROWS + 1);
		fixture_close(f);
		remove_files(f, "flows.db*");
	}
	print_message("%u of %d set aside, %u refused as newer\n", resets, PLACES, refused);
	assert_true(resets > 5 && refused < 3);
	free(good);
}

static void one_byte_of_main_db_is_refused_or_harmless_and_never_changed_by_it(void **state)
{
	struct fixture *f = *state;
	unsigned int refused = 0;
	size_t len, after_len;

	for (int i = 0; i < 200; i++)
		assert_int_equal(
			write_audit(f->store, "anna", NULL, "block.add", "192.0.2.9", "{}"), 0);
	fixture_close(f);
	char *good = read_file(f, "main.db", &len);
	for (uint64_t i = 0; i < PLACES; i++) {
		size_t at = i < 20 ? (size_t)i * 5 : (size_t)(mix(i) % len);

		good[at] = (char)(good[at] ^ 0x5a);
		write_file(f, "main.db", good, len);
		int error = fixture_open(f);
		fixture_close(f);
		if (error) {
			char *after = read_file(f, "main.db", &after_len);

			assert_true(strlen(f->error) > 20);
			assert_int_equal(after_len, len);
			assert_memory_equal(after, good, len);
			free(after);
			refused++;
		}
		good[at] = (char)(good[at] ^ 0x5a);
		remove_files(f, "main.db*");
	}
	print_message("%u of %d refused\n", refused, PLACES);
	assert_true(refused > 5);
	free(good);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
	const struct CMUnitTest tests[] = {
		TEST(one_byte_of_flows_db_anywhere_does_no_harm),
		TEST(one_byte_of_main_db_is_refused_or_harmless_and_never_changed_by_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
