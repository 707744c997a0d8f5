/*
 * A list searched from one end to the other: 128 words are two cache lines a step of the compiler's
 * vectors, and most lists are short.
 */
#include "agent/detect/spread.h"

#include <string.h>

#include "agent/util/clock.h"

#define MEMORY_MS (SPREAD_MEMORY_S * 1000)
#define MEMORY_NS (SPREAD_MEMORY_S * NS_PER_S)

static uint32_t ms_of(uint64_t at_ns)
{
	return (uint32_t)(at_ns / NS_PER_MS);
}

/* From the @i-th to the newest; one that came with a time before it is as old as that. */
static uint32_t age_ms(const struct spread *spread, unsigned int i)
{
	int32_t age = (int32_t)(ms_of(spread->newest_ns) - spread->at_ms[i]);

	return age > 0 ? (uint32_t)age : 0;
}

static unsigned int find(const struct spread *spread, uint32_t what)
{
	unsigned int i = 0;

	while (i < spread->count && spread->what[i] != what)
		i++;
	return i;
}

static bool is_good(const struct spread *spread, unsigned int i)
{
	return spread->good[i / 64] >> (i % 64) & 1;
}

static void set_good(struct spread *spread, unsigned int i, bool good)
{
	uint64_t bit = 1ULL << (i % 64);

	spread->good[i / 64] = (spread->good[i / 64] & ~bit) | (good ? bit : 0);
}

static void drop(struct spread *spread, unsigned int i)
{
	unsigned int last = --spread->count;

	spread->what[i] = spread->what[last];
	spread->at_ms[i] = spread->at_ms[last];
	spread->value[i] = spread->value[last];
	set_good(spread, i, is_good(spread, last));
}

static unsigned int oldest(const struct spread *spread)
{
	unsigned int i = 0;

	for (unsigned int k = 1; k < spread->count; k++)
		if (age_ms(spread, k) > age_ms(spread, i))
			i = k;
	return i;
}

static void make_good(struct spread *spread, unsigned int i)
{
	if (is_good(spread, i))
		return;
	set_good(spread, i, true);
	spread->total_good++;
}

bool spread_add(struct spread *spread, const struct spread_item *item)
{
	unsigned int i = find(spread, item->what);

	if (i < spread->count) {
		spread->value[i] = item->value;
		if (item->is_good)
			make_good(spread, i);
		return false;
	}
	if (!spread->total || item->at_ns > spread->newest_ns + MEMORY_NS) {
		spread->count = 0;
		spread->total = spread->total_good = 0;
		spread->began_ns = spread->newest_ns = item->at_ns;
	}
	if (spread->count == SPREAD_ITEMS)
		drop(spread, oldest(spread));
	i = spread->count++;
	spread->what[i] = item->what;
	spread->at_ms[i] = ms_of(item->at_ns);
	spread->value[i] = item->value;
	set_good(spread, i, false);
	spread->total++;
	if (item->at_ns > spread->newest_ns)
		spread->newest_ns = item->at_ns;
	if (item->is_good)
		make_good(spread, i);
	return true;
}

void spread_make_good(struct spread *spread, uint32_t what)
{
	unsigned int i = find(spread, what);

	if (i < spread->count)
		make_good(spread, i);
}

void spread_remove(struct spread *spread, uint32_t what)
{
	unsigned int i = find(spread, what);

	if (i == spread->count)
		return;
	spread->total--;
	spread->total_good -= is_good(spread, i);
	drop(spread, i);
}

struct spread_sum spread_window(const struct spread *spread, uint32_t window_ms, bool whole)
{
	struct spread_sum sum = { .until_ns = spread->newest_ns };
	uint32_t oldest_ms = 0;

	for (unsigned int i = 0; i < spread->count; i++) {
		uint32_t age = age_ms(spread, i);

		if (age > window_ms || age > MEMORY_MS)
			continue;
		sum.count++;
		sum.good += is_good(spread, i);
		if (age > oldest_ms)
			oldest_ms = age;
	}
	sum.since_ns = spread->newest_ns - oldest_ms * NS_PER_MS;
	if (sum.count < SPREAD_ITEMS || !whole)
		return sum;
	return (struct spread_sum){ .count = spread->total,
				    .good = spread->total_good,
				    .since_ns = spread->began_ns,
				    .until_ns = spread->newest_ns };
}

unsigned int spread_values(const struct spread *spread, uint32_t window_ms,
			   uint32_t values[SPREAD_ITEMS])
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < spread->count; i++) {
		unsigned int at = count;

		if (age_ms(spread, i) > window_ms)
			continue;
		for (; at > 0 && values[at - 1] > spread->value[i]; at--)
			values[at] = values[at - 1];
		values[at] = spread->value[i];
		count++;
	}
	return count;
}
