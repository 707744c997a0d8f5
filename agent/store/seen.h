/*
 * What was ever seen, with its first and last time: domains, destinations, JA4 fingerprints,
 * listening ports, hardware addresses. Noted in memory by any thread, written by the writer thread
 * a few hundred at a time, so that a flood of new ones costs it little. Bounded: when a kind is
 * full, those not seen for a week make room, and what finds none is counted.
 */
#ifndef SLUICE_STORE_SEEN_H
#define SLUICE_STORE_SEEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/store/db.h"
#include "agent/store/flows.h"
#include "include/history.h"

struct seen_notes;

/* seen_notes_new - @max_bytes: budget of the history, of which this is a sixteenth; 0 = none. */
int seen_notes_new(uint64_t max_bytes, struct seen_notes **out);
void seen_notes_free(struct seen_notes *notes); /* accepts NULL; without writing */
DEFINE_CLEANUP(seen_notes_free, struct seen_notes)

/* ---- any thread ---- */

/* seen_note - @key was seen at @unix_s; its last time is written every ten minutes. */
void seen_note(struct seen_notes *notes, const struct seen_key *key, int64_t unix_s);
/* seen_full - what was not written for want of room. */
uint64_t seen_full(const struct seen_notes *notes);

/* ---- the writer thread ---- */

/* seen_note_row - destination and names of a record. */
void seen_note_row(struct seen_notes *notes, const struct flow_row *row);
/* seen_write - some of what is new; in a transaction. @at_once: also just after the last time. */
int seen_write(struct seen_notes *notes, struct db *db, bool at_once);
/* seen_written - that transaction is committed. */
void seen_written(struct seen_notes *notes);
/* seen_is_waiting - something is not written yet. */
bool seen_is_waiting(struct seen_notes *notes);
/* seen_finish - at the end: last times that are only in memory are to be written, too. */
void seen_finish(struct seen_notes *notes);
/* seen_forget - another file, or a rollback: how many the file has is to be counted again. */
void seen_forget(struct seen_notes *notes);

/* ---- readers ---- */

struct seen_query;

/* seen_list - see store_seen_list. */
int seen_list(struct db *db, const struct seen_query *query, struct seen_entry *out, size_t max);

#endif
