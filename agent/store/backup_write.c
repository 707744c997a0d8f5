/*
 * Writing a backup's file.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/backup_format.h"

struct backup_writer {
	struct crypto_digester digester;
	struct crypto_stream stream;
	int fd;
	bool is_finished, is_locked;
	size_t len; /* in plain */
	uint64_t left, bytes;
	char path[PATH_MAX], part[PATH_MAX];
	uint8_t plain[BACKUP_CHUNK_MAX];
	uint8_t chunk[4 + BACKUP_CHUNK_MAX + CRYPTO_STREAM_EXTRA_BYTES];
};

static int write_all(struct backup_writer *writer, const uint8_t *data, size_t len)
{
	writer->bytes += len;
	while (len) {
		ssize_t put = write(writer->fd, data, len);

		if (put < 0 && errno == EINTR)
			continue;
		if (put < 0)
			return -errno;
		data += put;
		len -= (size_t)put;
	}
	return 0;
}

static int write_summed(struct backup_writer *writer, const uint8_t *data, size_t len)
{
	crypto_digester_add(&writer->digester, data, len);
	return write_all(writer, data, len);
}

static int write_chunk(struct backup_writer *writer, bool is_last)
{
	size_t len = writer->len;

	if (!len && !is_last)
		return 0;
	if (writer->is_locked) {
		crypto_stream_seal(&writer->stream, writer->plain, len, is_last, writer->chunk + 4);
		len += CRYPTO_STREAM_EXTRA_BYTES;
	} else {
		memcpy(writer->chunk + 4, writer->plain, len);
	}
	for (int i = 0; i < 4; i++)
		writer->chunk[i] = (uint8_t)(len >> (8 * i));
	writer->len = 0;
	return len ? write_summed(writer, writer->chunk, 4 + len) : 0;
}

/* The stream's key, and in the header how to come by it. */
static int lock_stream(const struct store_backup_key *key, struct backup_header *header,
		       struct crypto_stream *stream)
{
	uint8_t secret[CRYPTO_KEY_BYTES];
	int error;

	if (key->passphrase) {
		crypto_random(header->salt, sizeof(header->salt));
		error = crypto_key_of_passphrase(key->passphrase, header->salt, secret);
	} else {
		crypto_random(secret, sizeof(secret));
		error = crypto_box_lock(key->public_key, secret, sizeof(secret), header->locked);
	}
	if (!error)
		error = crypto_stream_begin(stream, secret, header->stream);
	crypto_wipe(secret, sizeof(secret));
	return error;
}

static int write_header(struct backup_writer *writer, const struct store_backup_key *key)
{
	struct backup_header header = { .magic = BACKUP_MAGIC, .version = { BACKUP_VERSION, 0 } };

	if (key && (key->passphrase || key->public_key)) {
		header.lock = key->passphrase ? BACKUP_PASSPHRASE : BACKUP_RECOVERY;
		int error = lock_stream(key, &header, &writer->stream);

		if (error)
			return error;
		writer->is_locked = true;
	}
	return write_summed(writer, (const uint8_t *)&header, sizeof(header));
}

/*
 * Only a backup or an empty file gives way: a name that was mistyped may be a database's, a
 * device's, anybody's.
 */
static int check_place(const char *path)
{
	static const char magic[8] = BACKUP_MAGIC; /* without an end */
	char begin[sizeof(magic)];
	struct stat info;

	if (lstat(path, &info))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISREG(info.st_mode))
		return -EEXIST;
	CLEANUP(close) int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : read(fd, begin, sizeof(begin));
	if (len < 0)
		return -errno;
	return !len || (len == sizeof(magic) && !memcmp(begin, magic, sizeof(magic))) ? 0 : -EEXIST;
}

int backup_writer_new(const char *path, const struct store_backup_key *key,
		      struct backup_writer **out)
{
	CLEANUP(backup_writer_free) struct backup_writer *writer = calloc(1, sizeof(*writer));

	if (!writer)
		return -ENOMEM;
	writer->fd = -1;
	if (snprintf(writer->path, PATH_MAX, "%s", path) >= PATH_MAX ||
	    snprintf(writer->part, PATH_MAX, "%s" BACKUP_PART, path) >= PATH_MAX) {
		writer->part[0] = '\0';
		return -ENAMETOOLONG;
	}
	int error = check_place(writer->path);
	if (error)
		return error;
	/* one that was cut off before may lie there */
	if (unlink(writer->part) && errno != ENOENT)
		return -errno;
	writer->fd = open(writer->part, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (writer->fd < 0)
		return -errno;
	crypto_digester_init(&writer->digester);
	error = write_header(writer, key);
	if (error)
		return error;
	*out = TAKE(writer);
	return 0;
}

void backup_writer_free(struct backup_writer *writer)
{
	if (!writer)
		return;
	if (writer->fd >= 0) {
		(void)close(writer->fd);
		if (!writer->is_finished)
			(void)unlink(writer->part); /* the first error is the one that counts */
	}
	crypto_wipe(writer, sizeof(*writer));
	free(writer);
}

static int put(struct backup_writer *writer, const uint8_t *data, size_t len)
{
	while (len) {
		size_t room = BACKUP_CHUNK_MAX - writer->len;
		size_t now = len < room ? len : room;

		memcpy(writer->plain + writer->len, data, now);
		writer->len += now;
		data += now;
		len -= now;
		int error = writer->len == BACKUP_CHUNK_MAX ? write_chunk(writer, false) : 0;
		if (error)
			return error;
	}
	return 0;
}

int backup_writer_begin(struct backup_writer *writer, const char *name, uint64_t size)
{
	uint8_t head[1 + BACKUP_NAME_MAX + 8];
	size_t len = strlen(name);

	if (writer->left || len >= BACKUP_NAME_MAX)
		return -EINVAL;
	head[0] = (uint8_t)len;
	for (size_t i = 0; i < len; i++)
		head[1 + i] = (uint8_t)name[i];
	for (size_t i = 0; i < 8; i++)
		head[1 + len + i] = (uint8_t)(size >> (8 * i));
	writer->left = size;
	return put(writer, head, 1 + len + 8);
}

int backup_writer_put(struct backup_writer *writer, const void *data, size_t len)
{
	if (len > writer->left)
		return -EINVAL;
	writer->left -= len;
	return put(writer, data, len);
}

int backup_writer_finish(struct backup_writer *writer, uint64_t *bytes)
{
	static const uint8_t end[4] = { 0 };
	uint8_t sum[CRYPTO_HASH_BYTES];

	if (writer->left)
		return -EINVAL;
	int error = put(writer, end, 1); /* an empty name */
	if (!error)
		error = write_chunk(writer, true);
	if (!error)
		error = write_summed(writer, end, sizeof(end));
	crypto_digester_end(&writer->digester, sum);
	if (!error)
		error = write_all(writer, sum, sizeof(sum));
	if (!error && fsync(writer->fd))
		error = -errno;
	if (!error && rename(writer->part, writer->path))
		error = -errno;
	if (error)
		return error;
	writer->is_finished = true;
	*bytes = writer->bytes;
	return file_sync_parent(writer->path);
}
