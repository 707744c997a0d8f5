/*
 * The state without a service.
 */
#include "agent/cli/offline.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent/config/config.h"
#include "agent/store/store.h"
#include "agent/util/cleanup.h"
#include "agent/util/crypto.h"
#include "agent/util/file.h"

#define KEY_FILE_DEFAULT "/etc/sluice/secret.key"

void state_find(const struct args *args, struct state_place *place)
{
	CLEANUP(config_free) struct config *config = config_new();
	const char *dir = args_state_dir(args);
	const char *configured = "";
	char path[PATH_MAX];

	place->dir = dir ? dir : STATE_DIR_DEFAULT;
	if (config && !config_load(config, NULL))
		configured = config_text(config, CONFIG_STORE_KEY_FILE);
	if (*configured)
		(void)snprintf(place->key_file, PATH_MAX, "%s", configured);
	else if (dir)
		(void)snprintf(place->key_file, PATH_MAX, "%.*s/secret.key", PATH_MAX - 16, dir);
	else
		(void)snprintf(place->key_file, PATH_MAX, KEY_FILE_DEFAULT);
	(void)snprintf(path, sizeof(path), "%.*s/main.db", PATH_MAX - 16, place->dir);
	place->is_demo = access(path, F_OK) != 0;
	(void)snprintf(path, sizeof(path), "%.*s/demo-main.db", PATH_MAX - 16, place->dir);
	place->is_demo = place->is_demo && access(path, F_OK) == 0;
	(void)snprintf(place->settings, PATH_MAX, "%.*s/settings.conf", PATH_MAX - 16, place->dir);
	if (access(place->settings, R_OK))
		place->settings[0] = '\0';
}

int offline_lock(const char *dir, struct offline *offline)
{
	*offline = (struct offline){ .dir = dir, .lock = -1 };
	if (crypto_init()) {
		fprintf(stderr, "sluice: no source of random numbers\n");
		return CLI_FAILED;
	}
	offline->lock = file_lock_dir(dir);
	if (offline->lock >= 0)
		return CLI_OK;
	if (offline->lock == -EWOULDBLOCK)
		fprintf(stderr,
			"sluice: a service uses %s: stop it first (`systemctl stop sluice`)\n",
			dir);
	else
		fprintf(stderr, "sluice: %s: %s\n", dir, strerror(-offline->lock));
	return offline->lock == -EACCES ? CLI_NO_PERMISSION : CLI_FAILED;
}

int offline_open(const struct args *args, struct offline *offline)
{
	struct state_place place;
	char reason[256];

	state_find(args, &place);
	const struct store_options options = { .dir = place.dir,
					       .key_file = place.key_file,
					       .is_demo = place.is_demo,
					       .flows_max_bytes = UINT64_MAX,
					       .flows_max_age_s = INT64_MAX };
	int status = offline_lock(options.dir, offline);
	if (status)
		return status;
	int error = store_open(&options, &offline->store, reason);
	if (error)
		fprintf(stderr, "sluice: %s\n", reason);
	return error ? CLI_FAILED : CLI_OK;
}

void offline_done(struct offline *offline)
{
	store_close(offline->store);
	if (geteuid() == 0 && offline->dir && offline->lock >= 0 &&
	    file_give_to_owner(offline->dir))
		fprintf(stderr, "sluice: %s keeps files of root's\n", offline->dir);
	if (offline->lock >= 0)
		(void)close(offline->lock); /* the lock goes with it */
}

int offline_audit(struct store *store, const char *action, const char *target, struct json *detail)
{
	const struct passwd *entry = getpwuid(getuid());
	CLEANUP(free) char *text = detail ? json_print(detail, NULL) : NULL;
	char who[80];
	const struct audit_entry line = {
		.who = who, .action = action, .target = target, .detail = text
	};

	if (entry)
		(void)snprintf(who, sizeof(who), "unix:%.64s", entry->pw_name);
	else
		(void)snprintf(who, sizeof(who), "unix:%u", getuid());
	json_free(detail);
	int error = store_audit_write(store, &line);
	if (error)
		fprintf(stderr, "sluice: no audit line was written: %s\n", strerror(-error));
	return error;
}
