/*
 * The recovery key: its public half lies in main.db, sealed by the vault, and the key ring lies
 * there locked for its secret half, which only its owner has. So whoever has a backup and the
 * recovery key needs no key ring.
 */
#ifndef SLUICE_STORE_RECOVERY_H
#define SLUICE_STORE_RECOVERY_H

#include "agent/store/internal.h"
#include "agent/util/crypto_stream.h"

struct keyring;

/* recovery_reseal - both again, with the present key and ring; nothing when there is none. In the
 * writer's transaction. */
int recovery_reseal(struct db *main, const struct vault *vault);
/* recovery_public - of this database. -ENOENT: none was made; -EBADMSG: put there by others. */
int recovery_public(struct db *db, const struct vault *vault,
		    uint8_t public_key[static CRYPTO_BOX_PUBLIC_BYTES]);
/* recovery_open_ring - the key ring as it was locked. -ENOENT; -EKEYREJECTED: another secret. */
int recovery_open_ring(struct db *db, const uint8_t secret[static CRYPTO_BOX_SECRET_BYTES],
		       struct keyring *ring);

#endif
