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
struct auth_ticket;

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
	/* 0; -EACCES wrong; -EAGAIN throttled; -EINVAL weak password; -EPERM not allowed;
	 * -ENOKEY the password is right, and a code of the second factor is needed, too */
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
	const char *code;  /* of the second factor, or a recovery code; NULL or "": none */
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

/* ---- sessions seen from outside (session.c) ----------------------------------------------
 */

struct auth_session_info {
	uint64_t tag; /* names it */
	int64_t user_id;
	struct addr peer; /* where it was used last */
	int64_t created_unix_ms, seen_unix_ms;
};

/* auth_sessions - live ones of @user_id (0: of everybody), newest first. Returns the count. */
int auth_sessions(struct auth *auth, int64_t user_id, struct auth_session_info *out, size_t max);
/* auth_end_session - one's own, or anybody's for an admin. Returns 0 or -ENOENT. */
int auth_end_session(struct auth *auth, const struct principal *who, uint64_t tag);
/* auth_end_other_sessions - all of the caller's but @keep_tag. Returns how many. */
int auth_end_other_sessions(struct auth *auth, const struct principal *who, uint64_t keep_tag);

/* ---- second factor (totp.c) -------------------------------------------------------------------
 */

#define TOTP_CODES     10 /* recovery codes, each good once (facts: ASVS 2.8) */
#define TOTP_CODE_TEXT 20 /* "xxxx-xxxx-xxxx-xxxx" and the end: 80 random bits */
#define TOTP_URI_MAX   256

/* Shown once. */
struct auth_totp_offer {
	char secret[33];	/* base32 */
	char uri[TOTP_URI_MAX]; /* otpauth:, what a QR code holds */
};
struct auth_totp_codes {
	char text[TOTP_CODES][TOTP_CODE_TEXT];
};
/* What auth_totp_set turns on with. */
struct auth_totp_gift {
	struct auth_totp_offer offer;
	struct auth_totp_codes codes;
};
struct auth_totp_state {
	bool is_active, is_offered;
	unsigned int codes_left;
};

/*
 * Each returns 0; -EACCES: wrong code; -EAGAIN: too many guesses; -EPERM: no user of their own
 * (control socket, token); -EEXIST: on already; -ENOENT: none is offered, or on; -errno. @message
 * is static, "" with 0.
 */
int auth_totp_state(struct auth *auth, const struct principal *who, struct auth_totp_state *out);
/* auth_totp_begin - a secret, in force once auth_totp_confirm gets a code of it. */
int auth_totp_begin(struct auth *auth, const struct principal *who, struct auth_totp_offer *out,
		    const char **message);
int auth_totp_confirm(struct auth *auth, const struct principal *who, const char *code,
		      struct auth_totp_codes *codes, const char **message);
/* auth_totp_renew - new recovery codes; the old ones are void. */
int auth_totp_renew(struct auth *auth, const struct principal *who, const char *code,
		    struct auth_totp_codes *codes, const char **message);
int auth_totp_end(struct auth *auth, const struct principal *who, const char *code,
		  const char **message);
/*
 * auth_totp_set - an admin for somebody else, or the command line: on at once, with a new secret,
 * or off (@gift unused). Also without a service. -EACCES: @who is no admin.
 */
int auth_totp_set(struct store *store, const struct principal *who, const char *name, bool on,
		  struct auth_totp_gift *gift);

/* ---- tokens (token.c) -------------------------------------------------------------------------
 */

#define AUTH_TOKEN_TEXT_MAX 48 /* "slt_", 43 characters, and the end */

struct auth_token_order {
	const char *name;
	enum role role;
	uint8_t scopes; /* enum token_scope */
	int64_t ttl_s;	/* 0 = never ends */
};

/*
 * auth_token_create - @token: its row, @text: what is shown once. Also without a service.
 * -EACCES: @who is no admin, or a token itself; -EINVAL, -EEXIST, -ENOSPC (too many), -errno.
 */
int auth_token_create(struct store *store, const struct principal *who,
		      const struct auth_token_order *order, struct api_token *token,
		      char text[static AUTH_TOKEN_TEXT_MAX]);
/* auth_token_revoke - @auth NULL: without a service. -EACCES, -ENOENT. */
int auth_token_revoke(struct store *store, struct auth *auth, const struct principal *who,
		      int64_t id);
const char *auth_token_message(int error);
/* auth_scopes_parse - "read,blocks" or "all". -EINVAL. */
int auth_scopes_parse(const char *text, uint8_t *scopes);
/* auth_scope_name - of one bit; NULL for none. */
const char *auth_scope_name(enum token_scope scope);
/* auth_bearer - who holds this token now. @ticket may be NULL. Returns 0 or -EACCES. */
int auth_bearer(struct auth *auth, const char *text, const struct addr *peer, struct principal *out,
		struct auth_ticket *ticket);

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

/* auth_set_role - streams of the user close, so that they begin anew with the new role. */
int auth_set_role(struct auth *auth, const struct principal *who, const char *name, enum role role,
		  const char **message);

/*
 * Users, for the command line while no service runs. Blocking hash. Audited as "unix:USER" of the
 * calling process. Errors and @message (may be NULL) as above.
 */
int auth_user_add(struct store *store, const struct auth_user_order *order, const char **message);
int auth_user_set_password(struct store *store, const char *name, const char *password,
			   const char **message);
int auth_user_set_disabled(struct store *store, const char *name, bool disabled,
			   const char **message);

int auth_user_set_role(struct store *store, const char *name, enum role role, const char **message);

/* auth_local_principal - who the calling process is: "unix:USER", an admin. */
void auth_local_principal(struct principal *out);
const char *auth_role_name(enum role role);
int auth_role_parse(const char *text, enum role *role);
/* auth_admin_peers - addresses of admins logged in now, for the safe list. Returns the count. */
int auth_admin_peers(struct auth *auth, struct addr *out, size_t max);

#endif
