/*
 * geo, host, reputation: what is known of addresses and names beside their traffic.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "agent/cli/internal.h"
#include "agent/util/json.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define PATH_LEN      1024
#define WAIT_STEPS    300 /* a minute: the queue may be at its limit of a minute */
#define WAIT_STEP_NS  200000000L

int command_geo(const struct args *args)
{
	static const struct column columns[] = {
		{ "FILE", "path", COLUMN_TEXT },
		{ "KIND", "kind", COLUMN_TEXT },
		{ "BUILT", "built", COLUMN_TIME },
		{ "WHY", "error", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", "/api/v1/geo", NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "no files; see [Geo] in sluice.conf(5)");
	return CLI_OK;
}

static void say_if(const char *what, const char *text)
{
	if (*text)
		say("%-10s %s\n", what, text);
}

int command_host(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	char path[PATH_LEN] = "/api/v1/hosts/";
	const struct json *facts;
	int status;

	if (args->word_count != 1 || path_append(path, sizeof(path), args->words[0]))
		return usage_error("host needs one address");
	status = client_call(args, "GET", path, NULL, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	facts = json_get(body, "facts");
	say_if("address", text_of(body, "ip"));
	say_if("name", text_of(facts, "name"));
	say_if("named by", text_of(facts, "name_source"));
	say_if("country", text_of(facts, "country"));
	if (number_of(facts, "asn"))
		say("%-10s AS%lld %s\n", "network", (long long)number_of(facts, "asn"),
		    text_of(facts, "as_owner"));
	say_if("first seen", text_of(body, "first_seen"));
	say_if("last seen", text_of(body, "last_seen"));
	return CLI_OK;
}

/* ---- reputation -------------------------------------------------------------------------------
 */

static int print_reputation(const struct args *args, const struct json *body)
{
	static const struct column said[] = {
		{ "FROM", "provider", COLUMN_TEXT },	  { "VERDICT", "verdict", COLUMN_TEXT },
		{ "BAD", "malicious", COLUMN_COUNT },	  { "SUSPECT", "suspicious", COLUMN_COUNT },
		{ "HARMLESS", "harmless", COLUMN_COUNT }, { "REPORTS", "reports", COLUMN_COUNT },
		{ "ANALYSED", "analysed", COLUMN_TIME },  { "LINK", "link", COLUMN_TEXT },
	};
	static const struct column providers[] = {
		{ "PROVIDER", "provider", COLUMN_TEXT },
		{ "ON", "on", COLUMN_TEXT },
		{ "LEFT TODAY", "left_today", COLUMN_COUNT },
		{ "WHY", "error", COLUMN_TEXT },
	};

	if (args->is_json)
		return answer_print(body);
	if (args->word_count)
		table_print(json_get(body, "items"), said, LENGTH(said),
			    "nothing is known; --ask asks");
	else
		table_print(json_get(body, "providers"), providers, LENGTH(providers), "none");
	return CLI_OK;
}

static bool is_queued(const struct json *body)
{
	bool queued = false;

	(void)json_get_bool(body, "queued", &queued);
	return queued;
}

/* Until nothing of it waits any more. @body: replaced by the newest answer. */
static int wait_answered(const struct args *args, const char *path, struct json **body)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };
	int status = 0;

	for (int i = 0; i < WAIT_STEPS && !status && is_queued(*body); i++) {
		(void)nanosleep(&step, NULL); /* an interrupt only shortens it */
		json_free(*body);
		*body = NULL;
		status = client_call(args, "GET", path, NULL, body);
	}
	return status;
}

int command_reputation(const struct args *args)
{
	CLEANUP(json_free) struct json *order = json_new_object();
	CLEANUP(json_free) struct json *body = NULL;
	bool asks = args_option(args, "--ask") != NULL;
	char path[PATH_LEN] = "/api/v1/reputation?value=";
	int status;

	if (args->word_count > 1 || (asks && !args->word_count))
		return usage_error("reputation takes one address or name");
	if (path_append(path, sizeof(path), args->word_count ? args->words[0] : "-"))
		return usage_error("this is too long for an address or a name");
	if (!asks) {
		status = client_call(args, "GET", path, NULL, &body);
		return status ? status : print_reputation(args, body);
	}
	json_set_string(order, "value", args->words[0]);
	status = client_call(args, "POST", "/api/v1/reputation", order, &body);
	if (!status)
		status = wait_answered(args, path, &body);
	return status ? status : print_reputation(args, body);
}
