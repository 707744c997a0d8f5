/*
 * kill -9 at random moments, and a disk that fills up: what was acknowledged is there, nothing is
 * corrupt, and the store goes on when space is back.
 */
#include "tests/unit/store/fixture.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/statvfs.h>
#include <sys/wait.h>

#include "agent/util/clock.h"

#define KILLS 20

/* What the child acknowledges, written to a pipe after the store said it is on disk. */
struct acknowledged {
	char kind; /* 'u'ser, 'b'lock, 'i'ncident, 'a'udit */
	int64_t id;
};

static void acknowledge(int fd, char kind, int64_t id)
{
	struct acknowledged row = { kind, id };

	/* below PIPE_BUF: whole or not at all */
	if (write(fd, &row, sizeof(row)) != sizeof(row))
		_exit(2);
}

static void write_round(struct fixture *f, int fd, unsigned int base, unsigned int i)
{
	struct user user = { .role = ROLE_VIEWER };
	struct block block = { .rule_id = base + i,
			       .target = { .addr = test_addr("192.0.2.1"), .len = 32 },
			       .port = (uint16_t)i,
			       .proto = (uint8_t)(base / 1000) };
	struct incident incident = { .src = test_addr("192.0.2.1") };
	struct incident_details details = { .reason = "killed at a random moment" };

	(void)snprintf(user.name, sizeof(user.name), "u%u", base + i);
	if (store_user_insert(f->store, &user))
		_exit(3);
	acknowledge(fd, 'u', user.id);
	if (store_block_insert(f->store, &block))
		_exit(4);
	acknowledge(fd, 'b', block.id);
	if (store_incident_insert(f->store, &incident, &details))
		_exit(5);
	acknowledge(fd, 'i', incident.id);
	if (write_audit(f->store, "test", NULL, "round", user.name, "{}"))
		_exit(6);
	acknowledge(fd, 'a', 0);
}

/* The child: orders one after the other, rows as fast as they go. Never returns. */
static void be_killed(struct fixture *f, int fd, unsigned int base)
{
	struct flow flow = { .end_unix_ms = clock_unix_ms() };

	flow.tuple.src = test_addr("192.0.2.1");
	flow.tuple.dst = test_addr("192.0.2.2");
	if (fixture_open(f))
		_exit(1);
	for (unsigned int i = 0; i < 900; i++) {
		struct totals second = { .unix_s = clock_unix_ms() / 1000, .bytes_in = 1 };

		for (int r = 0; r < 500; r++) {
			flow.id++;
			(void)store_flow_add(f->store, &flow, NULL); /* a full queue is fine here */
		}
		(void)store_totals_add(f->store, &second);
		write_round(f, fd, base, i);
	}
	(void)pause();
	_exit(7);
}

static void check_acknowledged(const struct fixture *f, int fd, int64_t *users, int64_t *audits)
{
	struct acknowledged row;
	char sql[96];

	while (read(fd, &row, sizeof(row)) == sizeof(row)) {
		const char *table = row.kind == 'u'   ? "users"
				    : row.kind == 'b' ? "blocks"
						      : "incidents";
		*users += row.kind == 'u';
		*audits += row.kind == 'a';
		if (row.kind == 'a')
			continue;
		(void)snprintf(sql, sizeof(sql), "SELECT count(*) FROM %s WHERE id = %" PRId64,
			       table, row.id);
		assert_int_equal(raw_int(f, "main.db", sql), 1);
	}
}

static void check_intact(struct fixture *f)
{
	char text[256];
	struct incident list[1];
	struct incident_filter any = { .severity = -1, .state = -1, .detector = -1 };
	struct incident_details details = { 0 };

	assert_string_equal(raw_text(f, "main.db", "PRAGMA integrity_check", text), "ok");
	assert_string_equal(raw_text(f, "flows.db", "PRAGMA integrity_check", text), "ok");
	uint64_t began = clock_monotonic_ns();
	assert_int_equal(fixture_open(f), 0);
	assert_true(clock_monotonic_ns() - began < 2 * NS_PER_S);
	assert_false(store_flows_was_reset(f->store));
	if (store_incident_list(f->store, &any, list, 1) == 1) {
		assert_int_equal(store_incident_get(f->store, list[0].id, list, &details), 0);
		assert_string_equal(details.reason, "killed at a random moment");
		store_incident_details_done(&details);
	}
	fixture_close(f);
}

static void kill_at_any_moment_loses_nothing_acknowledged(void **state)
{
	struct fixture *f = *state;
	int64_t users = 0, audits = 0;
	unsigned int seed = 7; /* the same moments each run, as far as the machine allows */

	fixture_close(f);
	for (unsigned int i = 0; i < KILLS; i++) {
		int fds[2], status;

		assert_int_equal(pipe(fds), 0);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			(void)close(fds[0]);
			be_killed(f, fds[1], 1000 * (i + 1));
		}
		(void)close(fds[1]);
		if (i % 2) /* else also while the store opens, which is slow under a sanitizer */
			assert_int_equal(poll(&(struct pollfd){ fds[0], POLLIN, 0 }, 1, 20000), 1);
		(void)usleep(30000 + (useconds_t)(rand_r(&seed) % 120000));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_int_equal(waitpid(child, &status, 0), child);
		assert_true(WIFSIGNALED(status));
		check_acknowledged(f, fds[0], &users, &audits);
		(void)close(fds[0]);
		check_intact(f);
	}
	assert_true(users >= KILLS / 2); /* the test did something */
	assert_true(raw_int(f, "main.db", "SELECT count(*) FROM audit") >= audits);
	/* a batch is whole or absent, so every id up to the highest is there */
	assert_true(raw_int(f, "main.db", "SELECT next FROM flow_ids") >= 1);
	print_message("%" PRId64 " users acknowledged over %d kills\n", users, KILLS);
}

/* ---- several threads at once ------------------------------------------------------------------
 */

struct setter {
	struct store *store;
	int number;
	int failures;
};

static void *set_and_read(void *arg)
{
	struct setter *setter = arg;
	char key[16], value[16], read[16];

	(void)snprintf(key, sizeof(key), "k%d", setter->number);
	for (int i = 0; i < 50; i++) {
		(void)snprintf(value, sizeof(value), "%d", i);
		if (store_setting_set(setter->store, key, value) ||
		    store_setting_get(setter->store, key, read, sizeof(read)) ||
		    strcmp(value, read))
			setter->failures++;
	}
	return NULL;
}

static void writes_are_seen_by_their_thread_at_once(void **state)
{
	struct fixture *f = *state;
	struct setter setters[8];
	pthread_t threads[8];

	for (int i = 0; i < 8; i++) {
		setters[i] = (struct setter){ f->store, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, set_and_read, &setters[i]), 0);
	}
	for (int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		assert_int_equal(setters[i].failures, 0);
	}
}

static void *insert_same_user(void *arg)
{
	struct setter *setter = arg;
	struct user user = { .name = "one" };

	setter->failures = store_user_insert(setter->store, &user);
	return NULL;
}

/* Orders that share a commit fail alone: one of eight gets the name, seven hear -EEXIST. */
static void refused_order_takes_only_itself_back(void **state)
{
	struct fixture *f = *state;
	struct setter setters[8];
	pthread_t threads[8];
	int won = 0;

	for (int i = 0; i < 8; i++) {
		setters[i] = (struct setter){ f->store, i, 0 };
		assert_int_equal(pthread_create(&threads[i], NULL, insert_same_user, &setters[i]),
				 0);
	}
	for (int i = 0; i < 8; i++) {
		assert_int_equal(pthread_join(threads[i], NULL), 0);
		won += setters[i].failures == 0;
		assert_true(setters[i].failures == 0 || setters[i].failures == -EEXIST);
	}
	assert_int_equal(won, 1);
	assert_int_equal(raw_int(f, "main.db", "SELECT count(*) FROM users"), 1);
}

/* ---- a full disk -------------------------------------------------------------------------------
 */

/* the reserve of 8 MiB, as much again to keep it, and room for 2 MiB */
#define MOUNT_BYTES "size=20m"

struct full_disk {
	char mount_point[64];
	struct fixture *f;
	char filler[PATH_MAX];
};

static void fill_disk(struct full_disk *disk)
{
	char block[4096] = { 0 };
	int fd = open(fixture_path(disk->f, "filler", disk->filler), O_CREAT | O_WRONLY | O_CLOEXEC,
		      0600);

	assert_true(fd >= 0);
	while (write(fd, block, sizeof(block)) > 0)
		;
	assert_int_equal(errno, ENOSPC);
	(void)close(fd);
}

static int full_disk_setup(void **state)
{
	struct full_disk *disk = calloc(1, sizeof(*disk));

	assert_non_null(disk);
	*state = disk;
	(void)snprintf(disk->mount_point, sizeof(disk->mount_point), "/tmp/sluice-disk-XXXXXX");
	assert_non_null(mkdtemp(disk->mount_point));
	if (mount("tmpfs", disk->mount_point, "tmpfs", 0, MOUNT_BYTES)) {
		(void)rmdir(disk->mount_point);
		return 0;
	}
	disk->f = fixture_new(disk->mount_point);
	assert_int_equal(fixture_open(disk->f), 0);
	return 0;
}

static int full_disk_teardown(void **state)
{
	struct full_disk *disk = *state;

	if (disk->f) {
		fixture_free(disk->f);
		assert_int_equal(umount(disk->mount_point), 0);
		(void)rmdir(disk->mount_point);
	}
	free(disk);
	return 0;
}

static void add_flows(struct fixture *f, unsigned int count)
{
	struct flow flow = { .end_unix_ms = clock_unix_ms() };

	flow.tuple.src = test_addr("192.0.2.1");
	flow.tuple.dst = test_addr("192.0.2.2");
	for (unsigned int i = 0; i < count; i++) {
		flow.id++;
		(void)store_flow_add(f->store, &flow, NULL); /* refused ones are counted */
	}
}

static void full_disk_loses_only_counted_rows(void **state)
{
	struct full_disk *disk = *state;
	struct fixture *f = disk->f;
	struct user user = { .name = "before" }, out;
	int64_t began_s = clock_unix_ms() / 1000 - 10;
	struct totals sums[1], second = { .unix_s = began_s + 1, .bytes_in = 5 };
	const unsigned int offered = 250000; /* 13 MB of rows for a disk without room */

	if (!f) {
		print_message("skip: mounting a tmpfs needs root\n");
		skip();
	}
	assert_int_equal(store_user_insert(f->store, &user), 0);
	fill_disk(disk);
	add_flows(f, offered);
	assert_int_equal(store_totals_add(f->store, &second), 0);
	(void)sleep(2);
	/* reads work, also of another page than the cached one */
	assert_int_equal(store_user_by_name(f->store, "before", &out), 0);
	assert_int_equal(read_totals(f->store, began_s, began_s + 10, 10, sums, 1), 1);
	uint64_t lost = store_rows_lost(f->store);
	assert_in_range(lost, offered - 140000, offered);
	/* main.db has its reserve: a hundred users more, also while rows want to be written */
	for (int i = 0; i < 100; i++) {
		struct user more = { .role = ROLE_VIEWER };

		(void)snprintf(more.name, sizeof(more.name), "during%d", i);
		assert_int_equal(store_user_insert(f->store, &more), 0);
	}
	assert_int_equal(store_user_by_name(f->store, "during99", &out), 0);
	/* space comes back: within 5 s what waited is written, without a restart */
	assert_int_equal(unlink(disk->filler), 0);
	assert_int_equal(
		raw_int_within(f, "flows.db", "SELECT sum(bytes_in) FROM totals_second", 5), 5);
	struct user after = { .name = "after" };
	assert_int_equal(store_user_insert(f->store, &after), 0);
}

static void restart_on_a_full_disk_serves(void **state)
{
	struct full_disk *disk = *state;
	struct fixture *f = disk->f;
	struct user user = { .name = "before" }, out;

	if (!f) {
		print_message("skip: mounting a tmpfs needs root\n");
		skip();
	}
	assert_int_equal(store_user_insert(f->store, &user), 0);
	fixture_close(f);
	fill_disk(disk);
	assert_int_equal(fixture_open(f), 0);
	assert_int_equal(store_user_by_name(f->store, "before", &out), 0);
	assert_int_equal(store_setting_set(f->store, "k", "v"), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)
#define D(name) cmocka_unit_test_setup_teardown(name, full_disk_setup, full_disk_teardown)
	const struct CMUnitTest tests[] = {
		T(kill_at_any_moment_loses_nothing_acknowledged),
		T(writes_are_seen_by_their_thread_at_once),
		T(refused_order_takes_only_itself_back),
		D(full_disk_loses_only_counted_rows),
		D(restart_on_a_full_disk_serves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
