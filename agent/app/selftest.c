/*
 * Attack, look, judge, tell.
 */
#include "agent/app/selftest.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "agent/app/selftest_drops.h"
#include "agent/app/selftest_room.h"
#include "agent/cli/cli.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"

#define SEED	   20261130
#define LEARNED_MS 1500 /* [Detect] learn of the room's configuration, and a tick */
#define POLL_MS	   200
#define GRACE_MS   2500 /* after the last frame, for what is said late or wrongly */
#define LONGEST_MS 60000

/* Floors of include/detectors.def with room, one after the other where one would hide another:
 * generated names before those of the tunnel, which exist. */
static const struct demo_cue cues[] = {
	{ .detector = "beacon", .at_ms = 0, .count = 34, .gap_us = 500000 },
	{ .detector = "port_scan", .at_ms = 300, .count = 300 },
	{ .detector = "dga", .at_ms = 1500, .count = 60, .gap_us = 50000 },
	{ .detector = "host_scan", .at_ms = 2000, .count = 110, .gap_us = 30000 },
	{ .detector = "new_port", .at_ms = 3000, .count = 2, .gap_us = 500000 },
	{ .detector = "brute_force", .at_ms = 4000, .count = 16, .gap_us = 250000 },
	{ .detector = "dns_tunnel", .at_ms = 6000, .count = 80, .gap_us = 40000 },
	{ .detector = "new_device", .at_ms = 2200, .count = 2, .gap_us = 500000 },
	{ .detector = "plain_password", .at_ms = 7500, .count = 1 },
	{ .detector = "arp_spoof", .at_ms = 8000, .count = 5, .gap_us = 1000000 },
	{ .detector = "icmp_flood", .at_ms = 9000, .count = 6000, .gap_us = 400 },
	{ .detector = "syn_flood", .at_ms = 12000, .count = 5000, .gap_us = 600 },
	{ .detector = "udp_flood", .at_ms = 15000, .count = 24000, .gap_us = 100 },
	{ .detector = "exfiltration",
	  .at_ms = 18000,
	  .count = 1,
	  .gap_us = 1000,
	  .bulk_packets = 78000,
	  .bulk_gap_us = 80 },
};

#define CUES	  (sizeof(cues) / sizeof(cues[0]))
#define WRONG_MAX 16

struct selftest {
	const struct cli_selftest_options *options;
	struct room room;
	struct demo_play *play;
	uint64_t begin_ns;
	pid_t sender;
	struct {
		struct demo_truth truth;
		int64_t latency_ms; /* -1: not found */
	} attacks[CUES];
	char wrong[WRONG_MAX][96];
	size_t wrong_count;
	struct drop_report drops[DROPS_MAX];
	int drop_count;
	char mode[16];
};

/* ---- attacking: a process of its own, so that looking does not slow it -------------------------
 */

static void pause_until(uint64_t at_ns)
{
	const struct timespec at = { .tv_sec = (time_t)(at_ns / NS_PER_S),
				     .tv_nsec = (long)(at_ns % NS_PER_S) };

	(void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void send_all(struct selftest *test)
{
	uint64_t due_ns = 0;

	while (due_ns != UINT64_MAX) {
		pause_until(test->begin_ns + due_ns);
		due_ns = demo_play_advance(test->play, clock_monotonic_ns() - test->begin_ns,
					   room_send, &test->room);
	}
}

static int start_sender(struct selftest *test)
{
	test->begin_ns = clock_monotonic_ns() + LEARNED_MS * NS_PER_MS;
	test->sender = fork();
	if (test->sender < 0)
		return -errno;
	if (!test->sender) {
		if (prctl(PR_SET_PDEATHSIG, SIGKILL))
			_exit(CLI_FAILED);
		send_all(test);
		_exit(CLI_OK);
	}
	return 0;
}

/* ---- looking -----------------------------------------------------------------------------------
 */

static const char *text_in(const struct json *row, const char *key)
{
	const char *text = "";

	return json_get_string(row, key, &text) ? "" : text;
}

/* The attack that the incident tells of; -1: none. */
static int attack_of(const struct selftest *test, const struct json *row)
{
	char src[ADDR_TEXT_MAX];

	for (size_t i = 0; i < CUES; i++)
		if (!strcmp(text_in(row, "detector"), test->attacks[i].truth.detector) &&
		    !strcmp(text_in(row, "src_ip"), addr_format(&test->attacks[i].truth.src, src)))
			return (int)i;
	return -1;
}

static void note_wrong(struct selftest *test, const struct json *row)
{
	char text[96];

	(void)snprintf(text, sizeof(text), "%s from %s", text_in(row, "detector"),
		       text_in(row, "src_ip"));
	for (size_t i = 0; i < test->wrong_count; i++)
		if (!strcmp(test->wrong[i], text))
			return;
	if (test->wrong_count < WRONG_MAX)
		memcpy(test->wrong[test->wrong_count++], text, sizeof(text));
}

/* What is low says that it is no alarm. */
static void look(struct selftest *test)
{
	static const char *const words[] = { "incident", "list", "--limit", "500", NULL };
	CLEANUP(json_free) struct json *answer = room_command(&test->room, words);
	const struct json *items = answer ? json_get(answer, "items") : NULL;
	int64_t now_ms =
		(int64_t)(clock_monotonic_ns() / NS_PER_MS) - (int64_t)(test->begin_ns / NS_PER_MS);

	for (size_t i = 0; items && i < json_array_len(items); i++) {
		const struct json *row = json_array_get(items, i);
		int attack = attack_of(test, row);

		if (attack < 0 && strcmp(text_in(row, "severity"), "low") != 0)
			note_wrong(test, row);
		if (attack >= 0 && test->attacks[attack].latency_ms < 0)
			test->attacks[attack].latency_ms =
				now_ms - test->attacks[attack].truth.at_ms;
	}
}

static void look_until_over(struct selftest *test)
{
	uint64_t end_ns = test->begin_ns + LONGEST_MS * NS_PER_MS, now_ns;
	bool is_sending = true;

	while ((now_ns = clock_monotonic_ns()) < end_ns) {
		pause_until(now_ns + POLL_MS * NS_PER_MS);
		look(test);
		if (is_sending && waitpid(test->sender, NULL, WNOHANG) == test->sender) {
			is_sending = false;
			end_ns = clock_monotonic_ns() + GRACE_MS * NS_PER_MS;
		}
	}
	if (is_sending) {
		(void)kill(test->sender, SIGKILL); /* our own child, not waited for yet */
		(void)waitpid(test->sender, NULL, 0);
	}
}

static void read_mode(struct selftest *test)
{
	static const char *const words[] = { "status", NULL };
	CLEANUP(json_free) struct json *answer = room_command(&test->room, words);
	const struct json *ifaces = answer ? json_get(answer, "ifaces") : NULL;

	if (ifaces && json_array_len(ifaces))
		(void)snprintf(test->mode, sizeof(test->mode), "%.15s",
			       text_in(json_array_get(ifaces, 0), "mode"));
}

/* ---- telling -----------------------------------------------------------------------------------
 */

static bool is_well(const struct selftest *test)
{
	for (size_t i = 0; i < CUES; i++)
		if (test->attacks[i].latency_ms < 0)
			return false;
	for (int i = 0; i < test->drop_count; i++)
		if (!test->drops[i].is_ok)
			return false;
	return !test->wrong_count && test->drop_count == DROPS_MAX;
}

static unsigned int wrong_of(const struct selftest *test, const char *detector)
{
	size_t len = strlen(detector);
	unsigned int count = 0;

	for (size_t i = 0; i < test->wrong_count; i++)
		count += !strncmp(test->wrong[i], detector, len) && test->wrong[i][len] == ' ';
	return count;
}

static void print_human(const struct selftest *test)
{
	printf("datapath %s\n\n%-16s %5s %6s %5s  %s\n", test->mode, "detector", "found", "missed",
	       "false", "after");
	for (size_t i = 0; i < CUES; i++) {
		int64_t ms = test->attacks[i].latency_ms;

		printf("%-16s %5d %6d %5u  ", cues[i].detector, ms >= 0, ms < 0,
		       wrong_of(test, cues[i].detector));
		if (ms >= 0)
			printf("%.1f s\n", (double)ms / 1000);
		else
			printf("-\n");
	}
	for (size_t i = 0; i < test->wrong_count; i++)
		printf("false: %s\n", test->wrong[i]);
	printf("\n%-20s %-24s %6s %5s %5s\n", "block", "", "before", "under", "after");
	for (int i = 0; i < test->drop_count; i++) {
		const struct drop_report *drop = &test->drops[i];

		printf("%-20s %-24s %6u %5u %5u  %s\n", drop->what, drop->value, drop->before,
		       drop->under, drop->after, drop->is_ok ? "ok" : "FAILED");
	}
	printf("\n%s\n", is_well(test) ? "all is well" : "NOT all is well");
}

static struct json *encode_attack(const struct selftest *test, size_t i)
{
	struct json *item = json_new_object();
	int64_t ms = test->attacks[i].latency_ms;

	json_set_string(item, "detector", cues[i].detector);
	json_set_int(item, "found", ms >= 0);
	json_set_int(item, "missed", ms < 0);
	json_set_int(item, "false", wrong_of(test, cues[i].detector));
	if (ms >= 0)
		json_set_int(item, "latency_ms", ms);
	else
		json_set_null(item, "latency_ms");
	return item;
}

static struct json *encode_drop(const struct drop_report *drop)
{
	struct json *item = json_new_object();

	json_set_string(item, "what", drop->what);
	json_set_string(item, "value", drop->value);
	json_set_int(item, "sent", DROPS_EACH);
	json_set_int(item, "before", drop->before);
	json_set_int(item, "under", drop->under);
	json_set_int(item, "after", drop->after);
	json_set_uint(item, "hits", drop->hits);
	json_set_bool(item, "ok", drop->is_ok);
	return item;
}

static void print_json(const struct selftest *test)
{
	CLEANUP(json_free) struct json *body = json_new_object();
	struct json *detectors = json_new_array(), *drops = json_new_array(),
		    *wrong = json_new_array();
	CLEANUP(free) char *text = NULL;

	for (size_t i = 0; i < CUES; i++)
		json_add(detectors, encode_attack(test, i));
	for (int i = 0; i < test->drop_count; i++)
		json_add(drops, encode_drop(&test->drops[i]));
	for (size_t i = 0; i < test->wrong_count; i++)
		json_add_string(wrong, test->wrong[i]);
	json_set_bool(body, "ok", is_well(test));
	json_set_string(body, "mode", test->mode);
	json_set(body, "detectors", detectors);
	json_set(body, "false", wrong);
	json_set(body, "drops", drops);
	text = json_print(body, NULL);
	printf("%s\n", text ? text : "{}");
}

/* ---- the run -----------------------------------------------------------------------------------
 */

static int test_all(struct selftest *test)
{
	int error = demo_play_new(SEED, cues, CUES, &test->play);

	for (size_t i = 0; i < CUES && !error; i++) {
		demo_play_truth(test->play, i, &test->attacks[i].truth);
		test->attacks[i].latency_ms = -1;
	}
	if (!error)
		error = start_sender(test);
	if (error)
		return error;
	read_mode(test);
	look_until_over(test);
	error = room_give_addresses(&test->room);
	if (!error)
		test->drop_count = drops_check(&test->room, test->drops);
	return error ? error : test->drop_count < 0 ? test->drop_count : 0;
}

/* The first process of the room. */
static int inside(void *arg)
{
	struct selftest *test = arg;
	int status = room_open(&test->room), error = 0;

	if (!status)
		error = test_all(test);
	if (status || error) {
		fprintf(stderr, "sluice: selftest: %s\n",
			*test->room.reason ? test->room.reason : strerror(-error));
		status = status ? status : CLI_FAILED;
	} else if (test->options->is_json) {
		print_json(test);
	} else {
		print_human(test);
	}
	(void)fflush(stdout);
	if (!status)
		status = is_well(test) ? CLI_OK : CLI_FAILED;
	demo_play_free(test->play);
	room_close(&test->room);
	return status;
}

int app_selftest(const struct cli_selftest_options *options)
{
	struct selftest *test = calloc(1, sizeof(*test));
	int status;

	if (!test)
		return CLI_FAILED;
	test->options = options;
	if (geteuid()) {
		fprintf(stderr, "sluice: selftest needs root: it makes a network of its own\n");
		free(test);
		return CLI_NO_PERMISSION;
	}
	status = room_enter(inside, test);
	free(test);
	if (status >= 0)
		return status;
	fprintf(stderr, "sluice: selftest: namespaces: %s\n", strerror(-status));
	return status == -EPERM || status == -EACCES ? CLI_NO_PERMISSION : CLI_FAILED;
}
