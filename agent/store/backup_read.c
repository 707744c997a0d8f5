/*
 * Reading a backup's file: nothing of it is believed before its checksum was.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/store/backup_format.h"

#define CHUNK_ROOM (BACKUP_CHUNK_MAX + CRYPTO_STREAM_EXTRA_BYTES)

struct backup_reader {
	FILE *file;
	bool is_locked, is_last; /* the stream's last message came */
	struct crypto_stream stream;
	size_t at, len; /* in plain */
	uint64_t left;	/* of the present file */
	uint8_t plain[CHUNK_ROOM];
	uint8_t chunk[CHUNK_ROOM];
};

static int read_exactly(FILE *file, void *out, size_t len)
{
	if (fread(out, 1, len, file) == len)
		return 0;
	return ferror(file) ? -EIO : -EBADMSG;
}

/* ---- the checksum -----------------------------------------------------------------------------
 */

static int check_header(FILE *file, struct backup_header *header)
{
	static const uint8_t zero[5] = { 0 };

	if (read_exactly(file, header, sizeof(*header)) ||
	    memcmp(header->magic, BACKUP_MAGIC, sizeof(header->magic)) != 0)
		return -EINVAL;
	if (header->version[0] != BACKUP_VERSION || header->version[1])
		return -ESTALE;
	if (header->lock > BACKUP_RECOVERY || memcmp(header->zero, zero, sizeof(zero)) != 0)
		return -EBADMSG;
	return 0;
}

static int check_sum(FILE *file, struct crypto_digester *digester)
{
	uint8_t sum[CRYPTO_HASH_BYTES], stored[CRYPTO_HASH_BYTES];

	crypto_digester_end(digester, sum);
	int error = read_exactly(file, stored, sizeof(stored));
	if (error)
		return error;
	if (memcmp(sum, stored, sizeof(sum)) != 0 || fgetc(file) != EOF)
		return -EBADMSG;
	return 0;
}

static size_t chunk_len(const uint8_t head[4])
{
	return (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 |
	       (size_t)head[3] << 24;
}

/* From the file's begin to its last byte, then back behind the header. */
static int check_whole(struct backup_reader *reader, struct backup_header *header)
{
	struct crypto_digester digester;
	uint8_t head[4];
	int error = check_header(reader->file, header);

	if (error)
		return error;
	crypto_digester_init(&digester);
	crypto_digester_add(&digester, header, sizeof(*header));
	for (;;) {
		error = read_exactly(reader->file, head, sizeof(head));
		if (error)
			return error;
		crypto_digester_add(&digester, head, sizeof(head));
		size_t len = chunk_len(head);
		if (!len)
			break;
		if (len > CHUNK_ROOM)
			return -EBADMSG;
		error = read_exactly(reader->file, reader->chunk, len);
		if (error)
			return error;
		crypto_digester_add(&digester, reader->chunk, len);
	}
	error = check_sum(reader->file, &digester);
	if (error)
		return error;
	return fseek(reader->file, sizeof(*header), SEEK_SET) ? -errno : 0;
}

/* ---- the key ----------------------------------------------------------------------------------
 */

static int unlock_stream(struct backup_reader *reader, const struct backup_header *header,
			 const struct store_backup_key *key)
{
	uint8_t secret[CRYPTO_KEY_BYTES];
	int error;

	if (header->lock == BACKUP_CLEAR)
		return 0;
	if (!key || (header->lock == BACKUP_PASSPHRASE ? !key->passphrase : !key->secret))
		return -ENOKEY;
	if (header->lock == BACKUP_PASSPHRASE)
		error = crypto_key_of_passphrase(key->passphrase, header->salt, secret);
	else
		error = crypto_box_unlock(key->secret, header->locked, sizeof(header->locked),
					  secret)
				? -EKEYREJECTED
				: 0;
	if (!error)
		error = crypto_stream_begin_open(&reader->stream, secret, header->stream);
	crypto_wipe(secret, sizeof(secret));
	reader->is_locked = true;
	return error;
}

int backup_reader_new(const char *path, const struct store_backup_key *key,
		      struct backup_reader **out)
{
	CLEANUP(backup_reader_free) struct backup_reader *reader = calloc(1, sizeof(*reader));
	struct backup_header header;
	struct stat info;

	if (!reader)
		return -ENOMEM;
	reader->file = fopen(path, "rbe");
	if (!reader->file || fstat(fileno(reader->file), &info))
		return -errno;
	if (!S_ISREG(info.st_mode))
		return -EINVAL;
	int error = check_whole(reader, &header);
	if (!error)
		error = unlock_stream(reader, &header, key);
	if (error)
		return error;
	*out = TAKE(reader);
	return 0;
}

void backup_reader_free(struct backup_reader *reader)
{
	if (!reader)
		return;
	if (reader->file)
		(void)fclose(reader->file); /* read only */
	crypto_wipe(reader, sizeof(*reader));
	free(reader);
}

/* ---- the files inside -------------------------------------------------------------------------
 */

static int next_chunk(struct backup_reader *reader)
{
	uint8_t head[4];
	int error = read_exactly(reader->file, head, sizeof(head));
	size_t len = error ? 0 : chunk_len(head);

	if (error)
		return error;
	if (!len || len > CHUNK_ROOM || reader->is_last)
		return -EBADMSG;
	error = read_exactly(reader->file, reader->chunk, len);
	if (error)
		return error;
	reader->at = 0;
	reader->len = len;
	if (!reader->is_locked) {
		memcpy(reader->plain, reader->chunk, len);
		return 0;
	}
	int opened = crypto_stream_open(&reader->stream, reader->chunk, len, reader->plain);
	/* the checksum was right, so nobody changed it by accident: it is the key */
	if (opened < 0)
		return -EKEYREJECTED;
	reader->is_last = opened;
	reader->len = len - CRYPTO_STREAM_EXTRA_BYTES;
	return 0;
}

static int get(struct backup_reader *reader, uint8_t *out, size_t len)
{
	while (len) {
		int error = reader->at == reader->len ? next_chunk(reader) : 0;

		if (error)
			return error;
		size_t have = reader->len - reader->at;
		size_t now = len < have ? len : have;
		if (out) {
			memcpy(out, reader->plain + reader->at, now);
			out += now;
		}
		reader->at += now;
		len -= now;
	}
	return 0;
}

int backup_reader_get(struct backup_reader *reader, void *out, size_t len)
{
	if (len > reader->left)
		return -EBADMSG;
	reader->left -= len;
	return get(reader, out, len);
}

int backup_reader_next(struct backup_reader *reader, char name[static BACKUP_NAME_MAX],
		       uint64_t *size)
{
	uint8_t len, bytes[8];
	int error = 0;

	while (reader->left && !error) {
		size_t now =
			reader->left < BACKUP_CHUNK_MAX ? (size_t)reader->left : BACKUP_CHUNK_MAX;

		error = backup_reader_get(reader, NULL, now);
	}
	if (!error)
		error = get(reader, &len, 1);
	if (error)
		return error;
	if (!len) /* a stream that does not end here was put together by somebody else */
		return reader->is_locked && !reader->is_last ? -EBADMSG : 0;
	if (len >= BACKUP_NAME_MAX)
		return -EBADMSG;
	error = get(reader, (uint8_t *)name, len);
	name[error ? 0 : len] = '\0';
	if (!error)
		error = get(reader, bytes, sizeof(bytes));
	if (error)
		return error;
	*size = 0;
	for (int i = 0; i < 8; i++)
		*size |= (uint64_t)bytes[i] << (8 * i);
	reader->left = *size;
	return 1;
}
