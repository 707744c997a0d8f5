/*
 * Nouns of reports: what was asked for, what became of it, and what is made by itself.
 */
#ifndef SLUICE_INCLUDE_REPORT_H
#define SLUICE_INCLUDE_REPORT_H

#include <stdint.h>

#include "include/user.h"

/* The numbers are stored. */
enum report_kind {
	REPORT_GENERAL = 0,
	REPORT_INCIDENTS = 1,
	REPORT_TRAFFIC = 2,
	REPORT_ANOMALY = 3,
	REPORT_EXECUTIVE = 4,
	REPORT_KIND_COUNT
};

enum report_format {
	REPORT_PDF = 0,
	REPORT_JSON = 1,
	REPORT_CSV = 2,
	REPORT_FORMAT_COUNT
};

enum report_state {
	REPORT_QUEUED = 0,
	REPORT_MAKING = 1,
	REPORT_DONE = 2,
	REPORT_FAILED = 3,
	REPORT_STATE_COUNT
};

enum report_every {
	REPORT_DAILY = 0,
	REPORT_WEEKLY = 1,  /* Mondays */
	REPORT_MONTHLY = 2, /* the first */
	REPORT_EVERY_COUNT
};

#define REPORT_ZONE_MAX	  48
#define REPORT_ERROR_MAX  160
#define REPORT_SHA256_MAX 65
#define REPORT_AUTHOR_MAX (USER_NAME_MAX + 8)
#define REPORT_TO_MAX	  1024

/* One report: its row; the file is reports/ID.FORMAT below the state directory. */
struct report {
	int64_t id;
	uint8_t kind, format, state; /* enum report_kind, report_format, report_state */
	int64_t from_unix_ms, to_unix_ms;
	char zone[REPORT_ZONE_MAX]; /* of days and hours; "" = this host's */
	char author[REPORT_AUTHOR_MAX];
	int64_t created_unix_ms, finished_unix_ms;
	int64_t size_bytes;
	char sha256[REPORT_SHA256_MAX]; /* of the file; "" until it is there */
	int64_t schedule_id;		/* 0 = somebody asked */
	char error[REPORT_ERROR_MAX];	/* a sentence when it failed */
};

/* A report made by itself: of the day, week or month that ended before it is due. */
struct report_schedule {
	int64_t id;
	uint8_t kind, format, every; /* enum report_every */
	uint16_t minute;	     /* of the day in the zone */
	char zone[REPORT_ZONE_MAX];
	char author[REPORT_AUTHOR_MAX];
	char to[REPORT_TO_MAX]; /* mail addresses, comma separated; "" = those of [Mail] to */
	int64_t created_unix_ms;
	int64_t last_due_unix_ms; /* the newest one that was begun; 0 = none */
};

#endif
