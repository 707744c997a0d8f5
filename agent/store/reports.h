/*
 * A part of the store's face (store.h includes it): reports, their schedules, and the incidents of
 * a period. main.db; any thread; each write returns when it is on disk.
 */
#ifndef SLUICE_STORE_REPORTS_H
#define SLUICE_STORE_REPORTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct incident;
struct report;
struct report_schedule;
struct store;

int store_report_insert(struct store *store, struct report *report); /* sets id */
/* store_report_update - state, finished, size, sha256, error; -ENOENT. */
int store_report_update(struct store *store, const struct report *report);
int store_report_delete(struct store *store, int64_t id); /* -ENOENT */
int store_report_get(struct store *store, int64_t id, struct report *out);
/* store_report_list - newest first, ids below @before (0 = from the newest). Returns the count. */
int store_report_list(struct store *store, int64_t before, struct report *out, size_t max);

int store_report_schedule_insert(struct store *store, struct report_schedule *schedule);
int store_report_schedule_delete(struct store *store, int64_t id); /* -ENOENT */
/* store_report_schedule_touch - the newest due time that was begun; -ENOENT. */
int store_report_schedule_touch(struct store *store, int64_t id, int64_t due_unix_ms);
int store_report_schedule_list(struct store *store, struct report_schedule *out, size_t max);

struct incident_period {
	int64_t from_unix_ms, to_unix_ms; /* from <= begin < to */
};

/* store_incident_visit - list columns of every incident that began in the period, newest first,
 * until @visit returns false. Deadline 1 s (-ETIMEDOUT). */
int store_incident_visit(struct store *store, const struct incident_period *period,
			 bool (*visit)(void *arg, const struct incident *incident), void *arg);

#endif
