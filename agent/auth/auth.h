/*
 * Who asks and what they may do: passwords, sessions, set-up, throttling, roles. Owned by the
 * service thread; the slow hash runs on the jobs thread through a callback.
 */
#ifndef SLUICE_AUTH_AUTH_H
#define SLUICE_AUTH_AUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"
#include "include/user.h"

struct store;
struct auth;

/* work runs on the jobs thread, then done on the service thread. -EAGAIN when too many wait. */
typedef int (*auth_run_fn)(void *arg, void (*work)(void *job), void (*done)(void *job), void *job);

struct auth_options {
	struct store *store;
	auth_run_fn run;
	void *run_arg;
	/* a session ended (logout, role or password change): its streams must close */
	void (*on_session_end)(void *arg, uint64_t session_tag);
	void *arg;
	const char *state_dir; /* setup.token is kept here, 0600 */
	bool is_demo;	       /* loopback: admin/admin with a forced change */
	bool is_loopback;      /* the listener is on loopback */
};

int auth_new(const struct auth_options *options, struct auth **out);
/* auth_free - after the jobs thread ended; what it did not answer is never answered. */
void auth_free(struct auth *auth);
DEFINE_CLEANUP(auth_free, struct auth)

/*
 * auth_prepare - first start: user admin without a usable password and a one-time set-up token,
 * valid 24 h (or SLUICE_ADMIN_PASSWORD_FILE; or the demo's admin/admin). @setup_token: "" when
 * already set up. Blocking (hashes); before threads run.
 */
int auth_prepare(struct auth *auth, char setup_token[static 44]);
bool auth_needs_setup(struct auth *auth);
/* auth_demo_password - the demo off loopback: admin's random password of this start, else "". */
const char *auth_demo_password(const struct auth *auth);
/* auth_has_demo_login - admin/admin opens the demo (loopback, not changed yet). */
bool auth_has_demo_login(struct auth *auth);
/* auth_tick - once a second: sessions that are over end, times of use go to the store. */
void auth_tick(struct auth *auth);

/* Result of a login, set-up or password change. @session is base64url, "" on failure. */
struct auth_outcome {
	/* 0; -EACCES wrong; -EAGAIN throttled; -EINVAL weak password; -EPERM not allowed */
	int error;
	int64_t retry_after_s; /* with -EAGAIN */
	const char *message;   /* plain sentence for the person; static */
	char session[44];
	struct principal principal;
};
typedef void (*auth_done_fn)(void *arg, const struct auth_outcome *outcome);

/* What somebody says to be let in; borrowed until the call returns. */
struct auth_claim {
	const char *name, *password;
	const char *token; /* set-up only */
};
struct auth_change {
	const char *old_password, *new_password;
};

/*
 * auth_login - equal time for unknown users; @done is called once, on the service thread: before
 * the return when nothing needs a hash (throttled), else later.
 */
void auth_login(struct auth *auth, const struct auth_claim *claim, const struct addr *peer,
		auth_done_fn done, void *arg);
/* auth_setup - spend the set-up token: set admin's name and password, log in. */
void auth_setup(struct auth *auth, const struct auth_claim *claim, const struct addr *peer,
		auth_done_fn done, void *arg);
/* auth_change_password - of the caller; ends every other session of theirs, gives a new one. */
void auth_change_password(struct auth *auth, const struct principal *who,
			  const struct auth_change *change, auth_done_fn done, void *arg);
void auth_logout(struct auth *auth, const char *session);

/* What belongs to a session beside its holder. */
struct auth_ticket {
	char csrf[44]; /* base64url */
	uint64_t tag;  /* names the session in on_session_end; never 0 */
};

/*
 * auth_session - who holds this session id. idle 30 min, absolute 12 h.
 * @ticket: may be NULL. Returns 0 or -EACCES.
 */
int auth_session(struct auth *auth, const char *session, const struct addr *peer,
		 struct principal *out, struct auth_ticket *ticket);
/* auth_csrf_is_valid - constant time. */
bool auth_csrf_is_valid(struct auth *auth, const char *session, const char *csrf);

/*
 * Users, for pages, while the service runs: the hash is off the service thread, sessions end at
 * once, @who is audited. A password set by somebody else over the web must be changed at the next
 * login. @done is called once on the service thread; @message is static, a plain
 * sentence, "" with 0. -EACCES: @who is no admin; -EINVAL: name, address or password; -EEXIST;
 * -ENOENT; -EPERM: the last admin; -EAGAIN: too many wait. */
struct auth_user_order {
	const char *name, *password;
	const char *email; /* of a new user; NULL or empty when not given */
	enum role role;	   /* of a new user */
};
typedef void (*auth_user_done_fn)(void *arg, int error, const char *message);
void auth_create_user(struct auth *auth, const struct principal *who,
		      const struct auth_user_order *order, auth_user_done_fn done, void *arg);
void auth_reset_password(struct auth *auth, const struct principal *who,
			 const struct auth_user_order *order, auth_user_done_fn done, void *arg);
int auth_disable_user(struct auth *auth, const struct principal *who, const char *name,
		      bool disabled, const char **message);

/*
 * Users, for the command line while no service runs. Blocking hash. Audited as "unix:USER" of the
 * calling process. Errors and @message (may be NULL) as above.
 */
int auth_user_add(struct store *store, const struct auth_user_order *order, const char **message);
int auth_user_set_password(struct store *store, const char *name, const char *password,
			   const char **message);
int auth_user_set_disabled(struct store *store, const char *name, bool disabled,
			   const char **message);

const char *auth_role_name(enum role role);
int auth_role_parse(const char *text, enum role *role);
/* auth_admin_peers - addresses of admins logged in now, for the safe list. Returns the count. */
int auth_admin_peers(struct auth *auth, struct addr *out, size_t max);

#endif
