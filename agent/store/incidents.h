/*
 * The part of the store's face that is about incidents: list columns in clear, sealed details,
 * history, expectations and responses. Included by store.h, which other modules include.
 */
#ifndef SLUICE_STORE_INCIDENTS_H
#define SLUICE_STORE_INCIDENTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/incident.h"

struct store;

/* Details are sealed with the vault: bound to table, row, columns and key id. All together at most
 * 1 MiB (-E2BIG); -EBADMSG when a record was changed or moved. */
struct incident_details {
	char reason[FINDING_REASON_MAX];
	char *evidence_json; /* array; caller frees after a read; may be NULL */
	char *notes;	     /* caller frees after a read; may be NULL */
	char *features_json; /* array; as above */
};
void store_incident_details_done(struct incident_details *details);

enum incident_sort {
	INCIDENTS_NEWEST, /* by id; the only one that before_id goes with */
	INCIDENTS_LAST_SEEN,
	INCIDENTS_SEVERITY,
	INCIDENTS_SCORE,
	INCIDENTS_COUNT,
	INCIDENT_SORTS
};

enum incident_settled {
	INCIDENTS_ANY,
	INCIDENTS_UNSETTLED, /* open or acknowledged */
	INCIDENTS_SETTLED,   /* resolved or false positive */
};

/* Zero is any, except where -1 is. */
struct incident_filter {
	int64_t before_id;   /* keyset: ids below; 0 = newest */
	int severity, state; /* -1 = any */
	int detector;	     /* -1 = any */
	uint8_t settled;     /* enum incident_settled */
	bool has_proto;
	uint8_t proto;
	struct prefix src, dst;		  /* ADDR_NONE = any */
	int64_t from_unix_ms, to_unix_ms; /* seen in [from, to); 0 = no end */
	uint8_t sort;			  /* enum incident_sort, largest first */
	size_t offset;			  /* rows to leave out */
};

int store_incident_insert(struct store *store, struct incident *incident,
			  const struct incident_details *details); /* sets id */
int store_incident_update(struct store *store, const struct incident *incident,
			  const struct incident_details *details); /* NULL: details stay */
int store_incident_get(struct store *store, int64_t id, struct incident *out,
		       struct incident_details *details); /* details may be NULL */
/* store_incident_find - newest of source and detector with first_unix_ms >= @since; -ENOENT. */
int store_incident_find(struct store *store, const struct addr *src, enum detector detector,
			int64_t since_unix_ms, struct incident *out);
int store_incident_list(struct store *store, const struct incident_filter *filter,
			struct incident *out, size_t max);
/* store_incident_count - how many match, before_id and offset apart. Returns 0 or -errno. */
int store_incident_count(struct store *store, const struct incident_filter *filter,
			 uint64_t *count);

/* ---- incident_people.c: history, expectations, responses ------------------------------------ */

/* The oldest of one incident make room. */
#define STORE_INCIDENT_HISTORY_MAX 500
int store_incident_event_add(struct store *store, const struct incident_event *event);
/* store_incident_event_list - of one incident, oldest first. Returns the count or -errno. */
int store_incident_event_list(struct store *store, int64_t incident_id, struct incident_event *out,
			      size_t max);

int store_expected_insert(struct store *store, struct expected *expected); /* sets id */
int store_expected_delete(struct store *store, int64_t id);		   /* -ENOENT */
/* store_expected_save - silenced and last_unix_ms. -ENOENT. */
int store_expected_save(struct store *store, const struct expected *expected);
/* store_expected_list - oldest first; those of detectors this program has not are left out. */
int store_expected_list(struct store *store, struct expected *out, size_t max);

/* store_response_set - NULL takes it away: the default is back. */
int store_response_set(struct store *store, uint8_t detector, const struct response_policy *policy);
/* store_response_load - of each detector that has one; others stay as they are. */
int store_response_load(struct store *store, struct response_policy out[static DETECTOR_COUNT]);

/* store_incident_severities - of all there are. Returns 0 or -errno. */
int store_incident_severities(struct store *store, uint64_t counts[3]);
/* store_incident_course - opened per step, from @from_unix_ms on. Returns 0 or -errno. */
int store_incident_course(struct store *store, int64_t from_unix_ms, int64_t step_ms,
			  uint64_t *counts, size_t steps);
/* store_incident_counts - open incidents per severity; per IP protocol number (256 entries). */
int store_incident_counts(struct store *store, uint64_t by_severity[3], uint64_t by_proto[256]);
/* store_incident_open_sources - of open and acknowledged incidents above low that went on after
 * @since; the count, at most @max, the latest first. */
int store_incident_open_sources(struct store *store, int64_t since_unix_ms, struct addr *out,
				size_t max);
/* store_incident_verdicts - incidents of @detector that went on after @since, by state. */
int store_incident_verdicts(struct store *store, const char *detector, int64_t since_unix_ms,
			    uint64_t counts[static 4]);

#endif
