/*
 * What each role keeps and gives up, in one place to read. Each function runs in the process that
 * becomes the role, before it reads a byte from outside.
 */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/app/internal.h"
#include "agent/app/outlet.h"
#include "agent/capture/capture.h"
#include "agent/export/export.h"
#include "agent/front/front.h"
#include "agent/intel/intel.h"
#include "agent/mail/mail.h"
#include "agent/report/report.h"
#include "agent/util/http.h"
#include "agent/util/log.h"
#include "agent/util/rights.h"
#include "agent/util/smtp.h"
#include "include/geo.h"

#define CORE_PATHS 10
#define KEEP_MAX   320 /* core: maps and rings of up to 240 CPUs, and a handful of sockets */

static int drop(const struct app *app, enum rights_role role, const struct rights_path *paths,
		size_t count)
{
	struct rights_request request = { .role = role,
					  .uid = app->uid,
					  .gid = app->gid,
					  .is_required = !app->is_demo,
					  .paths = paths,
					  .path_count = count };
	struct rights_report report;
	int error = rights_drop(&request, &report);

	if (error) {
		log_error("this system refuses to drop rights, so nothing is started error=%s",
			  strerror(-error));
		return CLI_FAILED;
	}
	if (*report.note)
		log_warn("running with fewer walls between the roles: %s", report.note);
	return 0;
}

int role_loader(const struct app *app)
{
	return drop(app, RIGHTS_LOADER, NULL, 0);
}

/* Files of geography are replaced by programs that fetch them: their folders. Returns the count. */
static size_t geo_folders(const struct app *app, char texts[GEO_FILES_MAX][GEO_PATH_MAX],
			  struct rights_path *paths)
{
	size_t count = 0;

	while (count < GEO_FILES_MAX && config_list_item(app->config, CONFIG_GEO_DATABASES, count,
							 texts[count], GEO_PATH_MAX)) {
		char *slash = strrchr(texts[count], '/');

		if (slash && slash > texts[count])
			*slash = '\0';
		paths[count] = (struct rights_path){ texts[count], false };
		count++;
	}
	return count;
}

int role_core(struct app *app, int control, int front_link)
{
	const char *credentials = getenv("CREDENTIALS_DIRECTORY");
	const char *backup_dir = config_text(app->config, CONFIG_STORE_BACKUP_DIR);
	char geo[GEO_FILES_MAX][GEO_PATH_MAX];
	struct rights_path paths[CORE_PATHS + GEO_FILES_MAX] = {
		{ app->work_dir, true },
		{ app->key_file, true },
		{ *backup_dir ? backup_dir : app->work_dir, true },
		/* resolvers, names of users, ports of sshd: files that are replaced, so the folder;
		 * what only root may read stays unreadable */
		{ "/etc", false },
		{ "/run/systemd/resolve", false },
		{ "/run/NetworkManager", false },
		{ "/run/resolvconf", false },
		{ "/usr/share/zoneinfo", false }, /* time zones of reports */
		{ "/proc", false },		  /* SSH peers; other roles are not dumpable */
		{ credentials ? credentials : app->work_dir, !credentials },
	};
	int keep[KEEP_MAX] = { control, front_link, app->control_fd };
	size_t path_count = CORE_PATHS + geo_folders(app, geo, paths + CORE_PATHS);
	size_t count = 3;

	log_set_role("core");
	if (app->kernel) {
		if (core_prepare(app))
			return CLI_FAILED;
		count += capture_kernel_core_fds(app->kernel, keep + count, KEEP_MAX - count);
		capture_kernel_forget(app->kernel);
	}
	tls_identity_done(&app->identity); /* the key is front's alone */
	if (rights_keep_descriptors(keep, count)) {
		log_error("cannot close what core may not hold");
		return CLI_FAILED;
	}
	if (!app->kernel && core_prepare(app))
		return CLI_FAILED;
	if (drop(app, RIGHTS_CORE, paths, path_count))
		return CLI_FAILED;
	app_end_step(app, "role");
	return core_run(app, control, front_link);
}

static void tell_supervisor(int control)
{
	/* one that cannot be told is ending, or reads the beats before this one */
	(void)supervise_send(control, SUPERVISE_BEAT, NULL, -1);
}

int role_front(struct app *app, int control, int core_link)
{
	struct front_options options = {
		.listen_fd = app->listen_fd,
		.core_fd = core_link,
		.control_fd = control,
		.on_beat = tell_supervisor,
		.tls = app->tls,
		.cert_pem = app->identity.cert_pem,
		.key_pem = app->identity.key_pem,
		.config = app->config,
		.mode = app->is_demo ? "demo" : "live",
		.version = SLUICE_VERSION,
	};
	const int keep[] = { control, core_link, app->listen_fd };
	struct rlimit limit;
	int error;

	log_set_role("front");
	/* a browser holds two connections or so: as many as this process may have at all */
	if (!getrlimit(RLIMIT_NOFILE, &limit)) {
		limit.rlim_cur = limit.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &limit); /* then the old number is the limit */
		if (!getrlimit(RLIMIT_NOFILE, &limit))	/* here: the role itself may not ask */
			options.descriptors = limit.rlim_cur;
	}
	if (app->kernel)
		capture_kernel_forget(app->kernel);
	if (rights_keep_descriptors(keep, sizeof(keep) / sizeof(keep[0]))) {
		log_error("cannot close what front may not hold");
		return CLI_FAILED;
	}
	if (drop(app, RIGHTS_FRONT, NULL, 0))
		return CLI_FAILED;
	error = front_run(&options);
	if (error)
		log_error("the web side ended error=%s", strerror(-error));
	return error ? CLI_FAILED : CLI_OK;
}

/* What one report may take: a document and its PDF at their largest, and no more. */
#define RENDER_DATA_MAX	 (768UL << 20)
#define RENDER_CPU_MAX_S 120 /* 10,000 pages at 100 a second */

static void limit_render(void)
{
	static const struct {
		int resource;
		rlim_t most;
	} limits[] = { { RLIMIT_DATA, RENDER_DATA_MAX },
		       { RLIMIT_CPU, RENDER_CPU_MAX_S },
		       { RLIMIT_FSIZE, 0 },
		       { RLIMIT_CORE, 0 } };

	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		const struct rlimit limit = { limits[i].most, limits[i].most };

		if (setrlimit((__rlimit_resource_t)limits[i].resource, &limit))
			log_warn("a limit of the render process could not be set");
	}
}

/* What every helper begins with: nothing but its socket. */
static int begin_helper(struct app *app, const char *name, int fd)
{
	sigset_t none;

	log_set_role(name);
	(void)signal(SIGINT, SIG_IGN); /* the terminal's ^C is the supervisor's to handle */
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	if (app->kernel)
		capture_kernel_forget(app->kernel);
	tls_identity_done(&app->identity);
	if (rights_keep_descriptors(&fd, 1)) {
		log_error("cannot close what a helper may not hold");
		return CLI_FAILED;
	}
	return 0;
}

/* Names of hosts are looked up by its own resolver; what it writes is the EVE file's folder. */
int role_export(struct app *app, int fd)
{
	char host[HOST_NAME_MAX + 1], dir[PATH_MAX];
	struct output_settings settings;
	int error;

	if (begin_helper(app, "export", fd))
		return CLI_FAILED;
	outlet_settings(app, host, &settings);
	(void)snprintf(dir, sizeof(dir), "%.*s",
		       (int)(strrchr(settings.eve_file, '/')
				     ? strrchr(settings.eve_file, '/') - settings.eve_file + 1
				     : 0),
		       settings.eve_file);
	const struct rights_path paths[] = { { "/etc", false },
					     { "/run/systemd/resolve", false },
					     { "/usr/share/ca-certificates", false },
					     { *settings.ca ? settings.ca : "/etc", false },
					     { *dir ? dir : "/etc", *dir != '\0' } };
	if ((*settings.webhook || *settings.evebox) && http_load()) {
		log_error("libcurl is not installed, so nothing can be posted: apt install "
			  "libcurl3-gnutls");
		return CLI_FAILED;
	}
	if (drop(app, RIGHTS_EXPORT, paths, sizeof(paths) / sizeof(paths[0])))
		return CLI_FAILED;
	error = outputs_run(fd, &settings);
	if (error)
		log_error("the outputs ended error=%s", strerror(-error));
	return error ? CLI_FAILED : CLI_OK;
}

int role_fetch(struct app *app, int fd)
{
	const struct rights_path paths[] = { { "/etc", false },
					     { "/run/systemd/resolve", false },
					     { "/usr/share/ca-certificates", false } };
	int error;

	if (begin_helper(app, "fetch", fd))
		return CLI_FAILED;
	if (http_load()) {
		log_error("libcurl is not installed, so nothing can be fetched: apt install "
			  "libcurl3-gnutls");
		return CLI_FAILED;
	}
	limit_render();
	if (drop(app, RIGHTS_EXPORT, paths, sizeof(paths) / sizeof(paths[0])))
		return CLI_FAILED;
	error = intel_fetch(fd);
	if (error)
		log_error("a fetch ended early error=%s", strerror(-error));
	return error ? CLI_FAILED : CLI_OK;
}

/* Its own copy of [Mail], password included, comes with the fork; core only hands it the letter. */
int role_mail(struct app *app, int fd)
{
	char host[HOST_NAME_MAX + 1];
	struct mail_settings settings;
	int error;

	if (begin_helper(app, "mail", fd))
		return CLI_FAILED;
	outlet_mail(app, host, &settings);
	const struct rights_path paths[] = { { "/etc", false },
					     { "/run/systemd/resolve", false },
					     { "/usr/share/ca-certificates", false },
					     { *settings.ca ? settings.ca : "/etc", false } };
	if (smtp_load()) {
		log_error("libcurl is not installed, so no mail can be sent: apt install "
			  "libcurl3-gnutls");
		return CLI_FAILED;
	}
	limit_render();
	if (drop(app, RIGHTS_EXPORT, paths, sizeof(paths) / sizeof(paths[0])))
		return CLI_FAILED;
	error = mail_run(fd, &settings);
	if (error)
		log_error("a letter was not sent error=%s", strerror(-error));
	return error ? CLI_FAILED : CLI_OK;
}

int role_render(struct app *app, int fd)
{
	int error;

	if (begin_helper(app, "render", fd))
		return CLI_FAILED;
	limit_render();
	if (drop(app, RIGHTS_CLIENT, NULL, 0))
		return CLI_FAILED;
	error = report_render(fd);
	if (error)
		log_error("a report could not be drawn error=%s", strerror(-error));
	return error ? CLI_FAILED : CLI_OK;
}
