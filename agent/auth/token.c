/*
 * API tokens: 256 random bits for scripts, kept hashed, with a role, scopes and an end. One made by
 * a user never may more than that user, and ends with them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/internal.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

#define PREFIX	     "slt_" /* so that scanners for leaked secrets know one */
#define SECRET_BYTES 32
#define TOKENS_MAX   256
#define TOUCH_MS     60000

static const struct {
	const char *name;
	uint8_t scope;
} scopes_table[] = {
	{ "read", SCOPE_READ },
	{ "incidents", SCOPE_INCIDENTS },
	{ "blocks", SCOPE_BLOCKS },
	{ "admin", SCOPE_ADMIN },
};

#define SCOPES (sizeof(scopes_table) / sizeof(scopes_table[0]))

const char *auth_scope_name(enum token_scope scope)
{
	for (size_t i = 0; i < SCOPES; i++)
		if (scopes_table[i].scope == scope)
			return scopes_table[i].name;
	return NULL;
}

static uint8_t find_scope(const char *word, size_t len)
{
	if (len == 3 && !strncmp(word, "all", 3))
		return SCOPE_ALL;
	for (size_t i = 0; i < SCOPES; i++)
		if (strlen(scopes_table[i].name) == len &&
		    !strncmp(scopes_table[i].name, word, len))
			return scopes_table[i].scope;
	return 0;
}

int auth_scopes_parse(const char *text, uint8_t *scopes)
{
	uint8_t all = 0;

	while (*text) {
		size_t len = strcspn(text, ", ");
		uint8_t scope = find_scope(text, len);

		if (len && !scope)
			return -EINVAL;
		all |= scope;
		text += len + (text[len] != '\0');
	}
	if (!all)
		return -EINVAL;
	*scopes = all;
	return 0;
}

const char *auth_token_message(int error)
{
	switch (error) {
	case 0:
		return "";
	case -EINVAL:
		return "A token has a name of 1 to 64 letters, digits or . _ @ -, a role and a "
		       "scope.";
	case -EEXIST:
		return "A token of this name exists already.";
	case -ENOENT:
		return "There is no such token.";
	case -EACCES:
		return "Only an admin may change tokens, and no token may.";
	case -ENOSPC:
		return "There are 256 tokens already: revoke one.";
	default:
		return "This did not work because of a fault on the server; see its log.";
	}
}

static void hash_text(const char *text, uint8_t hash[static CRYPTO_HASH_BYTES])
{
	crypto_digest(text, strlen(text), hash);
}

static int check_room(struct store *store)
{
	CLEANUP(free) struct api_token *rows = calloc(TOKENS_MAX, sizeof(*rows));
	int count = rows ? store_token_list(store, rows, TOKENS_MAX) : -ENOMEM;

	return count < 0 ? count : count >= TOKENS_MAX ? -ENOSPC : 0;
}

static struct json *describe(const struct api_token *token)
{
	struct json *detail = json_new_object();

	json_set_string(detail, "role", auth_role_name((enum role)token->role));
	json_set_int(detail, "scopes", token->scopes);
	json_set_time(detail, "expires", token->expires_unix_ms);
	return detail;
}

static bool may_change(const struct principal *who)
{
	return who->role == ROLE_ADMIN && !who->scopes;
}

int auth_token_create(struct store *store, const struct principal *who,
		      const struct auth_token_order *order, struct api_token *token,
		      char text[static AUTH_TOKEN_TEXT_MAX])
{
	uint8_t secret[SECRET_BYTES];
	int error = may_change(who) ? check_room(store) : -EACCES;

	if (error)
		return error;
	if (!user_name_is_valid(order->name) || order->role < ROLE_VIEWER ||
	    order->role > ROLE_ADMIN || !order->scopes || order->scopes > SCOPE_ALL ||
	    order->ttl_s < 0)
		return -EINVAL;
	*token = (struct api_token){ .user_id = who->user_id,
				     .role = (uint8_t)order->role,
				     .scopes = order->scopes,
				     .created_unix_ms = clock_unix_ms() };
	if (order->ttl_s)
		token->expires_unix_ms = token->created_unix_ms + order->ttl_s * 1000;
	(void)snprintf(token->name, sizeof(token->name), "%s", order->name);
	(void)snprintf(token->author, sizeof(token->author), "%s", who->name);
	crypto_random(secret, sizeof(secret));
	memcpy(text, PREFIX, sizeof(PREFIX));
	crypto_base64url(secret, sizeof(secret), text + sizeof(PREFIX) - 1);
	crypto_wipe(secret, sizeof(secret));
	hash_text(text, token->id_hash);
	error = store_token_insert(store, token);
	if (error)
		crypto_wipe(text, AUTH_TOKEN_TEXT_MAX);
	else
		auth_audit(store, who, "token.create", token->name, describe(token));
	return error;
}

static int find_row(struct store *store, int64_t id, struct api_token *out)
{
	CLEANUP(free) struct api_token *rows = calloc(TOKENS_MAX, sizeof(*rows));
	int count = rows ? store_token_list(store, rows, TOKENS_MAX) : -ENOMEM;

	for (int i = 0; i < count; i++)
		if (rows[i].id == id) {
			*out = rows[i];
			return 0;
		}
	return count < 0 ? count : -ENOENT;
}

int auth_token_revoke(struct store *store, struct auth *auth, const struct principal *who,
		      int64_t id)
{
	struct api_token token;
	struct json *detail;
	int error = may_change(who) ? find_row(store, id, &token) : -EACCES;

	if (!error)
		error = store_token_delete(store, id);
	if (error)
		return error;
	if (auth)
		session_tell_end(auth, session_tag_of(token.id_hash));
	detail = json_new_object();
	json_set_int(detail, "id", id);
	auth_audit(store, who, "token.revoke", token.name, detail);
	return 0;
}

/* ---- use ------------------------------------------------------------------------------------- */

/* The role it has at this moment: never above its owner's. ROLE_NONE: none any more. */
static enum role role_now(struct auth *auth, const struct api_token *token)
{
	struct user user;
	enum role role = (enum role)token->role;

	if (token->expires_unix_ms && auth->unix_ms() >= token->expires_unix_ms)
		return ROLE_NONE;
	if (!token->user_id)
		return role;
	if (store_user_by_id(auth->options.store, token->user_id, &user) != 0)
		return ROLE_NONE;
	if (user.disabled)
		role = ROLE_NONE;
	else if (user.role < role)
		role = (enum role)user.role;
	crypto_wipe(&user, sizeof(user));
	return role;
}

static void note_use(struct auth *auth, const struct api_token *token)
{
	int64_t now = auth->unix_ms();
	int error;

	if (now - token->used_unix_ms < TOUCH_MS)
		return;
	error = store_token_touch(auth->options.store, token->id, now);
	if (error)
		log_warn("use of a token not stored: %s", strerror(-error));
}

int auth_bearer(struct auth *auth, const char *text, const struct addr *peer, struct principal *out,
		struct auth_ticket *ticket)
{
	uint8_t hash[CRYPTO_HASH_BYTES];
	struct api_token token;
	enum role role;

	if (strlen(text) != AUTH_TOKEN_TEXT_MAX - 1 ||
	    strncmp(text, PREFIX, sizeof(PREFIX) - 1) != 0)
		return -EACCES;
	hash_text(text, hash);
	if (store_token_by_hash(auth->options.store, hash, &token) != 0)
		return -EACCES;
	role = role_now(auth, &token);
	if (role == ROLE_NONE)
		return -EACCES;
	note_use(auth, &token);
	*out = (struct principal){ .role = (uint8_t)role, .scopes = token.scopes, .peer = *peer };
	(void)snprintf(out->name, sizeof(out->name), "token:%s", token.name);
	if (ticket) {
		ticket->csrf[0] = '\0';
		ticket->tag = session_tag_of(token.id_hash);
	}
	return 0;
}
