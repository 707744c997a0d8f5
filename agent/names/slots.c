/*
 * The pool: an index stack per size over memory that the system fills with zero pages on first use.
 */
#include "agent/names/slots.h"

#include <assert.h>

struct slots {
	uint8_t *memory;
	uint32_t owner[SLOT_COUNT];
	uint64_t since_ns[SLOT_COUNT];
	uint32_t free_small[SLOT_SMALL_COUNT], free_big[SLOT_BIG_COUNT];
	unsigned int small_left, big_left;
};

struct slots *slots_new(void)
{
	CLEANUP(slots_free) struct slots *slots = calloc(1, sizeof(*slots));

	if (!slots)
		return NULL;
	slots->memory = calloc(1, (size_t)SLOT_SMALL_COUNT * SLOT_SMALL_BYTES +
					  (size_t)SLOT_BIG_COUNT * SLOT_BIG_BYTES);
	if (!slots->memory)
		return NULL;
	for (uint32_t i = 0; i < SLOT_COUNT; i++)
		slots->owner[i] = SLOT_NONE;
	for (uint32_t i = 0; i < SLOT_SMALL_COUNT; i++)
		slots->free_small[i] = SLOT_SMALL_COUNT - 1 - i;
	for (uint32_t i = 0; i < SLOT_BIG_COUNT; i++)
		slots->free_big[i] = SLOT_COUNT - 1 - i;
	slots->small_left = SLOT_SMALL_COUNT;
	slots->big_left = SLOT_BIG_COUNT;
	return TAKE(slots);
}

void slots_free(struct slots *slots)
{
	if (slots)
		free(slots->memory);
	free(slots);
}

uint32_t slots_take(struct slots *slots, bool big, uint32_t owner, uint64_t now_ns)
{
	unsigned int *left = big ? &slots->big_left : &slots->small_left;
	uint32_t slot;

	if (*left == 0)
		return SLOT_NONE;
	slot = (big ? slots->free_big : slots->free_small)[--*left];
	slots->owner[slot] = owner;
	slots->since_ns[slot] = now_ns;
	return slot;
}

void slots_give(struct slots *slots, uint32_t slot)
{
	assert(slot < SLOT_COUNT && slots->owner[slot] != SLOT_NONE);
	slots->owner[slot] = SLOT_NONE;
	if (slot < SLOT_SMALL_COUNT)
		slots->free_small[slots->small_left++] = slot;
	else
		slots->free_big[slots->big_left++] = slot;
}

uint32_t slots_oldest(const struct slots *slots, bool big)
{
	uint32_t from = big ? SLOT_SMALL_COUNT : 0;
	uint32_t to = big ? SLOT_COUNT : SLOT_SMALL_COUNT;
	uint32_t oldest = SLOT_NONE;

	for (uint32_t i = from; i < to; i++) {
		if (slots->owner[i] == SLOT_NONE)
			continue;
		if (oldest == SLOT_NONE || slots->since_ns[i] < slots->since_ns[oldest])
			oldest = i;
	}
	return oldest == SLOT_NONE ? SLOT_NONE : slots->owner[oldest];
}

uint8_t *slots_data(struct slots *slots, uint32_t slot)
{
	if (slot < SLOT_SMALL_COUNT)
		return slots->memory + (size_t)slot * SLOT_SMALL_BYTES;
	return slots->memory + (size_t)SLOT_SMALL_COUNT * SLOT_SMALL_BYTES +
	       (size_t)(slot - SLOT_SMALL_COUNT) * SLOT_BIG_BYTES;
}

uint32_t slots_size(uint32_t slot)
{
	return slot < SLOT_SMALL_COUNT ? SLOT_SMALL_BYTES : SLOT_BIG_BYTES;
}
