/*
 * The one-way drop each role makes before it reads a byte from outside: groups and user, then
 * capabilities, then files (Landlock), then system calls (seccomp).
 */
#include "agent/util/rights.h"

#include <cap-ng.h>
#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "agent/util/cleanup.h"
#include "agent/util/rights_internal.h"

int rights_find_user(const char *name, uid_t *uid, gid_t *gid, bool *is_fallback)
{
	const struct passwd *entry = getpwnam(name);

	*is_fallback = !entry;
	if (!entry)
		entry = getpwnam("nobody");
	if (!entry)
		return -ENOENT;
	*uid = entry->pw_uid;
	*gid = entry->pw_gid;
	return 0;
}

bool rights_has_capability(int capability)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (capng_get_caps_process())
		return false;
	return capng_have_capability(CAPNG_EFFECTIVE, (unsigned int)capability);
}

/* Capabilities and, from root, user and groups: libcap-ng does both in the only order that works.
 */
static int drop_capabilities(const struct rights_request *request)
{
	capng_clear(CAPNG_SELECT_ALL);
	if (request->role == RIGHTS_LOADER && rights_has_capability(CAP_NET_ADMIN)) {
		capng_clear(CAPNG_SELECT_ALL);
		if (capng_updatev(CAPNG_ADD, (capng_type_t)(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
				  CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON, -1))
			return -EPERM;
	} else {
		capng_clear(CAPNG_SELECT_ALL);
	}
	if (geteuid() == 0) {
		if (capng_change_id((int)request->uid, (int)request->gid,
				    CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING))
			return -EPERM;
		return 0;
	}
	return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/* A filter the kernel refuses ends `run`; the demo only says so. */
static int accept_refusal(const struct rights_request *request, int error, const char *what,
			  struct rights_report *report)
{
	size_t used = strlen(report->note);

	if (request->is_required)
		return error;
	(void)snprintf(report->note + used, sizeof(report->note) - used,
		       "%s%s not available here (%s)", used ? "; " : "", what, strerror(-error));
	return 0;
}

int rights_drop(const struct rights_request *request, struct rights_report *report)
{
	int error;

	*report = (struct rights_report){ 0 };
	error = drop_capabilities(request);
	if (error)
		return error;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	/* The loader's files are the kernel's (bpffs, /sys): Landlock is for those it starts. */
	if (request->role != RIGHTS_LOADER) {
		error = rights_landlock(request, &report->landlock_abi);
		if (error)
			error = accept_refusal(request, error, "Landlock", report);
		if (error)
			return error;
	}
	error = rights_seccomp(request->role);
	if (error)
		return accept_refusal(request, error, "seccomp", report);
	report->has_seccomp = true;
	return 0;
}

static bool is_kept(int fd, const int *keep, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (keep[i] == fd)
			return true;
	return fd <= STDERR_FILENO;
}

int rights_keep_descriptors(const int *keep, size_t count)
{
	DIR *dir = opendir("/proc/self/fd");
	const struct dirent *entry;

	if (!dir)
		return -errno;
	while ((entry = readdir(dir))) {
		char *end;
		long fd = strtol(entry->d_name, &end, 10);

		if (*end || end == entry->d_name || fd == dirfd(dir) ||
		    is_kept((int)fd, keep, count))
			continue;
		(void)close((int)fd); /* a descriptor that fails to close is gone all the same */
	}
	(void)closedir(dir); /* read only */
	return 0;
}
