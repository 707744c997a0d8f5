/*
 * What the files of the store share: the struct behind the public face. One file per table uses
 * the readers and the writer of it and nothing else.
 */
#ifndef SLUICE_STORE_INTERNAL_H
#define SLUICE_STORE_INTERNAL_H

#include "agent/store/db.h"
#include "agent/store/history.h"
#include "agent/store/pool.h"
#include "agent/store/store.h"
#include "agent/store/vault.h"
#include "agent/store/writer.h"

#define STORE_ERROR_MAX 256

struct store {
	char *dir;
	char *main_path, *main_wal_path, *reserve_path;
	char *flows_path, *flows_wal_path;
	struct vault *vault;
	struct pool *main_readers, *flows_readers;
	struct db *main;	 /* the writer thread's */
	struct history *history; /* the writer thread's */
	struct writer *writer;
	uint64_t first_flow_id;
};

/* One statement with a single integer, on the writer thread; -ENOENT when it changed no row. */
int store_run_changed(struct query *query);

/* What is stored of a detector is its name, so that a new one may stand anywhere in the list; ""
 * for -1. detector_find: -ENOENT for a name that this program has not. */
const char *detector_stored_name(int detector);
int detector_find(const char *name);

/* totp_reseal - every second factor with the key that seals now. */
int totp_reseal(struct db *main, const struct vault *vault);

struct audit_verdict;
/* audit_prepare - once the vault is open: a first seal for a new or older file; a log that does not
 * fit its seal is said. @version_before: PRAGMA user_version as found. */
int audit_prepare(struct db *main, const struct vault *vault, int64_t version_before);
/* audit_check - the whole log against hashes and seal, in a read transaction of @db. */
int audit_check(struct db *db, const struct vault *vault, struct audit_verdict *verdict);

/* incidents_check_vault - the ring opens what is sealed. -ENOKEY with a sentence in @error. */
int incidents_check_vault(struct db *main, const struct vault *vault, char *error);
/* incidents_are_sealed - whether any sealed row exists. Returns 1, 0 or -errno. */
int incidents_are_sealed(struct db *main);

#endif
