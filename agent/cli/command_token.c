/*
 * token: through the running service, or on its store when nobody holds the lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/auth.h"
#include "agent/cli/offline.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"

#define TOKENS_MAX    256
#define TTL_DEFAULT   "90d"
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct json *encode_token(const struct api_token *token)
{
	struct json *item = json_new_object(), *scopes = json_new_array();

	for (unsigned int bit = 1; bit <= SCOPE_ALL; bit <<= 1)
		if (token->scopes & bit)
			json_add_string(scopes, auth_scope_name((enum token_scope)bit));
	json_set_int(item, "id", token->id);
	json_set_string(item, "name", token->name);
	json_set_string(item, "role", auth_role_name((enum role)token->role));
	json_set(item, "scopes", scopes);
	json_set_string(item, "author", token->author);
	json_set_time(item, "created", token->created_unix_ms);
	json_set_time(item, "expires", token->expires_unix_ms);
	json_set_time(item, "last_used", token->used_unix_ms);
	return item;
}

static int list_offline(const struct args *args, struct json **out)
{
	CLEANUP(free) struct api_token *rows = calloc(TOKENS_MAX, sizeof(*rows));
	struct json *items = json_new_array();
	struct offline offline;
	int status = rows ? offline_open(args, &offline) : CLI_FAILED;
	int count = rows && !status ? store_token_list(offline.store, rows, TOKENS_MAX) : 0;

	for (int i = 0; i < count; i++)
		json_add(items, encode_token(&rows[i]));
	if (rows)
		offline_done(&offline);
	*out = json_new_object();
	json_set(*out, "items", items);
	json_set_null(*out, "next");
	return count < 0 ? CLI_FAILED : status;
}

static int read_list(const struct args *args, struct json **out)
{
	return client_is_running(args) ? client_call(args, "GET", "/api/v1/tokens", NULL, out)
				       : list_offline(args, out);
}

int command_token_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_COUNT },
		{ "NAME", "name", COLUMN_TEXT },
		{ "ROLE", "role", COLUMN_TEXT },
		{ "EXPIRES", "expires", COLUMN_TIME },
		{ "LAST USED", "last_used", COLUMN_TIME },
		{ "AUTHOR", "author", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = read_list(args, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "there are no tokens");
	return CLI_OK;
}

/* ---- create ------------------------------------------------------------------------------------
 */

/* What the options say, checked here so that both ways refuse the same. */
static int read_order(const struct args *args, struct auth_token_order *order)
{
	const char *role = args_option(args, "--role"), *scopes = args_option(args, "--scopes");
	const char *ttl = args_option(args, "--ttl");

	*order = (struct auth_token_order){ .name = args->words[0], .role = ROLE_VIEWER };
	if (role && auth_role_parse(role, &order->role))
		return usage_error("--role takes viewer, analyst or admin, not \"%s\"", role);
	if (auth_scopes_parse(scopes ? scopes : "read", &order->scopes))
		return usage_error("--scopes takes read, incidents, blocks, admin or all");
	ttl = ttl ? ttl : TTL_DEFAULT;
	if (strcmp(ttl, "never") != 0 && (duration_parse(ttl, &order->ttl_s) || order->ttl_s <= 0))
		return usage_error("--ttl takes a time such as 7d, or never");
	return CLI_OK;
}

static int create_online(const struct args *args, const struct auth_token_order *order,
			 struct json **out)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	const char *scopes = args_option(args, "--scopes"), *ttl = args_option(args, "--ttl");

	json_set_string(body, "name", order->name);
	json_set_string(body, "role", auth_role_name(order->role));
	json_set_string(body, "scopes", scopes ? scopes : "read");
	json_set_string(body, "ttl", ttl ? ttl : TTL_DEFAULT);
	return client_call(args, "POST", "/api/v1/tokens", body, out);
}

static int create_offline(const struct args *args, const struct auth_token_order *order,
			  struct json **out)
{
	char text[AUTH_TOKEN_TEXT_MAX];
	struct api_token token;
	struct principal who;
	struct offline offline;
	int status = offline_open(args, &offline);

	auth_local_principal(&who);
	if (!status) {
		int error = auth_token_create(offline.store, &who, order, &token, text);

		if (error)
			fprintf(stderr, "sluice: %s\n", auth_token_message(error));
		status = error ? CLI_FAILED : CLI_OK;
	}
	offline_done(&offline);
	if (status)
		return status;
	*out = encode_token(&token);
	json_set_string(*out, "token", text);
	crypto_wipe(text, sizeof(text));
	return CLI_OK;
}

int command_token_create(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	struct auth_token_order order;
	int status = read_order(args, &order);

	if (!status)
		status = client_is_running(args) ? create_online(args, &order, &body)
						 : create_offline(args, &order, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	say("%s\n", text_of(body, "token"));
	fprintf(stderr, "It is not shown again. Use it as: Authorization: Bearer TOKEN\n");
	return CLI_OK;
}

/* ---- revoke ------------------------------------------------------------------------------------
 */

/* A token by its number or name; 0, said. */
static int64_t find_token(const struct json *list, const char *word)
{
	const struct json *items = json_get(list, "items");

	for (size_t i = 0; i < json_array_len(items); i++) {
		const struct json *item = json_array_get(items, i);
		char id[24];

		(void)snprintf(id, sizeof(id), "%lld", (long long)number_of(item, "id"));
		if (!strcmp(word, id) || !strcmp(word, text_of(item, "name")))
			return number_of(item, "id");
	}
	fprintf(stderr, "sluice: there is no token \"%s\"\n", word);
	return 0;
}

static int revoke_offline(const struct args *args, int64_t id)
{
	struct principal who;
	struct offline offline;
	int error, status = offline_open(args, &offline);

	auth_local_principal(&who);
	if (!status) {
		error = auth_token_revoke(offline.store, NULL, &who, id);
		if (error)
			fprintf(stderr, "sluice: %s\n", auth_token_message(error));
		status = error ? CLI_FAILED : CLI_OK;
	}
	offline_done(&offline);
	return status;
}

int command_token_revoke(const struct args *args)
{
	CLEANUP(json_free) struct json *list = NULL;
	CLEANUP(json_free) struct json *answer = NULL;
	char path[64];
	int64_t id;
	int status = read_list(args, &list);

	if (status)
		return status;
	id = find_token(list, args->words[0]);
	if (!id)
		return CLI_FAILED;
	(void)snprintf(path, sizeof(path), "/api/v1/tokens/%lld", (long long)id);
	status = client_is_running(args) ? client_call(args, "DELETE", path, NULL, &answer)
					 : revoke_offline(args, id);
	if (status)
		return status;
	if (args->is_json)
		printf("{\"revoked\":%lld}\n", (long long)id);
	else
		say("revoked %s\n", args->words[0]);
	return CLI_OK;
}
