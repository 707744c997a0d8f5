/*
 * Half-space grids: each halves the space at random a fixed number of times and counts the rows of
 * each cell; a row in a cell that few shared is unusual, also far outside of what was seen.
 * The cuts of a grid are the same for all its cells, so a cell is computed and not walked to.
 * Source: Tan, Ting, Liu, "Fast Anomaly Detection for Streaming Data", IJCAI 2011 (ranges,
 * halving); Sathe, Aggarwal, "Subspace Outlier Detection in Linear Time with Randomized Hashing",
 * ICDM 2016.
 */
#ifndef SLUICE_MODEL_GRID_H
#define SLUICE_MODEL_GRID_H

#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

/* 100 grids of 256 cells: as good as deeper or more on the windows they were chosen with (docs/
 * model.md), and small enough for the second cache. */
#define GRID_COUNT 100
#define GRID_BITS  8
#define GRID_CELLS (1 << GRID_BITS)

/* cell part = clamp(floor(x * scale + offset), 0, 2^bits - 1) */
struct grid_cut {
	float scale, offset;
	uint32_t feature, bits;
};

struct grid {
	uint32_t features;
	uint32_t cut_count[GRID_COUNT];
	struct grid_cut cuts[GRID_COUNT][GRID_BITS];
	float cells[GRID_COUNT][GRID_CELLS]; /* -log2(rows + 1) */
};

/* grid_fit - rows as of forest_fit. Returns 0, -EINVAL when no feature varies, -ENOMEM. */
int grid_fit(const float *rows, size_t count, uint32_t features, uint64_t seed, struct grid **out);
void grid_free(struct grid *grid);
DEFINE_CLEANUP(grid_free, struct grid)
/* grid_score - mean over the grids; large is unusual. */
float grid_score(const struct grid *grid, const float *row);

#endif
