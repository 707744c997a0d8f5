/*
 * user totp, user role: the second factor of somebody who lost a phone, or who shall have one.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/auth/auth.h"
#include "agent/cli/offline.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"

static int user_path(const struct args *args, const char *end, char path[static 512])
{
	(void)snprintf(path, 512, "/api/v1/users/");
	if (path_append(path, 512 - 16, args->words[0]))
		return usage_error("the name is too long");
	(void)strncat(path, end, 512 - strlen(path) - 1);
	return CLI_OK;
}

static int set_online(const struct args *args, bool on, struct json **out)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	char path[512];
	int status = user_path(args, "/totp", path);

	json_set_bool(body, "on", on);
	return status ? status : client_call(args, "POST", path, body, out);
}

static int set_offline(const struct args *args, bool on, struct json **out)
{
	struct auth_totp_gift gift;
	struct principal who;
	struct offline offline;
	struct json *list;
	int error = 0, status = offline_open(args, &offline);

	auth_local_principal(&who);
	if (!status)
		error = auth_totp_set(offline.store, &who, args->words[0], on, &gift);
	offline_done(&offline);
	if (error) {
		fprintf(stderr, "sluice: %s\n",
			error == -ENOENT ? "there is no such user, or no second factor of theirs"
					 : strerror(-error));
		return CLI_FAILED;
	}
	*out = json_new_object();
	if (status || !on)
		return status;
	json_set_string(*out, "secret", gift.offer.secret);
	json_set_string(*out, "uri", gift.offer.uri);
	list = json_new_array();
	for (size_t i = 0; i < TOTP_CODES; i++)
		json_add_string(list, gift.codes.text[i]);
	json_set(*out, "recovery_codes", list);
	crypto_wipe(&gift, sizeof(gift));
	return CLI_OK;
}

static void print_offer(const struct json *body)
{
	const struct json *codes = json_get(body, "recovery_codes");

	say("secret for the app: %s\n%s\n\nrecovery codes, each good once:\n",
	    text_of(body, "secret"), text_of(body, "uri"));
	for (size_t i = 0; i < json_array_len(codes); i++) {
		const char *code = "";

		(void)json_string(json_array_get(codes, i), &code); /* then it stays empty */
		say("  %s\n", code);
	}
}

int command_user_totp(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *word = args->word_count > 1 ? args->words[1] : "";
	bool on = !strcmp(word, "on");
	int status;

	if (!on && strcmp(word, "off") != 0)
		return usage_error("user totp NAME takes on or off");
	status = client_is_running(args) ? set_online(args, on, &body)
					 : set_offline(args, on, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	if (on)
		print_offer(body);
	else
		say("no code is asked of %s any more\n", args->words[0]);
	return CLI_OK;
}

static int role_online(const struct args *args, struct json **out)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	char path[512];
	int status = user_path(args, "/role", path);

	json_set_string(body, "role", args->words[1]);
	return status ? status : client_call(args, "POST", path, body, out);
}

static int role_offline(const struct args *args, enum role role, struct json **out)
{
	const char *message = "";
	struct offline offline;
	int status = offline_open(args, &offline);

	if (!status && auth_user_set_role(offline.store, args->words[0], role, &message)) {
		fprintf(stderr, "sluice: %s\n", message);
		status = CLI_FAILED;
	}
	offline_done(&offline);
	*out = json_new_object();
	json_set_string(*out, "name", args->words[0]);
	json_set_string(*out, "role", args->words[1]);
	return status;
}

int command_user_role(const struct args *args)
{
	CLEANUP(json_free) struct json *answer = NULL;
	enum role role;
	int status;

	if (args->word_count < 2 || auth_role_parse(args->words[1], &role))
		return usage_error("user role NAME takes viewer, analyst or admin");
	status = client_is_running(args) ? role_online(args, &answer)
					 : role_offline(args, role, &answer);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(answer);
	say("%s is %s\n", args->words[0], args->words[1]);
	return CLI_OK;
}
