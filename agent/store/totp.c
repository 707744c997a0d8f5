/*
 * Second factors in main.db: the secret sealed by the vault, recovery codes as hashes.
 */
#include <errno.h>
#include <string.h>

#include "agent/store/internal.h"
#include "agent/util/crypto.h"

#define SEALED_MAX 128 /* vault_sealed_len(TOTP_SECRET_BYTES) is 65 */
#define USERS_MAX  1024

static struct vault_place place_of(int64_t user_id)
{
	return (struct vault_place){ "user_totp", user_id, "secret" };
}

static int unseal(const struct vault *vault, struct query *query, int column, struct totp *totp)
{
	CLEANUP(vault_plain_done) struct vault_plain plain = { 0 };
	const struct vault_place place = place_of(totp->user_id);
	size_t len;
	const uint8_t *sealed = query_blob(query, column, &len);
	int error = vault_unseal(vault, &place, sealed, len, &plain);

	if (error)
		return error;
	if (plain.len != sizeof(totp->secret))
		return -EBADMSG;
	memcpy(totp->secret, plain.data, sizeof(totp->secret));
	return 0;
}

int store_totp_get(struct store *store, int64_t user_id, struct totp *out)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	struct totp totp = { .user_id = user_id };
	int error = lease_begin(&lease, store->main_readers);

	if (error)
		return error;
	query_init(&query, lease.db,
		   "SELECT sealed, is_active, last_step FROM user_totp WHERE user_id = ?");
	query_bind_int(&query, user_id);
	int found = query_next(&query);
	if (found <= 0)
		return found ? found : -ENOENT;
	totp.is_active = query_int(&query, 1);
	totp.last_step = query_int(&query, 2);
	error = unseal(store->vault, &query, 0, &totp);
	if (!error)
		*out = totp;
	crypto_wipe(&totp, sizeof(totp));
	return error;
}

struct totp_order {
	const struct vault *vault;
	const struct totp *totp;
};

static int totp_set(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct totp_order *order = arg;
	const struct totp *totp = order->totp;
	const struct vault_place place = place_of(totp->user_id);
	uint8_t sealed[SEALED_MAX];
	size_t len = vault_sealed_len(sizeof(totp->secret));
	int error = len > sizeof(sealed) ? -E2BIG
					 : vault_seal(order->vault, &place, totp->secret,
						      sizeof(totp->secret), sealed);

	if (error)
		return error;
	query_init(&query, main,
		   "INSERT INTO user_totp (user_id, sealed, is_active, last_step)"
		   " VALUES (?,?,?,?) ON CONFLICT(user_id) DO UPDATE SET"
		   " sealed = excluded.sealed, is_active = excluded.is_active,"
		   " last_step = excluded.last_step");
	query_bind_int(&query, totp->user_id);
	query_bind_blob(&query, sealed, len);
	query_bind_int(&query, totp->is_active);
	query_bind_int(&query, totp->last_step);
	return query_run(&query);
}

int store_totp_set(struct store *store, const struct totp *totp)
{
	struct totp_order order = { store->vault, totp };

	return writer_order(store->writer, totp_set, &order);
}

int totp_reseal(struct db *main, const struct vault *vault)
{
	CLEANUP(query_done) struct query query = { 0 };
	int64_t after = 0;
	int found = 1;

	for (int i = 0; i < USERS_MAX && found > 0; i++) {
		struct totp totp = { 0 };
		struct totp_order order = { vault, &totp };
		int error;

		query_init(&query, main,
			   "SELECT sealed, user_id, is_active, last_step FROM user_totp"
			   " WHERE user_id > ? ORDER BY user_id LIMIT 1");
		query_bind_int(&query, after);
		found = query_next(&query);
		if (found <= 0)
			break;
		totp.user_id = after = query_int(&query, 1);
		totp.is_active = query_int(&query, 2);
		totp.last_step = query_int(&query, 3);
		/* one that does not open stays as it is: its user needs a new one anyway */
		error = unseal(vault, &query, 0, &totp);
		query_done(&query);
		query = (struct query){ 0 };
		if (!error)
			error = totp_set(main, &order);
		else
			error = 0;
		crypto_wipe(&totp, sizeof(totp));
		if (error)
			return error;
	}
	return found < 0 ? found : 0;
}

/* ---- used up ----------------------------------------------------------------------------------
 */

struct step_order {
	int64_t user_id, step;
};

static int totp_spend(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct step_order *order = arg;

	query_init(&query, main,
		   "UPDATE user_totp SET last_step = ?1 WHERE user_id = ?2 AND last_step < ?1");
	query_bind_int(&query, order->step);
	query_bind_int(&query, order->user_id);
	return store_run_changed(&query);
}

int store_totp_spend(struct store *store, int64_t user_id, int64_t step)
{
	struct step_order order = { user_id, step };

	return writer_order(store->writer, totp_spend, &order);
}

static int codes_delete(struct db *main, int64_t user_id)
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main, "DELETE FROM recovery_codes WHERE user_id = ?");
	query_bind_int(&query, user_id);
	return query_run(&query);
}

static int totp_delete(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const int64_t *user_id = arg;
	int error = codes_delete(main, *user_id);

	if (error)
		return error;
	query_init(&query, main, "DELETE FROM user_totp WHERE user_id = ?");
	query_bind_int(&query, *user_id);
	return store_run_changed(&query);
}

int store_totp_delete(struct store *store, int64_t user_id)
{
	return writer_order(store->writer, totp_delete, &user_id);
}

/* ---- recovery codes ---------------------------------------------------------------------------
 */

struct codes_order {
	int64_t user_id;
	const uint8_t (*hashes)[32];
	size_t count;
};

static int code_insert(struct db *main, int64_t user_id, const uint8_t hash[32])
{
	CLEANUP(query_done) struct query query = { 0 };

	query_init(&query, main, "INSERT INTO recovery_codes (user_id, code_hash) VALUES (?,?)");
	query_bind_int(&query, user_id);
	query_bind_blob(&query, hash, 32);
	return query_run(&query);
}

static int codes_set(struct db *main, void *arg)
{
	const struct codes_order *order = arg;
	int error = codes_delete(main, order->user_id);

	for (size_t i = 0; i < order->count && !error; i++)
		error = code_insert(main, order->user_id, order->hashes[i]);
	return error;
}

int store_codes_set(struct store *store, int64_t user_id, const uint8_t (*hashes)[32], size_t count)
{
	struct codes_order order = { user_id, hashes, count };

	return writer_order(store->writer, codes_set, &order);
}

static int code_spend(struct db *main, void *arg)
{
	CLEANUP(query_done) struct query query = { 0 };
	const struct codes_order *order = arg;

	query_init(&query, main, "DELETE FROM recovery_codes WHERE user_id = ? AND code_hash = ?");
	query_bind_int(&query, order->user_id);
	query_bind_blob(&query, order->hashes[0], 32);
	return store_run_changed(&query);
}

int store_code_spend(struct store *store, int64_t user_id, const uint8_t hash[32])
{
	uint8_t hashes[1][32];
	struct codes_order order = { user_id, (const uint8_t(*)[32])hashes, 1 };

	memcpy(hashes[0], hash, 32);
	return writer_order(store->writer, code_spend, &order);
}

int store_codes_left(struct store *store, int64_t user_id)
{
	CLEANUP(lease_end) struct lease lease = { 0 };
	CLEANUP(query_done) struct query query = { 0 };
	int found = lease_begin(&lease, store->main_readers);

	if (found)
		return found;
	query_init(&query, lease.db, "SELECT count(*) FROM recovery_codes WHERE user_id = ?");
	query_bind_int(&query, user_id);
	found = query_next(&query);
	return found < 0 ? found : (int)query_int(&query, 0);
}
