/*
 * Who talks to whom, and when: habits of ordinary hosts, each a Poisson process with the day's
 * rhythm, and attackers with a plan. Conversations wait in a heap for their next packet.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "agent/demo/internal.h"
#include "agent/demo/world.h"
#include "agent/util/clock.h"

#define TALKS_MAX 4096

/* A habit starts conversations of one kind again and again. */
struct habit {
	enum talk_kind kind;
	bool is_inbound;
	bool follows_day;
	uint64_t mean_gap_ms;
	uint32_t left_out, left_in; /* means of the data packets */
	uint32_t gap_us;
};

/* Rates are of the daily mean; together about 200 packets a second. */
static const struct habit habits[] = {
	{ TALK_WEB, true, true, 450, 4, 14, 9000 },
	{ TALK_WEB, false, true, 1400, 3, 18, 7000 },
	{ TALK_HTTP, true, true, 2500, 2, 8, 8000 },
	{ TALK_HTTP, false, true, 9000, 2, 30, 5000 },
	{ TALK_DNS, false, true, 700, 0, 0, 0 },
	{ TALK_SSH, true, true, 45000, 60, 70, 180000 },
	{ TALK_NTP, false, false, 64000, 0, 0, 0 },
	{ TALK_PING, true, false, 20000, 5, 0, 0 },
	{ TALK_BULK, false, false, 120000, 900, 10, 1500 },
};

#define HABIT_COUNT (sizeof(habits) / sizeof(habits[0]))

/* What an attacker does; lengths and ports are drawn per attack. */
struct attack_plan {
	const char *detector;
	enum talk_kind kind;
	uint32_t ports_min, ports_span;
	uint32_t gap_us;
};

static const struct attack_plan attack_plans[] = {
	{ "port_scan", TALK_PROBE, 200, 800, 3000 },
	{ "port_scan", TALK_PROBE, 60, 80, 60000 },
	{ "port_scan", TALK_UDP_PROBE, 80, 120, 20000 },
};

#define PLAN_COUNT	     (sizeof(attack_plans) / sizeof(attack_plans[0]))
#define FIRST_ATTACK_MIN_MS  5000
#define FIRST_ATTACK_SPAN_MS 6000
#define ATTACK_GAP_MIN_MS    45000
#define ATTACK_GAP_SPAN_MS   150000

struct attack {
	const struct attack_plan *plan; /* NULL = waiting for the next one */
	struct addr src;
	uint32_t left;
	uint32_t port;
	uint16_t src_port;
	uint64_t begun_ns;
};

/*
 * Who scanned comes back to guess passwords for a while: that is what a block of it then drops.
 * No detector names this yet, so truth.c hears nothing of it.
 */
#define VISITORS_MAX  4
#define VISIT_GAP_MS  900
#define VISIT_SPAN_MS 600000

struct visitor {
	struct addr src;
	struct random random;
	uint64_t due_ns; /* UINT64_MAX: nobody */
	uint64_t until_ns;
};

struct scenario {
	uint64_t start_ns;
	int64_t start_unix_s;
	struct truth *truth;
	struct random habit_random[HABIT_COUNT];
	uint64_t habit_due_ns[HABIT_COUNT];
	struct random attack_random;
	uint64_t attack_due_ns;
	struct attack attack;
	struct visitor visitors[VISITORS_MAX];
	unsigned int next_visitor; /* the longest there makes room */
	uint64_t started;	   /* talks so far */
	uint64_t refused;	   /* talks that found no room */
	unsigned int count;
	struct talk *heap[TALKS_MAX];
	struct talk talks[TALKS_MAX];
	struct talk *free_talks[TALKS_MAX];
	unsigned int free_count;
};

/* ---- the heap: earliest packet first -------------------------------------------------------- */

static bool is_before(const struct talk *a, const struct talk *b)
{
	return a->due_ns != b->due_ns ? a->due_ns < b->due_ns : a->order < b->order;
}

static void sift_up(struct scenario *s, unsigned int i)
{
	struct talk *talk = s->heap[i];

	for (; i > 0 && is_before(talk, s->heap[(i - 1) / 2]); i = (i - 1) / 2)
		s->heap[i] = s->heap[(i - 1) / 2];
	s->heap[i] = talk;
}

static void sift_down(struct scenario *s, unsigned int i)
{
	for (;;) {
		unsigned int least = i, left = 2 * i + 1;
		struct talk *swap;

		if (left < s->count && is_before(s->heap[left], s->heap[least]))
			least = left;
		if (left + 1 < s->count && is_before(s->heap[left + 1], s->heap[least]))
			least = left + 1;
		if (least == i)
			return;
		swap = s->heap[i];
		s->heap[i] = s->heap[least];
		s->heap[least] = swap;
		i = least;
	}
}

static struct talk *add_talk(struct scenario *s, const struct talk *talk)
{
	struct talk *slot;

	if (!s->free_count) {
		s->refused++;
		return NULL;
	}
	slot = s->free_talks[--s->free_count];
	*slot = *talk;
	slot->order = s->started++;
	s->heap[s->count] = slot;
	sift_up(s, s->count++);
	return slot;
}

static void end_first(struct scenario *s)
{
	s->free_talks[s->free_count++] = s->heap[0];
	s->heap[0] = s->heap[--s->count];
	sift_down(s, 0);
}

/* ---- habits -------------------------------------------------------------------------------------
 */

static int64_t unix_at(const struct scenario *s, uint64_t at_ns)
{
	return s->start_unix_s + (int64_t)((at_ns - s->start_ns) / NS_PER_S);
}

static uint32_t around(struct random *random, uint32_t mean)
{
	return mean ? mean / 2 + random_below(random, mean + 1) : 0;
}

static void start_talk(struct scenario *s, const struct habit *habit, struct random *random,
		       uint64_t at_ns)
{
	struct talk talk = { .due_ns = at_ns,
			     .kind = habit->kind,
			     .is_inbound = habit->is_inbound,
			     .answers = true,
			     .gap_us = habit->gap_us };

	talk.random.state = random_next(random);
	talk.seq_out = (uint32_t)random_next(&talk.random);
	talk.seq_in = (uint32_t)random_next(&talk.random);
	talk.left_out = around(&talk.random, habit->left_out);
	talk.left_in = around(&talk.random, habit->left_in);
	world_choose(&talk.random, habit->kind, habit->is_inbound, &talk.tuple, &talk.name);
	(void)add_talk(s, &talk); /* counted when there is no room */
}

static void run_habit(struct scenario *s, size_t i)
{
	const struct habit *habit = &habits[i];
	struct random *random = &s->habit_random[i];
	uint64_t at_ns = s->habit_due_ns[i];
	double factor = habit->follows_day ? rhythm_factor(unix_at(s, at_ns)) : 1.0;

	start_talk(s, habit, random, at_ns);
	s->habit_due_ns[i] +=
		random_gap_ns(random,
			      (uint64_t)((double)(habit->mean_gap_ms * NS_PER_MS) / factor)) +
		1;
}

/* ---- attacks ------------------------------------------------------------------------------------
 */

static void begin_attack(struct scenario *s)
{
	struct attack *attack = &s->attack;
	struct random *random = &s->attack_random;
	bool is_first = !attack->begun_ns;

	/* the first is a fast one, so that a newcomer soon sees what an incident is */
	attack->plan = &attack_plans[is_first ? 0 : random_below(random, PLAN_COUNT)];
	attack->src = world_attacker(random);
	attack->left = attack->plan->ports_min + random_below(random, attack->plan->ports_span);
	attack->port = 1 + random_below(random, 200);
	attack->src_port = (uint16_t)(32768 + random_below(random, 28000));
	attack->begun_ns = s->attack_due_ns;
}

static void begin_visits(struct scenario *s)
{
	struct visitor *visitor = &s->visitors[s->next_visitor++ % VISITORS_MAX];

	visitor->src = s->attack.src;
	visitor->random.state = random_next(&s->attack_random);
	visitor->due_ns = s->attack_due_ns;
	visitor->until_ns = s->attack_due_ns + VISIT_SPAN_MS * NS_PER_MS;
}

static void run_visit(struct scenario *s, struct visitor *visitor)
{
	struct random *random = &visitor->random;
	struct talk talk = { .due_ns = visitor->due_ns,
			     .kind = TALK_SSH,
			     .is_inbound = true,
			     .answers = true,
			     .left_out = 3,
			     .left_in = 4,
			     .gap_us = 90000 };

	talk.random.state = random_next(random);
	talk.seq_out = (uint32_t)random_next(&talk.random);
	talk.seq_in = (uint32_t)random_next(&talk.random);
	talk.tuple = (struct five_tuple){
		.src = visitor->src,
		.dst = world_own_addr(false),
		.src_port = (uint16_t)(32768 + random_below(random, 28000)),
		.dst_port = 22,
		.proto = IPPROTO_TCP,
	};
	(void)add_talk(s, &talk); /* counted when there is no room */
	visitor->due_ns += random_gap_ns(random, VISIT_GAP_MS * NS_PER_MS) + 1;
	if (visitor->due_ns > visitor->until_ns)
		visitor->due_ns = UINT64_MAX;
}

static void end_attack(struct scenario *s)
{
	const struct truth_attack record = {
		.start_unix_ms = unix_at(s, s->attack.begun_ns) * 1000,
		.end_unix_ms = unix_at(s, s->attack_due_ns) * 1000,
		.detector = s->attack.plan->detector,
		.src = s->attack.src,
		.dst = world_own_addr(false),
	};

	truth_write(s->truth, &record);
	begin_visits(s);
	s->attack.plan = NULL;
	s->attack_due_ns += (ATTACK_GAP_MIN_MS +
			     (uint64_t)random_below(&s->attack_random, ATTACK_GAP_SPAN_MS)) *
			    NS_PER_MS;
}

static void run_attack(struct scenario *s)
{
	struct attack *attack = &s->attack;
	struct talk talk = { .due_ns = s->attack_due_ns, .is_inbound = true };

	if (!attack->plan) {
		begin_attack(s);
		return;
	}
	if (!attack->left) {
		end_attack(s);
		return;
	}
	talk.kind = attack->plan->kind;
	talk.random.state = random_next(&s->attack_random);
	talk.tuple = (struct five_tuple){
		.src = attack->src,
		.dst = world_own_addr(false),
		.src_port = attack->src_port,
		.dst_port = (uint16_t)attack->port,
		.proto = talk.kind == TALK_PROBE ? IPPROTO_TCP : IPPROTO_UDP,
	};
	talk.answers = world_is_open((uint16_t)attack->port);
	(void)add_talk(s, &talk); /* counted when there is no room */
	attack->port++;
	attack->left--;
	s->attack_due_ns += random_gap_ns(&s->attack_random, attack->plan->gap_us * 1000ULL) + 1;
}

/* ---- the run of time ----------------------------------------------------------------------------
 */

static size_t first_habit(const struct scenario *s)
{
	size_t first = 0;

	for (size_t i = 1; i < HABIT_COUNT; i++)
		if (s->habit_due_ns[i] < s->habit_due_ns[first])
			first = i;
	return first;
}

static struct visitor *first_visitor(struct scenario *s)
{
	struct visitor *first = &s->visitors[0];

	for (size_t i = 1; i < VISITORS_MAX; i++)
		if (s->visitors[i].due_ns < first->due_ns)
			first = &s->visitors[i];
	return first;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Start whatever is due before the first waiting packet. Returns the time of that packet. */
static uint64_t start_due(struct scenario *s, uint64_t until_ns)
{
	for (;;) {
		uint64_t first = s->count ? s->heap[0]->due_ns : UINT64_MAX;
		struct visitor *visitor = first_visitor(s);
		size_t habit = first_habit(s);
		uint64_t due =
			least(s->habit_due_ns[habit], least(s->attack_due_ns, visitor->due_ns));

		if (due > until_ns || due > first)
			return first;
		if (due == s->attack_due_ns)
			run_attack(s);
		else if (due == visitor->due_ns)
			run_visit(s, visitor);
		else
			run_habit(s, habit);
	}
}

bool scenario_advance(struct scenario *scenario, uint64_t until_ns, unsigned int max,
		      talk_send_fn send, void *arg)
{
	for (; max; max--) {
		struct talk *first;

		if (start_due(scenario, until_ns) > until_ns)
			return true;
		first = scenario->heap[0];
		if (talk_step(first, send, arg))
			sift_down(scenario, 0);
		else
			end_first(scenario);
	}
	return false;
}

int scenario_new(uint64_t seed, uint64_t start_ns, int64_t start_unix_s, struct truth *truth,
		 struct scenario **out)
{
	struct scenario *s = calloc(1, sizeof(*s));
	struct random random = { seed };

	if (!s)
		return -ENOMEM;
	s->start_ns = start_ns;
	s->start_unix_s = start_unix_s;
	s->truth = truth;
	for (unsigned int i = 0; i < VISITORS_MAX; i++)
		s->visitors[i].due_ns = UINT64_MAX;
	for (unsigned int i = 0; i < TALKS_MAX; i++)
		s->free_talks[s->free_count++] = &s->talks[TALKS_MAX - 1 - i];
	s->attack_random.state = random_next(&random);
	s->attack_due_ns =
		start_ns + (FIRST_ATTACK_MIN_MS +
			    (uint64_t)random_below(&s->attack_random, FIRST_ATTACK_SPAN_MS)) *
				   NS_PER_MS;
	for (size_t i = 0; i < HABIT_COUNT; i++) {
		s->habit_random[i].state = random_next(&random);
		s->habit_due_ns[i] =
			start_ns +
			random_gap_ns(&s->habit_random[i], habits[i].mean_gap_ms * NS_PER_MS / 4);
	}
	*out = s;
	return 0;
}

void scenario_free(struct scenario *scenario)
{
	free(scenario);
}
