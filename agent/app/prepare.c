/*
 * What needs rights or decides for every role: state directory, lock, listener, certificate,
 * control socket, datapath. Runs in the supervisor before it drops to the loader's rights.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent/app/facts.h"
#include "agent/app/internal.h"
#include "agent/app/outlet.h"
#include "agent/capture/capture.h"
#include "agent/front/front.h"
#include "agent/geo/geo.h"
#include "agent/util/cleanup.h"
#include "agent/util/file.h"
#include "agent/util/log.h"
#include "agent/util/rights.h"
#include "agent/util/tls.h"

#define STATE_DIR_DEFAULT "/var/lib/sluice"
#define RUN_DIR		  "/run/sluice"
#define KEY_FILE_DEFAULT  "/etc/sluice/secret.key"
#define CONTROL_SOCKET	  "control.sock"
#define CONTROL_BACKLOG	  16

static int fail(int status, const char *what, const char *subject, int error)
{
	fprintf(stderr, "sluice: %s %s: %s\n", what, subject, strerror(-error));
	return status;
}

/* ---- who we become ------------------------------------------------------------------------- */

static int find_user(struct app *app)
{
	const struct group *group = getgrnam("sluice");
	bool is_fallback;
	int error;

	app->control_group = group ? (int64_t)group->gr_gid : -1;
	app->uid = geteuid();
	app->gid = getegid();
	if (app->uid != 0)
		return 0;
	error = rights_find_user("sluice", &app->uid, &app->gid, &is_fallback);
	if (error)
		return fail(CLI_FAILED, "no user sluice and no user", "nobody", error);
	if (is_fallback)
		log_info("there is no user sluice, running as nobody");
	return 0;
}

/* ---- the state directory ------------------------------------------------------------------- */

static int choose_state_dir(struct app *app)
{
	const char *home = getenv("XDG_STATE_HOME");
	char temporary[] = "/tmp/sluice-demo-XXXXXX";

	if (app->options->state_dir)
		(void)snprintf(app->state_dir, sizeof(app->state_dir), "%s",
			       app->options->state_dir);
	else if (!app->is_demo)
		(void)snprintf(app->state_dir, sizeof(app->state_dir), STATE_DIR_DEFAULT);
	else if (home && *home == '/')
		(void)snprintf(app->state_dir, sizeof(app->state_dir), "%s/sluice-demo", home);
	else if (mkdtemp(temporary))
		(void)snprintf(app->state_dir, sizeof(app->state_dir), "%s", temporary);
	else
		return fail(CLI_FAILED, "cannot make a folder in", "/tmp", -errno);
	return 0;
}

/* An earlier run as another user, or root's `sluice user add`, may have left files of root's. */
static int own_state_dir(const struct app *app)
{
	if (geteuid() != 0)
		return 0;
	if (chown(app->state_dir, app->uid, app->gid))
		return -errno;
	return file_give_to_owner(app->state_dir);
}

/* Root would hand over any folder it is told: only a new one, an empty one, or one of ours. */
static bool may_own_state_dir(const struct app *app)
{
	DIR *stream = geteuid() == 0 ? opendir(app->state_dir) : NULL;
	const struct dirent *entry;
	struct stat info;
	bool is_empty = true, is_ours = false;

	if (!stream)
		return true;
	if (!fstat(dirfd(stream), &info) && info.st_uid == app->uid)
		is_ours = true;
	while (!is_ours && (entry = readdir(stream))) {
		is_ours = strstr(entry->d_name, "main.db") != NULL;
		is_empty = is_empty && (entry->d_name[0] == '.' || !strcmp(entry->d_name, "lock"));
	}
	(void)closedir(stream); /* read only */
	return is_ours || is_empty;
}

static int open_state_dir(struct app *app)
{
	char resolved[PATH_MAX];
	int error, status = choose_state_dir(app);

	if (status)
		return status;
	error = file_make_dir(app->state_dir, 0700);
	if (error)
		return fail(error == -EACCES ? CLI_NO_PERMISSION : CLI_FAILED,
			    "cannot make the state directory", app->state_dir, error);
	if (!realpath(app->state_dir, resolved))
		return fail(CLI_FAILED, "cannot use the state directory", app->state_dir, -errno);
	memcpy(app->state_dir, resolved, sizeof(resolved));
	app->lock_fd = file_lock_dir(app->state_dir);
	if (app->lock_fd == -EWOULDBLOCK) { /* flock: someone else has it */
		fprintf(stderr, "sluice: another sluice already runs with the state directory %s\n",
			app->state_dir);
		return CLI_FAILED;
	}
	if (app->lock_fd < 0)
		return fail(app->lock_fd == -EACCES ? CLI_NO_PERMISSION : CLI_FAILED,
			    "cannot lock the state directory", app->state_dir, app->lock_fd);
	if (!may_own_state_dir(app)) {
		fprintf(stderr,
			"sluice: %s holds other files, so it is not made the service's own. Name "
			"an "
			"empty or a new folder with --state.\n",
			app->state_dir);
		return CLI_FAILED;
	}
	error = own_state_dir(app);
	if (error)
		return fail(CLI_FAILED, "cannot take over", app->state_dir, error);
	error = app_reach_state(app);
	return error ? fail(CLI_FAILED, "the service's user cannot reach", app->state_dir, error)
		     : 0;
}

static bool has_default_state(const struct app *app)
{
	return !app->is_demo && !app->options->state_dir;
}

static bool is_below(const char *path, const char *dir)
{
	size_t len = strlen(dir);

	return !strncmp(path, dir, len) && path[len] == '/';
}

/*
 * The vault's key ring lives outside the database. Core makes it, but may not make files in /etc:
 * an empty file of its own waits for it there.
 */
static int place_key_file(struct app *app)
{
	const char *configured = config_text(app->config, CONFIG_STORE_KEY_FILE);
	CLEANUP(close) int fd = -1;
	int error, length;

	if (*configured)
		length = snprintf(app->key_file, sizeof(app->key_file), "%s", configured);
	else if (has_default_state(app))
		length = snprintf(app->key_file, sizeof(app->key_file), KEY_FILE_DEFAULT);
	else
		length = snprintf(app->key_file, sizeof(app->key_file), "%s/secret.key",
				  app->work_dir);
	if (length >= (int)sizeof(app->key_file))
		return fail(CLI_BAD_CONFIG, "the path is too long:", "Store.key_file",
			    -ENAMETOOLONG);
	if (geteuid() != 0 || is_below(app->key_file, app->work_dir))
		return 0;
	error = has_default_state(app) && !*configured ? file_make_dir("/etc/sluice", 0755) : 0;
	if (error)
		return fail(CLI_FAILED, "cannot make", "/etc/sluice", error);
	fd = open(app->key_file, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0 || fchown(fd, app->uid, app->gid))
		return fail(CLI_FAILED, "cannot prepare the key file", app->key_file, -errno);
	return 0;
}

/* Core writes backups there, and may not make it where it is not ours. */
static int place_backup_dir(struct app *app)
{
	const char *dir = config_text(app->config, CONFIG_STORE_BACKUP_DIR);
	struct stat info;
	int error;

	if (!*dir || app->is_demo)
		return 0;
	if (*dir != '/') {
		fprintf(stderr, "sluice: [Store] backup_dir: %s is no absolute path\n", dir);
		return CLI_BAD_CONFIG;
	}
	if (stat(dir, &info) == 0)
		return 0;
	error = file_make_dir(dir, 0700);
	if (!error && geteuid() == 0 && chown(dir, app->uid, app->gid))
		error = -errno;
	return error ? fail(CLI_BAD_CONFIG, "cannot make [Store] backup_dir", dir, error) : 0;
}

/* ---- sockets --------------------------------------------------------------------------------- */

static int bind_control(struct app *app)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	bool is_root = geteuid() == 0;
	int error, length;

	if (has_default_state(app)) {
		(void)snprintf(app->control_path, sizeof(app->control_path),
			       RUN_DIR "/" CONTROL_SOCKET);
		error = file_make_dir(RUN_DIR, 0755);
		if (error)
			return fail(CLI_NO_PERMISSION, "cannot make", RUN_DIR, error);
	} else {
		(void)snprintf(app->control_path, sizeof(app->control_path), "%.*s/" CONTROL_SOCKET,
			       PATH_MAX - 32, app->state_dir);
	}
	length = snprintf(address.sun_path, sizeof(address.sun_path), "%s", app->control_path);
	if (length >= (int)sizeof(address.sun_path))
		return fail(CLI_FAILED,
			    "the path is too long for a socket (107 bytes):", app->control_path,
			    -ENAMETOOLONG);
	(void)unlink(app->control_path); /* left by a killed run: the lock says it is not in use */
	app->control_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (app->control_fd < 0 ||
	    bind(app->control_fd, (const struct sockaddr *)&address, sizeof(address)) ||
	    chmod(app->control_path, 0660) ||
	    (is_root && app->control_group >= 0 &&
	     chown(app->control_path, 0, (gid_t)app->control_group)) ||
	    listen(app->control_fd, CONTROL_BACKLOG))
		return fail(CLI_FAILED, "cannot open the control socket", app->control_path,
			    -errno);
	return 0;
}

/* The listener's address without its port, for the certificate. */
static void host_of(const char *listen_text, char *host, size_t size)
{
	const char *end = strrchr(listen_text, ':');
	const char *begin = *listen_text == '[' ? listen_text + 1 : listen_text;

	if (end && end > begin && end[-1] == ']')
		end--;
	(void)snprintf(host, size, "%.*s", end ? (int)(end - begin) : 0, begin);
}

static int load_certificate(struct app *app)
{
	const char *cert = config_text(app->config, CONFIG_WEB_CERT);
	const char *key = config_text(app->config, CONFIG_WEB_KEY);
	char cert_path[PATH_MAX + 16], key_path[PATH_MAX + 16], host[128],
		machine[128] = "localhost";
	const char *names[] = { "localhost", "127.0.0.1", "::1", machine, host };
	int error;

	host_of(config_text(app->config, CONFIG_WEB_LISTEN), host, sizeof(host));
	(void)gethostname(machine, sizeof(machine) - 1); /* "localhost" stays when it fails */
	if (*cert || *key) {
		error = tls_identity_load(cert, key, &app->identity);
	} else {
		(void)snprintf(cert_path, sizeof(cert_path), "%s/web.crt", app->state_dir);
		(void)snprintf(key_path, sizeof(key_path), "%s/web.key", app->state_dir);
		error = tls_identity_obtain(cert_path, key_path, names, *host ? 5 : 4,
					    &app->identity);
	}
	if (!error)
		return 0;
	fprintf(stderr, "sluice: [Web] cert and key: %s\n",
		error == -EKEYREJECTED ? "the key does not belong to the certificate"
		: error == -EINVAL     ? "not a PEM certificate and a PEM key"
				       : strerror(-error));
	return CLI_BAD_CONFIG;
}

static int open_listener(struct app *app)
{
	const char *listen_text = config_text(app->config, CONFIG_WEB_LISTEN);
	const char *tls = config_text(app->config, CONFIG_WEB_TLS);
	struct front_listener listener;
	int error = front_listen(listen_text, &listener);

	if (error) {
		fprintf(stderr, "sluice: --listen %s: %s\n", listen_text, listener.error);
		return error == -EINVAL ? CLI_BAD_CONFIG : CLI_FAILED;
	}
	app->listen_fd = listener.fd;
	app->is_loopback = listener.is_loopback;
	app->tls = !strcmp(tls, "on") || (!strcmp(tls, "auto") && !app->is_loopback);
	if (!app->tls && !app->is_loopback && !app->is_demo) {
		fprintf(stderr,
			"sluice: --listen %s is not loopback and [Web] tls is off, so passwords "
			"would cross the network in clear. Set tls = auto, or listen on 127.0.0.1 "
			"behind a reverse proxy.\n",
			listen_text);
		return CLI_BAD_CONFIG;
	}
	(void)snprintf(app->url, sizeof(app->url), "%s://%s", app->tls ? "https" : "http",
		       listener.authority);
	return app->tls ? load_certificate(app) : 0;
}

/* ---- the datapath ---------------------------------------------------------------------------- */

static int exit_status_of(int error)
{
	if (error == -EPERM || error == -EACCES)
		return CLI_NO_PERMISSION;
	if (error == -ENOSYS || error == -EOPNOTSUPP || error == -ENODEV)
		return CLI_NO_KERNEL;
	return CLI_FAILED;
}

static int place_pins(struct app *app)
{
	int error = capture_mount_bpffs((unsigned int)app->uid, (unsigned int)app->gid);

	if (!error)
		error = capture_pin_path(app->state_dir, app->pin_dir, sizeof(app->pin_dir));
	if (error) {
		app->pin_dir[0] = '\0';
		log_warn("no bpffs for pins: blocks end with the service error=%s",
			 strerror(-error));
	}
	return error;
}

static int load_datapath(struct app *app)
{
	const struct capture_kernel_options options = {
		.flow_slots = (unsigned int)config_int(app->config, CONFIG_CAPTURE_FLOW_SLOTS),
		.mode = config_text(app->config, CONFIG_CAPTURE_MODE),
		.interfaces = config_text(app->config, CONFIG_CAPTURE_INTERFACES),
		.fix_offloads = config_bool(app->config, CONFIG_CAPTURE_OFFLOADS),
		.promisc = config_bool(app->config, CONFIG_CAPTURE_PROMISC),
		.pin_dir = app->pin_dir,
	};
	struct capture_kernel_options unpinned = options;
	char reason[256] = "";
	int error;

	unpinned.pin_dir = NULL;
	error = capture_kernel_load(place_pins(app) ? &unpinned : &options, &app->kernel, reason);
	app_end_step(app, "load");
	if (!error)
		error = capture_kernel_attach(app->kernel, reason);
	app_end_step(app, "attach");
	if (!error)
		return 0;
	fprintf(stderr, "sluice: %s\n", *reason ? reason : strerror(-error));
	return exit_status_of(error);
}

/* A file that is missing is only said; what is no path at all is a mistake. */
static int check_geo(const struct app *app)
{
	CLEANUP(geo_free) struct geo *geo = NULL;
	char reason[256];

	if (facts_open_geo(app->config, app->work_dir, &geo, reason) != -EINVAL)
		return 0;
	fprintf(stderr, "sluice: [Geo] %s\n", reason);
	return CLI_BAD_CONFIG;
}

int app_prepare(struct app *app)
{
	int status = find_user(app);

	if (!status && !app->is_demo && !rights_has_capability(12 /* CAP_NET_ADMIN */)) {
		fprintf(stderr, "sluice: capturing needs root or CAP_BPF, CAP_NET_ADMIN and "
				"CAP_PERFMON: start it with sudo, or try `sluice demo`\n");
		status = CLI_NO_PERMISSION;
	}
	if (!status)
		status = open_state_dir(app);
	if (!status)
		status = app_take_settings(app);
	if (!status)
		status = place_key_file(app);
	if (!status)
		status = place_backup_dir(app);
	if (!status)
		status = outlet_place(app);
	if (!status)
		status = check_geo(app);
	if (!status)
		status = open_listener(app);
	if (!status)
		status = bind_control(app);
	app_end_step(app, "prepare");
	if (!status && !app->is_demo)
		status = load_datapath(app);
	return status;
}

void app_done(struct app *app)
{
	capture_kernel_free(app->kernel);
	if (app->control_fd >= 0) {
		close(app->control_fd);
		(void)unlink(app->control_path); /* already gone is as good */
	}
	if (app->listen_fd >= 0)
		close(app->listen_fd);
	tls_identity_done(&app->identity);
	if (app->lock_fd >= 0)
		close(app->lock_fd);
	capture_view_free(app->view);
	config_free(app->config);
}
