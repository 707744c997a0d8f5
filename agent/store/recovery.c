/*
 * The recovery key in main.db.
 */
#include "agent/store/recovery.h"

#include <errno.h>
#include <string.h>

#include "agent/store/keyring.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

static const struct vault_place PUBLIC_PLACE = { "recovery", 1, "public_key" };

struct recovery_order {
	const struct vault *vault;
	const uint8_t *public_key;
};

static int recovery_store(struct db *main, const uint8_t *sealed, size_t sealed_len,
			  const uint8_t *ring, size_t ring_len)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main,
		   "INSERT INTO recovery (one, created_unix_ms, public_key, ring) VALUES (1,?,?,?)"
		   " ON CONFLICT (one) DO UPDATE SET created_unix_ms = excluded.created_unix_ms,"
		   " public_key = excluded.public_key, ring = excluded.ring");
	query_bind_int(&query, clock_unix_ms());
	query_bind_blob(&query, sealed, sealed_len);
	query_bind_blob(&query, ring, ring_len);
	return query_run(&query);
}

static int recovery_write(struct db *main, void *arg)
{
	const struct recovery_order *order = arg;
	struct keyring ring;
	char text[KEYRING_FILE_MAX];
	uint8_t locked[KEYRING_FILE_MAX + CRYPTO_BOX_EXTRA_BYTES], sealed[128];

	int error = vault_seal(order->vault, &PUBLIC_PLACE, order->public_key,
			       CRYPTO_BOX_PUBLIC_BYTES, sealed);
	if (error)
		return error;
	vault_copy_ring(order->vault, &ring);
	size_t len = keyring_format(&ring, text);
	error = crypto_box_lock(order->public_key, text, len, locked);
	keyring_wipe(&ring);
	crypto_wipe(text, sizeof(text));
	if (error)
		return error;
	return recovery_store(main, sealed, vault_sealed_len(CRYPTO_BOX_PUBLIC_BYTES), locked,
			      len + CRYPTO_BOX_EXTRA_BYTES);
}

int recovery_public(struct db *db, const struct vault *vault,
		    uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES])
{
	CLEANUP(query_done) struct query query = { 0 };
	CLEANUP(vault_plain_done) struct vault_plain plain = { 0 };

	query_init(&query, db, "SELECT public_key FROM recovery");
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	size_t len;
	const uint8_t *sealed = query_blob(&query, 0, &len);
	int error = vault_unseal(vault, &PUBLIC_PLACE, sealed, len, &plain);
	if (error)
		return error;
	if (plain.len != CRYPTO_BOX_PUBLIC_BYTES)
		return -EBADMSG;
	memcpy(public_key, plain.data, plain.len);
	return 0;
}

int recovery_reseal(struct db *main, const struct vault *vault)
{
	uint8_t public_key[CRYPTO_BOX_PUBLIC_BYTES];
	struct recovery_order order = { vault, public_key };
	int error = recovery_public(main, vault, public_key);

	/* One that does not open was put there by somebody else: nothing is locked for him. */
	if (error == -ENOENT || error == -EBADMSG || error == -ENOKEY)
		return 0;
	return error ? error : recovery_write(main, &order);
}

int recovery_open_ring(struct db *db, const uint8_t secret[static CRYPTO_BOX_SECRET_BYTES],
		       struct keyring *ring)
{
	CLEANUP(query_done) struct query query = { 0 };
	char text[KEYRING_FILE_MAX], reason[STORE_ERROR_MAX];

	query_init(&query, db, "SELECT ring FROM recovery");
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	size_t len;
	const uint8_t *locked = query_blob(&query, 0, &len);
	if (len < CRYPTO_BOX_EXTRA_BYTES || len - CRYPTO_BOX_EXTRA_BYTES >= sizeof(text))
		return -EBADMSG;
	memset(text, 0, sizeof(text));
	memset(ring, 0, sizeof(*ring));
	int error = crypto_box_unlock(secret, locked, len, (uint8_t *)text);
	if (error)
		return -EKEYREJECTED;
	error = keyring_parse(text, "recovery", ring, reason);
	crypto_wipe(text, sizeof(text));
	return error;
}

int store_recovery_set(struct store *store, const uint8_t public_key[static 32])
{
	struct recovery_order order = { store->vault, public_key };

	return writer_order(store->writer, recovery_write, &order);
}
