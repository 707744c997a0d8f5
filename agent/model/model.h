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
#include "include/addr.h"

struct flow;

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

/* ---- hosts and their windows ------------------------------------------------------------------
 * Owned by the thread that feeds it. Time is given: monotonic, never back.
 */

enum feature {
#define FEATURE(id, name, unit, formula, source) FEATURE_##id,
#include "include/features.def"
#undef FEATURE
	FEATURE_COUNT
};

enum model_place {
	MODEL_PLACE_OWN,    /* an address of this machine */
	MODEL_PLACE_LOCAL,  /* of its networks */
	MODEL_PLACE_REMOTE, /* anywhere else */
};

#define MODEL_WINDOWS 3 /* 10 s, 10 min, 24 h */
#define MODEL_CLASSES 6 /* by place: mostly asks, mostly is asked */
#define MODEL_REASONS 3

/* A window that was more unusual than the budget of alerts allows. */
struct model_alarm {
	struct addr src;
	uint8_t window, class; /* class = place * 2 + (is asked more than it asks) */
	uint32_t length_s;
	uint32_t flows;
	float score, threshold;
	double rate; /* share of windows as unusual */
	struct model_reason reasons[MODEL_REASONS];
	unsigned int reason_count;
};

struct model_watch;
struct model_job;

struct model_watch_options {
	uint32_t hosts_max;
	double alerts_per_day;
	uint64_t seed;
	void (*on_alarm)(void *arg, const struct model_alarm *alarm); /* borrowed for the call */
	void *arg;
};

struct model_learner_status {
	uint64_t learned, gated; /* windows taken, and kept out: flagged, or alarms */
	uint32_t wanted;	 /* windows before the first model: learning until then */
	uint32_t models, promoted, refused;
};

struct model_status {
	uint32_t hosts;
	uint64_t full, alarms;
	struct model_learner_status learners[MODEL_WINDOWS][MODEL_CLASSES];
};

int model_watch_new(const struct model_watch_options *options, struct model_watch **out);
void model_watch_free(struct model_watch *watch);
DEFINE_CLEANUP(model_watch_free, struct model_watch)
/* model_watch_begin - a flow began. @src_place, @dst_place: enum model_place. */
void model_watch_begin(struct model_watch *watch, const struct flow *flow, uint8_t src_place,
		       uint8_t dst_place);
/* model_watch_record - a flow ended, or was cut: its counters since the last cut. */
void model_watch_record(struct model_watch *watch, const struct flow *flow);
/* model_watch_gate - a detector flagged @src, or an incident of it is open: its windows are scored,
 * but teach nothing, from the open one until 10 minutes later. */
void model_watch_gate(struct model_watch *watch, const struct addr *src, uint64_t now_ns);
/* model_watch_tick - once a second: closes windows that are over, and tells alarms. */
void model_watch_tick(struct model_watch *watch, uint64_t now_ns);
void model_watch_status(const struct model_watch *watch, struct model_status *status);

/* model_watch_job - a fit that is due, with a copy of its rows, or NULL. Caller runs it on any
 * thread, and hands it back with model_watch_take, or frees it. */
struct model_job *model_watch_job(struct model_watch *watch);
/* model_job_run - fit, and the test on rows held back. Milliseconds to a few tens of them. */
void model_job_run(struct model_job *job);
/* model_watch_take - takes @job and what came out of it. */
void model_watch_take(struct model_watch *watch, struct model_job *job);
void model_job_free(struct model_job *job); /* accepts NULL */
DEFINE_CLEANUP(model_job_free, struct model_job)

/* model_feature_name - static; "" for a number that is none. */
const char *model_feature_name(uint32_t feature);

#endif
