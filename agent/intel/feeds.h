/*
 * The feed service's state, shared by feeds.c and feeds_work.c. Only agent/intel includes it.
 */
#ifndef SLUICE_INTEL_FEEDS_H
#define SLUICE_INTEL_FEEDS_H

#include "agent/intel/internal.h"

struct feed_service {
	struct feed_options options;
	struct feed feeds[FEEDS_MAX]; /* as in main.db */
	uint64_t due_ns[FEEDS_MAX];
	bool is_accepted[FEEDS_MAX]; /* the next try is applied whatever changed */
	size_t count;
	struct feed_work *work; /* NULL = none */
	bool is_asking;		/* for a fetch process, since asked_ns */
	bool is_applying;	/* the block service has its lines */
	bool is_stopping;
	uint64_t asked_ns;
};

#endif
