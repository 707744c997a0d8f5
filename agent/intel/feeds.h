/*
 * The feed service's state, shared by feeds.c, feeds_orders.c and feeds_work.c. Only agent/intel
 * includes it.
 */
#ifndef SLUICE_INTEL_FEEDS_H
#define SLUICE_INTEL_FEEDS_H

#include "agent/intel/internal.h"

struct block;
struct block_outcome;

struct feed_service {
	struct feed_options options;
	struct feed feeds[FEEDS_MAX]; /* as in main.db */
	uint64_t due_ns[FEEDS_MAX];
	uint64_t ends_ns[FEEDS_MAX]; /* its list ran out, unless it is fetched before; 0 never */
	bool is_accepted[FEEDS_MAX]; /* the next try is applied whatever changed */
	size_t count;
	struct feed_work *work; /* NULL = none */
	bool is_asking;		/* for a fetch process, since asked_ns */
	bool is_applying;	/* the block service has its lines */
	bool is_stopping;
	uint64_t asked_ns;
	struct feed_preview preview;
	uint64_t preview_ended_ns;
	bool wants_preview; /* as soon as no feed is under way */
};

/* feeds_begin - @work, whose feed is set, on its way; takes it. (feeds.c) */
void feeds_begin(struct feed_service *service, struct feed_work *work);

/* preview.c: what becomes of a work that is one */
void preview_fetched(struct feed_service *service);
/* preview_tick - begins one that waits; a million entries are not kept for nobody. */
void preview_tick(struct feed_service *service);
/* preview_end - with the error of its work, "" for none; the work is gone then. */
void preview_end(struct feed_service *service);
bool feeds_is_url(const char *url);
bool feeds_is_in_force(const struct block *list);
void feeds_work_free(struct feed_work *work); /* accepts NULL */
/* feeds_upload - the lines of the work to the block service, by parts. 0 or -errno. */
int feeds_upload(struct feed_service *service, struct block_outcome *outcome);
struct principal feeds_principal(const struct feed *feed);

#endif
