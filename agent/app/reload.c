/*
 * From the files to the roles: the loader reads and checks, core gets the values that it may change
 * through a descriptor, front keeps what it began with. Values go as key numbers, sources and
 * texts: both ends are one program.
 */
#include "agent/app/reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/app/internal.h"
#include "agent/capture/capture.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"
#include "agent/util/notify.h"

/* All live values at their longest (options.def), twice; a socket's buffer holds more
 * (net.core.wmem_default, 212992). */
#define VALUES_MAX 32768

static const enum config_key LIVE_IN_CORE[] = {
	CONFIG_GENERAL_LOG_LEVEL,     CONFIG_BLOCK_SAFE,
	CONFIG_BLOCK_DEFAULT_TTL,     CONFIG_BLOCK_CONFIRM,
	CONFIG_BLOCK_CONFIRM_ENTRIES, CONFIG_CONTROL_GROUP_ROLE,
	CONFIG_CAPTURE_INTERFACES, /* the loader's to follow; core shows it */
};

#define LIVE_COUNT (sizeof(LIVE_IN_CORE) / sizeof(LIVE_IN_CORE[0]))

bool reload_is_live(enum config_key key)
{
	for (size_t i = 0; i < LIVE_COUNT; i++)
		if (LIVE_IN_CORE[i] == key)
			return true;
	return false;
}

static bool has_changed(const struct config *before, const struct config *after,
			enum config_key key)
{
	return strcmp(config_text(before, key), config_text(after, key)) != 0;
}

/* ---- to core ----------------------------------------------------------------------------------
 */

static int write_values(const struct config *config, int fd)
{
	CLEANUP(buffer_done) struct buffer out;

	buffer_init(&out, VALUES_MAX);
	for (size_t i = 0; i < LIVE_COUNT; i++) {
		const char *text = config_text(config, LIVE_IN_CORE[i]);
		uint8_t head[2] = { (uint8_t)LIVE_IN_CORE[i],
				    (uint8_t)config_source(config, LIVE_IN_CORE[i]) };

		buffer_append(&out, head, sizeof(head));
		buffer_append(&out, text, strlen(text) + 1);
	}
	if (out.error)
		return out.error;
	if (send(fd, out.data, out.len, MSG_NOSIGNAL | MSG_DONTWAIT) != (ssize_t)out.len)
		return errno ? -errno : -EMSGSIZE;
	return 0;
}
_Static_assert(CONFIG_KEY_COUNT <= 256, "a key is a byte");

static int tell_core(const struct config *config, int control)
{
	CLEANUP(close) int mine = -1;
	CLEANUP(close) int theirs = -1;
	int pair[2], error;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
		return -errno;
	mine = pair[0];
	theirs = pair[1];
	error = write_values(config, mine);
	return error ? error : supervise_send(control, SUPERVISE_CONFIG, NULL, theirs);
}

/* ---- the loader --------------------------------------------------------------------------------
 */

static void set_level(const struct config *config)
{
	enum log_level level;

	if (!log_level_parse(config_text(config, CONFIG_GENERAL_LOG_LEVEL), &level))
		log_set_level(level);
}

static void follow(struct app *app)
{
	char reason[256] = "";
	int error = capture_kernel_set_interfaces(
		app->kernel, config_text(app->config, CONFIG_CAPTURE_INTERFACES), reason);

	if (error < 0)
		log_warn("interfaces of the new configuration: %s",
			 *reason ? reason : strerror(-error));
}

/* What needs a restart is said, so that nobody waits for it. */
static void say_waiting(const struct config *before, const struct config *after)
{
	for (unsigned int i = 0; i < CONFIG_KEY_COUNT; i++) {
		enum config_key key = (enum config_key)i;
		const struct config_option *option = config_option(key);

		if (!reload_is_live(key) && has_changed(before, after, key))
			log_warn("the change takes effect with the next start key=%s.%s",
				 option->section, option->key);
	}
}

int reload_begin(struct app *app, int core_control)
{
	struct config *fresh = NULL, *before = app->config;
	char state[64];
	int error = 0, status;

	/* sd_notify(3): RELOADING=1 wants the time it began at */
	(void)snprintf(state, sizeof(state), "RELOADING=1\nMONOTONIC_USEC=%llu",
		       (unsigned long long)(clock_monotonic_ns() / 1000));
	(void)notify_send(state); /* nobody listens outside systemd */
	status = app_read_config(app, &fresh);
	if (status) {
		log_error("the configuration is wrong: everything stays as it was");
		(void)notify_send("READY=1\nSTATUS=the new configuration is wrong, the old one is "
				  "in force");
		return -EINVAL;
	}
	app->config = fresh; /* a role that is started again begins with it */
	set_level(fresh);
	if (app->kernel && has_changed(before, fresh, CONFIG_CAPTURE_INTERFACES))
		follow(app);
	if (core_control >= 0)
		error = tell_core(fresh, core_control);
	if (error)
		log_error("core was not told of the new configuration error=%s", strerror(-error));
	say_waiting(before, fresh);
	config_free(before);
	log_info("configuration read again");
	(void)notify_send("READY=1\nSTATUS=counting and enforcing");
	return 0;
}

/* ---- core --------------------------------------------------------------------------------------
 */

static int take_value(struct config *config, const uint8_t head[static 2], const char *text)
{
	enum config_key key = (enum config_key)head[0];
	char reason[256];
	bool is_new;

	if (head[0] >= CONFIG_KEY_COUNT || !reload_is_live(key) ||
	    head[1] > CONFIG_FROM_COMMAND_LINE)
		return -EPROTO;
	is_new = strcmp(config_text(config, key), text) != 0;
	config_begin_source(config, (enum config_source)head[1]);
	return config_set(config, key, text, reason) ? -EPROTO : is_new;
}

int reload_take(struct config *config, int fd)
{
	CLEANUP(free) char *data = malloc(VALUES_MAX + 1);
	ssize_t len = 0, got = 1;
	int changed = 0;

	if (!data)
		return -ENOMEM;
	while (len < VALUES_MAX && (got = read(fd, data + len, (size_t)(VALUES_MAX - len))) > 0)
		len += got;
	if (got < 0)
		return -errno;
	data[len] = '\0';
	for (char *at = data; at + 2 < data + len; at += strlen(at) + 1) {
		const uint8_t head[2] = { (uint8_t)at[0], (uint8_t)at[1] };
		int error;

		at += sizeof(head);
		error = take_value(config, head, at);

		if (error < 0)
			return error;
		changed += error;
	}
	set_level(config);
	return changed;
}
