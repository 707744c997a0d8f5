/*
 * Whether what a backup holds can be served, before anything is replaced by it.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/store/recovery.h"
#include "agent/store/restore.h"
#include "agent/store/schema.h"

/* ---- keys -------------------------------------------------------------------------------------
 */

/* The ring in the backup, tried as a file of its own. */
static int try_recovery(struct restore *restore, struct db *db, struct vault **vault)
{
	char path[PATH_MAX + 16], reason[STORE_ERROR_MAX];
	int error = recovery_open_ring(db, restore->order->key->secret, &restore->ring);

	if (error == -ENOENT)
		return restore_fail(restore, -ENOKEY,
				    "no recovery key had been made when this backup was: the key "
				    "ring itself is needed in %.100s",
				    restore->order->key_file);
	if (error)
		return restore_fail(restore, error,
				    "the key ring in the backup does not open with this recovery "
				    "key");
	(void)snprintf(path, sizeof(path), "%s/secret.key", restore->part);
	error = keyring_store(path, &restore->ring);
	if (!error)
		error = vault_open(path, false, vault, reason);
	if (error)
		return restore_fail(restore, error, "cannot use the key ring in the backup: %s",
				    strerror(-error));
	restore->has_ring = true;
	return 0;
}

static int check_keys(struct restore *restore, struct db *db)
{
	CLEANUP(vault_close) struct vault *vault = NULL;
	CLEANUP(vault_close) struct vault *recovered = NULL;
	const struct store_backup_key *key = restore->order->key;
	int sealed = incidents_are_sealed(db);

	if (sealed < 0)
		return restore_fail(restore, sealed, "cannot read the backup's main.db");
	int error = vault_open(restore->order->key_file, false, &vault, restore->error);
	if (!error)
		error = incidents_check_vault(db, vault, restore->error);
	if (!error)
		return 0;
	if (!sealed && !(key && key->secret))
		return 0; /* nothing is sealed: a ring is made at the next start */
	if (!key || !key->secret)
		return restore_fail(
			restore, -ENOKEY,
			"the key ring %.80s does not open the backup's incidents: put the right "
			"one there, or give --recovery-key FILE",
			restore->order->key_file);
	error = try_recovery(restore, db, &recovered);
	return error ? error : incidents_check_vault(db, recovered, restore->error);
}

/* ---- main.db ----------------------------------------------------------------------------------
 */

/* Ids of flows that the history holds must not be given again, also when it is newer. */
static int keep_flow_ids(const struct restore *restore, struct db *db)
{
	CLEANUP(query_done) struct query query = { 0 };
	CLEANUP(db_close) struct db *old = NULL;
	char path[PATH_MAX];
	int64_t next = 0;

	if (snprintf(path, sizeof(path), "%s/%smain.db", restore->order->dir,
		     restore->order->is_demo ? "demo-" : "") >= PATH_MAX ||
	    access(path, F_OK) || db_open(path, DB_READ, 0, &old) ||
	    db_read_int(old, "SELECT next FROM flow_ids", &next))
		return 0; /* none, or one that cannot be read any more: then it told nothing */
	query_init(&query, db, "UPDATE flow_ids SET next = max(next, ?)");
	query_bind_int(&query, next);
	return query_run(&query);
}

static void count(struct db *db, struct store_restored *out)
{
	int64_t users = 0, blocks = 0, incidents = 0;

	/* only shown */
	(void)db_read_int(db, "SELECT count(*) FROM users", &users);
	(void)db_read_int(db, "SELECT count(*) FROM blocks WHERE state = 0", &blocks);
	(void)db_read_int(db, "SELECT count(*) FROM incidents", &incidents);
	out->users = (unsigned int)users;
	out->blocks = (unsigned int)blocks;
	out->incidents = (unsigned int)incidents;
}

static int check_main(struct restore *restore)
{
	CLEANUP(db_close) struct db *db = NULL;
	char path[PATH_MAX + 16];
	int64_t version = 0;

	(void)snprintf(path, sizeof(path), "%s/main.db", restore->part);
	int error = db_open(path, DB_WRITE, 0, &db);
	if (!error)
		error = db_check_whole(db, "PRAGMA integrity_check(1)");
	if (!error)
		error = db_read_int(db, "PRAGMA user_version", &version);
	if (error)
		return restore_fail(restore, -EBADMSG,
				    "the main.db in %.120s is corrupt: take another backup",
				    restore->order->file);
	if (version < 1 || (uint64_t)version > SCHEMA_MAIN_MIGRATIONS.count)
		return restore_fail(restore, -ESTALE,
				    "%.120s was made by a newer sluice (main.db version %" PRId64
				    "): restore with that version",
				    restore->order->file, version);
	/* The tables that are asked below; what rewrites rows waits for the first start. */
	if (version == (int64_t)SCHEMA_MAIN_MIGRATIONS.count)
		error = check_keys(restore, db);
	if (error)
		return error;
	count(db, restore->out);
	error = keep_flow_ids(restore, db);
	if (!error)
		error = db_exec(db, "DELETE FROM sessions"); /* who was logged in then is not now */
	if (!error)
		error = db_exec(db, "PRAGMA journal_mode = DELETE"); /* one file, no WAL */
	return error ? restore_fail(restore, error, "cannot prepare the backup's main.db: %s",
				    strerror(-error))
		     : 0;
}

static int check_flows(struct restore *restore)
{
	CLEANUP(db_close) struct db *db = NULL;
	char path[PATH_MAX + 16];

	if (!restore->out->has_flows)
		return 0;
	(void)snprintf(path, sizeof(path), "%s/flows.db", restore->part);
	int error = db_open(path, DB_WRITE, 0, &db);
	if (!error)
		error = db_check_whole(db, "PRAGMA quick_check(1)");
	if (!error)
		error = db_exec(db, "PRAGMA journal_mode = DELETE");
	return error ? restore_fail(restore, error,
				    "the flows.db in %.120s is corrupt: restore without it",
				    restore->order->file)
		     : 0;
}

int restore_check(struct restore *restore)
{
	int error = check_main(restore);

	return error ? error : check_flows(restore);
}
