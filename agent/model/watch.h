/*
 * The watch over all hosts: its state, shared by watch.c (flows and windows) and watch_fit.c (fits,
 * files, what is shown). Only agent/model includes it.
 */
#ifndef SLUICE_MODEL_WATCH_H
#define SLUICE_MODEL_WATCH_H

#include "agent/model/hosts.h"
#include "agent/model/learner.h"
#include "agent/model/model.h"

struct model_watch {
	struct model_watch_options options;
	struct hosts *hosts;
	uint64_t begun_ns, ticked_ns;
	struct learner learners[MODEL_WINDOWS][MODEL_CLASSES];
	uint64_t alarms, withheld;
	uint32_t residents; /* hosts of this network that were active within a day */
	double tokens;	    /* alarms that may still be told, gained by day */
	float best;	    /* how far beyond its threshold the farthest of a day lay */
	uint64_t best_ns;
};

extern const uint64_t watch_lengths_ns[MODEL_WINDOWS];

/* watch_class - of a window: place * 2 + (is asked more than it asks). */
uint8_t watch_class(const struct host *host, int w);
/* watch_budget - alarms a day: what was asked for, but a small network gets fewer: one for each ten
 * hosts, at least one. */
double watch_budget(const struct model_watch *watch);
/* watch_allowed_rate - the share of windows that may alarm, so that all learners together keep the
 * budget. */
double watch_allowed_rate(const struct model_watch *watch, const struct learner *learner);
/* watch_is_settling - all is new still. */
bool watch_is_settling(const struct model_watch *watch, uint64_t now_ns);

#endif
