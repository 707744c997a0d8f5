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
	int64_t created_unix_ms, last_login_unix_ms;
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
	char name[USER_NAME_MAX + 8]; /* "unix:USER" for the control socket */
	struct addr peer;
};

#endif
