/*
 * What is usual, learned from rows of numbers, and how unusual a new row is: isolation forest,
 * half- space grids and tail ranks, scaled to each other. Values in, values out: no file, no clock,
 * no thread of its own. A fitted model is immutable and may be shared; fitting may run anywhere.
 */
#ifndef SLUICE_MODEL_MODEL_H
#define SLUICE_MODEL_MODEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buffer.h"
#include "agent/util/cleanup.h"

#define MODEL_FEATURES_MAX 1024
#define MODEL_ROWS_MAX	   100000000
#define MODEL_TREES	   100 /* Liu 2008, section 3 */
#define MODEL_SAMPLE	   256
#define MODEL_REASON_MAX   128

struct model;

struct model_options {
	uint32_t trees;	  /* 1..1000 */
	uint32_t sample;  /* rows per tree, 2..8192; all of them when there are fewer */
	uint64_t seed;	  /* the same rows and seed give the same model */
	bool has_density; /* leaf density beside the depth */
	bool has_rules;	  /* grids and tail ranks beside the forest */
};

/*
 * model_fit - learn what is usual.
 * @rows: @count rows of @features values each, one row after the other; all finite
 *
 * Returns 0, -EINVAL for sizes or options out of bounds, -EDOM when no feature varies, -ENOMEM.
 */
int model_fit(const float *rows, size_t count, uint32_t features,
	      const struct model_options *options, struct model **out);
void model_free(struct model *model);
DEFINE_CLEANUP(model_free, struct model)

/*
 * model_score - how unusual each row is; larger is more unusual.
 * @scores: out; forest alone: 2^(-depth/c), in (0, 1], 0.5 is ordinary. With density or rules: the
 *          sum of the parts, each in deviations from what the training rows had; 0 is ordinary.
 *
 * Returns 0, or -EINVAL when a value is not finite (@scores untouched).
 * Source: Liu, Ting, Zhou, "Isolation Forest", ICDM 2008.
 */
int model_score(const struct model *model, const float *rows, size_t count, float *scores);

/* What makes a row unusual: one feature, its value and what is normal. */
struct model_reason {
	uint32_t feature;
	float value, low, middle, high; /* 1 %, 50 %, 99 % of the training rows */
	float rarity;			/* -ln of the share of training rows as far out */
};

/* model_explain - the @count rarest features of a row, the rarest first; only with rules, else 0.
 * Returns how many were written. */
unsigned int model_explain(const struct model *model, const float *row,
			   struct model_reason *reasons, unsigned int count);

uint32_t model_features(const struct model *model);
uint64_t model_rows(const struct model *model);
size_t model_bytes(const struct model *model);

/* model_encode - append the whole model: versioned, with a checksum. Errors stay in @buffer. */
void model_encode(const struct model *model, struct buffer *buffer);
/*
 * model_decode - a model from bytes that may be anything. @reason: what is wrong with them.
 * Returns 0, -EBADMSG (not a model, damaged, or cut), -EPROTONOSUPPORT (another version), -ENOMEM.
 */
int model_decode(const void *data, size_t len, struct model **out,
		 char reason[static MODEL_REASON_MAX]);

#endif
