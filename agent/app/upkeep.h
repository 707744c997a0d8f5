/*
 * Upkeep: scheduled backups and key rotation on a thread of their own, one at a time. The service
 * thread calls everything here; what is slow runs on the jobs thread.
 */
#ifndef SLUICE_APP_UPKEEP_H
#define SLUICE_APP_UPKEEP_H

#include "agent/app/internal.h"
#include "include/upkeep.h"

struct queue;
struct store;
struct upkeep;

/* upkeep_start - @finished: the service's queue. A rotation that was cut off is taken up. */
int upkeep_start(const struct app *app, struct store *store, struct queue *finished,
		 struct upkeep **out);
/* upkeep_stop - a rotation stops at once, a backup is waited for. Accepts NULL. */
void upkeep_stop(struct upkeep *upkeep);
/* upkeep_tick - once a second: begins what is due. */
void upkeep_tick(struct upkeep *upkeep);
/* Begin one now. Returns 0, -EBUSY while one is under way, or -errno. */
int upkeep_rotate(struct upkeep *upkeep);
int upkeep_back_up(struct upkeep *upkeep);
void upkeep_status(const struct upkeep *upkeep, struct upkeep_status *out);

#endif
