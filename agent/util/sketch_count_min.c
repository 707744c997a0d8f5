/*
 * Count-min with conservative update; the rows' indices are slices of one hash.
 */
#include "agent/util/sketch_count_min.h"

#include "agent/util/sketch_hash.h"

static uint32_t *cell_of(const struct count_min *sketch, uint64_t hash, unsigned int row)
{
	uint64_t index = hash_pair(hash, row) & (sketch->width - 1);

	return sketch->cells + (size_t)row * sketch->width + index;
}

uint32_t count_min_get(const struct count_min *sketch, uint64_t hash)
{
	uint32_t least = UINT32_MAX;

	for (unsigned int row = 0; row < COUNT_MIN_ROWS; row++) {
		uint32_t cell = *cell_of(sketch, hash, row);

		if (cell < least)
			least = cell;
	}
	return least;
}

uint32_t count_min_add(struct count_min *sketch, uint64_t hash, uint32_t n)
{
	uint32_t *cells[COUNT_MIN_ROWS], least = UINT32_MAX, now;

	for (unsigned int row = 0; row < COUNT_MIN_ROWS; row++) {
		cells[row] = cell_of(sketch, hash, row);
		if (*cells[row] < least)
			least = *cells[row];
	}
	now = least > UINT32_MAX - n ? UINT32_MAX : least + n;
	for (unsigned int row = 0; row < COUNT_MIN_ROWS; row++)
		if (*cells[row] < now)
			*cells[row] = now;
	sketch->total += n;
	return now;
}

void count_min_decay(struct count_min *sketch)
{
	for (size_t i = 0; i < (size_t)COUNT_MIN_ROWS * sketch->width; i++)
		sketch->cells[i] /= 2;
	sketch->total /= 2;
}
