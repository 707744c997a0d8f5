/*
 * Sealing and unsealing of records.
 */
#include "agent/store/vault.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/keyring.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define VAULT_ERROR_MAX 256

/* Record version 1; what is bound to a record changes only with it. */
#define VAULT_VERSION 1
/* version u8, key id u32 little endian */
#define VAULT_HEADER_BYTES 5
#define VAULT_OVERHEAD	   (VAULT_HEADER_BYTES + CRYPTO_NONCE_BYTES + CRYPTO_TAG_BYTES)
/* table, columns and three numbers */
#define VAULT_AAD_MAX 256

/*
 * Keys are only added while it is open: an entry is written before the count that covers it, so
 * other threads may read at any time.
 */
struct vault {
	struct keyring ring;
	atomic_uint count;
	char path[PATH_MAX];
};

static int vault_find_file(const char *key_file, char path[static PATH_MAX])
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");

	if (credentials && *credentials) {
		int len = snprintf(path, PATH_MAX, "%s/secret.key", credentials);

		if (len < PATH_MAX && access(path, F_OK) == 0)
			return 0;
	}
	return snprintf(path, PATH_MAX, "%s", key_file) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

int vault_open(const char *key_file, bool may_create, struct vault **out, char *error)
{
	CLEANUP(vault_close) struct vault *vault = calloc(1, sizeof(*vault));

	if (!vault)
		return -ENOMEM;
	char *path = vault->path;
	int result = vault_find_file(key_file, path);
	if (result)
		return result;
	result = keyring_is_empty(path) ? -ENOENT : keyring_load(path, &vault->ring, error);
	if (result == -ENOENT && may_create) {
		result = keyring_create(path, &vault->ring, error);
	} else if (result == -ENOENT) {
		(void)snprintf(error, VAULT_ERROR_MAX,
			       "sealed incidents exist but the key ring %.120s is missing: put the "
			       "key ring of this database back",
			       path);
		result = -ENOKEY;
	}
	if (result)
		return result;
	atomic_store(&vault->count, vault->ring.count);
	*out = TAKE(vault);
	return 0;
}

void vault_close(struct vault *vault)
{
	if (!vault)
		return;
	keyring_wipe(&vault->ring);
	free(vault);
}

unsigned int vault_key_count(const struct vault *vault)
{
	return atomic_load_explicit(&vault->count, memory_order_acquire);
}

uint32_t vault_key_id(const struct vault *vault, unsigned int index)
{
	return vault->ring.keys[index].id;
}

int64_t vault_key_created(const struct vault *vault, unsigned int index)
{
	return vault->ring.keys[index].created_unix_ms;
}

void vault_copy_ring(const struct vault *vault, struct keyring *out)
{
	unsigned int count = vault_key_count(vault);

	*out = (struct keyring){ .count = count };
	memcpy(out->keys, vault->ring.keys, count * sizeof(out->keys[0]));
}

/* A credential is the service manager's: a copy made at start, not written back. */
static bool vault_is_credential(const struct vault *vault)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	size_t len = credentials ? strlen(credentials) : 0;

	return len && !strncmp(vault->path, credentials, len) && vault->path[len] == '/';
}

int vault_add_key(struct vault *vault, char *error)
{
	unsigned int count = vault_key_count(vault);
	struct keyring_key *key = &vault->ring.keys[count];

	if (count == KEYRING_KEYS_MAX) {
		(void)snprintf(error, VAULT_ERROR_MAX,
			       "the key ring %.120s is full with %d keys: take out lines of keys "
			       "that no incident and no backup needs, and start again",
			       vault->path, KEYRING_KEYS_MAX);
		return -ENOSPC;
	}
	if (vault_is_credential(vault)) {
		(void)snprintf(error, VAULT_ERROR_MAX,
			       "the key ring is a credential of the service manager: add a line "
			       "with a higher ID to its source and start again");
		return -EROFS;
	}
	key->id = vault_write_key(vault) + 1;
	key->created_unix_ms = clock_unix_ms();
	crypto_random(key->key, sizeof(key->key));
	int result = keyring_append(vault->path, key, error);
	if (result) {
		crypto_wipe(key, sizeof(*key));
		return result;
	}
	atomic_store_explicit(&vault->count, count + 1, memory_order_release);
	return 0;
}

static const uint8_t *vault_find_key(const struct vault *vault, uint32_t key_id)
{
	unsigned int count = vault_key_count(vault);

	for (unsigned int i = 0; i < count; i++)
		if (vault->ring.keys[i].id == key_id)
			return vault->ring.keys[i].key;
	return NULL;
}

bool vault_has_key(const struct vault *vault, uint32_t key_id)
{
	return vault_find_key(vault, key_id) != NULL;
}

uint32_t vault_write_key(const struct vault *vault)
{
	return vault->ring.keys[vault_key_count(vault) - 1].id;
}

/* Names of tables and columns hold no '|', so no two places have the same bytes. */
static int vault_aad(const struct vault_place *place, uint32_t key_id, char aad[VAULT_AAD_MAX])
{
	int len = snprintf(aad, VAULT_AAD_MAX, "%s|%" PRId64 "|%s|%" PRIu32 "|%d", place->table,
			   place->row, place->columns, key_id, VAULT_VERSION);

	return len < VAULT_AAD_MAX ? len : -E2BIG;
}

size_t vault_sealed_len(size_t len)
{
	return len + VAULT_OVERHEAD;
}

int vault_seal(const struct vault *vault, const struct vault_place *place, const void *plain,
	       size_t len, uint8_t *out)
{
	uint32_t key_id = vault_write_key(vault);
	char aad[VAULT_AAD_MAX];
	int aad_len = vault_aad(place, key_id, aad);

	if (aad_len < 0)
		return aad_len;
	out[0] = VAULT_VERSION;
	for (int i = 0; i < 4; i++)
		out[1 + i] = (uint8_t)(key_id >> (8 * i));
	struct crypto_binding binding = { vault_find_key(vault, key_id), aad, (size_t)aad_len };
	return crypto_seal(&binding, plain, len, out + VAULT_HEADER_BYTES);
}

void vault_plain_done(struct vault_plain *plain)
{
	if (plain->data)
		crypto_wipe(plain->data, plain->len);
	free(plain->data);
	*plain = (struct vault_plain){ 0 };
}

uint32_t vault_key_of(const uint8_t *sealed, size_t sealed_len)
{
	uint32_t key_id = 0;

	if (sealed_len < VAULT_OVERHEAD || sealed[0] != VAULT_VERSION)
		return 0;
	for (int i = 0; i < 4; i++)
		key_id |= (uint32_t)sealed[1 + i] << (8 * i);
	return key_id;
}

int vault_unseal(const struct vault *vault, const struct vault_place *place, const uint8_t *sealed,
		 size_t sealed_len, struct vault_plain *plain)
{
	uint32_t key_id = vault_key_of(sealed, sealed_len);
	char aad[VAULT_AAD_MAX];

	if (!key_id)
		return -EBADMSG;
	const uint8_t *key = vault_find_key(vault, key_id);
	if (!key)
		return -ENOKEY;
	int aad_len = vault_aad(place, key_id, aad);
	if (aad_len < 0)
		return aad_len;
	size_t len = sealed_len - VAULT_OVERHEAD;
	CLEANUP(free) uint8_t *memory = malloc(len + 1); /* never of 0 bytes */
	if (!memory)
		return -ENOMEM;
	struct crypto_binding binding = { key, aad, (size_t)aad_len };
	int error = crypto_open(&binding, sealed + VAULT_HEADER_BYTES,
				sealed_len - VAULT_HEADER_BYTES, memory);
	if (error)
		return error;
	plain->data = TAKE(memory);
	plain->len = len;
	return 0;
}
