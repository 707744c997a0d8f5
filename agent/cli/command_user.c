/*
 * user: through the running service, or on its store when nobody holds the lock.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/auth.h"
#include "agent/cli/offline.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"

#define USERS_MAX     1000
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- what is done, and said --------------------------------------------------------------------
 */

static int finish(const struct args *args, int error, const char *message, const char *done)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *name = args->words[0];

	if (error) {
		fprintf(stderr, "sluice: %s\n", message && *message ? message : strerror(-error));
		return CLI_FAILED;
	}
	if (!args->is_json) {
		say("%s %s\n", done, name);
		return CLI_OK;
	}
	body = json_new_object();
	json_set_string(body, "name", name);
	return answer_print(body);
}

/* ---- commands -----------------------------------------------------------------------------------
 */

static int add_online(const struct args *args, const char *role, const char *password)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	const char *email = args_option(args, "--email");
	int status;

	json_set_string(body, "name", args->words[0]);
	json_set_string(body, "email", email ? email : "");
	json_set_string(body, "role", role);
	json_set_string(body, "password", password);
	status = client_call(args, "POST", "/api/v1/users", body, &answer);
	if (status)
		return status;
	return args->is_json ? answer_print(answer) : finish(args, 0, NULL, "added");
}

static int add_offline(const struct args *args, enum role role, const char *password)
{
	const char *email = args_option(args, "--email");
	const struct auth_user_order order = { .name = args->words[0],
					       .email = email ? email : "",
					       .password = password,
					       .role = role };
	const char *message = NULL;
	struct offline offline;
	int error, status = offline_open(args, &offline);

	if (!status) {
		error = auth_user_add(offline.store, &order, &message);
		status = finish(args, error, message, "added");
	}
	offline_done(&offline);
	return status;
}

int command_user_add(const struct args *args)
{
	const char *role_name = args_option(args, "--role");
	char password[SECRET_TEXT_MAX];
	enum role role = ROLE_VIEWER;
	int status;

	if (role_name && auth_role_parse(role_name, &role))
		return usage_error("--role takes viewer, analyst or admin, not \"%s\"", role_name);
	if (read_secret(args, "--password-file", "password", password))
		return CLI_FAILED;
	status = client_is_running(args) ? add_online(args, auth_role_name(role), password)
					 : add_offline(args, role, password);
	crypto_wipe(password, sizeof(password));
	return status;
}

static int set_password_online(const struct args *args, const char *password)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	char path[512] = "/api/v1/users/";
	int status;

	if (path_append(path, sizeof(path) - 16, args->words[0]))
		return usage_error("the name is too long");
	(void)strncat(path, "/password", sizeof(path) - strlen(path) - 1);
	json_set_string(body, "password", password);
	status = client_call(args, "POST", path, body, &answer);
	return status ? status : finish(args, 0, NULL, "password set for");
}

static int set_password_offline(const struct args *args, const char *password)
{
	const char *message = NULL;
	struct offline offline;
	int status = offline_open(args, &offline);

	if (!status)
		status = finish(
			args,
			auth_user_set_password(offline.store, args->words[0], password, &message),
			message, "password set for");
	offline_done(&offline);
	return status;
}

int command_user_passwd(const struct args *args)
{
	char password[SECRET_TEXT_MAX];
	int status;

	if (read_secret(args, "--password-file", "password", password))
		return CLI_FAILED;
	status = client_is_running(args) ? set_password_online(args, password)
					 : set_password_offline(args, password);
	crypto_wipe(password, sizeof(password));
	return status;
}

static int set_disabled(const struct args *args, bool disabled)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	const char *done = disabled ? "disabled" : "enabled";
	const char *message = NULL;
	char path[512] = "/api/v1/users/";
	struct offline offline;
	int status;

	if (client_is_running(args)) {
		if (path_append(path, sizeof(path) - 16, args->words[0]))
			return usage_error("the name is too long");
		(void)strncat(path, "/disabled", sizeof(path) - strlen(path) - 1);
		json_set_bool(body, "disabled", disabled);
		status = client_call(args, "POST", path, body, &answer);
		return status ? status : finish(args, 0, NULL, done);
	}
	status = offline_open(args, &offline);
	if (!status)
		status = finish(
			args,
			auth_user_set_disabled(offline.store, args->words[0], disabled, &message),
			message, done);
	offline_done(&offline);
	return status;
}

int command_user_disable(const struct args *args)
{
	return set_disabled(args, true);
}

int command_user_enable(const struct args *args)
{
	return set_disabled(args, false);
}

static int list_offline(const struct args *args, struct json **out)
{
	CLEANUP(free) struct user *users = calloc(USERS_MAX, sizeof(*users));
	struct json *items = json_new_array();
	struct offline offline;
	int status = users ? offline_open(args, &offline) : CLI_FAILED;
	int count = users && !status ? store_user_list(offline.store, users, USERS_MAX) : 0;

	for (int i = 0; i < count; i++) {
		struct json *item = json_new_object();

		json_set_int(item, "id", users[i].id);
		json_set_string(item, "name", users[i].name);
		json_set_string(item, "email", users[i].email);
		json_set_string(item, "role", auth_role_name((enum role)users[i].role));
		json_set_bool(item, "disabled", users[i].disabled);
		json_set_bool(item, "must_change", users[i].must_change);
		json_set_time(item, "created", users[i].created_unix_ms);
		json_set_time(item, "last_login", users[i].last_login_unix_ms);
		json_add(items, item);
	}
	if (users)
		offline_done(&offline);
	*out = json_new_object();
	json_set(*out, "items", items);
	json_set_null(*out, "next");
	return count < 0 ? CLI_FAILED : status;
}

int command_user_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "NAME", "name", COLUMN_TEXT },
		{ "ROLE", "role", COLUMN_TEXT },
		{ "DISABLED", "disabled", COLUMN_TEXT },
		{ "LAST LOGIN", "last_login", COLUMN_TIME },
		{ "E-MAIL", "email", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_is_running(args)
			     ? client_call(args, "GET", "/api/v1/users", NULL, &body)
			     : list_offline(args, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "there are no users");
	return CLI_OK;
}
