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
#include "include/learning.h"

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

#define MODEL_WINDOWS LEARNING_WINDOWS
#define MODEL_CLASSES LEARNING_CLASSES
#define MODEL_REASONS 3
#define MODEL_SAY_MAX 400

/* A window that was more unusual than the budget of alerts allows. */
struct model_alarm {
	struct addr src;
	uint8_t window, class; /* class = place * 2 + (is asked more than it asks) */
	uint32_t length_s;
	uint64_t begun_ns, ended_ns; /* as the calls said time */
	uint32_t flows;
	float score, threshold;
	double rate;	/* share of windows as unusual */
	double allowed; /* share that the budget allows */
	struct model_reason reasons[MODEL_REASONS];
	unsigned int reason_count;
};

struct model_watch;
struct model_job;

struct model_watch_options {
	uint32_t hosts_max;
	double alerts_per_day;
	uint64_t settle_s; /* after the first tick all is new: nothing is learned or judged */
	uint64_t seed;
	void (*on_alarm)(void *arg, const struct model_alarm *alarm); /* borrowed for the call */
	void *arg;
};

int model_watch_new(const struct model_watch_options *options, struct model_watch **out);
void model_watch_free(struct model_watch *watch);
DEFINE_CLEANUP(model_watch_free, struct model_watch)
/* model_watch_begin - a flow began. @src_place, @dst_place: enum learning_place. */
void model_watch_begin(struct model_watch *watch, const struct flow *flow, uint8_t src_place,
		       uint8_t dst_place);
/* model_watch_place - @addr lives at @place, whatever was said before. */
void model_watch_place(struct model_watch *watch, const struct addr *addr, uint8_t place);
/* model_watch_record - a flow ended, or was cut: its counters since the last cut. */
void model_watch_record(struct model_watch *watch, const struct flow *flow);
/* model_watch_flag - a detector flagged @src: until 10 minutes later its windows neither teach nor
 * move thresholds, and what is unusual of them is not told once more. */
void model_watch_flag(struct model_watch *watch, const struct addr *src, uint64_t now_ns);
/* model_watch_suffer - @dst is what a detector's finding goes against: its windows of now are no
 * measure, but only of now: who is reachable is attacked every day, and has habits, too. */
void model_watch_suffer(struct model_watch *watch, const struct addr *dst, uint64_t now_ns);
/* model_watch_open - an incident of @src is open: until 10 minutes later its windows teach nothing.
 * They are judged, and move thresholds. */
void model_watch_open(struct model_watch *watch, const struct addr *src, uint64_t now_ns);
/* model_watch_is_flagged - does a detector tell of it, or of what it suffers, at @now_ns? */
bool model_watch_is_flagged(const struct model_watch *watch, const struct addr *src,
			    uint64_t now_ns);
/* model_watch_tick - once a second: closes windows that are over, and tells alarms. */
void model_watch_tick(struct model_watch *watch, uint64_t now_ns);
void model_watch_status(const struct model_watch *watch, uint64_t now_ns, struct learning *out);
/* model_watch_host - a host and its open windows beside what is normal. Returns 0 or -ENOENT. */
int model_watch_host(const struct model_watch *watch, const struct addr *addr, uint64_t now_ns,
		     struct learning_host *out);

/* model_watch_job - a fit that is due, with a copy of its rows, or NULL. Caller runs it on any
 * thread, and hands it back with model_watch_take, or frees it. */
struct model_job *model_watch_job(struct model_watch *watch);
/* model_job_run - fit, and the test on rows held back. Milliseconds to a few tens of them. */
void model_job_run(struct model_job *job);
/* model_watch_take - takes @job and what came out of it, at @unix_ms. Returns whether it is a model
 * that proved itself. */
bool model_watch_take(struct model_watch *watch, struct model_job *job, int64_t unix_ms);
void model_job_free(struct model_job *job); /* accepts NULL */
DEFINE_CLEANUP(model_job_free, struct model_job)

/* A kind of windows by one number: window * MODEL_CLASSES + class. */
#define MODEL_KINDS (MODEL_WINDOWS * MODEL_CLASSES)
/*
 * model_watch_save - what one kind of windows has learned, if that changed since the last call, as
 * bytes for model_watch_load; counters and features only, no address. An empty @buffer: no change.
 * @buffer's errors are the caller's to look at.
 */
void model_watch_save(struct model_watch *watch, unsigned int kind, struct buffer *buffer);
#define MODEL_SAVE_MAX (8U << 20)
/* model_watch_load - before the first tick. Returns and @reason as of model_decode; that kind then
 * begins anew. */
int model_watch_load(struct model_watch *watch, unsigned int kind, const void *data, size_t len,
		     char reason[static MODEL_REASON_MAX]);

#define MODEL_KIND_MAX 32
/* model_kind_name - "10s-local-client". */
const char *model_kind_name(unsigned int kind, char text[static MODEL_KIND_MAX]);
/* model_alarm_say - its reasons in words with numbers and normal ranges: "failed flows 240 (normal
 * 0 to 3), ...", and how rare that is. Without the source. */
void model_alarm_say(const struct model_alarm *alarm, char text[static MODEL_SAY_MAX]);
/* model_alarm_is_suspicious - is what is most unusual of it searching (ports, failures), more than
 * heavy use? */
bool model_alarm_is_suspicious(const struct model_alarm *alarm);

/* model_alarm_is_volume - is it nothing but much: no new places, ports or failures among what is
 * most unusual? */
bool model_alarm_is_volume(const struct model_alarm *alarm);

/* model_feature_value - @x of a row as people count it: logarithms undone. */
double model_feature_value(uint32_t feature, float x);
/* model_feature_unit - static: "flows", "bytes", "share"; "" for a number without one. */
const char *model_feature_unit(uint32_t feature);
/* model_feature_name - static; "" for a number that is none. */
const char *model_feature_name(uint32_t feature);

#endif
