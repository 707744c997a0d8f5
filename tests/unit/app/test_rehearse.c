/*
 * The detectors against the demo's truth: an hour and more of scenario, run through at once. What
 * really happened stands in truth.ndjson; each must be found under its own name and in time, and
 * nothing else be said above low.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/app/rehearse.h"
#include "agent/demo/demo.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/json.h"
#include "include/incident.h"

#define START_UNIX_MS 1764000000000LL /* 2025-11-24, 16:00 UTC: a busy hour */
#define LENGTH_S      5000	      /* each kind comes once in 50 minutes */
#define FOUND_MAX     4096
#define TRUTH_MAX     128
#define SLACK_MS      2000 /* a finding's own times are whole seconds of the detectors' tick */

static const char *const names[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) [DETECTOR_##id] = (name),
#include "include/detectors.def"
#undef DETECTOR
};

/* Seconds from the first packet: facts, detection, "latency from first packet"; others by their own
 * floors (beacon: 24 intervals of 15 s; upload: 100 MB at 35 Mbit/s; slow scan: 20 ports). */
static const unsigned int bars_s[DETECTOR_COUNT] = {
	[DETECTOR_PORT_SCAN] = 8,     [DETECTOR_HOST_SCAN] = 5,	     [DETECTOR_SYN_FLOOD] = 2,
	[DETECTOR_UDP_FLOOD] = 2,     [DETECTOR_ICMP_FLOOD] = 2,     [DETECTOR_BRUTE_FORCE] = 30,
	[DETECTOR_DNS_TUNNEL] = 15,   [DETECTOR_DGA] = 20,	     [DETECTOR_BEACON] = 400,
	[DETECTOR_EXFILTRATION] = 90, [DETECTOR_NEW_PORT] = 3,	     [DETECTOR_NEW_DEVICE] = 3,
	[DETECTOR_ARP_SPOOF] = 15,    [DETECTOR_PLAIN_PASSWORD] = 3,
};

struct found {
	uint8_t detector, severity;
	struct addr src;
	int64_t first_unix_ms, last_unix_ms, said_unix_ms;
	bool is_true;
	char reason[FINDING_REASON_MAX];
};

struct truth {
	uint8_t detector;
	char src[ADDR_TEXT_MAX];
	int64_t start_unix_ms, end_unix_ms;
};

struct run {
	struct found found[FOUND_MAX];
	size_t count;
	struct truth truth[TRUTH_MAX];
	size_t truths;
};

static void take_finding(void *arg, const struct finding *finding, int64_t unix_ms)
{
	struct run *run = arg;
	struct found *found;

	assert_true(run->count < FOUND_MAX);
	found = &run->found[run->count++];
	*found = (struct found){ .detector = finding->detector,
				 .severity = finding->severity,
				 .src = finding->src,
				 .first_unix_ms = finding->first_unix_ms,
				 .last_unix_ms = finding->last_unix_ms,
				 .said_unix_ms = unix_ms };
	memcpy(found->reason, finding->reason, sizeof(found->reason));
}

static uint8_t detector_of(const char *name)
{
	for (uint8_t i = 0; i < DETECTOR_COUNT; i++)
		if (!strcmp(names[i], name))
			return i;
	fail_msg("truth names no detector: %s", name);
	return 0;
}

static void read_truth(struct run *run, const char *path)
{
	FILE *file = fopen(path, "r");
	char line[512], error[128];

	assert_non_null(file);
	while (fgets(line, sizeof(line), file)) {
		struct truth *truth = &run->truth[run->truths++];
		struct json *json = NULL;
		const char *text = "";

		assert_true(run->truths <= TRUTH_MAX);
		assert_int_equal(json_parse(line, strcspn(line, "\n"), &json, error), 0);
		assert_int_equal(json_get_string(json, "detector", &text), 0);
		truth->detector = detector_of(text);
		assert_int_equal(json_get_string(json, "src_ip", &text), 0);
		(void)snprintf(truth->src, sizeof(truth->src), "%s", text);
		assert_int_equal(json_get_string(json, "start", &text), 0);
		assert_int_equal(clock_parse(text, &truth->start_unix_ms), 0);
		assert_int_equal(json_get_string(json, "end", &text), 0);
		assert_int_equal(clock_parse(text, &truth->end_unix_ms), 0);
		json_free(json);
	}
	(void)fclose(file);
}

static void run_scenario(uint64_t seed, uint64_t length_s, struct run *run)
{
	char path[] = "/tmp/sluice-truth-XXXXXX";
	const struct rehearse_options options = { .seed = seed,
						  .start_unix_ms = START_UNIX_MS,
						  .length_s = length_s,
						  .learn_s = DEMO_LEARN_S,
						  .truth_path = path,
						  .first_flow_id = 1,
						  .arg = run,
						  .on_finding = take_finding };
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	(void)close(fd);
	*run = (struct run){ 0 };
	assert_int_equal(rehearse(&options), 0);
	read_truth(run, path);
	(void)unlink(path);
}

/* The earliest finding of one attack; the later ones are of it, too. */
static struct found *found_of(struct run *run, const struct truth *truth)
{
	struct found *first = NULL;

	for (size_t i = 0; i < run->count; i++) {
		struct found *found = &run->found[i];
		char src[ADDR_TEXT_MAX];

		if (found->detector != truth->detector ||
		    strcmp(addr_format(&found->src, src), truth->src) != 0 ||
		    found->last_unix_ms + SLACK_MS < truth->start_unix_ms ||
		    found->first_unix_ms > truth->end_unix_ms + SLACK_MS)
			continue;
		found->is_true = true;
		first = first ? first : found;
	}
	return first;
}

struct score {
	unsigned int found, missed, wrong;
	int64_t worst_ms;
};

static void judge(struct run *run, struct score score[static DETECTOR_COUNT])
{
	for (size_t i = 0; i < run->truths; i++) {
		const struct truth *truth = &run->truth[i];
		const struct found *found = found_of(run, truth);
		struct score *line = &score[truth->detector];

		if (!found) {
			/* it had only just begun when the scenario ended */
			line->missed += truth->end_unix_ms - truth->start_unix_ms >
					(int64_t)bars_s[truth->detector] * 1000;
			continue;
		}
		line->found++;
		if (found->said_unix_ms - truth->start_unix_ms > line->worst_ms)
			line->worst_ms = found->said_unix_ms - truth->start_unix_ms;
	}
	for (size_t i = 0; i < run->count; i++)
		if (!run->found[i].is_true) {
			print_message("not in the truth: %s\n", run->found[i].reason);
			score[run->found[i].detector].wrong +=
				run->found[i].severity > SEVERITY_LOW;
		}
}

static void every_attack_is_found_in_time_and_nothing_else(void **state)
{
	struct run *run = calloc(1, sizeof(*run));
	struct score score[DETECTOR_COUNT] = { 0 };

	(void)state;
	assert_non_null(run);
	run_scenario(7, LENGTH_S, run);
	judge(run, score);
	print_message("%-16s found missed false  worst s  bar s\n", "detector");
	for (int i = 0; i < DETECTOR_COUNT; i++)
		if (bars_s[i])
			print_message("%-16s %5u %6u %5u %8.1f %6u\n", names[i], score[i].found,
				      score[i].missed, score[i].wrong,
				      (double)score[i].worst_ms / 1000, bars_s[i]);
	for (int i = 0; i < DETECTOR_COUNT; i++) {
		assert_int_equal(score[i].missed, 0);
		assert_int_equal(score[i].wrong, 0);
		assert_true(score[i].worst_ms <= (int64_t)bars_s[i] * 1000);
		assert_true(!bars_s[i] || score[i].found > 0);
	}
	free(run);
}

static void the_same_seed_gives_the_same_incidents(void **state)
{
	struct run *runs = calloc(2, sizeof(*runs));

	(void)state;
	assert_non_null(runs);
	for (int i = 0; i < 2; i++)
		run_scenario(3, 900, &runs[i]);
	assert_int_equal(runs[0].count, runs[1].count);
	assert_true(runs[0].count > 3);
	for (size_t i = 0; i < runs[0].count; i++) {
		assert_int_equal(runs[0].found[i].detector, runs[1].found[i].detector);
		assert_true(addr_is_equal(&runs[0].found[i].src, &runs[1].found[i].src));
		assert_string_equal(runs[0].found[i].reason, runs[1].found[i].reason);
	}
	free(runs);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_attack_is_found_in_time_and_nothing_else),
		cmocka_unit_test(the_same_seed_gives_the_same_incidents),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
