/*
 * What backup_write.c and backup_read.c share: the header's layout.
 */
#ifndef SLUICE_STORE_BACKUP_FORMAT_H
#define SLUICE_STORE_BACKUP_FORMAT_H

#include "agent/store/backup_file.h"
#include "agent/util/crypto_stream.h"
#include "agent/util/file.h"

#define BACKUP_MAGIC	 "SLUICEBK"
#define BACKUP_VERSION	 1
#define BACKUP_CHUNK_MAX 65536
/* What is not finished has this at the end of its name. */
#define BACKUP_PART ".part"

enum backup_lock {
	BACKUP_CLEAR = 0,
	BACKUP_PASSPHRASE = 1,
	BACKUP_RECOVERY = 2,
};

/* Bytes only, so that it is the same everywhere. */
struct backup_header {
	char magic[8]; /* without an end */
	uint8_t version[2];
	uint8_t lock; /* enum backup_lock */
	uint8_t zero[5];
	uint8_t salt[CRYPTO_SALT_BYTES];
	uint8_t locked[CRYPTO_KEY_BYTES + CRYPTO_BOX_EXTRA_BYTES];
	uint8_t stream[CRYPTO_STREAM_HEADER_BYTES];
};
_Static_assert(sizeof(struct backup_header) == 136, "the file's layout");

#endif
