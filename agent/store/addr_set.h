/*
 * A set of exact addresses, as SQL asks it: addr_match(set, src, dst) is true when one of the two
 * stored addresses is in the set. Read-only once made.
 */
#ifndef SLUICE_STORE_ADDR_SET_H
#define SLUICE_STORE_ADDR_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct addr_set;
struct sqlite3;

#define ADDR_SET_TYPE "addr_set" /* of the bound pointer */

/* addr_set_new - copies. Returns 0 or -ENOMEM. */
int addr_set_new(const struct addr *addrs, size_t count, struct addr_set **out);
void addr_set_free(struct addr_set *set); /* accepts NULL */
DEFINE_CLEANUP(addr_set_free, struct addr_set)
/* addr_set_has - of 4 or 16 bytes as stored. */
bool addr_set_has(const struct addr_set *set, const void *bytes, size_t len);
/* addr_set_hash - the hash of stored bytes that filters are made of; its value is on disk. */
uint64_t addr_set_hash(const void *bytes, size_t len);
/* addr_set_hashes - of all that are in it. */
const uint64_t *addr_set_hashes(const struct addr_set *set, size_t *count);

/* addr_set_register - the SQL function, on one connection. Returns SQLite's code. */
int addr_set_register(struct sqlite3 *handle);

#endif
