/*
 * Restoring a backup: everything is taken out and checked in a folder beside the state, then the
 * state's files are moved away and the new ones into their place. While files are moved a mark says
 * so: a start in between would begin an empty database.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/backup.h"
#include "agent/store/restore.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "agent/util/json.h"

#define PART_DIR     "restore.part"
#define MANIFEST_MAX 65536
#define PIECE_MAX    65536

__attribute__((format(printf, 3, 4))) int restore_fail(struct restore *restore, int code,
						       const char *format, ...)
{
	va_list args;

	va_start(args, format);
	(void)vsnprintf(restore->error, STORE_ERROR_MAX, format, args); /* cut is fine */
	va_end(args);
	return code;
}

/* ---- folders ----------------------------------------------------------------------------------
 */

static void empty_dir(const char *path)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			(void)unlinkat(dirfd(dir), entry->d_name, 0);
	if (dir)
		(void)closedir(dir); /* read only */
}

void restore_clean(struct restore *restore)
{
	char configs[PATH_MAX + 16];

	(void)snprintf(configs, sizeof(configs), "%s/config", restore->part);
	empty_dir(configs);
	(void)rmdir(configs);
	empty_dir(restore->part);
	(void)rmdir(restore->part); /* what stays is overwritten by the next one */
}

/* ---- taking out -------------------------------------------------------------------------------
 */

static int read_manifest(struct restore *restore, struct backup_reader *reader)
{
	CLEANUP(json_free) struct json *manifest = NULL;
	char name[BACKUP_NAME_MAX], reason[128];
	const char *created = "", *version = "";
	int64_t format = 0;
	uint64_t size = 0;
	int got = backup_reader_next(reader, name, &size);

	if (got < 0)
		return got;
	if (!got || strcmp(name, "manifest.json") != 0 || size > MANIFEST_MAX)
		return -EINVAL;
	CLEANUP(free) char *text = malloc((size_t)size + 1);
	if (!text)
		return -ENOMEM;
	int error = backup_reader_get(reader, text, (size_t)size);
	if (!error)
		error = json_parse(text, (size_t)size, &manifest, reason);
	if (error)
		return error;
	if (json_get_int(manifest, "format", &format) || format != 1)
		return -ESTALE;
	(void)json_get_string(manifest, "created", &created); /* only shown */
	(void)json_get_string(manifest, "sluice", &version);
	(void)snprintf(restore->out->created, sizeof(restore->out->created), "%s", created);
	(void)snprintf(restore->out->version, sizeof(restore->out->version), "%s", version);
	return 0;
}

static int take_out(struct backup_reader *reader, const char *path, uint64_t size)
{
	CLEANUP(close)
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	CLEANUP(free) char *piece = malloc(PIECE_MAX);

	if (fd < 0 || !piece)
		return fd < 0 ? -errno : -ENOMEM;
	while (size) {
		size_t now = size < PIECE_MAX ? (size_t)size : PIECE_MAX;
		int error = backup_reader_get(reader, piece, now);

		if (error)
			return error;
		for (size_t done = 0; done < now;) {
			ssize_t put = write(fd, piece + done, now - done);

			if (put < 0 && errno != EINTR)
				return -errno;
			done += put > 0 ? (size_t)put : 0;
		}
		size -= now;
	}
	return fsync(fd) ? -errno : 0;
}

/* A name from the file: only those that a backup has. */
static bool is_wanted(const struct restore *restore, const char *name)
{
	if (!strcmp(name, "main.db"))
		return true;
	if (!strcmp(name, "flows.db"))
		return restore->order->with_flows;
	return !strncmp(name, "config/", 7) && name[7] && name[7] != '.' && !strchr(name + 7, '/');
}

static int take_out_all(struct restore *restore, struct backup_reader *reader)
{
	char name[BACKUP_NAME_MAX], path[PATH_MAX + BACKUP_NAME_MAX];
	uint64_t size;
	int got;

	(void)snprintf(path, sizeof(path), "%s/config", restore->part);
	int error = file_make_dir(path, 0700);
	if (error)
		return error;
	while ((got = backup_reader_next(reader, name, &size)) > 0) {
		if (!is_wanted(restore, name))
			continue;
		(void)snprintf(path, sizeof(path), "%s/%s", restore->part, name);
		error = take_out(reader, path, size);
		if (error)
			return error;
		restore->has_main |= !strcmp(name, "main.db");
		restore->out->has_flows |= !strcmp(name, "flows.db");
	}
	if (got < 0)
		return got;
	return restore->has_main ? 0 : -EINVAL;
}

static int explain(struct restore *restore, int code)
{
	const char *file = restore->order->file;

	switch (code) {
	case -EINVAL:
		return restore_fail(restore, code, "%.150s is no backup of sluice", file);
	case -ESTALE:
		return restore_fail(restore, code,
				    "%.150s was made by a newer sluice: restore with that version",
				    file);
	case -EBADMSG:
		return restore_fail(restore, code,
				    "%.150s was cut off or changed: its checksum is wrong", file);
	case -ENOKEY:
		return restore_fail(restore, code,
				    "%.120s is encrypted: give --passphrase-file FILE or "
				    "--recovery-key FILE",
				    file);
	case -EKEYREJECTED:
		return restore_fail(restore, code,
				    "%.120s does not open with this passphrase or recovery key",
				    file);
	case 0:
		return 0;
	default:
		return restore_fail(restore, code, "cannot take out %.150s: %s", file,
				    strerror(-code));
	}
}

static int open_backup(struct restore *restore)
{
	CLEANUP(backup_reader_free) struct backup_reader *reader = NULL;
	int error = backup_reader_new(restore->order->file, restore->order->key, &reader);

	if (!error)
		error = read_manifest(restore, reader);
	if (!error)
		error = file_make_dir(restore->part, 0700);
	if (!error)
		error = take_out_all(restore, reader);
	return explain(restore, error);
}

/* ---- putting into place -----------------------------------------------------------------------
 */

static int move_if_there(const char *from_dir, const char *to_dir, const char *prefix,
			 const char *name)
{
	char from[PATH_MAX + 64], to[PATH_MAX + 64];

	(void)snprintf(from, sizeof(from), "%s/%s%s", from_dir, prefix, name);
	(void)snprintf(to, sizeof(to), "%s/%s%s", to_dir, prefix, name);
	return rename(from, to) && errno != ENOENT ? -errno : 0;
}

static int move_database(struct restore *restore, const char *name)
{
	static const char *const suffixes[] = { "-wal", "-shm", "" };
	const char *prefix = restore->order->is_demo ? "demo-" : "";
	char full[64], from[PATH_MAX + 64], to[PATH_MAX + 64];

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		(void)snprintf(full, sizeof(full), "%s%s", name, suffixes[i]);
		int error = move_if_there(restore->order->dir, restore->out->aside, prefix, full);
		if (error)
			return error;
	}
	(void)snprintf(from, sizeof(from), "%s/%s", restore->part, name);
	(void)snprintf(to, sizeof(to), "%s/%s%s", restore->order->dir, prefix, name);
	return rename(from, to) ? -errno : 0;
}

/* Configuration is for its owner to put where it belongs: /etc is not the state's. */
static int move_configs(struct restore *restore)
{
	char from[PATH_MAX + 16], to[PATH_MAX + 32];

	(void)snprintf(from, sizeof(from), "%s/config", restore->part);
	(void)snprintf(to, sizeof(to), "%s/restored-config", restore->order->dir);
	empty_dir(to);
	if (rmdir(from) == 0) /* it was empty */
		return 0;
	return rename(from, to) ? -errno : 0;
}

static int move_key_ring(struct restore *restore)
{
	char aside[PATH_MAX];

	if (!restore->has_ring)
		return 0;
	if (access(restore->order->key_file, F_OK) == 0 &&
	    snprintf(aside, sizeof(aside), "%s/secret.key", restore->out->aside) < PATH_MAX) {
		char *text = NULL;
		size_t len = 0;
		int error = file_read(restore->order->key_file, KEYRING_FILE_MAX, &text, &len);

		if (!error)
			error = file_write(aside, text, len, 0600);
		if (text)
			crypto_wipe(text, len);
		free(text);
		if (error)
			return error;
	}
	restore->out->has_key_ring = true;
	return keyring_store(restore->order->key_file, &restore->ring);
}

static int move_all(struct restore *restore)
{
	int error = file_make_dir(restore->out->aside, 0700);

	if (!error)
		error = move_key_ring(restore);
	if (!error)
		error = move_database(restore, "main.db");
	if (!error && restore->out->has_flows)
		error = move_database(restore, "flows.db");
	return error ? error : move_configs(restore);
}

static int replace_state(struct restore *restore)
{
	char mark[PATH_MAX], time[40];
	const char *dir = restore->order->dir;

	store_backup_name(clock_unix_ms(), time);
	time[sizeof(BACKUP_PREFIX) - 1 + 16] = '\0'; /* sluice-20261124T214500Z */
	if (snprintf(mark, sizeof(mark), "%s/" RESTORE_MARK, dir) >= PATH_MAX ||
	    snprintf(restore->out->aside, sizeof(restore->out->aside), "%s/before-restore-%s", dir,
		     time + sizeof(BACKUP_PREFIX) - 1) >= (int)sizeof(restore->out->aside))
		return restore_fail(restore, -ENAMETOOLONG, "the path %.150s is too long", dir);
	int error = file_write(mark, restore->out->aside, strlen(restore->out->aside), 0600);
	if (!error)
		error = move_all(restore);
	if (!error)
		error = file_sync_parent(mark);
	if (!error && unlink(mark))
		error = -errno;
	if (!error)
		error = file_sync_parent(mark);
	if (!error && rmdir(restore->out->aside) == 0)
		restore->out->aside[0] = '\0'; /* there was nothing to move */
	return error ? restore_fail(restore, error,
				    "the restore was cut off: %s; run the same command again (the "
				    "former files are in %.100s)",
				    strerror(-error), restore->out->aside)
		     : 0;
}

int store_restore_run(const struct store_restore *order, struct store_restored *out, char *error)
{
	struct restore restore = { .order = order, .out = out, .error = error };
	int result = crypto_init();

	*out = (struct store_restored){ 0 };
	if (!result &&
	    snprintf(restore.part, sizeof(restore.part), "%s/" PART_DIR, order->dir) >= PATH_MAX)
		result = -ENAMETOOLONG;
	if (result)
		return restore_fail(&restore, result, "cannot restore: %s", strerror(-result));
	restore_clean(&restore); /* of one that was cut off */
	result = open_backup(&restore);
	if (!result)
		result = restore_check(&restore);
	if (!result && !order->only_check)
		result = replace_state(&restore);
	restore_clean(&restore);
	keyring_wipe(&restore.ring);
	return result;
}
