/*
 * Damaged files out of the way.
 */
#include "agent/store/aside.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/util/cleanup.h"

static void closedir_cleanup(DIR **dir)
{
	if (*dir)
		(void)closedir(*dir); /* read only: nothing is lost */
}

/* @path is "DIR/NAME"; removes DIR/NAME.corrupt-* */
static int aside_remove_older(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;
	size_t name_len = strlen(name);
	char dir_path[PATH_MAX];

	(void)snprintf(dir_path, sizeof(dir_path), "%.*s", slash ? (int)(slash - path) : 1,
		       slash ? path : ".");
	CLEANUP(closedir) DIR *dir = opendir(dir_path);
	if (!dir)
		return -errno;
	for (const struct dirent *entry = readdir(dir); entry; entry = readdir(dir))
		if (!strncmp(entry->d_name, name, name_len) &&
		    !strncmp(entry->d_name + name_len, ".corrupt-", 9) &&
		    unlinkat(dirfd(dir), entry->d_name, 0))
			return -errno;
	return 0;
}

int aside_move(const char *path, int64_t unix_s)
{
	static const char *const suffixes[] = { "", "-wal", "-shm" };
	char from[PATH_MAX], to[PATH_MAX];
	int error = aside_remove_older(path);

	if (error)
		return error;
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		int len = snprintf(from, sizeof(from), "%s%s", path, suffixes[i]);
		int to_len = snprintf(to, sizeof(to), "%s.corrupt-%" PRId64 "%s", path, unix_s,
				      suffixes[i]);

		if (len >= PATH_MAX || to_len >= PATH_MAX)
			return -ENAMETOOLONG;
		if (rename(from, to) && errno != ENOENT)
			return -errno;
	}
	return 0;
}
