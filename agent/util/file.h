/*
 * Small files whole, and the state directory: made, locked. Paths come from the configuration or
 * are ours, never from the network. Any thread.
 */
#ifndef SLUICE_UTIL_FILE_H
#define SLUICE_UTIL_FILE_H

#include <stddef.h>
#include <sys/types.h>

/*
 * file_read - a regular file of at most @max bytes.
 * @data: out; NUL-terminated; caller frees (and wipes, if it is a secret)
 * @len:  out; without the NUL; may be NULL
 *
 * Returns 0, -EFBIG for a longer file, -EINVAL for what is no regular file (a FIFO is not waited
 * for), -ENOMEM, or the error of open(2) and read(2).
 */
int file_read(const char *path, size_t max, char **data, size_t *len);

/*
 * file_write - replace @path by @len bytes with exactly @mode, or leave it as it was: a temporary
 * file beside it, fsync, rename, fsync of the directory. Readers see the old or the new one.
 *
 * Returns 0 or -errno of the step that failed; nothing is left behind then.
 */
int file_write(const char *path, const void *data, size_t len, mode_t mode);

/* file_sync_parent - a new name of @path survives a power cut. Returns 0 or -errno. */
int file_sync_parent(const char *path);

/*
 * file_make_dir - @path with exactly @mode, whatever the umask; missing parents likewise. One that
 * is there keeps its mode. Returns 0, -ENOTDIR when something else has the name, or -errno.
 */
int file_make_dir(const char *path, mode_t mode);

/*
 * file_lock_dir - take DIR/lock with flock(2), so that one service uses a state directory.
 *
 * Returns a descriptor (close on exec) that holds the lock until it is closed here and in every
 * forked child, -EWOULDBLOCK when another process has it, or -errno.
 */
int file_lock_dir(const char *dir);

/*
 * file_give_to_owner - after root worked in @dir: regular files that root owns there go to the
 * directory's own owner. Links and files with several names are left alone.
 * Returns 0 or -errno of the last one that could not be given.
 */
int file_give_to_owner(const char *dir);

#endif
