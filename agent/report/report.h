/*
 * Reports: gathered from the store as one JSON document, kept as it is, as CSV, or drawn as PDF by
 * the one-shot `render` role, which gets the document on a socket and has neither files nor
 * network. The service thread owns the queue and calls everything here but report_render; the
 * gathering and writing run on a jobs thread.
 */
#ifndef SLUICE_REPORT_REPORT_H
#define SLUICE_REPORT_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/buffer.h"
#include "agent/util/cleanup.h"
#include "include/report.h"

struct addr;
struct addr_facts;
struct report_service;
struct store;

/* Waiting at once; a schedule that comes due meanwhile waits for the next look. */
#define REPORT_WAITING_MAX   16
#define REPORT_SCHEDULES_MAX 32
/* As long as hourly sums are kept. */
#define REPORT_PERIOD_MAX_MS (2LL * 366 * 86400 * 1000)

/* Names are static; "" for a number that is none. Parsing: 0 or -EINVAL. */
const char *report_kind_name(uint8_t kind);	/* "general" */
const char *report_kind_title(uint8_t kind);	/* "General overview" */
const char *report_format_name(uint8_t format); /* "pdf" */
const char *report_state_name(uint8_t state);	/* "queued" */
const char *report_every_name(uint8_t every);	/* "daily" */
int report_kind_parse(const char *text, uint8_t *kind);
int report_format_parse(const char *text, uint8_t *format);
int report_every_parse(const char *text, uint8_t *every);
/* report_minute_parse - "07:30" as minutes of the day; -EINVAL. */
int report_minute_parse(const char *text, uint16_t *minute);

struct report_options {
	struct store *store;
	const char *dir; /* state directory; reports are in its folder "reports" */
	const char *version;
	bool is_demo;
	int64_t keep_s;	    /* older ones go; 0 = never */
	uint64_t max_bytes; /* the oldest go when all are larger; 0 = no bound */
	/* ask for a render process; its socket comes to report_service_take_render */
	int (*ask_render)(void *arg);
	/* work on a thread of its own, then done on this one */
	int (*run)(void *arg, void (*work)(void *job), void (*done)(void *job), void *job);
	/* what is known of an address beside its traffic, on any thread; may be NULL */
	void (*facts)(void *arg, const struct addr *addr, struct addr_facts *out);
	/* one was made; may be NULL */
	void (*on_made)(void *arg, const struct report *report);
	void *arg;
};

/* report_service_new - what a former run left unfinished is marked failed, its pieces removed. */
int report_service_new(const struct report_options *options, struct report_service **out);
/* report_service_stop - the one being made ends soon; call before its jobs thread is stopped. */
void report_service_stop(struct report_service *service);
void report_service_free(struct report_service *service); /* accepts NULL */
DEFINE_CLEANUP(report_service_free, struct report_service)
/* report_service_tick - once a second: queue, schedules (every minute), retention (every hour). */
void report_service_tick(struct report_service *service);
/* report_service_take_render - takes @fd, or -1: none can be had. */
void report_service_take_render(struct report_service *service, int fd);

/*
 * report_create - kind, format, from, to, zone and author of @order; the period is widened to whole
 * hours, so that its sums are those of the hourly tables. Returns 0 with the row; -EINVAL: the
 * period is empty or too long; -ENOENT: no such zone; -EAGAIN: REPORT_WAITING_MAX wait already.
 */
int report_create(struct report_service *service, const struct report *order, struct report *out);
/* report_progress - percent of one being made, 0 of a waiting one, 100 of a finished one. */
int report_progress(const struct report_service *service, const struct report *report);
/* report_delete - row and file; one being made is stopped. -ENOENT. */
int report_delete(struct report_service *service, int64_t id);

struct report_part {
	int64_t offset;
	size_t max;
	bool is_last; /* out */
};

/* report_read - bytes of a finished one from @part->offset on. -ENOENT, -EAGAIN: not finished. */
int report_read(struct report_service *service, int64_t id, struct report_part *part,
		struct buffer *out);

/* report_schedule_add - kind, format, every, minute, zone, author; sets id. -ENOENT: no such zone;
 * -ENOSPC: REPORT_SCHEDULES_MAX are there. */
int report_schedule_add(struct report_service *service, struct report_schedule *schedule);
/* report_schedule_find - the one of @schedules with that id; NULL: it was deleted, or there was
 * none. */
const struct report_schedule *report_schedule_find(const struct report_schedule *schedules,
						   size_t count, int64_t id);
/* report_schedule_next - when it is due next, unix ms. */
int64_t report_schedule_next(const struct report_schedule *schedule, int64_t now_unix_ms);

/*
 * report_render - the render role: reads a document from @fd, draws, answers, returns. The process
 * has dropped all rights before. Returns 0 or -errno.
 */
int report_render(int fd);

#endif
