/*
 * Memory for streams that wait for more: two sizes, both bounded, taken at the start and touched
 * only when used. The last one freed is used first, so that what is resident stays small.
 */
#ifndef SLUICE_NAMES_SLOTS_H
#define SLUICE_NAMES_SLOTS_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

/* Most messages in pieces fit a small one: ClientHellos of 2 KiB, heads of some KiB. 2 MiB. */
#define SLOT_SMALL_BYTES 4096u
#define SLOT_SMALL_COUNT 512u
/* DNS over TCP: 65535 bytes behind their length (RFC 7766 8). 2 MiB. */
#define SLOT_BIG_BYTES 65537u
#define SLOT_BIG_COUNT 32u
#define SLOT_COUNT     (SLOT_SMALL_COUNT + SLOT_BIG_COUNT)
#define SLOT_NONE      UINT32_MAX

struct slots;

/* slots_new - returns NULL without memory. */
struct slots *slots_new(void);
void slots_free(struct slots *slots); /* accepts NULL */
DEFINE_CLEANUP(slots_free, struct slots)
/* slots_take - a slot for @owner since @now_ns; SLOT_NONE when all of the size are taken. */
uint32_t slots_take(struct slots *slots, bool big, uint32_t owner, uint64_t now_ns);
void slots_give(struct slots *slots, uint32_t slot);
/* slots_oldest - the owner who has held a slot of the size for longest; SLOT_NONE without any. */
uint32_t slots_oldest(const struct slots *slots, bool big);
uint8_t *slots_data(struct slots *slots, uint32_t slot);
uint32_t slots_size(uint32_t slot);

#endif
