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

/* One tree; leaf[] gets where each of the group's rows ends. */
static inline void walk_group(const struct forest_node *nodes, uint32_t depth, const float *rows,
			      uint32_t features, uint32_t leaf[static WALK_GROUP])
{
	for (int k = 0; k < WALK_GROUP; k++)
		leaf[k] = 1;
	for (uint32_t level = 0; level < depth; level++)
		for (int k = 0; k < WALK_GROUP; k++) {
			const struct forest_node *node = &nodes[leaf[k]];

			leaf[k] = 2 * leaf[k] +
				  (rows[(size_t)k * features + node->feature] > node->threshold);
		}
	for (int k = 0; k < WALK_GROUP; k++)
		leaf[k] -= 1U << depth;
}

static void walk_one(const struct forest *forest, const float *row, float *depth, float *density)
{
	size_t cells = (size_t)1 << forest->depth;
	float depths = 0, densities = 0;

	for (uint32_t tree = 0; tree < forest->trees; tree++) {
		const struct forest_node *nodes = forest->nodes + tree * cells;
		size_t at = 1;

		for (uint32_t level = 0; level < forest->depth; level++)
			at = 2 * at + (row[nodes[at].feature] > nodes[at].threshold);
		at -= cells;
		depths += forest->depths[tree * cells + at];
		if (density)
			densities += forest->densities[tree * cells + at];
	}
	*depth = depths / (float)forest->trees;
	if (density)
		*density = densities / (float)forest->trees;
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
