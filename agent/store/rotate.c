/*
 * Rotation of the vault's key: a new key seals from now on, then what older ones sealed is sealed
 * again in small transactions, while everybody else goes on writing. Cut off at any moment it is
 * taken up again: rows name their key, and the ring keeps all of them.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/store/audit.h"
#include "agent/store/details.h"
#include "agent/store/keyring.h"
#include "agent/store/recovery.h"

/* The key to which everything was sealed again; settings. */
#define SETTING_ROTATED "vault.rotated"

struct rotation {
	struct store *store;
	char *error;
	struct details_reseal batch;
	uint64_t resealed;
};

/* ---- steps, on the writer thread --------------------------------------------------------------
 */

static int rotate_add_key(struct db *main, void *arg)
{
	struct rotation *rotation = arg;

	(void)main; /* the ring is a file of its own */
	return vault_add_key(rotation->store->vault, rotation->error);
}

/* What is not an incident: few rows, sealed at once. */
static int rotate_small_things(struct db *main, void *arg)
{
	const struct rotation *rotation = arg;
	struct audit_head head;
	int error = audit_seal_read(main, rotation->store->vault, &head);

	if (!error)
		error = audit_seal_write(main, rotation->store->vault, &head);
	else if (error == -ENOENT || error == -EBADMSG || error == -ENOKEY)
		error = 0; /* broken before: the next audit row says so */
	if (!error)
		error = totp_reseal(main, rotation->store->vault);
	return error ? error : recovery_reseal(main, rotation->store->vault);
}

static int rotate_batch(struct db *main, void *arg)
{
	struct rotation *rotation = arg;
	struct details_reseal batch = rotation->batch; /* an order may run twice */
	int error = details_reseal(main, rotation->store->vault, &batch);

	if (!error)
		rotation->batch = batch;
	return error;
}

static int rotate_empty_wal(struct db *main, void *arg)
{
	(void)arg;
	(void)db_checkpoint(main); /* held by a reader: the next minute's does it */
	return 0;
}

/* ---- the whole --------------------------------------------------------------------------------
 */

static uint32_t rotated_key(struct store *store)
{
	char text[16] = "";

	/* Never rotated: all that is there was sealed by the first key. */
	if (store_setting_get(store, SETTING_ROTATED, text, sizeof(text)))
		return vault_key_id(store->vault, 0);
	return (uint32_t)strtoul(text, NULL, 10);
}

bool store_rotation_is_unfinished(struct store *store)
{
	return rotated_key(store) != vault_write_key(store->vault);
}

static int rotate_rows(struct rotation *rotation, const struct store_rotate_guide *guide)
{
	unsigned int damaged = 0;

	do {
		rotation->batch.damaged = 0;
		int error = writer_order(rotation->store->writer, rotate_batch, rotation);
		if (error)
			return error;
		damaged += rotation->batch.damaged;
		rotation->resealed += rotation->batch.rows - rotation->batch.damaged;
		if (guide && !guide->go_on(guide->arg, rotation->resealed))
			return -ECANCELED;
	} while (rotation->batch.rows);
	rotation->batch.damaged = damaged;
	return 0;
}

static int rotate_finish(struct rotation *rotation)
{
	struct store *store = rotation->store;
	char text[16];

	(void)snprintf(text, sizeof(text), "%" PRIu32, vault_write_key(store->vault));
	int error = store_setting_set(store, SETTING_ROTATED, text);
	if (error)
		return error;
	/* What old keys sealed is overwritten in the file (secure_delete); not yet in the WAL. */
	return writer_order(store->writer, rotate_empty_wal, NULL);
}

int store_rotate_key(struct store *store, const struct store_rotate_guide *guide,
		     struct store_rotation *out, char *error)
{
	struct rotation rotation = { .store = store, .error = error };
	bool is_resumed = store_rotation_is_unfinished(store);
	int result = 0;

	error[0] = '\0';
	if (!is_resumed)
		result = writer_order_plain(store->writer, rotate_add_key, &rotation);
	if (!result)
		result = writer_order(store->writer, rotate_small_things, &rotation);
	if (!result)
		result = rotate_rows(&rotation, guide);
	if (!result)
		result = rotate_finish(&rotation);
	if (result && !*error)
		(void)snprintf(error, STORE_ERROR_MAX,
			       "the rotation stopped: %s; what is left is done at the next start "
			       "or by another `sluice rotate-key`",
			       strerror(-result));
	*out = (struct store_rotation){ .key_id = vault_write_key(store->vault),
					.is_resumed = is_resumed,
					.resealed = rotation.resealed,
					.damaged = rotation.batch.damaged };
	return result;
}

int store_vault_facts(struct store *store, struct store_vault_facts *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	*out = (struct store_vault_facts){ .write_key = vault_write_key(store->vault) };
	out->key_count = vault_key_count(store->vault);
	for (unsigned int i = 0; i < out->key_count; i++) {
		out->keys[i].id = vault_key_id(store->vault, i);
		out->keys[i].created_unix_ms = vault_key_created(store->vault, i);
	}
	query_init(&query, lease.db,
		   "SELECT count(*), (SELECT count(*) FROM recovery) FROM incident_details"
		   " WHERE key_id <> ?");
	query_bind_int(&query, out->write_key);
	int found = query_next(&query);
	if (found < 0)
		return found;
	out->left = (uint64_t)query_int(&query, 0);
	out->has_recovery = query_int(&query, 1) > 0;
	return 0;
}
