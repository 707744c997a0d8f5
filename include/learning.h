/*
 * What the anomaly model has learned so far and how it looks at one host: made by the pipeline,
 * read by the API. Windows are counted per source; the kinds of them (length, place, role) learn
 * apart from each other.
 */
#ifndef SLUICE_INCLUDE_LEARNING_H
#define SLUICE_INCLUDE_LEARNING_H

#include <stdbool.h>
#include <stdint.h>

#define LEARNING_WINDOWS  3 /* 10 s, 10 min, 24 h */
#define LEARNING_CLASSES  6 /* by place: client, server */
#define LEARNING_FEATURES 32

enum learning_place {
	LEARNING_OWN,	 /* an address of this machine */
	LEARNING_LOCAL,	 /* of its networks */
	LEARNING_REMOTE, /* anywhere else */
};

/* One kind of window. class = place * 2 + (is asked more than it asks). */
struct learning_kind {
	uint64_t learned, gated; /* windows taken, and kept out: flagged, or alarms */
	uint32_t wanted;	 /* windows before the first model: learning until then */
	uint32_t models, promoted, refused;
	uint64_t alarms;
	int64_t trained_unix_ms; /* the newest model; 0 = none yet */
	uint64_t trained_rows;	 /* it was fitted on */
	uint64_t trained_hosts;	 /* watched when it was fitted; 0 = not known */
	double threshold;	 /* of the score; meaningless without a model */
	double allowed_rate;	 /* share of windows that may lie above it */
};

struct learning {
	uint32_t hosts, hosts_max;
	uint64_t full;	       /* hosts that found no room */
	uint64_t alarms;       /* told, since the start */
	uint64_t withheld;     /* over the budget, likewise */
	double alerts_per_day; /* asked for */
	double budget;	       /* of it, what a network of this size gets */
	uint64_t settle_s;     /* left of the time after a start in which nothing is judged */
	uint32_t length_s[LEARNING_WINDOWS];
	struct learning_kind kinds[LEARNING_WINDOWS][LEARNING_CLASSES];
};

/* A feature as people read it: logarithms undone. */
struct learning_feature {
	const char *name, *unit;	 /* static */
	double value, low, middle, high; /* 1 %, 50 % and 99 % of what was learned */
	double rarity;			 /* -ln of the share of learned windows as far out */
};

/* One host's open window of one length. */
struct learning_window {
	bool is_open, has_model;
	uint8_t class;
	uint32_t flows;
	double since_s; /* it has been open */
	double score, threshold;
	unsigned int feature_count;
	struct learning_feature features[LEARNING_FEATURES]; /* low, middle, high with a model */
};

struct learning_host {
	uint8_t place;	 /* enum learning_place */
	bool is_flagged; /* by a detector: it teaches nothing now */
	bool is_open;	 /* an incident of it is open: as well */
	double known_s;	 /* since its first flow of this run */
	struct learning_window windows[LEARNING_WINDOWS];
};

#endif
