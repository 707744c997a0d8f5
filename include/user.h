/*
 * Nouns of users and sessions. Viewer reads; analyst also works on incidents; admin also blocks,
 * keeps the safe list, users and settings.
 */
#ifndef SLUICE_INCLUDE_USER_H
#define SLUICE_INCLUDE_USER_H

#include <stdbool.h>
#include <stdint.h>

#include "include/addr.h"

enum role {
	ROLE_NONE = 0, /* nobody logged in */
	ROLE_VIEWER = 1,
	ROLE_ANALYST = 2,
	ROLE_ADMIN = 3,
};

#define USER_NAME_MAX  65  /* 64 characters and the end (ORIGINAL.md 4.4) */
#define USER_EMAIL_MAX 121 /* 120 and the end */
#define USER_HASH_MAX  129 /* crypto_pwhash_STRBYTES 128 and the end */

struct user {
	int64_t id;
	char name[USER_NAME_MAX];
	char email[USER_EMAIL_MAX];
	char password_hash[USER_HASH_MAX]; /* Argon2id encoded; empty = no usable password */
	uint8_t role;
	bool disabled;
	bool must_change; /* password change forced before anything else */
	bool has_totp;	  /* a code is asked for at login; only read */
	int64_t created_unix_ms, last_login_unix_ms;
};

#define TOTP_SECRET_BYTES 20

/* The second factor of a user; sealed in the store. */
struct totp {
	int64_t user_id;
	uint8_t secret[TOTP_SECRET_BYTES];
	bool is_active;	   /* false: offered, and not yet confirmed by a code */
	int64_t last_step; /* the newest whose code was used: none is taken twice */
};

/* What a token may do of what its role may. */
enum token_scope {
	SCOPE_READ = 1 << 0,
	SCOPE_INCIDENTS = 1 << 1, /* change incidents, expectations */
	SCOPE_BLOCKS = 1 << 2,	  /* change blocks, lists, the safe list, feeds */
	SCOPE_ADMIN = 1 << 3,	  /* change everything else */
	SCOPE_ALL = 15,
};

#define TOKEN_NAME_MAX USER_NAME_MAX

/* An API token; stored hashed (BLAKE2b-256), shown once. */
struct api_token {
	int64_t id;
	uint8_t id_hash[32];
	int64_t user_id; /* whose it is, and with whom it ends; 0: made on the machine itself */
	char name[TOKEN_NAME_MAX];
	char author[USER_NAME_MAX + 8];
	uint8_t role;
	uint8_t scopes; /* enum token_scope */
	int64_t created_unix_ms;
	int64_t expires_unix_ms; /* 0 = never */
	int64_t used_unix_ms;	 /* to the minute; 0 = never */
};

/* Ids are stored hashed (BLAKE2b-256); the id itself is only in the cookie. */
struct session {
	uint8_t id_hash[32];
	int64_t user_id;
	uint8_t csrf[32];
	struct addr peer;
	int64_t created_unix_ms, seen_unix_ms;
};

/* Who asks: result of authentication, input of authorisation and audit. */
struct principal {
	int64_t user_id; /* 0 for the control socket */
	uint8_t role;
	bool must_change;
	bool is_local;		      /* came through the control socket */
	uint8_t scopes;		      /* of a token, enum token_scope; 0: no token asks */
	char name[USER_NAME_MAX + 8]; /* "unix:USER" for the control socket */
	struct addr peer;
};

#endif
