/*
 * run, demo, selftest, check, version, panic: what works without a running service.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/capture.h"
#include "agent/cli/offline.h"
#include "agent/config/config.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"

#define STATE_DIR_DEFAULT "/var/lib/sluice"

static const char *either(const struct args *args, const char *shorter, const char *longer)
{
	const char *value = args_option(args, shorter);

	return value ? value : args_option(args, longer);
}

static int read_demo_options(const struct args *args, struct cli_service_options *options)
{
	const char *seed = args_option(args, "--seed");
	const char *speed = args_option(args, "--speed");
	const char *length = args_option(args, "--for");
	int64_t seconds = 0;
	char *end;

	options->seed = 1;
	options->speed = 1;
	if (seed) {
		errno = 0;
		options->seed = strtoull(seed, &end, 10);
		if (errno || *end || end == seed || *seed == '-')
			return usage_error("--seed takes a whole number, not \"%s\"", seed);
	}
	if (speed) {
		options->speed = strtod(speed, &end);
		if (*end || end == speed || !(options->speed > 0 && options->speed <= 1000))
			return usage_error(
				"--speed takes a number above 0 and up to 1000, not \"%s\"", speed);
	}
	if (length && (duration_parse(length, &seconds) || seconds <= 0))
		return usage_error("--for takes a duration such as 30s or 15m, not \"%s\"", length);
	options->for_s = seconds;
	return 0;
}

static int serve(const struct args *args, bool is_demo)
{
	struct cli_service_options options = {
		.config_file = either(args, "-c", "--config"),
		.interfaces = either(args, "-i", "--interface"),
		.listen = args_option(args, "--listen"),
		.state_dir = args_state_dir(args),
		.is_dry_run = args_option(args, "--dry-run") != NULL,
		.is_demo = is_demo,
	};
	int status = read_demo_options(args, &options);

	return status ? status : args->callbacks->service(&options);
}

int command_run(const struct args *args)
{
	return serve(args, false);
}

int command_demo(const struct args *args)
{
	return serve(args, true);
}

int command_selftest(const struct args *args)
{
	const struct cli_selftest_options options = { .is_json = args->is_json };

	return args->callbacks->selftest(&options);
}

int command_version(const struct args *args)
{
	if (args->is_json)
		printf("{\"version\":\"%s\"}\n", SLUICE_VERSION);
	else
		printf("sluice %s\n", SLUICE_VERSION);
	return CLI_OK;
}

/* ---- check --------------------------------------------------------------------------------------
 */

static void print_problem(const struct config_problem *problem)
{
	const char *kind = problem->is_error ? "error" : "warning";

	if (problem->line)
		printf("%s:%u: %s: ", problem->file, problem->line, kind);
	else
		printf("%s%s%s: ", problem->file, *problem->file ? ": " : "", kind);
	printf("%s%s%s\n", problem->key, *problem->key ? ": " : "", problem->reason);
}

static struct json *encode_problem(const struct config_problem *problem)
{
	struct json *item = json_new_object();

	json_set_string(item, "file", problem->file);
	json_set_int(item, "line", problem->line);
	json_set_string(item, "key", problem->key);
	json_set_string(item, "reason", problem->reason);
	json_set_bool(item, "error", problem->is_error);
	return item;
}

static void print_check_json(const struct config *config, bool is_ok)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	struct json *items = json_new_array();

	for (size_t i = 0; i < config_problem_count(config); i++)
		json_add(items, encode_problem(config_problem(config, i)));
	json_set_bool(body, "ok", is_ok);
	json_set(body, "items", items);
	(void)answer_print(body);
}

static void add_problem(void *arg, const char *section, const char *reason)
{
	config_add_problem(arg, section, reason);
}

int command_check(const struct args *args)
{
	CLEANUP(config_free) struct config *config = config_new();
	const char *file = either(args, "-c", "--config");
	struct state_place place;
	int error;

	if (args_option(args, "--audit"))
		return check_audit(args);
	if (args_option(args, "--rebuild"))
		return check_rebuild(args);
	if (!config)
		return CLI_FAILED;
	config_add_check(config, CONFIG_SNIFFER_FILTER, capture_view_check);
	error = config_load(config, file);
	state_find(args, &place);
	if (!error && *place.settings)
		(void)config_load_settings(config, place.settings); /* a problem says so */
	if (!error && args->callbacks->check(config, add_problem, config))
		error = -EINVAL;
	if (error && error != -EINVAL) {
		fprintf(stderr, "sluice: %s: %s\n", file ? file : "configuration",
			strerror(-error));
		return CLI_BAD_CONFIG;
	}
	if (args->is_json) {
		print_check_json(config, !error);
	} else {
		for (size_t i = 0; i < config_problem_count(config); i++)
			print_problem(config_problem(config, i));
		if (!error)
			printf("the configuration is valid\n");
	}
	return error ? CLI_BAD_CONFIG : CLI_OK;
}

/* ---- panic --------------------------------------------------------------------------------------
 */

static void say_panic(const struct args *args, bool on)
{
	if (args->is_json)
		printf("{\"panic\":%s}\n", on ? "true" : "false");
	else
		printf("%s\n", on ? "all blocking has ended; `sluice panic off` brings it back"
				  : "blocking is allowed again");
}

static int panic_online(const struct args *args, bool on)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	CLEANUP(json_free) struct json *answer = NULL;
	int status;

	json_set_bool(body, "on", on);
	status = client_call(args, "POST", "/api/v1/panic", body, &answer);
	if (!status)
		say_panic(args, on);
	return status;
}

int command_panic(const struct args *args)
{
	const char *dir = args_state_dir(args);
	bool on = !args->word_count;
	char state[PATH_MAX], pins[PATH_MAX];
	int error;

	if (!on && strcmp(args->words[0], "off") != 0)
		return usage_error("panic takes nothing, or off");
	if (!realpath(dir ? dir : STATE_DIR_DEFAULT, state)) {
		fprintf(stderr, "sluice: %s: %s\n", dir ? dir : STATE_DIR_DEFAULT, strerror(errno));
		return CLI_FAILED;
	}
	error = capture_pin_path(state, pins, sizeof(pins));
	if (!error)
		error = capture_panic(pins, on);
	/* without pins (the demo, no bpffs) only the service itself can do it */
	if (error && error != -EACCES && error != -EPERM && client_is_running(args))
		return panic_online(args, on);
	if (error == -EACCES || error == -EPERM) {
		fprintf(stderr, "sluice: ending enforcement needs root\n");
		return CLI_NO_PERMISSION;
	}
	if (error) {
		fprintf(stderr, "sluice: nothing is enforced from %s\n", state);
		return CLI_FAILED;
	}
	say_panic(args, on);
	return CLI_OK;
}

int command_outputs(const struct args *args)
{
	static const struct column columns[] = {
		{ "OUTPUT", "name", COLUMN_TEXT },	{ "STATE", "state", COLUMN_TEXT },
		{ "SENT", "sent", COLUMN_COUNT },	{ "DROPPED", "dropped", COLUMN_COUNT },
		{ "FAILED", "failures", COLUMN_COUNT }, { "WHY", "error", COLUMN_TEXT },
	};
	CLEANUP(json_free) struct json *body = NULL;
	int status = client_call(args, "GET", "/api/v1/outputs", NULL, &body);

	if (status)
		return status;
	if (args->is_json)
		return answer_print(body);
	table_print(body, columns, sizeof(columns) / sizeof(columns[0]),
		    "nothing goes out; see [Export] and [Mail] in sluice.conf(5)");
	return CLI_OK;
}
