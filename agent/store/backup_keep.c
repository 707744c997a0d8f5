/*
 * The folder of backups that sluice makes by itself: their names, the newest one, and how many
 * stay.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/backup.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"

static void close_dir(DIR *dir)
{
	if (dir)
		(void)closedir(dir); /* read only */
}
DEFINE_CLEANUP(close_dir, DIR)

void store_backup_name(int64_t unix_ms, char out[static 40])
{
	char text[CLOCK_TEXT_MAX], digits[CLOCK_TEXT_MAX], *to = digits;

	(void)clock_format(unix_ms, text);
	for (const char *at = text; *at && *at != '.'; at++) /* without its fraction */
		if (*at != '-' && *at != ':')
			*to++ = *at;
	*to = '\0';
	(void)snprintf(out, 40, BACKUP_PREFIX "%.15sZ" BACKUP_SUFFIX, digits);
}

static bool ends_with(const char *text, const char *end)
{
	size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

static bool is_ours(const char *name)
{
	return !strncmp(name, BACKUP_PREFIX, sizeof(BACKUP_PREFIX) - 1) &&
	       ends_with(name, BACKUP_SUFFIX) && strlen(name) < STORE_BACKUP_NAME_MAX;
}

/* What a backup that was cut off left: nobody else writes such names here. */
static bool is_left_over(const char *name)
{
	return !strncmp(name, BACKUP_PREFIX, sizeof(BACKUP_PREFIX) - 1) &&
	       strstr(name, BACKUP_SUFFIX ".part");
}

static int by_name_newest_first(const void *a, const void *b)
{
	const struct store_backup_entry *left = a, *right = b;

	return strcmp(right->name, left->name);
}

int store_backups_list(const char *dir, struct store_backup_entry *out, size_t max)
{
	CLEANUP(close_dir) DIR *stream = opendir(dir);
	const struct dirent *entry;
	size_t count = 0;
	struct stat info;

	if (!stream)
		return errno == ENOENT ? 0 : -errno;
	while (count < max && (entry = readdir(stream))) {
		if (!is_ours(entry->d_name) ||
		    fstatat(dirfd(stream), entry->d_name, &info, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(info.st_mode))
			continue;
		(void)snprintf(out[count].name, sizeof(out[count].name), "%.*s",
			       STORE_BACKUP_NAME_MAX - 1, entry->d_name);
		out[count].bytes = (uint64_t)info.st_size;
		out[count++].unix_ms = info.st_mtime * 1000LL;
	}
	qsort(out, count, sizeof(*out), by_name_newest_first);
	return (int)count;
}

int store_backups_prune(const char *dir, size_t keep)
{
	CLEANUP(free) struct store_backup_entry *found = calloc(STORE_BACKUPS_MAX, sizeof(*found));
	CLEANUP(close_dir) DIR *stream = opendir(dir);
	const struct dirent *entry;
	int error = 0;

	if (!found || !stream)
		return found ? -errno : -ENOMEM;
	int count = store_backups_list(dir, found, STORE_BACKUPS_MAX);
	for (size_t i = keep; count > 0 && i < (size_t)count; i++)
		if (unlinkat(dirfd(stream), found[i].name, 0))
			error = -errno;
	while ((entry = readdir(stream)))
		if (is_left_over(entry->d_name))
			(void)unlinkat(dirfd(stream), entry->d_name, 0); /* at the next one */
	return count < 0 ? count : error;
}

int backup_newest(const char *dir, char *out, size_t size)
{
	CLEANUP(free) struct store_backup_entry *found = calloc(STORE_BACKUPS_MAX, sizeof(*found));
	int count = found ? store_backups_list(dir, found, STORE_BACKUPS_MAX) : -ENOMEM;

	if (count <= 0)
		return count ? count : -ENOENT;
	return snprintf(out, size, "%s/%s", dir, found[0].name) < (int)size ? 0 : -ENAMETOOLONG;
}
