/*
 * A hashed timing wheel (Varghese and Lauck, SOSP 1987). Traffic moves an entry's time later with
 * every delta, so that is not recorded: an entry whose slot comes due too early is put back by the
 * one who takes it. Only a time that gets sooner moves the entry.
 */
#include <string.h>

#include "agent/flow/internal.h"

static uint64_t slot_of(uint64_t tick)
{
	return tick % WHEEL_SLOTS;
}

void wheel_init(struct wheel *wheel)
{
	memset(wheel->head, 0xff, sizeof(wheel->head)); /* NONE everywhere */
	wheel->tick = 0;
}

/* What is overdue comes with the next slot; what lies beyond the round with the last one. */
static uint64_t tick_of(const struct wheel *wheel, uint64_t due_ns)
{
	uint64_t tick = due_ns >> WHEEL_SHIFT;
	uint64_t last = wheel->tick + WHEEL_SLOTS - 1;

	if (tick < wheel->tick)
		return wheel->tick;
	return tick < last ? tick : last;
}

void wheel_add(struct wheel *wheel, struct entry *entries, uint32_t entry, uint64_t due_ns)
{
	struct entry *e = &entries[entry];
	uint32_t *head;

	e->due_tick = tick_of(wheel, due_ns);
	head = &wheel->head[slot_of(e->due_tick)];
	e->prev = NONE;
	e->next = *head;
	if (*head != NONE)
		entries[*head].prev = entry;
	*head = entry;
}

void wheel_remove(struct wheel *wheel, struct entry *entries, uint32_t entry)
{
	struct entry *e = &entries[entry];

	if (e->prev != NONE)
		entries[e->prev].next = e->next;
	else
		wheel->head[slot_of(e->due_tick)] = e->next;
	if (e->next != NONE)
		entries[e->next].prev = e->prev;
}

void wheel_sooner(struct wheel *wheel, struct entry *entries, uint32_t entry, uint64_t due_ns)
{
	if (tick_of(wheel, due_ns) >= entries[entry].due_tick)
		return;
	wheel_remove(wheel, entries, entry);
	wheel_add(wheel, entries, entry, due_ns);
}

uint64_t wheel_span(const struct wheel *wheel, uint64_t now_ns)
{
	uint64_t now = now_ns >> WHEEL_SHIFT;

	if (now < wheel->tick)
		return 0;
	return now - wheel->tick < WHEEL_SLOTS ? now - wheel->tick + 1 : WHEEL_SLOTS;
}

uint32_t wheel_take(struct wheel *wheel, uint64_t tick)
{
	uint32_t head = wheel->head[slot_of(tick)];

	wheel->head[slot_of(tick)] = NONE;
	return head;
}
