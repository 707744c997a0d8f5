/*
 * How fast passwords may be guessed: per account and address, per address, per account. Bounded
 * tables; time only slows, nothing locks for ever, and an address that logged in before is not
 * slowed by the guesses of others. Service thread.
 */
#ifndef SLUICE_AUTH_THROTTLE_H
#define SLUICE_AUTH_THROTTLE_H

#include <stdbool.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct throttle;

/* One attempt under way; counted as failed until throttle_succeed or throttle_cancel. */
struct throttle_attempt {
	uint64_t pair, address, account; /* keys; 0 = not counted */
	bool is_user;			 /* the account exists */
	bool is_local;			 /* from loopback */
};

struct throttle *throttle_new(void); /* NULL without memory */
void throttle_free(struct throttle *throttle);
DEFINE_CLEANUP(throttle_free, struct throttle)

/*
 * throttle_attempt_of - the keys of one attempt.
 * @name: account as typed, NULL for none (set-up token); @user_id: 0 when there is no such user
 */
struct throttle_attempt throttle_attempt_of(const struct throttle *throttle, const char *name,
					    int64_t user_id, const struct addr *peer);
/* throttle_admit - 0 and counted, or -EAGAIN and seconds to wait. @now_s only grows. */
int throttle_admit(struct throttle *throttle, const struct throttle_attempt *attempt,
		   uint64_t now_s, int64_t *retry_after_s);
/* throttle_succeed - the right password: the pair is forgiven and known. */
void throttle_succeed(struct throttle *throttle, const struct throttle_attempt *attempt,
		      uint64_t now_s);
/* throttle_cancel - it was no guess after all. */
void throttle_cancel(struct throttle *throttle, const struct throttle_attempt *attempt,
		     uint64_t now_s);
/* throttle_know - this account logged in from there before (sessions found at start). */
void throttle_know(struct throttle *throttle, const struct throttle_attempt *attempt,
		   uint64_t now_s);

#endif
