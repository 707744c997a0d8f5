/*
 * What a role tries in test_rights.c, one function an act: true when the kernel let it happen. Each
 * runs in a child of its own, as the whole of what it does.
 */
#ifndef SLUICE_TESTS_RIGHTS_ACTS_H
#define SLUICE_TESTS_RIGHTS_ACTS_H

#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

/* What one test's children may touch. */
struct scene {
	char own[64];  /* a directory of the role's, with the file "data" */
	pid_t sibling; /* sleeps as nobody, as the other roles run */
	int map;       /* a BPF array that the child inherits */
	int key_zero;
	int listener; /* a TCP socket that the child inherits */
};

/* ---- acts: true when the kernel let it happen ---------------------------------------------- */

static inline bool reads_passwd(const struct scene *scene)
{
	(void)scene;
	return open("/etc/passwd", O_RDONLY) >= 0;
}

static inline bool reads_own_file(const struct scene *scene)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/data", scene->own);
	return open(path, O_RDWR) >= 0;
}

static inline bool makes_own_file(const struct scene *scene)
{
	char path[80];

	(void)snprintf(path, sizeof(path), "%s/more", scene->own);
	return open(path, O_RDWR | O_CREAT | O_EXCL, 0600) >= 0 && unlink(path) == 0;
}

static inline bool makes_file_in_tmp(const struct scene *scene)
{
	(void)scene;
	return open("/tmp", O_TMPFILE | O_RDWR, 0600) >= 0;
}

static inline bool lists_root(const struct scene *scene)
{
	(void)scene;
	return open("/", O_RDONLY | O_DIRECTORY) >= 0;
}

static inline bool opens_inet_socket(const struct scene *scene)
{
	(void)scene;
	return socket(AF_INET, SOCK_STREAM, 0) >= 0 || socket(AF_INET, SOCK_DGRAM, 0) >= 0 ||
	       socket(AF_INET6, SOCK_STREAM, 0) >= 0;
}

static inline bool opens_packet_socket(const struct scene *scene)
{
	(void)scene;
	return socket(AF_PACKET, SOCK_RAW, 0) >= 0 || socket(AF_INET, SOCK_RAW, IPPROTO_ICMP) >= 0;
}

static inline bool executes(const struct scene *scene)
{
	char name[] = "false";
	char *const arguments[] = { name, NULL };

	(void)scene;
	/* false ends with 1, as a child whose act succeeded does */
	(void)execve("/bin/false", arguments, arguments + 1);
	return false;
}

static inline bool forks(const struct scene *scene)
{
	pid_t child = fork();

	(void)scene;
	if (child == 0)
		_exit(0);
	return child > 0;
}

static inline bool traces_parent(const struct scene *scene)
{
	(void)scene;
	return !ptrace(PTRACE_SEIZE, getppid(), NULL, NULL);
}

static inline bool traces_sibling(const struct scene *scene)
{
	return !ptrace(PTRACE_SEIZE, scene->sibling, NULL, NULL);
}

/* Signal 0 asks only whether a signal could be sent. */
static inline bool signals_parent(const struct scene *scene)
{
	(void)scene;
	return !kill(getppid(), 0);
}

static inline bool signals_sibling(const struct scene *scene)
{
	return !kill(scene->sibling, 0) || !syscall(SYS_tgkill, scene->sibling, scene->sibling, 0);
}

static inline bool reads_memory_of(pid_t pid, const void *at)
{
	int word;
	struct iovec here = { &word, sizeof(word) };
	struct iovec there = { (void *)at, sizeof(word) };

	return process_vm_readv(pid, &here, 1, &there, 1, 0) > 0;
}

static inline bool reads_memory(const struct scene *scene)
{
	/* the same address holds the scene in all three: they are forks of one process */
	return reads_memory_of(getppid(), scene) || reads_memory_of(scene->sibling, scene);
}

static inline bool reads_memory_file(const struct scene *scene)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/%d/mem", (int)scene->sibling);
	return open(path, O_RDONLY) >= 0;
}

static inline bool mounts(const struct scene *scene)
{
	return !mount("none", scene->own, "tmpfs", 0, NULL);
}

static inline bool becomes_root(const struct scene *scene)
{
	(void)scene;
	return !setuid(0) || !setresuid(0, 0, 0) || !setgid(0);
}

static inline bool unshares(const struct scene *scene)
{
	(void)scene;
	return !unshare(CLONE_NEWUSER);
}

static inline bool makes_ring(const struct scene *scene)
{
	char parameters[256] = { 0 };

	(void)scene;
	return syscall(SYS_io_uring_setup, 1, parameters) >= 0;
}

/* ---- bpf(2) ---------------------------------------------------------------------------------- */

static inline long bpf_call(int command, union bpf_attr *attr)
{
	return syscall(SYS_bpf, command, attr, sizeof(*attr));
}

static inline int make_map(void)
{
	union bpf_attr attr = { .map_type = BPF_MAP_TYPE_ARRAY,
				.key_size = sizeof(uint32_t),
				.value_size = sizeof(uint64_t),
				.max_entries = 1 };

	return (int)bpf_call(BPF_MAP_CREATE, &attr);
}

static inline bool creates_map(const struct scene *scene)
{
	(void)scene;
	return make_map() >= 0;
}

/* A command is refused as such when even its arguments are not looked at: EPERM, not EINVAL. */
static inline bool passes_filter(int command)
{
	union bpf_attr attr;

	memset(&attr, 0xff, sizeof(attr));
	return bpf_call(command, &attr) >= 0 || errno != EPERM;
}

static inline bool opens_pin(const struct scene *scene)
{
	(void)scene;
	return passes_filter(BPF_OBJ_GET) || passes_filter(BPF_OBJ_PIN);
}

static inline bool touches_link(const struct scene *scene)
{
	(void)scene;
	return passes_filter(BPF_LINK_CREATE) || passes_filter(BPF_LINK_UPDATE) ||
	       passes_filter(BPF_LINK_DETACH) || passes_filter(BPF_LINK_GET_FD_BY_ID) ||
	       passes_filter(BPF_LINK_GET_NEXT_ID) || passes_filter(BPF_PROG_ATTACH) ||
	       passes_filter(BPF_PROG_DETACH);
}

static inline bool loads_program(const struct scene *scene)
{
	(void)scene;
	return passes_filter(BPF_PROG_LOAD) || passes_filter(BPF_BTF_LOAD);
}

static inline bool finds_by_id(const struct scene *scene)
{
	(void)scene;
	return passes_filter(BPF_MAP_GET_FD_BY_ID) || passes_filter(BPF_PROG_GET_FD_BY_ID);
}

static inline bool changes_element(const struct scene *scene)
{
	uint64_t value = 1;
	union bpf_attr attr = { .map_fd = (uint32_t)scene->map,
				.key = (uintptr_t)&scene->key_zero,
				.value = (uintptr_t)&value };

	return !bpf_call(BPF_MAP_UPDATE_ELEM, &attr);
}

/* ---- what every role needs ------------------------------------------------------------------- */

static inline void *do_nothing(void *argument)
{
	return argument;
}

static inline bool starts_thread(const struct scene *scene)
{
	pthread_t thread;

	(void)scene;
	return !pthread_create(&thread, NULL, do_nothing, NULL) && !pthread_join(thread, NULL);
}

static inline bool uses_eventfd(const struct scene *scene)
{
	uint64_t value = 7;
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	(void)scene;
	return fd >= 0 && write(fd, &value, sizeof(value)) == sizeof(value) &&
	       read(fd, &value, sizeof(value)) == sizeof(value) && value == 7;
}

static inline bool maps_memory(const struct scene *scene)
{
	(void)scene;
	return mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) !=
	       MAP_FAILED;
}

static inline bool asks_listener(const struct scene *scene)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);

	/* nobody connects: EAGAIN is the kernel's answer, EPERM would be the filter's */
	return !getsockname(scene->listener, (struct sockaddr *)&address, &length) &&
	       accept4(scene->listener, NULL, NULL, SOCK_CLOEXEC) < 0 && errno == EAGAIN;
}

#endif
