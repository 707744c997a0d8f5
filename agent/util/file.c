/*
 * Where keys, certificates and configuration enter and leave the disk, and what keeps two services
 * out of one state directory.
 */
#include "agent/util/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "agent/util/cleanup.h"

/* Up to @len bytes, fewer only at the end of the file. Returns their number or -errno. */
static ssize_t read_all(int fd, char *data, size_t len)
{
	size_t have = 0;

	while (have < len) {
		ssize_t got = read(fd, data + have, len - have);

		if (got == 0)
			break;
		if (got < 0 && errno != EINTR)
			return -errno;
		if (got > 0)
			have += (size_t)got;
	}
	return (ssize_t)have;
}

static int write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, data, len);

		if (put < 0 && errno != EINTR)
			return -errno;
		if (put > 0) {
			data += put;
			len -= (size_t)put;
		}
	}
	return 0;
}

int file_read(const char *path, size_t max, char **data, size_t *len)
{
	CLEANUP(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	CLEANUP(free) char *read_into = NULL;
	struct stat st;
	ssize_t have;
	size_t size;

	if (fd < 0 || fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_size < 0 || (size_t)st.st_size > max)
		return -EFBIG;
	/* Files of /proc and /sys say 0 and are not empty: read up to the bound then. */
	size = st.st_size > 0 ? (size_t)st.st_size : max;
	read_into = malloc(size + 1);
	if (!read_into)
		return -ENOMEM;
	have = read_all(fd, read_into, size + 1); /* one more, to see whether it ends there */
	if (have < 0)
		return (int)have;
	if ((size_t)have > size)
		return -EFBIG;
	read_into[have] = '\0';
	if (len)
		*len = (size_t)have;
	*data = TAKE(read_into);
	return 0;
}

/* The directory part of @path, "." without one. */
static int parent_of(const char *path, char parent[static PATH_MAX])
{
	const char *slash = strrchr(path, '/');
	size_t len = slash ? (size_t)(slash - path) : 1;

	if (len >= PATH_MAX)
		return -ENAMETOOLONG;
	if (slash == path)
		len = 1; /* the root itself */
	memcpy(parent, slash ? path : ".", len);
	parent[len] = '\0';
	return 0;
}

static int sync_dir(const char *path)
{
	CLEANUP(close) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int fill_temporary(int fd, const void *data, size_t len, mode_t mode)
{
	int err = fchmod(fd, mode) ? -errno : write_all(fd, data, len);

	if (!err && fsync(fd))
		err = -errno;
	return err;
}

int file_write(const char *path, const void *data, size_t len, mode_t mode)
{
	char temporary[PATH_MAX], parent[PATH_MAX];
	CLEANUP(close) int fd = -1;
	int err = parent_of(path, parent);
	int length = snprintf(temporary, sizeof(temporary), "%s.XXXXXX", path);

	if (err || length < 0 || (size_t)length >= sizeof(temporary))
		return -ENAMETOOLONG;
	fd = mkostemp(temporary, O_CLOEXEC); /* made 0600 */
	if (fd < 0)
		return -errno;
	err = fill_temporary(fd, data, len, mode);
	if (!err && rename(temporary, path))
		err = -errno;
	if (err) {
		(void)unlink(temporary); /* the first error is the one that counts */
		return err;
	}
	return sync_dir(parent);
}

int file_sync_parent(const char *path)
{
	char parent[PATH_MAX];
	int error = parent_of(path, parent);

	return error ? error : sync_dir(parent);
}

static int make_one(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return chmod(path, mode) ? -errno : 0; /* past the umask */
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st))
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int file_make_dir(const char *path, mode_t mode)
{
	char part[PATH_MAX];
	size_t len = strlen(path);

	if (len == 0 || len >= sizeof(part))
		return len == 0 ? -ENOENT : -ENAMETOOLONG;
	for (size_t i = 1; i < len; i++) {
		int err;

		if (path[i] != '/' || path[i - 1] == '/')
			continue;
		memcpy(part, path, i);
		part[i] = '\0';
		err = make_one(part, mode);
		if (err)
			return err;
	}
	return make_one(path, mode);
}

int file_lock_dir(const char *dir)
{
	CLEANUP(close) int fd = -1;
	char path[PATH_MAX];
	int length = snprintf(path, sizeof(path), "%s/lock", dir);

	if (length < 0 || (size_t)length >= sizeof(path))
		return -ENAMETOOLONG;
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB))
		return -errno;
	return TAKE_FD(fd);
}

int file_give_to_owner(const char *dir)
{
	DIR *stream = opendir(dir);
	const struct dirent *entry;
	struct stat owner, file;
	int error = 0;

	if (!stream)
		return -errno;
	if (fstat(dirfd(stream), &owner))
		owner.st_uid = 0;
	while (owner.st_uid != 0 && (entry = readdir(stream))) {
		if (fstatat(dirfd(stream), entry->d_name, &file, AT_SYMLINK_NOFOLLOW) ||
		    !S_ISREG(file.st_mode) || file.st_nlink != 1 || file.st_uid != 0)
			continue;
		if (fchownat(dirfd(stream), entry->d_name, owner.st_uid, owner.st_gid,
			     AT_SYMLINK_NOFOLLOW))
			error = -errno;
	}
	(void)closedir(stream); /* read only */
	return error;
}
