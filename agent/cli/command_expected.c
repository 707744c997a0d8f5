/*
 * incident expected: what is no incident here; response: what detectors may do by themselves.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"

#define PATH_MAX_LEN  256
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* ---- incident expected -------------------------------------------------------------------------
 */

static int expected_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_COUNT },
		{ "DETECTOR", "detector", COLUMN_TEXT },
		{ "SOURCE", "src", COLUMN_TEXT },
		{ "DESTINATION", "dst", COLUMN_TEXT },
		{ "PORT", "port", COLUMN_COUNT },
		{ "EXPIRES", "expires", COLUMN_TIME },
		{ "SILENCED", "silenced", COLUMN_COUNT },
		{ "BY", "author", COLUMN_TEXT },
		{ "NOTE", "note", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", "/api/v1/expected", NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "nothing is expected");
	return CLI_OK;
}

static int print_expected(const struct args *args, const struct json *body, const char *what)
{
	const char *detector = text_of(body, "detector"), *src = text_of(body, "src");
	const char *dst = text_of(body, "dst"), *expires = text_of(body, "expires");
	char port[32];

	if (args->is_json)
		return answer_print(body);
	(void)snprintf(port, sizeof(port), " port %lld", (long long)number_of(body, "port"));
	say("%s %lld: %s from %s to %s%s, %s%.19s\n", what, (long long)number_of(body, "id"),
	    *detector ? detector : "anything", *src ? src : "anywhere", *dst ? dst : "anywhere",
	    number_of(body, "port") ? port : "", *expires ? "until " : "for good", expires);
	return CLI_OK;
}

static void set_option(const struct args *args, const char *option, const char *name,
		       struct json *body)
{
	const char *value = args_option(args, option);

	if (value)
		json_set_string(body, name, value);
}

static int expected_add(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	const char *incident = args_option(args, "--incident"), *port = args_option(args, "--port");
	char path[PATH_MAX_LEN] = "/api/v1/expected", *end;
	int status;

	set_option(args, "--detector", "detector", body);
	set_option(args, "--source", "src", body);
	set_option(args, "--destination", "dst", body);
	set_option(args, "--ttl", "ttl", body);
	set_option(args, "--note", "note", body);
	if (port) {
		long number = strtol(port, &end, 10);

		if (!*port || *end || number < 0 || number > UINT16_MAX)
			return usage_error("--port takes a number up to 65535, not \"%s\"", port);
		json_set_int(body, "port", number);
	}
	if (incident) {
		(void)snprintf(path, sizeof(path), "/api/v1/incidents/");
		if (path_append(path, sizeof(path) - 16, incident))
			return usage_error("\"%s\" is no incident number", incident);
		(void)strncat(path, "/expected", sizeof(path) - strlen(path) - 1);
	}
	status = client_call(args, "POST", path, body, &answer);
	return status ? status : print_expected(args, answer, "expected");
}

static int expected_del(const struct args *args)
{
	CLEANUP(json_free) struct json *answer = NULL;
	char path[PATH_MAX_LEN] = "/api/v1/expected/";
	int status;

	if (args->word_count != 2)
		return usage_error("incident expected del takes a number of the list");
	if (path_append(path, sizeof(path), args->words[1]))
		return usage_error("\"%s\" is no number of the list", args->words[1]);
	status = client_call(args, "DELETE", path, NULL, &answer);
	return status ? status : print_expected(args, answer, "expected no longer");
}

int command_incident_expected(const struct args *args)
{
	const char *verb = args->words[0];

	if (!strcmp(verb, "del"))
		return expected_del(args);
	if (args->word_count > 1)
		return usage_error("incident expected %s takes no \"%s\"", verb, args->words[1]);
	if (!strcmp(verb, "list"))
		return expected_list(args);
	if (!strcmp(verb, "add"))
		return expected_add(args);
	return usage_error("incident expected takes list, add or del, not \"%s\"", verb);
}

/* ---- response ----------------------------------------------------------------------------------
 */

static int print_policies(const struct args *args, const struct json *body)
{
	static const struct column columns[] = {
		{ "DETECTOR", "detector", COLUMN_TEXT }, { "WHAT", "title", COLUMN_TEXT },
		{ "RESPONSE", "response", COLUMN_TEXT }, { "SECONDS", "ttl_s", COLUMN_COUNT },
		{ "BY", "author", COLUMN_TEXT },
	};
	bool is_dry = true;

	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "");
	(void)json_get_bool(body, "dry_run", &is_dry); /* it is always there */
	say("%s\n", is_dry ? "dry run: incidents say what would have been blocked; "
			     "`sluice response live on` lets it happen"
			   : "live: blocks happen");
	return CLI_OK;
}

int command_response_list(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", "/api/v1/response", NULL, &body);

	return status ? status : print_policies(args, body);
}

int command_response_set(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	char path[PATH_MAX_LEN] = "/api/v1/response/";
	int status;

	if (args->word_count != 2)
		return usage_error("response set takes a detector and none, ask, block or default");
	if (path_append(path, sizeof(path), args->words[0]))
		return usage_error("there is no detector \"%s\"", args->words[0]);
	json_set_string(body, "response", args->words[1]);
	set_option(args, "--ttl", "ttl", body);
	status = client_call(args, "POST", path, body, &answer);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(answer);
	say("%s: %s, %lld s\n", text_of(answer, "title"), text_of(answer, "response"),
	    (long long)number_of(answer, "ttl_s"));
	return CLI_OK;
}

int command_response_live(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	bool on = !strcmp(args->words[0], "on");
	int status;

	if (!on && strcmp(args->words[0], "off") != 0)
		return usage_error("response live takes on or off");
	json_set_bool(body, "dry_run", !on);
	status = client_call(args, "POST", "/api/v1/response", body, &answer);
	return status ? status : print_policies(args, answer);
}
