/*
 * What a fitted forest does: the walk, in blocks of rows small enough for the first cache, of which
 * a group moves through one tree together so that the loads of its rows overlap.
 */
#include "agent/model/forest.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/internal.h"

#define WALK_ROWS  128
#define WALK_GROUP 16
#define WALK_TREES 4

struct forest *forest_alloc(const struct forest *sizes, bool has_density)
{
	CLEANUP(forest_free) struct forest *forest = calloc(1, sizeof(*forest));
	size_t cells = (size_t)sizes->trees << sizes->depth;

	if (!forest)
		return NULL;
	forest->trees = sizes->trees;
	forest->depth = sizes->depth;
	forest->features = sizes->features;
	forest->sample = sizes->sample;
	forest->nodes = calloc(cells, sizeof(*forest->nodes));
	forest->depths = calloc(cells, sizeof(*forest->depths));
	if (has_density)
		forest->densities = calloc(cells, sizeof(*forest->densities));
	if (!forest->nodes || !forest->depths || (has_density && !forest->densities))
		return NULL;
	return TAKE(forest);
}

void forest_free(struct forest *forest)
{
	if (!forest)
		return;
	free(forest->nodes);
	free(forest->depths);
	free(forest->densities);
	free(forest);
}

size_t forest_bytes(const struct forest *forest)
{
	size_t cells = (size_t)forest->trees << forest->depth;
	size_t leaf = forest->densities ? 2 * sizeof(float) : sizeof(float);

	return sizeof(*forest) + cells * (sizeof(struct forest_node) + leaf);
}

/* Source: Liu, Ting, Zhou 2008, equation 1: mean depth of an unsuccessful search. */
double forest_mean_depth(double n)
{
	if (n < 2)
		return 0;
	if (n < 3)
		return 1;
	return 2 * (log(n - 1) + 0.57721566490153286) - 2 * (n - 1) / n;
}

float forest_score(const struct forest *forest, float mean_depth)
{
	return exp2f(-mean_depth / (float)forest_mean_depth(forest->sample));
}

/* One tree; leaf[] gets where each of the group's rows ends. Unrolled, for the places of all rows
 * to stay in registers: 0.85 us a row of 100 trees, rolled 1.14 (bench_model, 2026-11-24). */
static inline void walk_group(const struct forest_node *nodes, uint32_t depth, const float *rows,
			      uint32_t features, uint32_t leaf[static WALK_GROUP])
{
	const float *row[WALK_GROUP];
	uint32_t at[WALK_GROUP];

#pragma GCC unroll 16
	for (int k = 0; k < WALK_GROUP; k++) {
		row[k] = rows + (size_t)k * features;
		at[k] = 1;
	}
	for (uint32_t level = 0; level < depth; level++) {
#pragma GCC unroll 16
		for (int k = 0; k < WALK_GROUP; k++) {
			const struct forest_node *node = &nodes[at[k]];

			at[k] = 2 * at[k] + (row[k][node->feature] > node->threshold);
		}
	}
#pragma GCC unroll 16
	for (int k = 0; k < WALK_GROUP; k++)
		leaf[k] = at[k] - (1U << depth);
}

/* @count <= WALK_TREES trees from @tree on, one row; together, as the rows of a group are. */
static inline void walk_trees(const struct forest *forest, uint32_t tree, uint32_t count,
			      const float *row, float sums[static 2])
{
	size_t cells = (size_t)1 << forest->depth, at[WALK_TREES];

	for (uint32_t t = 0; t < count; t++)
		at[t] = 1;
	for (uint32_t level = 0; level < forest->depth; level++)
		for (uint32_t t = 0; t < count; t++) {
			const struct forest_node *node = &forest->nodes[(tree + t) * cells + at[t]];

			at[t] = 2 * at[t] + (row[node->feature] > node->threshold);
		}
	for (uint32_t t = 0; t < count; t++) {
		size_t leaf = (tree + t) * cells + at[t] - cells;

		sums[0] += forest->depths[leaf];
		sums[1] += forest->densities ? forest->densities[leaf] : 0;
	}
}

static void walk_one(const struct forest *forest, const float *row, float *depth, float *density)
{
	float sums[2] = { 0 };
	uint32_t tree = 0;

	for (; forest->trees - tree >= WALK_TREES; tree += WALK_TREES)
		walk_trees(forest, tree, WALK_TREES, row, sums);
	walk_trees(forest, tree, forest->trees - tree, row, sums);
	*depth = sums[0] / (float)forest->trees;
	if (density)
		*density = sums[1] / (float)forest->trees;
}

/* At most WALK_ROWS rows, a multiple of WALK_GROUP. */
static void walk_block(const struct forest *forest, const float *rows, size_t count, float *depths,
		       float *densities)
{
	size_t cells = (size_t)1 << forest->depth;
	uint32_t leaf[WALK_GROUP];

	memset(depths, 0, count * sizeof(float));
	if (densities)
		memset(densities, 0, count * sizeof(float));
	for (uint32_t tree = 0; tree < forest->trees; tree++) {
		const float *of_depth = forest->depths + tree * cells;

		for (size_t i = 0; i < count; i += WALK_GROUP) {
			walk_group(forest->nodes + tree * cells, forest->depth,
				   rows + i * forest->features, forest->features, leaf);
			for (size_t k = 0; k < WALK_GROUP; k++)
				depths[i + k] += of_depth[leaf[k]];
			for (size_t k = 0; densities && k < WALK_GROUP; k++)
				densities[i + k] += forest->densities[tree * cells + leaf[k]];
		}
	}
	for (size_t i = 0; i < count; i++)
		depths[i] /= (float)forest->trees;
	for (size_t i = 0; densities && i < count; i++)
		densities[i] /= (float)forest->trees;
}

void forest_walk(const struct forest *forest, const float *rows, size_t count, float *depths,
		 float *densities)
{
	size_t at = 0;

	while (count - at >= WALK_GROUP) {
		size_t part = count - at < WALK_ROWS ? count - at : WALK_ROWS;

		part -= part % WALK_GROUP;
		walk_block(forest, rows + at * forest->features, part, depths + at,
			   densities ? densities + at : NULL);
		at += part;
	}
	for (; at < count; at++)
		walk_one(forest, rows + at * forest->features, depths + at,
			 densities ? densities + at : NULL);
}
