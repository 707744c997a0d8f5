/*
 * Flows, names and alerts as EVE lines, on the thread that has them.
 */
#include "agent/app/outlet.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/app/internal.h"
#include "agent/export/export.h"
#include "agent/mail/mail.h"
#include "agent/util/clock.h"

struct outlet {
	struct outputs *outputs;
	struct eve *eve; /* NULL: nobody wants lines */
};

static void name_host(char *host)
{
	host[0] = host[HOST_NAME_MAX] = '\0';
	(void)gethostname(host, HOST_NAME_MAX); /* "" when it fails */
}

void outlet_settings(const struct app *app, char *host, struct output_settings *out)
{
	const struct config *config = app->config;

	name_host(host);
	*out = (struct output_settings){
		.eve_file = config_text(config, CONFIG_EXPORT_EVE_FILE),
		.eve_socket = config_text(config, CONFIG_EXPORT_EVE_SOCKET),
		.evebox = config_text(config, CONFIG_EXPORT_EVEBOX),
		.evebox_user = config_text(config, CONFIG_EXPORT_EVEBOX_USER),
		.evebox_password = config_text(config, CONFIG_EXPORT_EVEBOX_PASSWORD),
		.syslog = config_text(config, CONFIG_EXPORT_SYSLOG),
		.ipfix = config_text(config, CONFIG_EXPORT_IPFIX),
		.webhook = config_text(config, CONFIG_EXPORT_WEBHOOK),
		.webhook_format = config_text(config, CONFIG_EXPORT_WEBHOOK_FORMAT),
		.webhook_secret = config_text(config, CONFIG_EXPORT_WEBHOOK_SECRET),
		.webhook_private = config_bool(config, CONFIG_EXPORT_WEBHOOK_PRIVATE),
		.ca = config_text(config, CONFIG_EXPORT_CA),
		.is_cef = !strcmp(config_text(config, CONFIG_EXPORT_SYSLOG_FORMAT), "cef"),
		.host = host,
		.version = SLUICE_VERSION,
	};
}

void outlet_mail(const struct app *app, char *host, struct mail_settings *out)
{
	const struct config *config = app->config;

	name_host(host);
	*out = (struct mail_settings){
		.url = config_text(config, CONFIG_MAIL_URL),
		.from = config_text(config, CONFIG_MAIL_FROM),
		.to = config_text(config, CONFIG_MAIL_TO),
		.user = config_text(config, CONFIG_MAIL_USER),
		.password = config_text(config, CONFIG_MAIL_PASSWORD),
		.ca = config_text(config, CONFIG_MAIL_CA),
		.needs_tls = !strcmp(config_text(config, CONFIG_MAIL_STARTTLS), "required"),
		.wants_reports = config_bool(config, CONFIG_MAIL_REPORTS),
		.digest_s = config_int(config, CONFIG_MAIL_DIGEST),
		.host = host,
	};
}

/* What mail says of itself, before anything starts. */
static int check_mail(const struct app *app)
{
	char host[HOST_NAME_MAX + 1], reason[256];
	struct mail_settings settings;

	outlet_mail(app, host, &settings);
	if (!mail_settings_check(&settings, reason))
		return 0;
	fprintf(stderr, "sluice: [Mail] %s\n", reason);
	return CLI_BAD_CONFIG;
}

int outlet_place(const struct app *app)
{
	char host[HOST_NAME_MAX + 1], reason[256];
	struct output_settings settings;
	CLEANUP(close) int fd = -1;

	outlet_settings(app, host, &settings);
	if (output_settings_check(&settings, reason)) {
		fprintf(stderr, "sluice: [Export] %s\n", reason);
		return CLI_BAD_CONFIG;
	}
	if (check_mail(app))
		return CLI_BAD_CONFIG;
	if (!*settings.eve_file)
		return 0;
	fd = open(settings.eve_file,
		  O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK, 0640);
	if (fd < 0 || (geteuid() == 0 && fchown(fd, app->uid, app->gid))) {
		fprintf(stderr, "sluice: [Export] eve_file %s: %s\n", settings.eve_file,
			strerror(errno));
		return CLI_BAD_CONFIG;
	}
	return 0;
}

static int write_lines(void *arg, const char *text, size_t len)
{
	outputs_text(arg, text, len); /* what does not fit is counted there */
	return 0;
}

int outlet_new(struct outputs *outputs, struct outlet **out)
{
	CLEANUP(outlet_free) struct outlet *outlet = NULL;
	const struct eve_options options = { .unix_ns = clock_unix_ms() * (int64_t)NS_PER_MS -
							(int64_t)clock_monotonic_ns(),
					     .arg = outputs,
					     .write = write_lines };
	int error;

	*out = NULL;
	if (!outputs)
		return 0;
	outlet = calloc(1, sizeof(*outlet));
	if (!outlet)
		return -ENOMEM;
	outlet->outputs = outputs;
	error = outputs_wants_text(outputs) ? eve_new(&options, &outlet->eve) : 0;
	if (error)
		return error;
	*out = TAKE(outlet);
	return 0;
}

void outlet_free(struct outlet *outlet)
{
	if (!outlet)
		return;
	outlet_flush(outlet);
	eve_free(outlet->eve);
	free(outlet);
}

void outlet_flow(struct outlet *outlet, const struct flow *flow)
{
	if (!outlet)
		return;
	if (outlet->eve)
		eve_flow(outlet->eve, flow);
	outputs_flow(outlet->outputs, flow);
}

void outlet_name(struct outlet *outlet, const struct name_event *event)
{
	if (outlet && outlet->eve)
		eve_name(outlet->eve, event);
}

void outlet_alert(struct outlet *outlet, const struct finding *finding)
{
	if (!outlet || !outlet->eve)
		return;
	eve_alert(outlet->eve, finding);
	outlet_flush(outlet);
}

void outlet_flush(struct outlet *outlet)
{
	if (!outlet || outputs_is_beginning(outlet->outputs))
		return;
	if (outlet->eve)
		(void)eve_flush(outlet->eve); /* a line without memory is lost, the next is whole */
	outputs_flush(outlet->outputs);
}
