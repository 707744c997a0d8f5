/*
 * Cuts at random, then one count per row and grid.
 */
#include "agent/model/grid.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "agent/model/internal.h"
#include "agent/model/random.h"

/* Range of the rows that vary; the others are left out. */
struct ranges {
	float *low, *high;
	uint32_t *varying;
	uint32_t count;
};

static int measure(const float *rows, size_t count, uint32_t features, struct ranges *ranges)
{
	memcpy(ranges->low, rows, features * sizeof(float));
	memcpy(ranges->high, rows, features * sizeof(float));
	for (size_t i = 1; i < count; i++)
		for (uint32_t f = 0; f < features; f++) {
			float x = rows[i * features + f];

			ranges->low[f] = x < ranges->low[f] ? x : ranges->low[f];
			ranges->high[f] = x > ranges->high[f] ? x : ranges->high[f];
		}
	for (uint32_t f = 0; f < features; f++)
		if (ranges->low[f] < ranges->high[f])
			ranges->varying[ranges->count++] = f;
	return ranges->count ? 0 : -EINVAL;
}

/*
 * The work range of a feature: s +- 2 max(s, 1 - s) of what was seen, s uniform (Tan 2011, section
 * 3.1), cut into 2^bits halves.
 */
static struct grid_cut make_cut(struct random *random, const struct ranges *ranges,
				uint32_t feature, uint32_t bits)
{
	double width = (double)ranges->high[feature] - (double)ranges->low[feature];
	double middle = random_unit(random), radius = 2 * fmax(middle, 1 - middle);
	double scale = (double)(1U << bits) / (2 * radius * width);

	return (struct grid_cut){
		.scale = (float)scale,
		.offset = (float)((radius - middle) * width * scale -
				  (double)ranges->low[feature] * scale),
		.feature = feature,
		.bits = bits,
	};
}

/* GRID_BITS draws with repetition: a feature drawn twice is cut into quarters. */
static void make_cuts(struct grid *grid, unsigned int number, struct random *random,
		      const struct ranges *ranges)
{
	uint32_t features[GRID_BITS] = { 0 }, bits[GRID_BITS] = { 0 }, used = 0;

	for (int i = 0; i < GRID_BITS; i++) {
		uint32_t feature = ranges->varying[random_below(random, ranges->count)], at = 0;

		while (at < used && features[at] != feature)
			at++;
		if (at == used)
			features[used++] = feature;
		bits[at]++;
	}
	grid->cut_count[number] = used;
	for (uint32_t i = 0; i < used; i++)
		grid->cuts[number][i] = make_cut(random, ranges, features[i], bits[i]);
}

static uint32_t find_cell(const struct grid *grid, unsigned int number, const float *row)
{
	uint32_t cell = 0;

	for (uint32_t i = 0; i < grid->cut_count[number]; i++) {
		const struct grid_cut *cut = &grid->cuts[number][i];
		float most = (float)((1U << cut->bits) - 1);
		float at = row[cut->feature] * cut->scale + cut->offset;

		at = at > 0 ? at : 0; /* also what is not a number */
		at = at < most ? at : most;
		cell = cell << cut->bits | (uint32_t)at;
	}
	return cell;
}

static void count_rows(struct grid *grid, const float *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		for (unsigned int n = 0; n < GRID_COUNT; n++)
			grid->cells[n][find_cell(grid, n, rows + i * grid->features)]++;
	for (unsigned int n = 0; n < GRID_COUNT; n++)
		for (unsigned int cell = 0; cell < GRID_CELLS; cell++)
			grid->cells[n][cell] = -log2f(grid->cells[n][cell] + 1);
}

int grid_fit(const float *rows, size_t count, uint32_t features, uint64_t seed, struct grid **out)
{
	CLEANUP(grid_free) struct grid *grid = calloc(1, sizeof(*grid));
	CLEANUP(free) float *limits = calloc(2 * (size_t)features, sizeof(*limits));
	CLEANUP(free) uint32_t *varying = calloc(features, sizeof(*varying));
	struct random random = { .state = hash_pair(seed, GRID_COUNT) };
	struct ranges ranges = { .low = limits, .varying = varying };

	if (!grid || !limits || !varying)
		return -ENOMEM;
	ranges.high = limits + features;
	if (measure(rows, count, features, &ranges))
		return -EINVAL;
	grid->features = features;
	for (unsigned int n = 0; n < GRID_COUNT; n++)
		make_cuts(grid, n, &random, &ranges);
	count_rows(grid, rows, count);
	*out = TAKE(grid);
	return 0;
}

void grid_free(struct grid *grid)
{
	free(grid);
}

float grid_score(const struct grid *grid, const float *row)
{
	float sum = 0;

	for (unsigned int n = 0; n < GRID_COUNT; n++)
		sum += grid->cells[n][find_cell(grid, n, row)];
	return sum / GRID_COUNT;
}
