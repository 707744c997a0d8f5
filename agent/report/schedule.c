/*
 * When scheduled reports are due. Days begin where the zone's wall clock says so, also on the two
 * days a year that have 23 or 25 hours.
 */
#include "agent/report/internal.h"

/* The begin of the day, week or month that holds @local, @back periods earlier (negative: later).
 */
static int64_t period_begin_s(const struct report_schedule *schedule, const struct zone *zone,
			      const struct zone_time *local, int back)
{
	struct zone_time at = { .year = local->year, .month = local->month, .day = local->day };

	if (schedule->every == REPORT_DAILY) {
		at.day -= back;
	} else if (schedule->every == REPORT_WEEKLY) {
		at.day -= local->weekday + 7 * back;
	} else {
		at.day = 1;
		at.month -= back;
		if (at.month < 1) {
			at.month += 12;
			at.year--;
		}
	}
	return zone_unix_s(zone, &at);
}

/* At the schedule's minute of the first day of a period. */
static int64_t due_s(const struct report_schedule *schedule, const struct zone *zone,
		     int64_t begin_s)
{
	struct zone_time at;

	zone_local(zone, begin_s, &at);
	at.hour = schedule->minute / 60;
	at.minute = schedule->minute % 60;
	at.second = 0;
	return zone_unix_s(zone, &at);
}

void schedule_due(const struct report_schedule *schedule, const struct zone *zone,
		  int64_t now_unix_ms, struct due *out)
{
	struct zone_time local;
	int back = 0;

	zone_local(zone, now_unix_ms / MS_PER_S, &local);
	/* this period's own time may still be ahead */
	if (due_s(schedule, zone, period_begin_s(schedule, zone, &local, 0)) >
	    now_unix_ms / MS_PER_S)
		back = 1;
	out->to_unix_ms = period_begin_s(schedule, zone, &local, back) * MS_PER_S;
	out->from_unix_ms = period_begin_s(schedule, zone, &local, back + 1) * MS_PER_S;
	out->at_unix_ms = due_s(schedule, zone, out->to_unix_ms / MS_PER_S) * MS_PER_S;
}

const struct report_schedule *report_schedule_find(const struct report_schedule *schedules,
						   size_t count, int64_t id)
{
	for (size_t i = 0; i < count && id; i++)
		if (schedules[i].id == id)
			return &schedules[i];
	return NULL;
}

int64_t report_schedule_next(const struct report_schedule *schedule, int64_t now_unix_ms)
{
	CLEANUP(zone_free) struct zone *zone = NULL;
	struct zone_time local;

	(void)zone_load(schedule->zone, &zone); /* gone from the system: UTC */
	zone_local(zone, now_unix_ms / MS_PER_S, &local);
	for (int back = 0; back > -3; back--) {
		int64_t at = due_s(schedule, zone, period_begin_s(schedule, zone, &local, back));

		if (at > now_unix_ms / MS_PER_S)
			return at * MS_PER_S;
	}
	return 0; /* not reached: the next period's time is ahead */
}
