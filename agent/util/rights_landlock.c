/*
 * Landlock: which files (and, from ABI 4 and 6 on, TCP ports and signals) a role may still reach.
 * Debian 12's kernel has ABI 2; the rights of newer ones are defined here since its headers lack
 * them. Source: linux/landlock.h and Documentation/userspace-api/landlock.rst of Linux 6.12.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/landlock.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent/util/cleanup.h"
#include "agent/util/rights_internal.h"

/* Rights by the ABI that brought them. */
#define FS_RIGHTS_ABI1	    ((1ULL << 13) - 1)
#define FS_RIGHT_REFER	    (1ULL << 13)		/* ABI 2 */
#define FS_RIGHT_TRUNCATE   (1ULL << 14)		/* ABI 3 */
#define FS_RIGHT_IOCTL_DEV  (1ULL << 15)		/* ABI 5 */
#define NET_RIGHTS	    ((1ULL << 0) | (1ULL << 1)) /* bind, connect TCP; ABI 4 */
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)			/* ABI 6 */
#define SCOPE_SIGNAL	    (1ULL << 1)			/* ABI 6 */

#define FS_READ (LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR)
/* What a plain file can carry of the rights above. */
#define FS_FILE_ONLY                                                  \
	(LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE | \
	 LANDLOCK_ACCESS_FS_READ_FILE | FS_RIGHT_TRUNCATE)

/* struct landlock_ruleset_attr of ABI 6; older kernels take its beginning. */
struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

static uint64_t fs_rights(int abi)
{
	uint64_t rights = FS_RIGHTS_ABI1;

	if (abi >= 2)
		rights |= FS_RIGHT_REFER;
	if (abi >= 3)
		rights |= FS_RIGHT_TRUNCATE;
	if (abi >= 5)
		rights |= FS_RIGHT_IOCTL_DEV;
	return rights;
}

static int make_ruleset(int abi, enum rights_role role)
{
	struct ruleset_attr attr = { .fs = fs_rights(abi) };
	size_t size = sizeof(attr.fs);

	if (abi >= 4) {
		attr.net = role == RIGHTS_FRONT ? NET_RIGHTS : 0;
		size = sizeof(attr.fs) + sizeof(attr.net);
	}
	if (abi >= 6) {
		attr.scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL;
		size = sizeof(attr);
	}
	return (int)syscall(SYS_landlock_create_ruleset, &attr, size, 0);
}

static int allow_path(int ruleset, const struct rights_path *path, int abi)
{
	CLEANUP(close) int fd = open(path->path, O_PATH | O_CLOEXEC);
	struct landlock_path_beneath_attr rule = { 0 };
	struct stat st;

	if (fd < 0)
		/* what is not there, or out of reach anyway, needs no rule */
		return errno == ENOENT || errno == ENOTDIR || errno == EACCES ? 0 : -errno;
	if (fstat(fd, &st))
		return -errno;
	rule.parent_fd = fd;
	rule.allowed_access =
		path->may_write ? fs_rights(abi) & ~LANDLOCK_ACCESS_FS_EXECUTE : FS_READ;
	if (!S_ISDIR(st.st_mode))
		rule.allowed_access &= FS_FILE_ONLY & fs_rights(abi);
	if (syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0))
		return -errno;
	return 0;
}

int rights_landlock(const struct rights_request *request, int *abi)
{
	CLEANUP(close) int ruleset = -1;

	*abi = (int)syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
	if (*abi < 0) {
		int error = errno;

		*abi = 0;
		return -error;
	}
	ruleset = make_ruleset(*abi, request->role);
	if (ruleset < 0)
		return -errno;
	for (size_t i = 0; i < request->path_count; i++) {
		int error = allow_path(ruleset, &request->paths[i], *abi);

		if (error)
			return error;
	}
	if (syscall(SYS_landlock_restrict_self, ruleset, 0))
		return -errno;
	return 0;
}
