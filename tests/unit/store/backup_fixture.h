/*
 * Two folders: one with a running store, one to restore into.
 */
#ifndef SLUICE_TESTS_STORE_BACKUP_FIXTURE_H
#define SLUICE_TESTS_STORE_BACKUP_FIXTURE_H

#include "tests/unit/store/fixture.h"

#include "agent/util/file.h"

#define SECRET "persimmon-4711"

struct pair {
	struct fixture *from, *to; /* @to: a folder without a store */
	char file[PATH_MAX];
};

static inline int pair_setup(void **state)
{
	struct pair *pair = calloc(1, sizeof(*pair));

	assert_non_null(pair);
	pair->from = fixture_new("/tmp");
	pair->to = fixture_new("/tmp");
	(void)fixture_path(pair->to, "b.backup", pair->file);
	assert_int_equal(fixture_open(pair->from), 0);
	*state = pair;
	return 0;
}

static inline void remove_below(const struct fixture *f)
{
	char command[256];

	/* folders of former states; the path is our own mkdtemp's */
	(void)snprintf(command, sizeof(command), "rm -rf %s/*", f->dir);
	assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
}

static inline int pair_teardown(void **state)
{
	struct pair *pair = *state;

	fixture_close(pair->to);
	fixture_close(pair->from);
	remove_below(pair->to);
	remove_below(pair->from);
	fixture_free(pair->to);
	fixture_free(pair->from);
	free(pair);
	return 0;
}

static inline void fill(struct fixture *f)
{
	struct user user = { .name = "anna", .role = ROLE_ADMIN };
	struct session session = { .id_hash = { 1 } };
	struct incident incident = { .src = test_addr("192.0.2.1"), .severity = 1 };
	struct incident_details details = { .reason = SECRET };
	struct block block = { .rule_id = 1, .target = { test_addr("192.0.2.9"), 32 } };
	struct totals second = { .unix_s = time(NULL), .bytes_in = 77 };

	assert_int_equal(store_user_insert(f->store, &user), 0);
	session.user_id = user.id;
	assert_int_equal(store_session_insert(f->store, &session), 0);
	assert_int_equal(store_incident_insert(f->store, &incident, &details), 0);
	assert_int_equal(store_block_insert(f->store, &block), 0);
	assert_int_equal(store_setting_set(f->store, "k", "v"), 0);
	assert_int_equal(write_audit(f->store, "anna", NULL, "block.add", "192.0.2.9", NULL), 0);
	assert_int_equal(store_totals_add_many(f->store, &second, 1), 0);
}

static inline void check_filled(struct fixture *f)
{
	struct user user;
	struct session sessions[2];
	struct incident incident;
	struct incident_details details = { 0 };
	struct block block;
	struct audit_verdict verdict;
	char value[8];

	assert_int_equal(store_user_by_name(f->store, "anna", &user), 0);
	assert_int_equal(user.role, ROLE_ADMIN);
	assert_int_equal(store_session_list(f->store, sessions, 2), 0);
	assert_int_equal(store_incident_get(f->store, 1, &incident, &details), 0);
	assert_string_equal(details.reason, SECRET);
	store_incident_details_done(&details);
	assert_int_equal(store_block_list(f->store, true, 0, &block, 1), 1);
	assert_int_equal(block.rule_id, 1);
	assert_int_equal(store_setting_get(f->store, "k", value, sizeof(value)), 0);
	assert_string_equal(value, "v");
	assert_int_equal(store_audit_check(f->store, &verdict), 0);
	assert_int_equal(verdict.problems_found, 0);
	assert_int_equal(verdict.head, 1);
}

static inline int backup(struct pair *pair, const struct store_backup_key *key, bool with_flows)
{
	const char *configs[] = { pair->from->key_file, "/nonexistent/sluice.conf" };
	const struct store_backup order = { .dir = pair->from->dir,
					    .with_flows = with_flows,
					    .file = pair->file,
					    .configs = configs,
					    .config_count = 2,
					    .key = key,
					    .version = "1.2.3" };
	uint64_t bytes = 0;
	struct stat info;
	int error = store_backup_make(&order, &bytes, pair->from->error);

	if (!error) {
		assert_int_equal(stat(pair->file, &info), 0);
		assert_int_equal(info.st_size, bytes);
		assert_int_equal(info.st_mode & 07777, 0600);
	}
	return error;
}

static inline int restore(struct pair *pair, const struct store_backup_key *key,
			  struct store_restored *out)
{
	const struct store_restore order = { .dir = pair->to->dir,
					     .key_file = pair->to->key_file,
					     .with_flows = true,
					     .file = pair->file,
					     .key = key };

	return store_restore_run(&order, out, pair->to->error);
}

static inline void copy_key_ring(const struct pair *pair)
{
	char *text = NULL;
	size_t len;

	assert_int_equal(file_read(pair->from->key_file, 8192, &text, &len), 0);
	assert_int_equal(file_write(pair->to->key_file, text, len, 0600), 0);
	free(text);
}

static inline size_t files_in(const struct fixture *f)
{
	DIR *dir = opendir(f->dir);
	size_t count = 0;

	assert_non_null(dir);
	for (struct dirent *e = readdir(dir); e; e = readdir(dir))
		count += e->d_name[0] != '.';
	(void)closedir(dir);
	return count;
}

static inline void put_byte(const char *path, long at, int change)
{
	FILE *file = fopen(path, "r+be");

	assert_non_null(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	int byte = fgetc(file);
	assert_int_equal(fseek(file, at, SEEK_SET), 0);
	assert_int_not_equal(fputc(byte ^ change, file), EOF);
	assert_int_equal(fclose(file), 0);
}

#endif
