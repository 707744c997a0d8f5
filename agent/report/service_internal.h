/*
 * What service.c (the queue) and service_upkeep.c (start, schedules, retention) share.
 */
#ifndef SLUICE_REPORT_SERVICE_INTERNAL_H
#define SLUICE_REPORT_SERVICE_INTERNAL_H

#include <limits.h>

#include "agent/report/internal.h"

/* The one under way. The jobs thread has it between run and done. */
struct work {
	struct report_service *service;
	struct report report;
	int render; /* socket of the render process; -1 = none */
	int error;
	bool is_deleted; /* the service thread's */
	atomic_bool is_cancelled;
	atomic_uint percent;
};

struct report_service {
	struct report_options options;
	char dir[PATH_MAX];
	struct report waiting[REPORT_WAITING_MAX]; /* the next one first */
	size_t waiting_count;
	struct work *work; /* NULL = none */
	bool is_asking;	   /* for a render process, since asked_ns */
	bool is_stopping;
	uint64_t asked_ns;
	uint64_t schedules_ns, retention_ns; /* when looked at next */
};

/* report_path - PATH_MAX bytes of @path. */
int report_path(const struct report_service *service, int64_t id, const char *format, char *path);
void report_pump(struct report_service *service);
/* report_check_render - give up on a render process that does not come. */
void report_check_render(struct report_service *service);
/* report_remove - file and row. */
int report_remove(struct report_service *service, const struct report *report);

#endif
