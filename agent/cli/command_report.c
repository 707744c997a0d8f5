/*
 * report: create, list, get, schedule.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent/cli/internal.h"
#include "agent/util/cleanup.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define PATH_LEN      256
/* The service goes on by itself; a person wants to know, not to wait for ever. */
#define WAIT_STEPS   1200
#define WAIT_STEP_NS 100000000L

static int say_report(const struct args *args, const struct json *report)
{
	if (args->is_json)
		return answer_print(report);
	say("report %lld: %s, %s", (long long)number_of(report, "id"), text_of(report, "title"),
	    text_of(report, "state"));
	if (*text_of(report, "error"))
		say(": %s", text_of(report, "error"));
	say("\n");
	return CLI_OK;
}

/* Until it is done or failed; @report is replaced by what it became. */
static int wait_made(const struct args *args, struct json **report)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_NS };
	char path[PATH_LEN];
	int status = CLI_OK;

	(void)snprintf(path, sizeof(path), "/api/v1/reports/%lld",
		       (long long)number_of(*report, "id"));
	for (int i = 0; i < WAIT_STEPS && !status; i++) {
		const char *state = text_of(*report, "state");
		struct json *next = NULL;

		if (!strcmp(state, "done"))
			return CLI_OK;
		if (!strcmp(state, "failed"))
			return CLI_FAILED;
		(void)nanosleep(&step, NULL); /* an interrupt only shortens it */
		status = client_call(args, "GET", path, NULL, &next);
		if (!status) {
			json_free(*report);
			*report = next;
		}
	}
	if (!status)
		fprintf(stderr, "sluice: the report is still being made\n");
	return CLI_FAILED;
}

static int save(const struct args *args, long long id, const char *file)
{
	char path[PATH_LEN];

	if (file && strcmp(file, "-") != 0) {
		CLEANUP(close)
		int fd = open(file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

		if (fd < 0 || dup2(fd, STDOUT_FILENO) < 0) {
			fprintf(stderr, "sluice: %s: %s\n", file, strerror(errno));
			return CLI_FAILED;
		}
	} else if (isatty(STDOUT_FILENO)) {
		return usage_error("name a file with --file, or redirect the output");
	}
	(void)snprintf(path, sizeof(path), "/api/v1/reports/%lld/file?", id);
	return client_print_parts(args, path);
}

static void set_options(const struct args *args, struct json *body)
{
	static const char *const names[] = { "--from",	"--to", "--format", "--zone",
					     "--every", "--at", "--to" };

	for (size_t i = 0; i < LENGTH(names); i++)
		if (args_option(args, names[i]))
			json_set_string(body, names[i] + 2, args_option(args, names[i]));
}

int command_report_create(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *report = NULL;
	const char *file = args_option(args, "--file");
	int status;

	if (!file)
		file = args_option(args, "-f");
	if (args->word_count != 1)
		return usage_error("report create needs one kind: general, incidents, traffic, "
				   "anomaly or executive");
	json_set_string(body, "kind", args->words[0]);
	set_options(args, body);
	status = client_call(args, "POST", "/api/v1/reports", body, &report);
	if (status)
		return status;
	if (args_option(args, "--no-wait"))
		return say_report(args, report);
	status = wait_made(args, &report);
	if (!status && file)
		return save(args, (long long)number_of(report, "id"), file);
	(void)say_report(args, report);
	return status;
}

int command_report_list(const struct args *args)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_COUNT },	     { "KIND", "kind", COLUMN_TEXT },
		{ "FORMAT", "format", COLUMN_TEXT }, { "STATE", "state", COLUMN_TEXT },
		{ "FROM", "from", COLUMN_TIME },     { "TO", "to", COLUMN_TIME },
		{ "SIZE", "size", COLUMN_BYTES },    { "BY", "author", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	const char *limit = args_option(args, "--limit");
	char path[PATH_LEN] = "/api/v1/reports?limit=";
	int status;

	if (path_append(path, sizeof(path), limit ? limit : "50"))
		return usage_error("an option is too long");
	status = client_call(args, "GET", path, NULL, &body);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "no reports");
	return CLI_OK;
}

static int number_word(const struct args *args, size_t at, long long *id)
{
	char *end;

	*id = args->word_count > at ? strtoll(args->words[at], &end, 10) : 0;
	if (*id <= 0 || *end)
		return usage_error("this needs a number, see sluice report list");
	return 0;
}

int command_report_get(const struct args *args)
{
	const char *file = args_option(args, "--file");
	long long id;

	if (number_word(args, 0, &id))
		return CLI_USAGE;
	return save(args, id, file ? file : args_option(args, "-f"));
}

int command_report_del(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	char path[PATH_LEN];
	long long id;

	if (number_word(args, 0, &id))
		return CLI_USAGE;
	(void)snprintf(path, sizeof(path), "/api/v1/reports/%lld", id);
	return client_call(args, "DELETE", path, NULL, &body);
}

/* ---- schedules ------------------------------------------------------------------------------- */

static int list_schedules(const struct args *args)
{
	static const struct column columns[] = {
		{ "ID", "id", COLUMN_COUNT },	     { "KIND", "kind", COLUMN_TEXT },
		{ "FORMAT", "format", COLUMN_TEXT }, { "EVERY", "every", COLUMN_TEXT },
		{ "AT", "at", COLUMN_TEXT },	     { "ZONE", "zone", COLUMN_TEXT },
		{ "NEXT", "next_due", COLUMN_TIME }, { "TO", "to", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", "/api/v1/reports/schedules", NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, LENGTH(columns), "no report is made by itself");
	return CLI_OK;
}

static int delete_schedule(const struct args *args)
{
	CLEANUP(json_free) struct json *body = NULL;
	char path[PATH_LEN];
	long long id;

	if (number_word(args, 1, &id))
		return CLI_USAGE;
	(void)snprintf(path, sizeof(path), "/api/v1/reports/schedules/%lld", id);
	return client_call(args, "DELETE", path, NULL, &body);
}

int command_report_schedule(const struct args *args)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *made = NULL;
	int status;

	if (!args->word_count || !strcmp(args->words[0], "list"))
		return list_schedules(args);
	if (!strcmp(args->words[0], "del"))
		return delete_schedule(args);
	json_set_string(body, "kind", args->words[0]);
	set_options(args, body);
	status = client_call(args, "POST", "/api/v1/reports/schedules", body, &made);
	if (status)
		return status;
	if (args->is_json)
		return answer_print(made);
	say("schedule %lld: %s, %s, next at %s\n", (long long)number_of(made, "id"),
	    text_of(made, "title"), text_of(made, "every"), text_of(made, "next_due"));
	return CLI_OK;
}
