/*
 * The parts of the model and what they share. Only agent/model includes it.
 *   forest.c forest_fit.c   isolation forest: walk, growth
 *   grid.c                  half-space grids: how many rows were near
 *   ranks.c                 tail ranks per feature; normal ranges
 *   model.c                 the three together, scaled; explanation
 *   file.c                  a model as bytes
 */
#ifndef SLUICE_MODEL_INTERNAL_H
#define SLUICE_MODEL_INTERNAL_H

#include <stdint.h>

#include "agent/model/forest.h"
#include "agent/model/grid.h"
#include "agent/model/model.h"
#include "agent/model/ranks.h"

enum model_part {
	MODEL_PART_DEPTH,
	MODEL_PART_DENSITY,
	MODEL_PART_GRID,
	MODEL_PART_RANKS,
	MODEL_PARTS
};

/* Mean and deviation of one part's scores over the rows it was fitted on. */
struct model_scale {
	float mean, deviation;
};

struct model {
	uint32_t features;
	uint32_t has_density, has_rules;
	uint64_t rows, seed;
	struct forest *forest;
	struct grid *grid;   /* with rules */
	struct ranks *ranks; /* with rules */
	struct model_scale scales[MODEL_PARTS];
};

/* forest_mean_depth - c(n): cuts that part one of @n rows from the others, on average. */
double forest_mean_depth(double n);
bool model_has_part(const struct model *model, enum model_part part);

#endif
