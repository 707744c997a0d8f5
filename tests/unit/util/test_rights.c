/*
 * Hostile children: each becomes a role and tries what a taken-over role would. A child reports by
 * its exit status the first act that did not end as it must.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <arpa/inet.h>
#include <cmocka.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/util/rights.h"
#include "tests/unit/util/rights_acts.h"

#define NOBODY	     65534
#define ROLE_REFUSED 200	   /* exit status of a child that could not become its role */
#define ROLE_UNSURE  201	   /* ... whose role is not fully in force */
#define WITHOUT_ROLE RIGHTS_CLIENT /* nobody, with no filter */
#define LOADER_CAPS  (1ULL << CAP_BPF | 1ULL << CAP_NET_ADMIN | 1ULL << CAP_PERFMON)

struct act {
	const char *name;
	bool (*succeeds)(const struct scene *scene);
};

/* ---- the tables ------------------------------------------------------------------------------ */

#define ACT(act)          \
	{                 \
#act, act \
	}

static const struct act needed_by_all[] = { ACT(starts_thread), ACT(uses_eventfd), ACT(maps_memory),
					    ACT(asks_listener) };
static const struct act denied_to_all[] = { ACT(executes),	 ACT(traces_parent),
					    ACT(traces_sibling), ACT(reads_memory),
					    ACT(mounts),	 ACT(becomes_root),
					    ACT(unshares),	 ACT(makes_ring) };
static const struct act needed_by_core[] = { ACT(reads_own_file), ACT(makes_own_file),
					     ACT(changes_element) };
static const struct act denied_to_core[] = {
	ACT(reads_memory_file), ACT(reads_passwd),	  ACT(lists_root), ACT(makes_file_in_tmp),
	ACT(opens_inet_socket), ACT(opens_packet_socket), ACT(forks),	   ACT(signals_parent),
	ACT(signals_sibling),	ACT(creates_map),	  ACT(opens_pin),  ACT(touches_link),
	ACT(loads_program),	ACT(finds_by_id)
};
static const struct act denied_to_front[] = { ACT(reads_memory_file),	ACT(reads_passwd),
					      ACT(reads_own_file),	ACT(makes_own_file),
					      ACT(lists_root),		ACT(makes_file_in_tmp),
					      ACT(changes_element),	ACT(opens_inet_socket),
					      ACT(opens_packet_socket), ACT(forks),
					      ACT(signals_parent),	ACT(signals_sibling),
					      ACT(creates_map),		ACT(opens_pin),
					      ACT(touches_link),	ACT(loads_program),
					      ACT(finds_by_id) };
/* What the tables above refuse does work for a process without a role. */
static const struct act free_to_nobody[] = { ACT(reads_passwd),	     ACT(lists_root),
					     ACT(makes_file_in_tmp), ACT(opens_inet_socket),
					     ACT(executes),	     ACT(forks),
					     ACT(signals_sibling) };
static const struct act needed_by_loader[] = { ACT(creates_map), ACT(forks), ACT(signals_sibling) };
static const struct act denied_to_loader[] = { ACT(opens_packet_socket) };

#define TABLE(table) table, sizeof(table) / sizeof((table)[0])

/* ---- children -------------------------------------------------------------------------------- */

static void become(enum rights_role role, const struct scene *scene)
{
	const struct rights_path paths[] = { { scene->own, true }, { "/proc", false } };
	const struct rights_request request = { .role = role,
						.uid = NOBODY,
						.gid = NOBODY,
						.is_required = true,
						.paths = role == RIGHTS_CORE ? paths : NULL,
						.path_count = role == RIGHTS_CORE ? 2 : 0 };
	struct rights_report report;

	if (role == WITHOUT_ROLE) {
		if (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) ||
		    setresuid(NOBODY, NOBODY, NOBODY))
			_exit(ROLE_REFUSED);
		return;
	}
	if (rights_drop(&request, &report))
		_exit(ROLE_REFUSED);
	if (!report.has_seccomp || report.note[0] || prctl(PR_GET_DUMPABLE) != 0 ||
	    prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) != 1 || getuid() != NOBODY ||
	    geteuid() != NOBODY || getgid() != NOBODY)
		_exit(ROLE_UNSURE);
}

/* In a child of the role: each act must end as said. Prints those that do not. */
static void check(enum rights_role role, const struct scene *scene, const struct act *acts,
		  size_t count, bool must_succeed)
{
	int status;
	pid_t child;

	for (size_t i = 0; i < count; i++) {
		child = fork();
		assert_true(child >= 0);
		if (child == 0) {
			become(role, scene);
			_exit(acts[i].succeeds(scene) ? 1 : 0);
		}
		assert_int_equal(waitpid(child, &status, 0), child);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != (int)must_succeed)
			fail_msg("%s must %s: wait status 0x%x", acts[i].name,
				 must_succeed ? "work" : "be refused", (unsigned int)status);
	}
}

/* All sets of a child of the role, or'ed, as the kernel says them from outside. */
static uint64_t capabilities_of(enum rights_role role, const struct scene *scene)
{
	char path[64], line[128];
	uint64_t all = 0;
	int ends[2];
	pid_t child;
	FILE *file;

	assert_int_equal(pipe(ends), 0);
	child = fork();
	if (child == 0) {
		become(role, scene);
		_exit(write(ends[1], "x", 1) == 1 && pause());
	}
	assert_int_equal(close(ends[1]), 0);
	assert_int_equal(read(ends[0], line, 1), 1); /* it has become its role */
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)child);
	file = fopen(path, "r");
	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		if (!strncmp(line, "Cap", 3))
			all |= strtoull(line + 7, NULL, 16); /* "CapEff:\t" */
	assert_int_equal(fclose(file), 0);
	assert_int_equal(close(ends[0]), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_int_equal(waitpid(child, NULL, 0), child);
	return all;
}

static pid_t start_sibling(void)
{
	pid_t child = fork();

	if (child == 0) {
		if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY) ||
		    prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
			_exit(1);
		for (;;)
			(void)pause(); /* until the test kills it */
	}
	return child;
}

/* ---- the scene ---------------------------------------------------------------------------------
 */

static void make_own_folder(struct scene *scene)
{
	char path[80];
	int fd;

	(void)snprintf(scene->own, sizeof(scene->own), "/tmp/sluice-rights-XXXXXX");
	assert_non_null(mkdtemp(scene->own));
	(void)snprintf(path, sizeof(path), "%s/data", scene->own);
	fd = open(path, O_WRONLY | O_CREAT, 0600);
	assert_true(fd >= 0);
	assert_int_equal(fchown(fd, NOBODY, NOBODY), 0);
	assert_int_equal(close(fd), 0);
	assert_int_equal(chown(scene->own, NOBODY, NOBODY), 0);
}

static int make_scene(void **state)
{
	const struct sockaddr_in loopback = { .sin_family = AF_INET,
					      .sin_addr = { htonl(INADDR_LOOPBACK) } };
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	*state = scene;
	scene->map = -1;
	scene->listener = -1;
	if (geteuid() != 0)
		return 0;
	make_own_folder(scene);
	scene->sibling = start_sibling();
	assert_true(scene->sibling > 0);
	scene->map = make_map();
	scene->listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_int_equal(
		bind(scene->listener, (const struct sockaddr *)&loopback, sizeof(loopback)), 0);
	assert_int_equal(listen(scene->listener, 1), 0);
	return 0;
}

static int end_scene(void **state)
{
	struct scene *scene = *state;
	char path[80];

	if (scene->sibling > 0) {
		(void)kill(scene->sibling, SIGKILL);
		(void)waitpid(scene->sibling, NULL, 0);
		(void)close(scene->listener);
		(void)snprintf(path, sizeof(path), "%s/data", scene->own);
		(void)unlink(path);
		assert_int_equal(rmdir(scene->own), 0);
	}
	if (scene->map >= 0)
		(void)close(scene->map);
	free(scene);
	return 0;
}

/* Dropping rights needs rights; and a kernel that refuses maps to root cannot show the rest. */
static const struct scene *scene_or_skip(void **state)
{
	const struct scene *scene = *state;

	if (geteuid() != 0 || scene->map < 0) {
		print_message("skip: dropping rights needs root, and bpf(2)\n");
		skip();
	}
	return scene;
}

/* ---- tests -------------------------------------------------------------------------------------
 */

static void acts_work_for_a_process_without_a_role(void **state)
{
	const struct scene *scene = scene_or_skip(state);

	check(WITHOUT_ROLE, scene, TABLE(free_to_nobody), true);
	check(WITHOUT_ROLE, scene, TABLE(needed_by_all), true);
}

static void core_can_what_it_needs(void **state)
{
	const struct scene *scene = scene_or_skip(state);

	check(RIGHTS_CORE, scene, TABLE(needed_by_all), true);
	check(RIGHTS_CORE, scene, TABLE(needed_by_core), true);
}

static void hostile_core_is_refused(void **state)
{
	const struct scene *scene = scene_or_skip(state);

	check(RIGHTS_CORE, scene, TABLE(denied_to_all), false);
	check(RIGHTS_CORE, scene, TABLE(denied_to_core), false);
}

static void front_can_what_it_needs(void **state)
{
	check(RIGHTS_FRONT, scene_or_skip(state), TABLE(needed_by_all), true);
}

static void hostile_front_is_refused(void **state)
{
	const struct scene *scene = scene_or_skip(state);

	check(RIGHTS_FRONT, scene, TABLE(denied_to_all), false);
	check(RIGHTS_FRONT, scene, TABLE(denied_to_front), false);
}

static void loader_can_what_it_needs(void **state)
{
	const struct scene *scene = scene_or_skip(state);

	check(RIGHTS_LOADER, scene, TABLE(needed_by_all), true);
	check(RIGHTS_LOADER, scene, TABLE(needed_by_loader), true);
}

static void hostile_loader_is_refused(void **state)
{
	const struct scene *scene = scene_or_skip(state);

	check(RIGHTS_LOADER, scene, TABLE(denied_to_all), false);
	check(RIGHTS_LOADER, scene, TABLE(denied_to_loader), false);
}

static void only_the_loader_keeps_capabilities(void **state)
{
	const struct scene *scene = scene_or_skip(state);

	assert_int_equal(capabilities_of(RIGHTS_LOADER, scene), LOADER_CAPS);
	assert_int_equal(capabilities_of(RIGHTS_CORE, scene), 0);
	assert_int_equal(capabilities_of(RIGHTS_FRONT, scene), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_scene, end_scene)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(acts_work_for_a_process_without_a_role),
		TEST(core_can_what_it_needs),
		TEST(hostile_core_is_refused),
		TEST(front_can_what_it_needs),
		TEST(hostile_front_is_refused),
		TEST(loader_can_what_it_needs),
		TEST(hostile_loader_is_refused),
		TEST(only_the_loader_keeps_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
