/*
 * The sealed half of an incident: reason, evidence and notes as one record of the vault in
 * incident_details.
 */
#ifndef SLUICE_STORE_DETAILS_H
#define SLUICE_STORE_DETAILS_H

#include "agent/store/internal.h"

/* details_write - seal and store for the incident @id, in the writer's transaction; replaces.
 * -E2BIG: more than DETAILS_MAX. */
int details_write(struct db *main, const struct vault *vault, int64_t id,
		  const struct incident_details *details);

/* details_read - unseal. -ENOENT: none; -EBADMSG: changed, moved or sealed with another key. */
int details_read(struct db *db, const struct vault *vault, int64_t id,
		 struct incident_details *out);

/* Where a rotation stands, and what one batch did. */
struct details_reseal {
	int64_t after_id;
	unsigned int rows;    /* looked at; 0 = none is left */
	unsigned int damaged; /* of these did not open and stay as they are */
};

/* A transaction of about a millisecond (measured: 3.3 us a record of 4 KiB), so that other orders
 * never wait long. */
#define RESEAL_ROWS 64

/* details_reseal - the next rows behind @batch->after_id that another key than the present one
 * sealed. In the writer's transaction. Returns 0 or -errno. */
int details_reseal(struct db *main, const struct vault *vault, struct details_reseal *batch);

/* Reason, evidence of eight flows and a working life of notes of 4 KiB each. */
#define DETAILS_MAX (1U << 20)

#endif
