/*
 * Scheduled backups and key rotation. The schedule runs on the monotonic clock, so that a jump of
 * wall time neither skips a backup nor makes a hundred; only at the start the time of the newest
 * file says how much of the period is over.
 */
#include "agent/app/upkeep.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "agent/app/jobs.h"
#include "agent/store/store.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "agent/util/log.h"

/* The first one of a start waits a little: whoever restarts in a loop does not back up in one. */
#define BACKUP_SOONEST_S 60
#define BACKUP_RETRY_S	 3600

struct upkeep {
	const struct app *app;
	struct store *store;
	struct jobs *jobs;
	uint64_t due_ns; /* 0 = no schedule */
	uint64_t every_ns;
	struct upkeep_status status;
	atomic_uint_fast64_t resealed;
	atomic_bool is_stopping;

	/* The jobs thread's while one is under way. */
	struct store_rotation rotation;
	int rotate_result;
	char rotate_error[256];
	char file[PATH_MAX];
	uint64_t bytes;
	int backup_result;
	char backup_error[256];
};

/* ---- rotation ---------------------------------------------------------------------------------
 */

static bool rotate_goes_on(void *arg, uint64_t resealed)
{
	struct upkeep *upkeep = arg;

	atomic_store(&upkeep->resealed, resealed);
	return !atomic_load(&upkeep->is_stopping);
}

static void rotate_work(void *arg)
{
	struct upkeep *upkeep = arg;
	const struct store_rotate_guide guide = { rotate_goes_on, upkeep };

	upkeep->rotate_result =
		store_rotate_key(upkeep->store, &guide, &upkeep->rotation, upkeep->rotate_error);
}

static void rotate_done(void *arg)
{
	struct upkeep *upkeep = arg;

	upkeep->status.is_rotating = false;
	upkeep->status.damaged = upkeep->rotation.damaged;
	upkeep->status.rotate_error[0] = '\0';
	if (upkeep->rotate_result) {
		memcpy(upkeep->status.rotate_error, upkeep->rotate_error,
		       sizeof(upkeep->status.rotate_error));
		log_error("key rotation: %s", upkeep->rotate_error);
		return;
	}
	log_info("the vault's key was rotated key=%" PRIu32 " resealed=%" PRIu64 " damaged=%u",
		 upkeep->rotation.key_id, upkeep->rotation.resealed, upkeep->rotation.damaged);
}

int upkeep_rotate(struct upkeep *upkeep)
{
	const struct job job = { rotate_work, rotate_done, upkeep };

	if (upkeep->status.is_rotating)
		return -EBUSY;
	atomic_store(&upkeep->resealed, 0);
	int error = jobs_post(upkeep->jobs, &job);
	upkeep->status.is_rotating = !error;
	return error;
}

/* ---- backups ----------------------------------------------------------------------------------
 */

/* Core reads below /etc only: configuration elsewhere is copied by `sluice backup`, not here. */
static bool is_readable(const char *path)
{
	CLEANUP(close) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	return fd >= 0; /* access(2) does not ask Landlock */
}

static void backup_make(struct upkeep *upkeep)
{
	const struct config *config = upkeep->app->config;
	const struct store_options place = { .dir = upkeep->app->work_dir,
					     .key_file = upkeep->app->key_file,
					     .is_demo = upkeep->app->is_demo };
	const char *configs[STORE_BACKUP_CONFIGS_MAX];
	uint8_t public_key[32];
	const struct store_backup_key key = { .public_key = public_key };
	/* Who made a recovery key wants backups that only it opens. */
	bool is_locked = !store_backup_public_key(&place, public_key);
	struct store_backup order = { .dir = upkeep->app->work_dir,
				      .is_demo = upkeep->app->is_demo,
				      .with_flows = config_bool(config, CONFIG_STORE_BACKUP_FLOWS),
				      .file = upkeep->file,
				      .configs = configs,
				      .key = is_locked ? &key : NULL,
				      .version = SLUICE_VERSION };

	if (is_readable(upkeep->app->settings_path))
		configs[order.config_count++] = upkeep->app->settings_path;
	for (size_t i = 0; order.config_count < STORE_BACKUP_CONFIGS_MAX && config_file(config, i);
	     i++)
		if (is_readable(config_file(config, i)))
			configs[order.config_count++] = config_file(config, i);
	upkeep->backup_result = store_backup_make(&order, &upkeep->bytes, upkeep->backup_error);
}

static void backup_work(void *arg)
{
	struct upkeep *upkeep = arg;
	const char *dir = upkeep->status.backup_dir; /* set once, at the start */
	size_t keep = (size_t)config_int(upkeep->app->config, CONFIG_STORE_BACKUP_KEEP);
	char name[40];

	store_backup_name(clock_unix_ms(), name);
	(void)snprintf(upkeep->file, sizeof(upkeep->file), "%s/%s", dir, name);
	/* not file_make_dir: core may not change modes */
	upkeep->backup_result = mkdir(dir, 0700) && errno != EEXIST ? -errno : 0;
	if (upkeep->backup_result) {
		(void)snprintf(upkeep->backup_error, sizeof(upkeep->backup_error),
			       "cannot make %.150s: %s", dir, strerror(-upkeep->backup_result));
		return;
	}
	backup_make(upkeep);
	/* Old ones go only when a new one is there. */
	if (!upkeep->backup_result && store_backups_prune(dir, keep))
		log_warn("old backups could not be removed dir=%s", dir);
}

static void backup_audit(struct upkeep *upkeep)
{
	CLEANUP(json_free) struct json *detail = json_new_object();
	struct audit_entry entry = { .who = "sluice",
				     .action = "backup.make",
				     .target = upkeep->file };

	json_set_uint(detail, "bytes", upkeep->bytes);
	CLEANUP(free) char *text = json_print(detail, NULL);
	entry.detail = text;
	if (store_audit_write(upkeep->store, &entry))
		log_error("audit line not written action=backup.make");
}

static void backup_done(void *arg)
{
	struct upkeep *upkeep = arg;
	uint64_t next_ns = upkeep->every_ns;

	upkeep->status.is_backing_up = false;
	upkeep->status.backup_error[0] = '\0';
	if (upkeep->backup_result) {
		upkeep->status.backups_failed++;
		memcpy(upkeep->status.backup_error, upkeep->backup_error,
		       sizeof(upkeep->status.backup_error));
		log_error("backup: %s", upkeep->backup_error);
		if (next_ns > BACKUP_RETRY_S * NS_PER_S)
			next_ns = BACKUP_RETRY_S * NS_PER_S;
	} else {
		upkeep->status.backups_made++;
		(void)snprintf(upkeep->status.backup_file, sizeof(upkeep->status.backup_file),
			       "%.255s", upkeep->file);
		backup_audit(upkeep);
	}
	if (upkeep->due_ns)
		upkeep->due_ns = clock_monotonic_ns() + next_ns;
}

int upkeep_back_up(struct upkeep *upkeep)
{
	const struct job job = { backup_work, backup_done, upkeep };

	if (upkeep->status.is_backing_up)
		return -EBUSY;
	int error = jobs_post(upkeep->jobs, &job);
	upkeep->status.is_backing_up = !error;
	return error;
}

/* ---- the schedule -----------------------------------------------------------------------------
 */

static uint64_t first_due_ns(const struct upkeep *upkeep, int64_t every_s)
{
	struct store_backup_entry newest[1];
	struct store_backup_entry *all = calloc(STORE_BACKUPS_MAX, sizeof(*all));
	int count = all ? store_backups_list(upkeep->status.backup_dir, all, STORE_BACKUPS_MAX) : 0;
	int64_t left_s = BACKUP_SOONEST_S;

	if (count > 0) {
		newest[0] = all[0];
		left_s = every_s - (clock_unix_ms() - newest[0].unix_ms) / 1000;
	}
	free(all);
	/* A clock that is wrong now, or was then, moves it by one period at most. */
	if (left_s > every_s)
		left_s = every_s;
	if (left_s < BACKUP_SOONEST_S)
		left_s = every_s < BACKUP_SOONEST_S ? every_s : BACKUP_SOONEST_S;
	return clock_monotonic_ns() + (uint64_t)left_s * NS_PER_S;
}

int upkeep_start(const struct app *app, struct store *store, struct queue *finished,
		 struct upkeep **out)
{
	struct upkeep *upkeep = calloc(1, sizeof(*upkeep));
	const char *dir = config_text(app->config, CONFIG_STORE_BACKUP_DIR);
	int64_t every_s = config_int(app->config, CONFIG_STORE_BACKUP_EVERY);

	if (!upkeep)
		return -ENOMEM;
	upkeep->app = app;
	upkeep->store = store;
	if (*dir)
		(void)snprintf(upkeep->status.backup_dir, sizeof(upkeep->status.backup_dir),
			       "%.255s", dir);
	else
		(void)snprintf(upkeep->status.backup_dir, sizeof(upkeep->status.backup_dir),
			       "%.240s/backups", app->work_dir);
	int error = jobs_start(finished, &upkeep->jobs);
	if (error) {
		free(upkeep);
		return error;
	}
	if (every_s) {
		upkeep->every_ns = (uint64_t)every_s * NS_PER_S;
		upkeep->due_ns = first_due_ns(upkeep, every_s);
	}
	if (store_rotation_is_unfinished(store) && upkeep_rotate(upkeep))
		log_warn("an unfinished key rotation could not be taken up");
	*out = upkeep;
	return 0;
}

void upkeep_stop(struct upkeep *upkeep)
{
	if (!upkeep)
		return;
	atomic_store(&upkeep->is_stopping, true);
	jobs_stop(upkeep->jobs);
	free(upkeep);
}

void upkeep_tick(struct upkeep *upkeep)
{
	if (!upkeep->due_ns || upkeep->status.is_backing_up ||
	    clock_monotonic_ns() < upkeep->due_ns)
		return;
	if (upkeep_back_up(upkeep))
		log_warn("a backup is due and cannot begin");
}

void upkeep_status(const struct upkeep *upkeep, struct upkeep_status *out)
{
	uint64_t now_ns = clock_monotonic_ns();

	*out = upkeep->status;
	out->resealed = atomic_load(&upkeep->resealed);
	out->next_backup_s = -1;
	if (upkeep->due_ns)
		out->next_backup_s = upkeep->due_ns > now_ns
					     ? (int64_t)((upkeep->due_ns - now_ns) / NS_PER_S)
					     : 0;
}
