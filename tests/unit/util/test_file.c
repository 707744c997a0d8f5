#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/file.h"

/* Each test has a directory of its own and works in it. */
static int enter_directory(void **state)
{
	char *name = strdup("/tmp/sluice-file-XXXXXX");

	assert_non_null(name);
	assert_non_null(mkdtemp(name));
	assert_int_equal(chdir(name), 0);
	*state = name;
	return 0;
}

/* How many entries "." has. */
static unsigned int count_entries(void)
{
	DIR *dir = opendir(".");
	unsigned int count = 0;

	assert_non_null(dir);
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		count += entry->d_name[0] != '.';
	assert_int_equal(closedir(dir), 0);
	return count;
}

static int leave_directory(void **state)
{
	static const char *const files[] = { "file",	"new/lock", "lock", "fifo",
					     "new/a/b", "new/a",    "new" };
	char *name = *state;

	for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++)
		(void)remove(files[i]); /* those the test made */
	assert_int_equal(chdir("/"), 0);
	assert_int_equal(rmdir(name), 0);
	free(name);
	return 0;
}

static mode_t mode_of(const char *path)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	return st.st_mode & 07777;
}

static void written_file_is_read_back_with_its_mode(void **state)
{
	mode_t before = umask(0);
	char *data = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(file_write("file", "a\0b", 3, 0640), 0);
	assert_int_equal(mode_of("file"), 0640);
	assert_int_equal(file_read("file", 3, &data, &len), 0);
	assert_int_equal(len, 3);
	assert_memory_equal(data, "a\0b", 4); /* and a NUL */
	free(data);
	(void)umask(before);
}

static void write_replaces_and_leaves_nothing_beside(void **state)
{
	char *data = NULL;
	size_t len = 1;

	(void)state;
	assert_int_equal(file_write("file", "long text", 9, 0600), 0);
	assert_int_equal(file_write("file", "", 0, 0600), 0);
	assert_int_equal(file_read("file", 100, &data, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(data, "");
	assert_int_equal(count_entries(), 1);
	free(data);
}

static void failed_write_leaves_the_target_and_no_temporary(void **state)
{
	(void)state;
	assert_int_equal(mkdir("new", 0700), 0);
	assert_int_equal(file_write("new", "x", 1, 0600), -EISDIR);
	assert_int_equal(file_write("absent/file", "x", 1, 0600), -ENOENT);
	assert_int_equal(count_entries(), 1);
}

static void read_is_bounded_and_takes_only_regular_files(void **state)
{
	char *data = NULL;

	(void)state;
	assert_int_equal(file_write("file", "1234", 4, 0600), 0);
	assert_int_equal(file_read("file", 3, &data, NULL), -EFBIG);
	assert_int_equal(file_read("absent", 3, &data, NULL), -ENOENT);
	assert_int_equal(file_read(".", 3, &data, NULL), -EINVAL);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(file_read("fifo", 3, &data, NULL), -EINVAL);
	assert_int_equal(file_read("/dev/zero", 3, &data, NULL), -EINVAL);
	assert_null(data);
}

static void files_that_claim_no_size_are_read_too(void **state)
{
	char *data = NULL;
	size_t len = 0;

	(void)state;
	assert_int_equal(file_read("/proc/self/comm", 100, &data, &len), 0);
	assert_int_equal(data[len - 1], '\n');
	free(data);
	data = NULL;
	assert_int_equal(file_read("/proc/self/status", 10, &data, &len), -EFBIG);
	assert_null(data);
}

static void directories_are_made_with_parents_and_exact_mode(void **state)
{
	mode_t before = umask(077);

	(void)state;
	assert_int_equal(file_make_dir("new/a//b", 0750), 0);
	assert_int_equal(mode_of("new/a/b"), 0750);
	assert_int_equal(mode_of("new"), 0750);
	assert_int_equal(file_make_dir("new/a/b", 0700), 0);
	assert_int_equal(mode_of("new/a/b"), 0750); /* it was there */
	(void)umask(before);
}

static void file_in_the_way_of_a_directory_is_said(void **state)
{
	(void)state;
	assert_int_equal(file_write("file", "", 0, 0600), 0);
	assert_int_equal(file_make_dir("file", 0700), -ENOTDIR);
	assert_int_equal(file_make_dir("file/below", 0700), -ENOTDIR);
	assert_int_equal(file_make_dir("", 0700), -ENOENT);
}

static void second_lock_of_a_directory_is_refused_until_the_first_is_closed(void **state)
{
	int first, second;

	(void)state;
	assert_int_equal(file_make_dir("new", 0700), 0);
	first = file_lock_dir("new");
	assert_true(first >= 0);
	assert_int_equal(mode_of("new/lock"), 0600);
	assert_int_equal(file_lock_dir("new"), -EWOULDBLOCK);
	assert_int_equal(close(first), 0);
	second = file_lock_dir("new");
	assert_true(second >= 0);
	assert_int_equal(close(second), 0);
	assert_int_equal(file_lock_dir("absent"), -ENOENT);
}

static void lock_is_gone_with_the_process_that_had_it(void **state)
{
	pid_t child = fork();
	int status, fd;

	(void)state;
	if (child == 0)
		_exit(file_lock_dir(".") >= 0 ? 0 : 1);
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_int_equal(status, 0);
	fd = file_lock_dir(".");
	assert_true(fd >= 0);
	assert_int_equal(close(fd), 0);
}

#define inside(test) cmocka_unit_test_setup_teardown(test, enter_directory, leave_directory)

int main(void)
{
	const struct CMUnitTest tests[] = {
		inside(written_file_is_read_back_with_its_mode),
		inside(write_replaces_and_leaves_nothing_beside),
		inside(failed_write_leaves_the_target_and_no_temporary),
		inside(read_is_bounded_and_takes_only_regular_files),
		inside(files_that_claim_no_size_are_read_too),
		inside(directories_are_made_with_parents_and_exact_mode),
		inside(file_in_the_way_of_a_directory_is_said),
		inside(second_lock_of_a_directory_is_refused_until_the_first_is_closed),
		inside(lock_is_gone_with_the_process_that_had_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
