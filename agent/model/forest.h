/*
 * Isolation forest: how few random cuts part a row from the others. Perfect trees in flat arrays,
 * so that a walk has no branch. Immutable once fitted; shared between threads.
 * Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008.
 */
#ifndef SLUICE_MODEL_FOREST_H
#define SLUICE_MODEL_FOREST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"

#define FOREST_TREES_MAX  1000
#define FOREST_SAMPLE_MIN 2
#define FOREST_SAMPLE_MAX 8192
#define FOREST_DEPTH_MAX  13

/* A row goes right when its @feature is above @threshold; infinity where the tree ended before. */
struct forest_node {
	float threshold;
	uint32_t feature;
};

struct forest {
	uint32_t trees, depth, features;
	uint32_t sample; /* rows each tree was grown from */
	/* per tree 2^depth of each. Node 1 is the root, 2i and 2i + 1 follow i; node 0 is unused.
	 * What follows the last level are the leaves. */
	struct forest_node *nodes;
	float *depths;	  /* of a leaf: cuts so far, and how many more its rows would have needed */
	float *densities; /* of a leaf: log of its volume by its share of rows; NULL: not kept */
};

struct forest_options {
	uint32_t trees, sample;
	uint64_t seed;
	bool has_density;
};

/*
 * forest_fit - @rows: @count rows of @features finite values, one after the other.
 * A smaller file than @options->sample is taken whole by every tree.
 * Returns 0, -EINVAL for an option or size out of bounds, -ENOMEM.
 */
int forest_fit(const float *rows, size_t count, uint32_t features,
	       const struct forest_options *options, struct forest **out);
/* forest_alloc - arrays of the given sizes, zero-filled, for the reader of a file. NULL: no memory.
 */
struct forest *forest_alloc(const struct forest *sizes, bool has_density);
void forest_free(struct forest *forest);
DEFINE_CLEANUP(forest_free, struct forest)

/*
 * forest_walk - @depths: out, mean depth of each of @count rows; small is unusual.
 * @densities: out, mean log sparseness, large is unusual; NULL, or the forest keeps them.
 */
void forest_walk(const struct forest *forest, const float *rows, size_t count, float *depths,
		 float *densities);
/* forest_score - 2^(-depth / c(sample)), in (0, 1]: 0.5 is ordinary. */
float forest_score(const struct forest *forest, float mean_depth);
size_t forest_bytes(const struct forest *forest);

#endif
