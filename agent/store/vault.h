/*
 * The vault: seals the details of incidents, one XChaCha20-Poly1305 record each, bound to its
 * table, row, columns and key. A record is {version, key id, nonce, ciphertext, tag}. Any thread
 * may use it; keys are added by the writer thread only, and none goes while it is open.
 */
#ifndef SLUICE_STORE_VAULT_H
#define SLUICE_STORE_VAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

struct keyring;
struct vault;

/* What a record belongs to; moved to another place it does not open. */
struct vault_place {
	const char *table;
	int64_t row;
	const char *columns;
};

/*
 * vault_open - load $CREDENTIALS_DIRECTORY/secret.key if there is one, else @key_file.
 * @may_create: no sealed row exists yet, so a missing ring is a first start
 * @error: at least 256 bytes, one sentence with the remedy
 * Returns 0, -ENOKEY when the ring is missing and may not be made, or of keyring_load.
 */
int vault_open(const char *key_file, bool may_create, struct vault **out, char *error);
/* vault_close - wipes the keys. Accepts NULL. */
void vault_close(struct vault *vault);
DEFINE_CLEANUP(vault_close, struct vault)

bool vault_has_key(const struct vault *vault, uint32_t key_id);
unsigned int vault_key_count(const struct vault *vault);
/* The @index-th key, oldest first: id and when it was made. */
uint32_t vault_key_id(const struct vault *vault, unsigned int index);
int64_t vault_key_created(const struct vault *vault, unsigned int index);
/* vault_copy_ring - all keys; the caller wipes them. */
void vault_copy_ring(const struct vault *vault, struct keyring *out);
/*
 * vault_add_key - a new key, on disk in the ring and then the one that seals. The writer thread.
 * Returns 0, -ENOSPC (the ring is full), -EROFS (a credential), or -errno; @error: a sentence.
 */
int vault_add_key(struct vault *vault, char *error);
/* vault_key_of - id of the key that a record names; 0 for what is no record. */
uint32_t vault_key_of(const uint8_t *sealed, size_t sealed_len);
/* vault_write_key - id of the key that seals. */
uint32_t vault_write_key(const struct vault *vault);

/* vault_sealed_len - of a record over @len bytes. */
size_t vault_sealed_len(size_t len);
/* vault_seal - @out: vault_sealed_len(@len) bytes. Returns 0 or an error of crypto_seal. */
int vault_seal(const struct vault *vault, const struct vault_place *place, const void *plain,
	       size_t len, uint8_t *out);

/* Unsealed bytes; {0} is none. */
struct vault_plain {
	uint8_t *data;
	size_t len;
};

/* vault_plain_done - wiped, then freed. */
void vault_plain_done(struct vault_plain *plain);
static inline void vault_plain_done_cleanup(struct vault_plain *plain)
{
	vault_plain_done(plain);
}

/*
 * vault_unseal - Returns 0, -ENOKEY, -ENOMEM, or -EBADMSG: changed, moved, or sealed with another
 * key.
 */
int vault_unseal(const struct vault *vault, const struct vault_place *place, const uint8_t *sealed,
		 size_t sealed_len, struct vault_plain *plain);

#endif
