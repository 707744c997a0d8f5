/*
 * System call filters. Core and front get an allow list each; the loader, from which both are
 * forked and so inherit, a deny list of what no role ever needs. bpf(2) is filtered by command:
 * whoever may open or update a link could detach enforcement (DESIGN: roles).
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/sched.h>
#include <linux/sockios.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/cleanup.h"
#include "agent/util/rights_internal.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static inline void filter_release_cleanup(scmp_filter_ctx *filter)
{
	if (*filter)
		seccomp_release(*filter);
}

/* Threads, memory, time and descriptors: every role. */
static const int common_calls[] = {
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(close),
	SCMP_SYS(fstat),
	SCMP_SYS(lseek),
	SCMP_SYS(dup),
	SCMP_SYS(mmap),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(mprotect),
	SCMP_SYS(madvise),
	SCMP_SYS(brk),
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(membarrier),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(rt_sigtimedwait),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(getppid),
	SCMP_SYS(getuid),
	SCMP_SYS(geteuid),
	SCMP_SYS(getgid),
	SCMP_SYS(getegid),
	SCMP_SYS(getrandom),
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(timerfd_create),
	SCMP_SYS(timerfd_settime),
	SCMP_SYS(timerfd_gettime),
	SCMP_SYS(eventfd2),
	SCMP_SYS(epoll_create1),
	SCMP_SYS(epoll_ctl),
	SCMP_SYS(epoll_wait),
	SCMP_SYS(epoll_pwait),
	SCMP_SYS(epoll_pwait2),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(select),
	SCMP_SYS(pselect6),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(getcpu),
	SCMP_SYS(getrusage),
	SCMP_SYS(uname),
	SCMP_SYS(sysinfo),
	SCMP_SYS(prctl),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(shutdown),
	SCMP_SYS(getsockopt),
	SCMP_SYS(setsockopt),
	SCMP_SYS(getsockname),
	SCMP_SYS(getpeername),
	SCMP_SYS(signalfd4),
};

/* Files of the state directory and look-ups of this host: core. */
static const int core_calls[] = {
	SCMP_SYS(open),	      SCMP_SYS(openat),	   SCMP_SYS(pread64),	 SCMP_SYS(pwrite64),
	SCMP_SYS(preadv),     SCMP_SYS(pwritev),   SCMP_SYS(stat),	 SCMP_SYS(lstat),
	SCMP_SYS(newfstatat), SCMP_SYS(statx),	   SCMP_SYS(access),	 SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2), SCMP_SYS(mkdir),	   SCMP_SYS(mkdirat),	 SCMP_SYS(rmdir),
	SCMP_SYS(unlink),     SCMP_SYS(unlinkat),  SCMP_SYS(rename),	 SCMP_SYS(renameat),
	SCMP_SYS(renameat2),  SCMP_SYS(ftruncate), SCMP_SYS(fallocate),	 SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),  SCMP_SYS(fchmod),	   SCMP_SYS(fchmodat),	 SCMP_SYS(flock),
	SCMP_SYS(getcwd),     SCMP_SYS(readlink),  SCMP_SYS(readlinkat), SCMP_SYS(getdents64),
	SCMP_SYS(statfs),     SCMP_SYS(fstatfs),   SCMP_SYS(umask),	 SCMP_SYS(utimensat),
	SCMP_SYS(bind),	      SCMP_SYS(recvmmsg),  SCMP_SYS(sendmmsg),
};

/* Of fcntl(2) only what cannot point a signal at another role (F_SETOWN and F_SETSIG can). */
static const int fcntl_commands[] = {
	F_DUPFD, F_DUPFD_CLOEXEC, F_GETFD,  F_SETFD,	 F_GETFL,     F_SETFL,
	F_GETLK, F_SETLK,	  F_SETLKW, F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW,
};

/* Of ioctl(2): is it a terminal, how much is there, what is the interface called. */
static const unsigned int ioctl_commands[] = { TCGETS, FIONREAD, FIONBIO, SIOCGIFNAME,
					       SIOCGIFINDEX };

/* Elements of maps whose descriptors core inherited, and the clock program's run. */
static const int core_bpf_commands[] = {
	BPF_MAP_LOOKUP_ELEM,
	BPF_MAP_UPDATE_ELEM,
	BPF_MAP_DELETE_ELEM,
	BPF_MAP_GET_NEXT_KEY,
	BPF_MAP_LOOKUP_AND_DELETE_ELEM,
	BPF_MAP_LOOKUP_BATCH,
	BPF_MAP_LOOKUP_AND_DELETE_BATCH,
	BPF_MAP_UPDATE_BATCH,
	BPF_MAP_DELETE_BATCH,
	BPF_OBJ_GET_INFO_BY_FD,
	BPF_PROG_TEST_RUN,
};

/* No role ever needs these; also closes the ways from one role into another. */
static const int never_calls[] = {
	SCMP_SYS(execve),
	SCMP_SYS(execveat),
	SCMP_SYS(ptrace),
	SCMP_SYS(process_vm_readv),
	SCMP_SYS(process_vm_writev),
	SCMP_SYS(pidfd_getfd),
	SCMP_SYS(kcmp),
	SCMP_SYS(unshare),
	SCMP_SYS(setns),
	SCMP_SYS(chroot),
	SCMP_SYS(pivot_root),
	SCMP_SYS(mount),
	SCMP_SYS(umount2),
	SCMP_SYS(move_mount),
	SCMP_SYS(open_tree),
	SCMP_SYS(fsopen),
	SCMP_SYS(fsmount),
	SCMP_SYS(open_by_handle_at),
	SCMP_SYS(keyctl),
	SCMP_SYS(add_key),
	SCMP_SYS(request_key),
	SCMP_SYS(init_module),
	SCMP_SYS(finit_module),
	SCMP_SYS(delete_module),
	SCMP_SYS(kexec_load),
	SCMP_SYS(kexec_file_load),
	SCMP_SYS(reboot),
	SCMP_SYS(swapon),
	SCMP_SYS(swapoff),
	SCMP_SYS(acct),
	SCMP_SYS(userfaultfd),
	SCMP_SYS(iopl),
	SCMP_SYS(ioperm),
	SCMP_SYS(io_uring_setup),
	SCMP_SYS(sethostname),
	SCMP_SYS(setdomainname),
};

/* A call that this architecture does not have (a negative pseudo number) needs no rule. */
static int add_all(scmp_filter_ctx filter, uint32_t action, const int *calls, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		int error = calls[i] < 0 ? 0 : seccomp_rule_add(filter, action, calls[i], 0);

		if (error)
			return error;
	}
	return 0;
}

/* Threads but no processes; clone3 hides its flags from filters, so libc falls back to clone. */
static int allow_threads(scmp_filter_ctx filter)
{
	int error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(clone), 1,
				     SCMP_A0(SCMP_CMP_MASKED_EQ, CLONE_THREAD, CLONE_THREAD));

	if (error)
		return error;
	return seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
}

static int allow_fcntl(scmp_filter_ctx filter)
{
	int error = 0;

	for (size_t i = 0; !error && i < LENGTH(fcntl_commands); i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
					 SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)fcntl_commands[i]));
	return error;
}

/* A signal to itself (abort, raise) and to nobody else. */
static int allow_own_signals(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
				SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid()));
}

/* The calling thread's own precedence; how far it may go, RLIMIT_NICE says. */
static int allow_own_priority(scmp_filter_ctx filter)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(setpriority), 2,
				SCMP_A0(SCMP_CMP_EQ, PRIO_PROCESS), SCMP_A1(SCMP_CMP_EQ, 0));
}

static int allow_core(scmp_filter_ctx filter)
{
	int error = add_all(filter, SCMP_ACT_ALLOW, core_calls, LENGTH(core_calls));

	for (size_t i = 0; !error && i < LENGTH(ioctl_commands); i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					 SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)ioctl_commands[i]));
	for (size_t i = 0; !error && i < LENGTH(core_bpf_commands); i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
					 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)core_bpf_commands[i]));
	if (error)
		return error;
	error = allow_own_priority(filter);
	if (error)
		return error;
	/* addresses and routes of this host; names of interfaces by ioctl on a local socket */
	error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				 SCMP_A0(SCMP_CMP_EQ, AF_NETLINK));
	if (error)
		return error;
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
				SCMP_A0(SCMP_CMP_EQ, AF_UNIX));
}

/* Outwards: connections, the resolver's datagrams and its look at this host's addresses. */
static int allow_export(scmp_filter_ctx filter)
{
	static const int families[] = { AF_INET, AF_INET6, AF_UNIX, AF_NETLINK };
	int error = add_all(filter, SCMP_ACT_ALLOW, core_calls, LENGTH(core_calls));

	if (!error)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(connect), 0);
	if (!error) /* libcurl wakes its own threads over one */
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socketpair), 0);
	for (size_t i = 0; !error && i < LENGTH(families); i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(socket), 1,
					 SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)families[i]));
	for (size_t i = 0; !error && i < LENGTH(ioctl_commands); i++)
		error = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
					 SCMP_A1(SCMP_CMP_EQ, (scmp_datum_t)ioctl_commands[i]));
	return error;
}

static int load_allow_list(enum rights_role role)
{
	CLEANUP(filter_release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
	int error;

	if (!filter)
		return -ENOMEM;
	error = add_all(filter, SCMP_ACT_ALLOW, common_calls, LENGTH(common_calls));
	if (!error)
		error = allow_threads(filter);
	if (!error)
		error = allow_fcntl(filter);
	if (!error)
		error = allow_own_signals(filter);
	if (!error && role == RIGHTS_CORE)
		error = allow_core(filter);
	if (!error && role == RIGHTS_EXPORT)
		error = allow_export(filter);
	return error ? error : seccomp_load(filter);
}

static int load_deny_list(void)
{
	CLEANUP(filter_release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
	int error;

	if (!filter)
		return -ENOMEM;
	error = add_all(filter, SCMP_ACT_ERRNO(EPERM), never_calls, LENGTH(never_calls));
	return error ? error : seccomp_load(filter);
}

int rights_seccomp(enum rights_role role)
{
	return role == RIGHTS_LOADER ? load_deny_list() : load_allow_list(role);
}
