/*
 * The anomaly model as the service runs it, over simulated time: what it costs in memory, and
 * whether it keeps its promises.
 *   hosts          100,000 watched at once
 *   benign DARPA   alarms a day on 35 days of labelled traffic with the attacks left out
 *                  (FILE: minute, source, destination, flows; skipped where it is missing)
 *   a quiet host   a server with four clients for 14 days, default settings
 *   calibration    alarms for each one that the rates allow, 20 clients for 10 days
 *   contamination  AUC of windows with attacks, learned with attacks among the traffic, against
 *                  learned without; the named detectors keep them out
 * Usage: bench_watch [FILE]. One row per figure: figure, bar, measured, verdict, with tabs.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/model/model.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/gzip.h"
#include "tests/bench/measure.h"
#include "tests/bench/watch_world.h"

static int row(const char *figure, const char *bar, const char *measured, bool is_met)
{
	printf("%s\t%s\t%s\t%s\n", figure, bar, measured, is_met ? "ok" : "MISS");
	(void)fflush(stdout);
	return !is_met;
}

static int row_number(const char *figure, const char *bar, double measured, bool is_met)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%.3g", measured);
	return row(figure, bar, text, is_met);
}

/* ---- the figures ------------------------------------------------------------------------------
 */

static int measure_hosts(void)
{
	long before = resident_kib();
	struct world world;
	struct learning learning;
	int missed;

	open_world(&world, BUDGET, false);
	for (uint32_t i = 0; i < 2 * HOSTS_MAX; i++) {
		const struct talk talk = { .src = address(0xac000000U + i % HOSTS_MAX),
					   .dst = address(0xcb007102U),
					   .port = 443,
					   .is_answered = true,
					   .bytes_out = 1000 };

		say(&world, &talk);
	}
	model_watch_status(world.watch, world.now_ns, &learning);
	missed = row_number("model: memory with 100,000 hosts, MiB", "<= 128",
			    (double)(resident_kib() - before) / 1024,
			    (resident_kib() - before) / 1024 <= 128 && learning.full == 0);
	close_world(&world);
	return missed;
}

/* One minute's row of the file: minute, source, destination, flows. Attacks are left out. */
static void take_edge(struct world *world, char *line)
{
	char *part[6] = { line };
	struct talk talk = { .port = 80, .is_answered = true, .length_ms = 900 };

	for (int i = 1; i < 6; i++) {
		part[i] = part[i - 1] + strcspn(part[i - 1], ",");
		if (!*part[i])
			return;
		*part[i]++ = '\0';
	}
	if (*part[5] != '0' || addr_parse(part[2], &talk.src) || addr_parse(part[3], &talk.dst))
		return;
	uint64_t minute_ns = BEGIN_NS + strtoull(part[1], NULL, 10) * 60 * NS_PER_S;
	if (minute_ns > world->now_ns)
		tick(world, minute_ns);
	for (uint64_t n = strtoull(part[0], NULL, 10); n > 0; n--) {
		talk.bytes_out = draw_bytes(world, 1000);
		talk.bytes_in = draw_bytes(world, 5000);
		say(world, &talk);
	}
}

static int measure_darpa(const char *path)
{
	CLEANUP(gzip_lines_close) struct gzip_lines *lines = NULL;
	struct world world;
	double days;
	char *line;

	if (!path || gzip_lines_open(path, &lines)) {
		printf("model: alarms a day, benign DARPA\t-\tskip: the file is not there\t-\n");
		return 0;
	}
	open_world(&world, BUDGET, false);
	while (gzip_lines_next(lines, &line) == 1)
		take_edge(&world, line);
	days = (double)(world.now_ns - BEGIN_NS) / NS_PER_S / DAY_S;
	int missed = row_number("model: incidents a day, 35 benign DARPA days, budget 5", "<= 5",
				(double)world.incidents / days,
				(double)world.incidents / days <= BUDGET);
	missed += row_number("model: of them above low, a day", "<= 1",
			     (double)world.suspicious / days, (double)world.suspicious / days <= 1);
	close_world(&world);
	return missed;
}

static int measure_quiet(void)
{
	struct office office = { .clients = 4 };
	struct world world;
	const double days = 14;

	open_world(&world, BUDGET, true);
	while (world.now_ns < BEGIN_NS + (uint64_t)days * DAY_S * NS_PER_S)
		pass_second(&world, &office);
	int missed =
		row_number("model: incidents a day, a server with 4 clients, 14 days", "<= 1",
			   (double)world.incidents / days, (double)world.incidents / days <= 1);
	close_world(&world);
	return missed;
}

/* What the rates allowed of the windows since the last call, and what was raised so far. */
struct promise {
	uint64_t windows[LEARNING_WINDOWS][LEARNING_CLASSES];
	double allowed;
	uint64_t raised;
};

static void count_promise(const struct world *world, struct promise *promise)
{
	struct learning learning;

	model_watch_status(world->watch, world->now_ns, &learning);
	promise->raised = 0;
	for (int w = 0; w < LEARNING_WINDOWS; w++)
		for (int c = 0; c < LEARNING_CLASSES; c++) {
			const struct learning_kind *kind = &learning.kinds[w][c];
			uint64_t windows = kind->learned + kind->gated;

			if (kind->models)
				promise->allowed += kind->allowed_rate *
						    (double)(windows - promise->windows[w][c]);
			promise->windows[w][c] = windows;
			promise->raised += kind->alarms;
		}
}

static int measure_calibration(void)
{
	struct office office = { .clients = 20 };
	struct promise promise = { 0 };
	struct world world;
	double ratio;

	open_world(&world, BUDGET, false);
	for (int hour = 0; hour < 24 * 10; hour++) {
		for (int second = 0; second < 3600; second++)
			pass_second(&world, &office);
		count_promise(&world, &promise);
	}
	ratio = (double)promise.raised / promise.allowed;
	close_world(&world);
	return row_number("model: alarms for each one that the rates allow, 10 days", "0.3 to 3",
			  ratio, ratio >= 0.3 && ratio <= 3);
}

/* ---- attacks among what is learned from -------------------------------------------------------
 */

#define BURST	    60 /* flows of one attack, in one second */
#define LEARN_HOURS 12
#define JUDGE_STEPS 720 /* of ten seconds */

static void attack(struct world *world, uint32_t client, uint32_t kind)
{
	struct talk talk = { .src = address(0x0a000001 + client),
			     .dst = address(0x0a0000fe),
			     .port = 22,
			     .is_answered = kind == 2,
			     .bytes_out = 2200,
			     .bytes_in = 2600,
			     .length_ms = 900 };

	for (uint32_t i = 0; i < BURST; i++) {
		if (kind == 0)
			talk.port = (uint16_t)(1 + below(world, 10000)); /* a port scan */
		if (kind == 1) {
			talk.port = 445; /* a sweep; 2: password guessing */
			talk.dst = address(0x0a010000 + below(world, 60000));
		}
		say(world, &talk);
	}
}

/* Learns for hours with @share of all flows being attacks' by one client or another. */
static void learn_among(struct world *world, struct office *office, double share)
{
	double debt = 0;
	uint64_t before = 0;

	for (uint32_t second = 0; second < LEARN_HOURS * 3600; second++) {
		pass_second(world, office);
		if (second >= 3600)
			debt += share / (1 - share) * (double)(world->flows - before);
		for (; debt >= BURST; debt -= BURST)
			attack(world, below(world, office->clients), below(world, 3));
		before = world->flows;
	}
}

struct verdict {
	float score;
	bool is_attack;
};

/* The share of pairs (an attack's window, a quiet one) in which the attack's scores higher. */
static double auc_of(const struct verdict *verdicts, size_t count)
{
	double won = 0, pairs = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t k = 0; verdicts[i].is_attack && k < count; k++) {
			if (verdicts[k].is_attack)
				continue;
			won += verdicts[i].score > verdicts[k].score	? 1
			       : verdicts[i].score == verdicts[k].score ? 0.5
									: 0;
			pairs++;
		}
	return pairs > 0 ? won / pairs : 0;
}

/* Every ten seconds one client attacks; each one's open window is looked at. */
static double judge(struct world *world, struct office *office)
{
	struct verdict *verdicts = calloc((size_t)JUDGE_STEPS * CLIENTS_MAX, sizeof(*verdicts));
	size_t count = 0;
	double auc;

	for (uint32_t step = 0; verdicts && step < JUDGE_STEPS; step++) {
		uint32_t attacker = step % office->clients;

		for (int second = 0; second < 10; second++)
			pass_second(world, office);
		attack(world, attacker, step / office->clients % 3);
		for (uint32_t i = 0; i < office->clients; i++) {
			const struct addr addr = address(0x0a000001 + i);
			struct learning_host host;

			if (model_watch_host(world->watch, &addr, world->now_ns, &host) ||
			    !host.windows[0].has_model || host.windows[0].class != 2)
				continue;
			verdicts[count++] =
				(struct verdict){ (float)host.windows[0].score, i == attacker };
		}
	}
	auc = auc_of(verdicts, count);
	free(verdicts);
	return auc;
}

static double learn_and_judge(double share, bool has_detectors)
{
	struct office office = { .clients = 20 };
	struct world world;
	double auc;

	open_world(&world, BUDGET, has_detectors);
	learn_among(&world, &office, share);
	auc = judge(&world, &office);
	close_world(&world);
	return auc;
}

static int measure_contamination(void)
{
	double clean = learn_and_judge(0, true), loss5 = clean - learn_and_judge(0.05, true);
	double loss10 = clean - learn_and_judge(0.1, true);
	double bare10 = clean - learn_and_judge(0.1, false);
	char text[64];

	(void)snprintf(text, sizeof(text), "%.4f, without detectors %.4f", loss10, bare10);
	return row_number("model: AUC of attacks' windows, learned without them", ">= 0.95", clean,
			  clean >= 0.95) +
	       row_number("model: AUC lost with 5 % attacks while learning", "<= 0.02", loss5,
			  loss5 <= 0.02) +
	       row("model: AUC lost with 10 % attacks while learning", "<= 0.06", text,
		   loss10 <= 0.06);
}

int main(int argc, char **argv)
{
	int missed = measure_hosts();

	missed += measure_darpa(argc > 1 ? argv[1] : NULL);
	missed += measure_quiet();
	missed += measure_calibration();
	missed += measure_contamination();
	return missed != 0;
}
