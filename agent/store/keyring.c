/*
 * The file that holds the vault's keys.
 */
#include "agent/store/keyring.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <libgen.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"

#define KEYRING_ERROR_MAX 256
#define KEYRING_COMMENT	  "# sluice key ring: without it sealed incident details are lost\n"

/* A credential is 0400 of the service's user, or root's with an ACL that shows as group read
 * (systemd.exec(5), LoadCredential=); nobody else may read or change either. */
static int keyring_check_file(int fd, const char *path, char *error)
{
	struct stat info;

	if (fstat(fd, &info))
		return -errno;
	if (!S_ISREG(info.st_mode)) {
		(void)snprintf(error, KEYRING_ERROR_MAX, "%s is not a regular file", path);
		return -EPERM;
	}
	/* root, at `sluice user add`, reads the key ring of the service's user */
	if (geteuid() != 0 && info.st_uid != geteuid() && info.st_uid != 0) {
		(void)snprintf(error, KEYRING_ERROR_MAX,
			       "%s belongs to user %u: chown it to the user sluice runs as", path,
			       info.st_uid);
		return -EPERM;
	}
	bool is_foreign_group = (info.st_mode & S_IRGRP) && info.st_uid == geteuid();
	if ((info.st_mode & (S_IWGRP | S_IXGRP | S_IRWXO)) || is_foreign_group) {
		(void)snprintf(error, KEYRING_ERROR_MAX,
			       "%s has mode %04o: others may read the keys; chmod 0600 it", path,
			       info.st_mode & 07777);
		return -EPERM;
	}
	return 0;
}

static int keyring_parse_id(const char *text, uint32_t *id)
{
	char *end;

	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (errno || text[0] < '1' || text[0] > '9' || *end || value > UINT32_MAX)
		return -EINVAL;
	*id = (uint32_t)value;
	return 0;
}

/* Cuts @line into its words. */
static int keyring_parse_line(char *line, struct keyring_key *key)
{
	char *rest = line;
	const char *id = strsep(&rest, " "), *text = strsep(&rest, " ");
	int error = keyring_parse_id(id, &key->id);

	if (error || !text || !rest)
		return -EINVAL;
	if (crypto_base64url_decode(text, key->key, sizeof(key->key)) != CRYPTO_KEY_BYTES)
		return -EINVAL;
	return clock_parse(rest, &key->created_unix_ms);
}

int keyring_parse(char *text, const char *path, struct keyring *ring, char *error)
{
	char *next = text;
	unsigned int number = 0;

	for (char *line = strsep(&next, "\n"); line; line = strsep(&next, "\n")) {
		struct keyring_key *key = &ring->keys[ring->count];
		bool is_full = ring->count == KEYRING_KEYS_MAX;

		number++;
		if (line[0] == '\0' || line[0] == '#')
			continue;
		int wrong = is_full ? -EINVAL : keyring_parse_line(line, key);
		/* A line without an end was cut off by a power failure while it was added, so
		 * nothing is sealed with it yet. */
		if (wrong && !next && !is_full && ring->count)
			break;
		if (wrong || (ring->count && key->id <= key[-1].id)) {
			(void)snprintf(error, KEYRING_ERROR_MAX,
				       "%s line %u is not \"ID KEY CREATED\" with a growing ID and "
				       "at most %d keys",
				       path, number, KEYRING_KEYS_MAX);
			return -EINVAL;
		}
		ring->count++;
	}
	if (ring->count)
		return 0;
	(void)snprintf(error, KEYRING_ERROR_MAX, "%s holds no key", path);
	return -EINVAL;
}

static int keyring_read(int fd, char *text, size_t size)
{
	size_t len = 0;

	while (len < size) {
		ssize_t got = read(fd, text + len, size - len);

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -errno;
		if (got == 0) {
			text[len] = '\0';
			return 0;
		}
		len += (size_t)got;
	}
	return -EFBIG;
}

int keyring_load(const char *path, struct keyring *ring, char *error)
{
	CLEANUP(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	char text[KEYRING_FILE_MAX];

	memset(ring, 0, sizeof(*ring));
	if (fd < 0) {
		int reason = errno;

		(void)snprintf(error, KEYRING_ERROR_MAX, "cannot read the key ring %s: %s", path,
			       strerror(reason));
		return -reason;
	}
	int result = keyring_check_file(fd, path, error);
	if (result)
		return result;
	result = keyring_read(fd, text, sizeof(text));
	if (result)
		(void)snprintf(error, KEYRING_ERROR_MAX, "cannot read the key ring %s: %s", path,
			       strerror(-result));
	else
		result = keyring_parse(text, path, ring, error);
	crypto_wipe(text, sizeof(text));
	if (result)
		keyring_wipe(ring);
	return result;
}

/* The entry in the directory must survive a power cut as the rows sealed with the key will. */
static int keyring_sync_dir(const char *path)
{
	char copy[PATH_MAX];

	(void)snprintf(copy, sizeof(copy), "%s", path);
	CLEANUP(close) int dir = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return -errno;
	return fsync(dir) ? -errno : 0;
}

static int keyring_format_key(const struct keyring_key *key, char *out, size_t size)
{
	char text[CRYPTO_TOKEN_TEXT_MAX], created[CLOCK_TEXT_MAX];

	crypto_base64url(key->key, sizeof(key->key), text);
	int len = snprintf(out, size, "%" PRIu32 " %s %s\n", key->id, text,
			   clock_format(key->created_unix_ms, created));
	crypto_wipe(text, sizeof(text));
	return len;
}

size_t keyring_format(const struct keyring *ring, char text[static KEYRING_FILE_MAX])
{
	/* 32 keys of at most 80 bytes: it always fits */
	size_t len = (size_t)snprintf(text, KEYRING_FILE_MAX, "%s", KEYRING_COMMENT);

	for (unsigned int i = 0; i < ring->count; i++)
		len += (size_t)keyring_format_key(&ring->keys[i], text + len,
						  KEYRING_FILE_MAX - len);
	return len;
}

static int keyring_put(int fd, const char *text, size_t len)
{
	ssize_t written = write(fd, text, len);

	if (written < 0)
		return -errno;
	if ((size_t)written < len)
		return -ENOSPC;
	return fsync(fd) ? -errno : 0;
}

static int keyring_write(int fd, const struct keyring *ring)
{
	char text[KEYRING_FILE_MAX];
	size_t len = keyring_format(ring, text);
	int error = keyring_put(fd, text, len);

	crypto_wipe(text, sizeof(text));
	return error;
}

int keyring_store(const char *path, const struct keyring *ring)
{
	char text[KEYRING_FILE_MAX];
	size_t len = keyring_format(ring, text);
	int error = file_write(path, text, len, 0600);

	crypto_wipe(text, sizeof(text));
	return error;
}

/* Where the next line goes: behind the last whole one. */
static off_t keyring_end(const char *text, size_t len)
{
	while (len && text[len - 1] != '\n')
		len--;
	return (off_t)len;
}

static int keyring_add_line(int fd, const struct keyring_key *key)
{
	char text[KEYRING_FILE_MAX], line[256];
	int error = keyring_read(fd, text, sizeof(text));
	size_t len = error ? 0 : strlen(text);
	off_t end = keyring_end(text, len);
	struct keyring_key last;

	/* A last line without its end: whole, or what a power failure left of one. */
	if (!error && (size_t)end < len && !keyring_parse_line(text + end, &last))
		error = lseek(fd, 0, SEEK_END) < 0 || write(fd, "\n", 1) != 1 ? -EIO : 0;
	else if (!error && (ftruncate(fd, end) || lseek(fd, end, SEEK_SET) < 0))
		error = -errno;
	int line_len = keyring_format_key(key, line, sizeof(line));
	if (!error && len + (size_t)line_len + 1 >= KEYRING_FILE_MAX)
		error = -EFBIG;
	if (!error)
		error = keyring_put(fd, line, (size_t)line_len);
	crypto_wipe(text, sizeof(text));
	crypto_wipe(line, sizeof(line));
	crypto_wipe(&last, sizeof(last));
	return error;
}

int keyring_append(const char *path, const struct keyring_key *key, char *error)
{
	CLEANUP(close) int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	int result = fd < 0 ? -errno : keyring_add_line(fd, key);

	if (!result)
		return 0;
	(void)snprintf(error, KEYRING_ERROR_MAX, "cannot add a key to the key ring %s: %s", path,
		       strerror(-result));
	return result;
}

bool keyring_is_empty(const char *path)
{
	struct stat info;

	return !stat(path, &info) && S_ISREG(info.st_mode) && info.st_size == 0;
}

int keyring_create(const char *path, struct keyring *ring, char *error)
{
	/* below /etc the service may not make files: an empty one of its own waits there */
	bool is_waiting = keyring_is_empty(path);
	CLEANUP(close)
	int fd = open(path, O_WRONLY | O_CLOEXEC | (is_waiting ? 0 : O_CREAT | O_EXCL), 0600);
	int result = fd < 0 ? -errno : 0;

	memset(ring, 0, sizeof(*ring));
	if (!result) {
		ring->count = 1;
		ring->keys[0].id = 1;
		ring->keys[0].created_unix_ms = clock_unix_ms();
		crypto_random(ring->keys[0].key, CRYPTO_KEY_BYTES);
		result = keyring_write(fd, ring);
		if (!result && !is_waiting)
			result = keyring_sync_dir(path);
		/* half a key ring would only refuse the next start */
		if (result && (is_waiting ? ftruncate(fd, 0) : unlink(path)))
			result = -errno;
	}
	if (!result)
		return 0;
	keyring_wipe(ring);
	(void)snprintf(error, KEYRING_ERROR_MAX, "cannot make the key ring %s: %s", path,
		       strerror(-result));
	return result;
}

void keyring_wipe(struct keyring *ring)
{
	crypto_wipe(ring, sizeof(*ring));
}
