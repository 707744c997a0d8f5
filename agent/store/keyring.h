/*
 * The key ring file: one line a key, "ID KEY CREATED": a number, 32 bytes as base64url, RFC 3339.
 * Lines that begin with '#' are comments. The newest key (highest id) seals, all of them unseal.
 * 0600, ours; or a systemd credential. Read once at start; rotation adds a line.
 */
#ifndef SLUICE_STORE_KEYRING_H
#define SLUICE_STORE_KEYRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/crypto.h"

/* Old keys go when rotation has re-sealed their rows, so a few are enough. */
#define KEYRING_KEYS_MAX 32

/* 32 keys of at most 80 bytes and as much of comments. */
#define KEYRING_FILE_MAX 8192

struct keyring_key {
	uint32_t id; /* from 1 */
	uint8_t key[CRYPTO_KEY_BYTES];
	int64_t created_unix_ms;
};

struct keyring {
	struct keyring_key keys[KEYRING_KEYS_MAX]; /* by id, lowest first */
	unsigned int count;
};

/*
 * keyring_load - read and check the file.
 * @error: at least 256 bytes, a sentence with line and reason, never with key bytes
 * Returns 0, -ENOENT, -EPERM (owner or mode), -EINVAL (a line is wrong), or of open(2).
 */
int keyring_load(const char *path, struct keyring *ring, char *error);
/* keyring_is_empty - a file that waits for its first key ring. */
bool keyring_is_empty(const char *path);
/* keyring_create - one new key in a new file, or in an empty one; on disk when it returns.
 * -EEXIST: there is a ring. */
int keyring_create(const char *path, struct keyring *ring, char *error);
/* keyring_parse - @text of a ring, cut into its words; @path only names it. As keyring_load. */
int keyring_parse(char *text, const char *path, struct keyring *ring, char *error);
/* keyring_format - the whole file as text, to be wiped. Returns its length. */
size_t keyring_format(const struct keyring *ring, char text[static KEYRING_FILE_MAX]);
/* keyring_store - replace the file. Returns 0 or -errno. */
int keyring_store(const char *path, const struct keyring *ring);
/*
 * keyring_append - one line more, in place, as the service may not make files beside it; on disk
 * when it returns. Returns 0 or -errno with a sentence.
 */
int keyring_append(const char *path, const struct keyring_key *key, char *error);
void keyring_wipe(struct keyring *ring);

#endif
