/*
 * Mail of the service: a thread that writes letters, and a process from the supervisor for each.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "agent/app/jobs.h"
#include "agent/app/outlet.h"
#include "agent/app/service_internal.h"
#include "agent/mail/mail.h"
#include "agent/report/report.h"
#include "agent/store/store.h"
#include "agent/util/log.h"

#define PART_BYTES (1U << 20)

static int run_letter(void *arg, void (*work)(void *), void (*done)(void *), void *job)
{
	struct service *service = arg;
	const struct job order = { .work = work, .done = done, .arg = job };

	return jobs_post(service->mailer, &order);
}

static int ask_process(void *arg)
{
	const struct service *service = arg;

	return supervise_send(service->options.control, SUPERVISE_MAIL, NULL, -1);
}

static int read_report(void *arg, const struct report *report, struct buffer *out)
{
	const struct service *service = arg;
	struct report_part part = { .max = PART_BYTES };
	int error = 0;

	while (!error && !part.is_last) {
		error = report_read(service->reports, report->id, &part, out);
		part.offset = (int64_t)out->len;
	}
	return error;
}

void service_mail_report(void *arg, const struct report *report)
{
	const struct service *service = arg;
	struct report_schedule schedules[REPORT_SCHEDULES_MAX];
	const struct report_schedule *schedule;
	int count =
		store_report_schedule_list(service->options.store, schedules, REPORT_SCHEDULES_MAX);

	if (count < 0)
		log_warn("a report is not mailed report=%lld error=%s", (long long)report->id,
			 strerror(-count));
	schedule =
		report_schedule_find(schedules, count < 0 ? 0 : (size_t)count, report->schedule_id);
	if (schedule) /* one that was deleted while it was drawn sends nobody anything */
		mail_report(service->mail, report, report_kind_title(report->kind), schedule->to);
}

int service_mail_start(struct service *service)
{
	char host[HOST_NAME_MAX + 1];
	struct mail_options options = {
		.ask = ask_process, .run = run_letter, .read_report = read_report, .arg = service
	};
	int error;

	outlet_mail(service->options.app, host, &options.settings);
	error = mail_service_new(&options, &service->mail);
	if (error || !service->mail)
		return error;
	return jobs_start(service->options.queue, &service->mailer);
}

void service_mail_stop(struct service *service)
{
	mail_service_stop(service->mail);
	jobs_stop(service->mailer);
	mail_service_free(service->mail);
}
