/*
 * Making the room: nothing of it has a name outside, so the kernel takes all of it away when its
 * first process is gone.
 */
#include "agent/app/selftest_room.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/app/selftest_link.h"
#include "agent/cli/cli.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/file.h"
#include "agent/util/json.h"

#define PROGRAM	    "/proc/self/exe"
#define CONFIG_PATH "/tmp/selftest.conf"
#define LOG_PATH    "/tmp/selftest.log"
#define START_MS    20000
#define ANSWER_MAX  (4U << 20)
#define WORDS_MAX   16
#define COMMAND_MS  10000
#define LOG_MAX	    (1U << 20)
#define TAIL_MAX    240 /* of the log: its last words say why */

static const char config_text[] = "[Detect]\nlearn = 1s\nresponse = none\n"
				  "[Web]\nlisten = 127.0.0.1:0\n";

/* ---- namespaces --------------------------------------------------------------------------------
 */

static int fail(struct room *room, const char *what, int error)
{
	(void)snprintf(room->reason, sizeof(room->reason), "%s: %s", what, strerror(-error));
	return error;
}

int room_enter(int (*inside)(void *arg), void *arg)
{
	int status = 0;
	pid_t child;

	if (unshare(CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC))
		return -errno;
	child = fork();
	if (child < 0)
		return -errno;
	if (!child) {
		/* when the first process of a PID namespace dies, the kernel ends all others */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL))
			_exit(CLI_FAILED);
		_exit(inside(arg));
	}
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

/* Private: nothing that is mounted here shows outside. */
static int make_mounts(struct room *room)
{
	static const struct {
		const char *type, *path;
	} mounts[] = { { "proc", "/proc" }, { "tmpfs", "/tmp" }, { "tmpfs", "/run" } };

	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return fail(room, "private mounts", -errno);
	for (size_t i = 0; i < sizeof(mounts) / sizeof(mounts[0]); i++)
		if (mount(mounts[i].type, mounts[i].path, mounts[i].type, MS_NOSUID | MS_NODEV,
			  NULL))
			return fail(room, mounts[i].path, -errno);
	if (mkdir(ROOM_STATE, 0700))
		return fail(room, ROOM_STATE, -errno);
	return 0;
}

static int write_text(const char *path, const char *text)
{
	CLEANUP(close) int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return write(fd, text, strlen(text)) == (ssize_t)strlen(text) ? 0 : -EIO;
}

static int make_network(struct room *room)
{
	int error;

	/* no neighbour discovery of our own among the attacks; kernels without IPv6 have no file */
	(void)write_text("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	(void)write_text("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	error = link_make_pair(ROOM_IFACE, ROOM_PEER);
	if (!error)
		error = link_set_up("lo");
	if (!error)
		error = link_set_up(ROOM_IFACE);
	if (!error)
		error = link_set_up(ROOM_PEER);
	if (error)
		return fail(room, "a pair of interfaces", error);
	room->host = link_open_socket(ROOM_IFACE, &room->host_index);
	room->peer = link_open_socket(ROOM_PEER, &room->peer_index);
	if (room->host < 0 || room->peer < 0)
		return fail(room, "packet sockets", room->host < 0 ? room->host : room->peer);
	return 0;
}

int room_give_addresses(struct room *room)
{
	const struct addr ipv4 = demo_server_addr(false), ipv6 = demo_server_addr(true);
	int error = link_add_ipv4(ROOM_IFACE, &ipv4);

	if (error)
		return fail(room, "an IPv4 address", error);
	(void)write_text("/proc/sys/net/ipv6/conf/" ROOM_IFACE "/accept_dad", "0");
	(void)write_text("/proc/sys/net/ipv6/conf/" ROOM_IFACE "/disable_ipv6", "0");
	error = link_add_ipv6(room->host_index, &ipv6);
	return error ? fail(room, "an IPv6 address", error) : 0;
}

void room_send(void *arg, const uint8_t *frame, size_t len, bool is_egress)
{
	const struct room *room = arg;

	/* a full queue loses a frame, as a wire does */
	(void)!write(is_egress ? room->host : room->peer, frame, len);
}

/* ---- the service and commands to it ------------------------------------------------------------
 */

/* @out: where its output goes; errors too. */
static pid_t start(const char *const *argv, int out)
{
	pid_t child = fork();

	if (child)
		return child;
	if (dup2(out, STDOUT_FILENO) < 0 || dup2(out, STDERR_FILENO) < 0)
		_exit(CLI_FAILED);
	execv(PROGRAM, (char *const *)argv); /* execve(2) changes no argument */
	_exit(CLI_FAILED);
}

static int wait_exit(pid_t child)
{
	int status = 0;

	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	return WIFEXITED(status) ? WEXITSTATUS(status) : CLI_FAILED;
}

/* All that @child says, until it ends or is ended. Returns its exit status. */
static int collect(pid_t child, int from, struct buffer *out)
{
	uint64_t end_ns = clock_monotonic_ns() + COMMAND_MS * NS_PER_MS;
	struct pollfd ready = { .fd = from, .events = POLLIN };
	char chunk[4096];

	while (clock_monotonic_ns() < end_ns) {
		ssize_t got;

		if (poll(&ready, 1, 100) == 0)
			continue;
		got = read(from, chunk, sizeof(chunk));
		if (got <= 0)
			return wait_exit(child);
		buffer_append(out, chunk, (size_t)got);
	}
	(void)kill(child, SIGKILL); /* our own child, not waited for yet */
	return wait_exit(child);
}

struct json *room_command(struct room *room, const char *const *words)
{
	const char *argv[WORDS_MAX + 6] = { "sluice" };
	CLEANUP(buffer_done) struct buffer out;
	struct json *answer = NULL;
	size_t count = 1;
	char error[128];
	int ends[2], status;
	pid_t child;

	for (size_t i = 0; i < WORDS_MAX && words[i]; i++)
		argv[count++] = words[i];
	argv[count++] = "-o";
	argv[count++] = "json";
	argv[count++] = "--state";
	argv[count++] = ROOM_STATE;
	buffer_init(&out, ANSWER_MAX);
	if (pipe2(ends, O_CLOEXEC))
		return NULL;
	child = start(argv, ends[1]);
	(void)close(ends[1]);
	status = child < 0 ? CLI_FAILED : collect(child, ends[0], &out);
	(void)close(ends[0]);
	if (!status && out.data &&
	    !json_parse((char *)out.data, strcspn((char *)out.data, "\n"), &answer, error))
		return answer;
	(void)snprintf(room->reason, sizeof(room->reason), "sluice %s %s: %.180s", words[0],
		       words[1] ? words[1] : "", out.data ? (char *)out.data : "no answer");
	return NULL;
}

static int await_service(struct room *room)
{
	static const char *const words[] = { "coverage", NULL };
	const struct timespec pause = { .tv_nsec = 50 * 1000000L };
	uint64_t end_ns = clock_monotonic_ns() + START_MS * NS_PER_MS;
	CLEANUP(free) char *log = NULL;
	size_t len;

	while (clock_monotonic_ns() < end_ns) {
		CLEANUP(json_free) struct json *answer = NULL;
		int status = 0;

		if (waitpid(room->service, &status, WNOHANG) == room->service) {
			room->service = 0;
			if (!file_read(LOG_PATH, LOG_MAX, &log, &len))
				(void)snprintf(room->reason, sizeof(room->reason), "%s",
					       log + (len > TAIL_MAX ? len - TAIL_MAX : 0));
			return WIFEXITED(status) && WEXITSTATUS(status) ? WEXITSTATUS(status)
									: CLI_FAILED;
		}
		answer = room_command(room, words);
		if (answer)
			return 0;
		(void)nanosleep(&pause, NULL);
	}
	return CLI_FAILED;
}

static int start_service(struct room *room)
{
	static const char *const argv[] = { "sluice",	"run",	   "-c",       CONFIG_PATH, "-i",
					    ROOM_IFACE, "--state", ROOM_STATE, NULL };
	int error = file_write(CONFIG_PATH, config_text, strlen(config_text), 0644);
	CLEANUP(close) int log = open(LOG_PATH, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);

	if (error || log < 0) {
		(void)fail(room, "its configuration", error ? error : -errno);
		return CLI_FAILED;
	}
	room->service = start(argv, log);
	if (room->service < 0) {
		(void)fail(room, "the service", -errno);
		return CLI_FAILED;
	}
	return await_service(room);
}

int room_open(struct room *room)
{
	room->host = room->peer = -1;
	if (make_mounts(room) || make_network(room))
		return CLI_FAILED;
	return start_service(room);
}

void room_close(struct room *room)
{
	if (room->service > 0) {
		(void)kill(room->service, SIGTERM); /* our own child */
		(void)wait_exit(room->service);
	}
	if (room->host >= 0)
		(void)close(room->host);
	if (room->peer >= 0)
		(void)close(room->peer);
}
