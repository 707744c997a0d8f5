/*
 * What each role may do, and the dropping of everything else; the one place that knows libcap-ng,
 * libseccomp and Landlock. Called once by each role after its descriptors are open and before it
 * reads a byte from outside; single-threaded at that moment.
 */
#ifndef SLUICE_UTIL_RIGHTS_H
#define SLUICE_UTIL_RIGHTS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

enum rights_role {
	RIGHTS_LOADER, /* CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON; nothing else */
	RIGHTS_CORE,   /* none; files below the state directory; bpf(2): elements only */
	RIGHTS_FRONT,  /* none; no file system, no bpf(2) */
	RIGHTS_EXPORT, /* none; sockets to others, the files it was given; no bpf(2) */
	RIGHTS_CLIENT, /* none; for tests of hostile children and one-shot helpers */
};

struct rights_path {
	const char *path;
	bool may_write;
};

struct rights_request {
	enum rights_role role;
	uid_t uid; /* to become when root; ignored otherwise */
	gid_t gid;
	bool is_required; /* false (demo): a kernel that refuses seccomp or Landlock is only noted
			   */
	const struct rights_path *paths; /* Landlock: all that stays reachable */
	size_t path_count;
};

struct rights_report {
	bool has_seccomp;
	int landlock_abi; /* 0 = none */
	char note[160];	  /* what could not be had; empty when all is in force */
};

/*
 * rights_drop - for good: groups, user, capabilities, no_new_privs, dumpable, Landlock, seccomp.
 * Returns 0, or -errno of the first step refused (the process must then end).
 */
int rights_drop(const struct rights_request *request, struct rights_report *report);

/* rights_find_user - ids of @name, or of "nobody" when there is none (@is_fallback set). */
int rights_find_user(const char *name, uid_t *uid, gid_t *gid, bool *is_fallback);

/* rights_has_capability - effective capability by linux/capability.h number. */
bool rights_has_capability(int capability);

/* rights_keep_descriptors - close every descriptor but 0, 1, 2 and @keep (any order). */
int rights_keep_descriptors(const int *keep, size_t count);

#endif
