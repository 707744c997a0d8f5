/*
 * Backups: taken while others write, whole or not there, and restored into another folder.
 */
#include "tests/unit/store/backup_fixture.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "agent/store/backup.h"
#include "agent/util/crypto_stream.h"

static void backup_of_a_running_store_is_restored_elsewhere(void **state)
{
	struct pair *pair = *state;
	struct store_restored restored;
	char path[PATH_MAX];

	fill(pair->from);
	assert_int_equal(backup(pair, NULL, true), 0);
	assert_int_equal(files_in(pair->to), 1); /* no copy is left beside it */
	assert_false(raw_file_has(pair->to, "b.backup", SECRET));
	copy_key_ring(pair);
	assert_int_equal(restore(pair, NULL, &restored), 0);
	assert_string_equal(restored.version, "1.2.3");
	assert_true(restored.has_flows);
	assert_false(restored.has_key_ring);
	assert_int_equal(restored.users, 1);
	assert_int_equal(restored.blocks, 1);
	assert_int_equal(restored.incidents, 1);
	assert_int_equal(fixture_open(pair->to), 0);
	check_filled(pair->to);
	assert_int_equal(raw_int(pair->to, "flows.db", "SELECT sum(bytes_in) FROM totals_minute"),
			 77);
	assert_int_equal(access(fixture_path(pair->to, "restored-config/secret.key", path), F_OK),
			 0);
	assert_int_equal(access(fixture_path(pair->to, "restore.part", path), F_OK), -1);
	/* and the first one still runs */
	assert_int_equal(raw_int(pair->from, "main.db", "SELECT count(*) FROM sessions"), 1);
}

static void only_an_older_backup_is_written_over(void **state)
{
	struct pair *pair = *state;
	struct stat info;

	fill(pair->from);
	assert_int_equal(file_write(pair->file, "", 0, 0600), 0);
	assert_int_equal(backup(pair, NULL, false), 0);
	assert_int_equal(backup(pair, NULL, false), 0);
	assert_int_equal(unlink(pair->file), 0);
	assert_int_equal(file_write(pair->file, "SLUICEB", 7, 0600), 0);
	assert_int_equal(backup(pair, NULL, false), -EEXIST);
	assert_true(raw_file_has(pair->to, "b.backup", "SLUICEB"));
	assert_int_equal(unlink(pair->file), 0);
	assert_int_equal(symlink("/dev/null", pair->file), 0);
	assert_int_equal(backup(pair, NULL, false), -EEXIST);
	assert_int_equal(lstat(pair->file, &info), 0);
	assert_true(S_ISLNK(info.st_mode));
	assert_int_equal(unlink(pair->file), 0);
	/* the database itself, under the service */
	(void)fixture_path(pair->from, "main.db", pair->file);
	assert_int_equal(backup(pair, NULL, false), -EEXIST);
	assert_true(raw_file_has(pair->from, "main.db", "SQLite format 3"));
}

static void former_state_is_moved_aside(void **state)
{
	struct pair *pair = *state;
	struct store_restored restored;
	struct user user = { .name = "other" };
	char path[PATH_MAX + 300];

	fill(pair->from);
	assert_int_equal(backup(pair, NULL, false), 0);
	copy_key_ring(pair);
	assert_int_equal(fixture_open(pair->to), 0);
	assert_int_equal(store_user_insert(pair->to->store, &user), 0);
	fixture_close(pair->to);
	raw_exec(pair->to, "main.db", "UPDATE flow_ids SET next = 987654");
	assert_int_equal(restore(pair, NULL, &restored), 0);
	assert_false(restored.has_flows);
	(void)snprintf(path, sizeof(path), "%s/main.db", restored.aside);
	assert_int_equal(access(path, F_OK), 0);
	assert_int_equal(fixture_open(pair->to), 0);
	check_filled(pair->to);
	/* flows.db was kept, and so ids that it may hold are not given again */
	assert_true(store_next_flow_id(pair->to->store) >= 987654);
}

/* Nothing of it is believed, and nothing of the state is touched. */
static void changed_and_cut_backups_are_refused(void **state)
{
	struct pair *pair = *state;
	struct store_restored restored;
	struct stat info;

	fill(pair->from);
	assert_int_equal(backup(pair, NULL, false), 0);
	copy_key_ring(pair);
	assert_int_equal(stat(pair->file, &info), 0);
	for (long i = 0; i < 300; i++) {
		long at = i < 140 ? i : (long)(info.st_size * (i - 140) / 160);

		put_byte(pair->file, at, 1 << (i % 8));
		int error = restore(pair, NULL, &restored);
		if (error != -EBADMSG && error != -EINVAL && error != -ESTALE)
			fail_msg("byte %ld: %d %s", at, error, pair->to->error);
		put_byte(pair->file, at, 1 << (i % 8));
	}
	for (long i = 1; i < 50; i++) {
		long len = (long)info.st_size * i / 50;
		char cut[PATH_MAX + 8], command[3 * PATH_MAX];
		struct pair other = *pair;

		(void)snprintf(cut, sizeof(cut), "%s/cut", pair->to->dir);
		(void)snprintf(command, sizeof(command), "head -c %ld %s > %s", len, pair->file,
			       cut);
		assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
		(void)snprintf(other.file, sizeof(other.file), "%.4000s", cut);
		int error = restore(&other, NULL, &restored);
		assert_true(error == -EBADMSG || error == -EINVAL);
	}
	assert_int_equal(truncate(pair->file, info.st_size + 1), 0);
	assert_int_equal(restore(pair, NULL, &restored), -EBADMSG);
	assert_int_equal(files_in(pair->to), 3); /* key ring, backup, cut */
	assert_int_equal(truncate(pair->file, info.st_size), 0);
	assert_int_equal(restore(pair, NULL, &restored), 0);
}

static void passphrase_opens_and_another_does_not(void **state)
{
	struct pair *pair = *state;
	const struct store_backup_key key = { .passphrase = "correct horse" };
	const struct store_backup_key wrong = { .passphrase = "correct house" };
	struct store_restored restored;

	fill(pair->from);
	assert_int_equal(backup(pair, &key, true), 0);
	assert_false(raw_file_has(pair->to, "b.backup", "anna"));
	assert_false(raw_file_has(pair->to, "b.backup", "manifest.json"));
	copy_key_ring(pair);
	assert_int_equal(restore(pair, NULL, &restored), -ENOKEY);
	assert_non_null(strstr(pair->to->error, "--passphrase-file"));
	assert_int_equal(restore(pair, &wrong, &restored), -EKEYREJECTED);
	assert_int_equal(files_in(pair->to), 2);
	assert_int_equal(restore(pair, &key, &restored), 0);
	assert_int_equal(fixture_open(pair->to), 0);
	check_filled(pair->to);
}

static void recovery_key_alone_restores_everything(void **state)
{
	struct pair *pair = *state;
	uint8_t public_key[32], secret[32], other[32], stored[32];
	const struct store_options options = fixture_options(pair->from);
	const struct store_backup_key lock = { .public_key = stored };
	const struct store_backup_key open = { .secret = secret };
	struct store_restored restored;
	struct store_rotation rotation;

	fill(pair->from);
	assert_int_equal(store_backup_public_key(&options, stored), -ENOENT);
	crypto_box_new(public_key, secret);
	assert_int_equal(store_recovery_set(pair->from->store, public_key), 0);
	assert_int_equal(store_rotate_key(pair->from->store, NULL, &rotation, pair->from->error),
			 0);
	assert_int_equal(store_backup_public_key(&options, stored), 0);
	assert_memory_equal(stored, public_key, 32);
	assert_int_equal(backup(pair, &lock, true), 0);
	crypto_box_new(public_key, other);
	const struct store_backup_key wrong = { .secret = other };
	assert_int_equal(restore(pair, &wrong, &restored), -EKEYREJECTED);
	assert_int_equal(restore(pair, &open, &restored), 0);
	assert_true(restored.has_key_ring);
	assert_int_equal(fixture_open(pair->to), 0);
	check_filled(pair->to);
}

static void backup_without_its_key_ring_is_refused_before_anything_moves(void **state)
{
	struct pair *pair = *state;
	struct store_restored restored;

	fill(pair->from);
	assert_int_equal(backup(pair, NULL, false), 0);
	assert_int_equal(restore(pair, NULL, &restored), -ENOKEY);
	assert_non_null(strstr(pair->to->error, "--recovery-key"));
	/* another ring is no better */
	assert_int_equal(fixture_open(pair->to), 0);
	fixture_close(pair->to);
	assert_int_equal(restore(pair, NULL, &restored), -ENOKEY);
	assert_int_equal(fixture_open(pair->to), 0);
}

static void what_is_no_backup_is_named(void **state)
{
	struct pair *pair = *state;
	struct store_restored restored;

	assert_int_equal(restore(pair, NULL, &restored), -ENOENT);
	assert_non_null(strstr(pair->to->error, "b.backup"));
	assert_int_equal(file_write(pair->file, "hello", 5, 0600), 0);
	assert_int_equal(restore(pair, NULL, &restored), -EINVAL);
	assert_non_null(strstr(pair->to->error, "is no backup of sluice"));
	(void)snprintf(pair->file, sizeof(pair->file), "%s", pair->to->dir);
	assert_int_equal(restore(pair, NULL, &restored), -EINVAL);
}

static void restore_that_was_cut_off_refuses_the_start_until_done_again(void **state)
{
	struct pair *pair = *state;
	struct store_restored restored;
	char path[PATH_MAX];

	fill(pair->from);
	assert_int_equal(backup(pair, NULL, false), 0);
	copy_key_ring(pair);
	assert_int_equal(file_write(fixture_path(pair->to, RESTORE_MARK, path), "aside", 5, 0600),
			 0);
	assert_int_equal(fixture_open(pair->to), -EBUSY);
	assert_non_null(strstr(pair->to->error, "sluice restore"));
	assert_int_equal(access(fixture_path(pair->to, "main.db", path), F_OK), -1);
	assert_int_equal(restore(pair, NULL, &restored), 0);
	assert_int_equal(fixture_open(pair->to), 0);
	check_filled(pair->to);
}

/* ---- while others write -----------------------------------------------------------------------
 */

struct busy {
	struct fixture *f;
	atomic_bool stop;
	int rounds;
};

static void *write_pairs(void *arg)
{
	struct busy *busy = arg;

	while (!atomic_load(&busy->stop)) {
		struct user user = { .role = ROLE_VIEWER };

		(void)snprintf(user.name, sizeof(user.name), "u%d", busy->rounds);
		if (store_user_insert(busy->f->store, &user) ||
		    write_audit(busy->f->store, "u", NULL, "round", user.name, NULL))
			break;
		busy->rounds++;
	}
	return NULL;
}

static void backup_amid_writes_is_of_one_moment(void **state)
{
	struct pair *pair = *state;
	struct busy busy = { .f = pair->from };
	struct store_restored restored;
	struct audit_verdict verdict;
	pthread_t thread;

	copy_key_ring(pair);
	assert_int_equal(pthread_create(&thread, NULL, write_pairs, &busy), 0);
	for (int i = 0; i < 10; i++) {
		char text[256];

		assert_int_equal(backup(pair, NULL, true), 0);
		assert_int_equal(restore(pair, NULL, &restored), 0);
		assert_string_equal(raw_text(pair->to, "main.db", "PRAGMA integrity_check", text),
				    "ok");
		int64_t users = raw_int(pair->to, "main.db", "SELECT count(*) FROM users");
		int64_t audits = raw_int(pair->to, "main.db", "SELECT count(*) FROM audit");
		assert_in_range(users - audits, 0, 1);
		assert_int_equal(fixture_open(pair->to), 0);
		assert_int_equal(store_audit_check(pair->to->store, &verdict), 0);
		assert_int_equal(verdict.problems_found, 0);
		fixture_close(pair->to);
	}
	atomic_store(&busy.stop, true);
	assert_int_equal(pthread_join(thread, NULL), 0);
	assert_true(busy.rounds > 10);
}

static void backup_killed_at_any_moment_is_whole_or_not_there(void **state)
{
	struct pair *pair = *state;
	struct store_restored restored;
	unsigned int seed = 5, whole = 0, begun = 0;
	char path[PATH_MAX];

	fill(pair->from);
	copy_key_ring(pair);
	for (int i = 0; i < 40; i++) {
		int status;

		(void)unlink(pair->file);
		pid_t child = fork();
		assert_true(child >= 0);
		if (child == 0)
			_exit(backup(pair, NULL, true) ? 1 : 0);
		(void)usleep((useconds_t)(rand_r(&seed) % (i % 2 ? 20000 : 150000)));
		(void)kill(child, SIGKILL);
		assert_int_equal(waitpid(child, &status, 0), child);
		begun += access(fixture_path(pair->to, "b.backup.part", path), F_OK) == 0;
		if (access(pair->file, F_OK))
			continue;
		whole++;
		assert_int_equal(restore(pair, NULL, &restored), 0);
	}
	print_message("of 40 kills %u found a begun backup, %u a whole one\n", begun, whole);
	/* what was left over does not hinder the next one, and goes with it */
	assert_int_equal(backup(pair, NULL, true), 0);
	assert_int_equal(access(fixture_path(pair->to, "b.backup.part", path), F_OK), -1);
	assert_int_equal(access(fixture_path(pair->to, "b.backup.part-main.db", path), F_OK), -1);
}

static void full_disk_leaves_the_older_backup_and_nothing_else(void **state)
{
	struct pair *pair = *state;
	char mount_point[PATH_MAX], command[2 * PATH_MAX + 64];
	struct pair small = *pair;
	struct store_restored restored;

	fill(pair->from);
	(void)fixture_path(pair->to, "small", mount_point);
	assert_int_equal(mkdir(mount_point, 0700), 0);
	if (mount("tmpfs", mount_point, "tmpfs", 0, "size=600k")) {
		print_message("skip: mounting a tmpfs needs root\n");
		skip();
	}
	(void)snprintf(small.file, sizeof(small.file), "%.4000s/b.backup", mount_point);
	int first = backup(&small, NULL, false);
	(void)snprintf(command, sizeof(command), "cat /dev/zero 2>/dev/null > %s/x || test -s %s/x",
		       mount_point, mount_point);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
	int second = backup(&small, NULL, false);
	(void)snprintf(command, sizeof(command), "test \"$(ls %s | tr '\\n' ' ')\" = 'b.backup x '",
		       mount_point);
	int listed = system(command); /* NOLINT(cert-env33-c) */
	copy_key_ring(pair);
	int restored_error = restore(&small, NULL, &restored);
	assert_int_equal(umount(mount_point), 0);
	assert_int_equal(first, 0);
	assert_int_equal(second, -ENOSPC);
	assert_non_null(strstr(pair->from->error, "No space left on device"));
	assert_int_equal(listed, 0);
	assert_int_equal(restored_error, 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, pair_setup, pair_teardown)
	const struct CMUnitTest tests[] = {
		T(backup_of_a_running_store_is_restored_elsewhere),
		T(only_an_older_backup_is_written_over),
		T(former_state_is_moved_aside),
		T(changed_and_cut_backups_are_refused),
		T(passphrase_opens_and_another_does_not),
		T(recovery_key_alone_restores_everything),
		T(backup_without_its_key_ring_is_refused_before_anything_moves),
		T(what_is_no_backup_is_named),
		T(restore_that_was_cut_off_refuses_the_start_until_done_again),
		T(backup_amid_writes_is_of_one_moment),
		T(backup_killed_at_any_moment_is_whole_or_not_there),
		T(full_disk_leaves_the_older_backup_and_nothing_else),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
