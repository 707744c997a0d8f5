/*
 * The state directory where the roles' user can reach it, wherever root asked for it.
 */
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/app/internal.h"
#include "agent/util/file.h"

/* One place serves every instance: each mounts there in a namespace of its own. */
#define BIND_DIR "/run/sluice-state"

/* Asked in a child that becomes the user: access(2) for another one does not exist. */
static bool can_reach(const struct app *app)
{
	pid_t pid = fork();
	int status = 1;

	if (pid == 0) {
		if (setgroups(0, NULL) || setresgid(app->gid, app->gid, app->gid) ||
		    setresuid(app->uid, app->uid, app->uid))
			_exit(1);
		_exit(access(app->state_dir, R_OK | W_OK | X_OK) ? 1 : 0);
	}
	return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

int app_reach_state(struct app *app)
{
	int error;

	memcpy(app->work_dir, app->state_dir, sizeof(app->work_dir));
	if (geteuid() != 0 || can_reach(app))
		return 0;
	(void)snprintf(app->work_dir, sizeof(app->work_dir), BIND_DIR);
	error = file_make_dir(BIND_DIR, 0755);
	if (error)
		return error;
	/* slave: mounts of the host still arrive, ours stay here */
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) ||
	    mount(app->state_dir, BIND_DIR, NULL, MS_BIND, NULL))
		return -errno;
	return 0;
}
