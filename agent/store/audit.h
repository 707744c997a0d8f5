/*
 * What audit.c (writing) and audit_check.c (reading) share: rows, their hash, and the seal over the
 * newest one.
 */
#ifndef SLUICE_STORE_AUDIT_H
#define SLUICE_STORE_AUDIT_H

#include "agent/store/internal.h"
#include "agent/util/buffer.h"
#include "agent/util/crypto.h"

/* One row; details are one small JSON object. */
#define AUDIT_ROW_MAX 65536

/* The log's own rows. */
#define AUDIT_SEAL_ACTION  "audit.seal"
#define AUDIT_SEAL_UPGRADE "upgrade"
/* The first version of main.db that has seals. */
#define AUDIT_SEAL_VERSION 3

struct audit_row {
	int64_t id;
	int64_t time_unix_ms;
	const char *who;
	const struct addr *peer;
	const char *action, *target, *detail;
	uint8_t prev_hash[CRYPTO_HASH_BYTES], hash[CRYPTO_HASH_BYTES];
};

/* The newest row; id 0 and zero bytes before the first. */
struct audit_head {
	int64_t id;
	uint8_t hash[CRYPTO_HASH_BYTES];
};

/* audit_hash - sets @row->hash from the other members. -E2BIG. */
int audit_hash(struct audit_row *row);

/* The seal, in the writer's transaction. Reading: -ENOENT, -EBADMSG, -ENOKEY. */
int audit_seal_write(struct db *main, const struct vault *vault, const struct audit_head *head);
int audit_seal_read(struct db *db, const struct vault *vault, struct audit_head *head);

#endif
