/*
 * The key ring file: one line a key, "ID KEY CREATED": a number, 32 bytes as base64url, RFC 3339.
 * Lines that begin with '#' are comments. The newest key (highest id) seals, all of them unseal.
 * 0600, ours; or a systemd credential. Read once at start.
 */
#ifndef SLUICE_STORE_KEYRING_H
#define SLUICE_STORE_KEYRING_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/crypto.h"

/* Old keys go when rotation has re-sealed their rows, so a few are enough. */
#define KEYRING_KEYS_MAX 32

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
void keyring_wipe(struct keyring *ring);

#endif
