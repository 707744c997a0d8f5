/*
 * Reports of the service: a thread of their own, and a process from the supervisor for each PDF.
 */
#include "agent/app/jobs.h"
#include "agent/app/service_internal.h"
#include "agent/config/config.h"
#include "agent/report/report.h"

static int run_report(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct service *service = arg;
	const struct job order = { .work = work, .done = done, .arg = job };

	return jobs_post(service->reporter, &order);
}

static int ask_render(void *arg)
{
	const struct service *service = arg;

	return supervise_send(service->options.control, SUPERVISE_RENDER, NULL, -1);
}

int service_reports_start(struct service *service)
{
	const struct app *app = service->options.app;
	const struct report_options options = {
		.store = service->options.store,
		.dir = app->work_dir,
		.version = SLUICE_VERSION,
		.is_demo = app->is_demo,
		.keep_s = config_int(app->config, CONFIG_REPORT_KEEP),
		.max_bytes = (uint64_t)config_int(app->config, CONFIG_REPORT_MAX_BYTES),
		.ask_render = ask_render,
		.facts = service_facts_of,
		.on_made = service_mail_report,
		.run = run_report,
		.arg = service,
	};
	int error = jobs_start(service->options.queue, &service->reporter);

	return error ? error : report_service_new(&options, &service->reports);
}

void service_reports_stop(struct service *service)
{
	report_service_stop(service->reports);
	jobs_stop(service->reporter);
	report_service_free(service->reports);
}
