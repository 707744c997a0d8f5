/*
 * `sluice run` and `sluice demo`: options and configuration first, then the privileged part, then
 * the supervisor. Start order top to bottom.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/app/app.h"
#include "agent/app/internal.h"
#include "agent/app/pipeline.h"
#include "agent/capture/capture.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/log.h"

static void print_problems(const struct config *config, size_t first)
{
	for (size_t i = first; i < config_problem_count(config); i++) {
		const struct config_problem *p = config_problem(config, i);

		if (p->line)
			fprintf(stderr, "%s:%u: ", p->file, p->line);
		else if (*p->file)
			fprintf(stderr, "%s: ", p->file);
		fprintf(stderr, "%s: %s%s%s\n", p->is_error ? "error" : "warning", p->key,
			*p->key ? ": " : "", p->reason);
	}
}

/* An option of the command line is a value like any other, checked by the same table. */
static int override(struct config *config, enum config_key key, const char *value,
		    const char *option)
{
	char reason[256];

	if (!value || !config_set(config, key, value, reason))
		return 0;
	fprintf(stderr, "sluice: %s %s: %s\n", option, value, reason);
	return CLI_USAGE;
}

int app_read_config(const struct app *app, struct config **out)
{
	const struct cli_service_options *options = app->options;
	CLEANUP(config_free) struct config *config = config_new();
	int error, status;

	if (!config)
		return CLI_FAILED;
	/* read again later, names of hosts in it can no longer be asked for; it waits for the next
	 * start anyway */
	if (!app->config)
		config_add_check(config, CONFIG_SNIFFER_FILTER, capture_view_check);
	error = config_load(config, options->config_file);
	if (!error && *app->settings_path)
		(void)config_load_settings(config, app->settings_path); /* a problem says so */
	print_problems(config, 0);
	if (error == -EINVAL)
		return CLI_BAD_CONFIG;
	if (error) {
		fprintf(stderr, "sluice: %s: %s\n",
			options->config_file ? options->config_file : "configuration",
			strerror(-error));
		return CLI_BAD_CONFIG;
	}
	status = override(config, CONFIG_CAPTURE_INTERFACES, options->interfaces, "-i");
	if (!status)
		status = override(config, CONFIG_WEB_LISTEN, options->listen, "--listen");
	if (!status)
		*out = TAKE(config);
	return status;
}

static void take_log_level(const struct app *app)
{
	enum log_level level;

	if (!log_level_parse(config_text(app->config, CONFIG_GENERAL_LOG_LEVEL), &level))
		log_set_level(level);
}

int app_take_settings(struct app *app)
{
	size_t known = config_problem_count(app->config);
	int length = snprintf(app->settings_path, sizeof(app->settings_path), "%s/settings.conf",
			      app->work_dir);

	if (length >= (int)sizeof(app->settings_path)) {
		app->settings_path[0] = '\0';
		return CLI_FAILED;
	}
	(void)config_load_settings(app->config, app->settings_path); /* a problem says so */
	print_problems(app->config, known);
	take_log_level(app);
	if (config_source(app->config, CONFIG_SNIFFER_FILTER) != CONFIG_FROM_SETTINGS)
		return 0;
	capture_view_free(app->view);
	app->view = NULL;
	return capture_view_new(config_text(app->config, CONFIG_SNIFFER_FILTER), &app->view)
		       ? CLI_FAILED
		       : 0;
}

static int load_config(struct app *app)
{
	int status = app_read_config(app, &app->config);

	if (status)
		return status;
	/* here, where names of hosts and services in it can still be asked for */
	if (capture_view_new(config_text(app->config, CONFIG_SNIFFER_FILTER), &app->view))
		return CLI_FAILED;
	take_log_level(app);
	app->is_demo = app->options->is_demo || config_bool(app->config, CONFIG_GENERAL_DEMO_MODE);
	app->is_dry_run = app->options->is_dry_run != 0;
	return 0;
}

/* Lets core's pipeline go before what else computes here; a limit, which needs no right later. */
static void allow_precedence(void)
{
	struct rlimit limit = { .rlim_cur = 20 - PIPELINE_NICE, .rlim_max = 20 - PIPELINE_NICE };

	(void)setrlimit(RLIMIT_NICE,
			&limit); /* not root: what the unit or the shell allows stays */
}

void app_end_step(struct app *app, const char *name)
{
	laps_end_step(&app->start, name, clock_monotonic_ns());
}

static int run(struct app *app)
{
	int status = load_config(app);

	app_end_step(app, "config");
	if (!status)
		status = app_prepare(app);
	if (!status) {
		allow_precedence();
		status = role_loader(app);
	}
	if (!status)
		status = supervise_run(app);
	return status;
}

int app_run(const struct cli_service_options *options)
{
	struct app app = { .options = options,
			   .lock_fd = -1,
			   .listen_fd = -1,
			   .control_fd = -1,
			   .started_unix_ms = clock_unix_ms() };
	int status;

	log_init("loader", LOG_LEVEL_INFO);
	laps_begin(&app.start, clock_monotonic_ns());
	if (crypto_init()) {
		fprintf(stderr, "sluice: no source of random numbers\n");
		return CLI_FAILED;
	}
	status = run(&app);
	app_done(&app);
	return status;
}
