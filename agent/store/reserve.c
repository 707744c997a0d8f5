/*
 * Ballast for a full disk.
 */
#include "agent/store/reserve.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "agent/util/cleanup.h"

/* Twice what a WAL grows to before it is emptied into its database: 1000 pages of 4 KiB
 * (sqlite.org/pragma.html#pragma_wal_autocheckpoint), which leaves room for both indices, too. */
#define RESERVE_BYTES (8 << 20)

bool reserve_keep(const char *path)
{
	struct statvfs fs;
	struct stat info;

	if (stat(path, &info) == 0 && info.st_size >= RESERVE_BYTES)
		return true;
	CLEANUP(close) int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fstatvfs(fd, &fs) ||
	    (uint64_t)fs.f_bavail * fs.f_frsize < 2ULL * RESERVE_BYTES)
		return false;
	if (posix_fallocate(fd, 0, RESERVE_BYTES) == 0)
		return true;
	(void)unlink(path); /* half of it may have filled the disk */
	return false;
}

bool reserve_release(const char *path)
{
	struct stat info;

	if (stat(path, &info) || info.st_size < RESERVE_BYTES)
		return false;
	return unlink(path) == 0;
}
