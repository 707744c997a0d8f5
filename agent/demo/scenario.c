/*
 * Who talks to whom, and when: habits of ordinary hosts, each a Poisson process with the day's
 * rhythm, and attackers with a plan. Conversations wait in a heap for their next packet.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "agent/demo/internal.h"
#include "agent/demo/world.h"
#include "agent/util/addr.h"
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
	{ TALK_BULK, false, false, 300000, 250, 10, 1500 }, /* 75 MB a day: no large upload */
	{ TALK_ARP, true, false, 6000, 0, 0, 0 },
	{ TALK_ARP, false, false, 45000, 0, 0, 0 },
};

#define HABIT_COUNT (sizeof(habits) / sizeof(habits[0]))

#define FIRST_ATTACK_MIN_MS  5000
#define FIRST_ATTACK_SPAN_MS 6000
/* From one to the next: what a small server on the Internet sees, and a page can show. */
#define ATTACK_GAP_MIN_MS  120000
#define ATTACK_GAP_SPAN_MS 120000

struct scenario {
	uint64_t start_ns;
	int64_t start_unix_ms;
	struct truth *truth;
	uint64_t quiet_ns; /* ordinary traffic ends then */
	uint64_t rarity;
	struct random habit_random[HABIT_COUNT];
	uint64_t habit_due_ns[HABIT_COUNT];
	struct random attack_random;
	uint64_t attack_due_ns; /* of the next one */
	struct attack attacks[ATTACKS_MAX];
	uint32_t attacks_begun;
	/* kinds in the order they come in; shuffled anew when all were there */
	uint8_t deck[ATTACK_PLANS];
	unsigned int deck_left;
	uint64_t started; /* talks so far */
	uint64_t refused; /* talks that found no room */
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

static int64_t unix_ms_at(const struct scenario *s, uint64_t at_ns)
{
	return s->start_unix_ms + (int64_t)((at_ns - s->start_ns) / NS_PER_MS);
}

static uint32_t around(struct random *random, uint32_t mean)
{
	return mean ? mean / 2 + random_below(random, mean + 1) : 0;
}

static void start_talk(struct scenario *s, const struct habit *habit, struct random *random,
		       uint64_t at_ns)
{
	const struct addr own = world_own_addr(false);
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
	if (habit->kind == TALK_ARP) /* a question between others is heard, its answer not */
		talk.answers = addr_is_equal(&talk.tuple.dst, &own) || !habit->is_inbound;
	(void)add_talk(s, &talk); /* counted when there is no room */
}

static void run_habit(struct scenario *s, size_t i)
{
	const struct habit *habit = &habits[i];
	struct random *random = &s->habit_random[i];
	uint64_t at_ns = s->habit_due_ns[i];
	double factor = habit->follows_day ? rhythm_factor(unix_ms_at(s, at_ns) / 1000) : 1.0;

	start_talk(s, habit, random, at_ns);
	s->habit_due_ns[i] +=
		random_gap_ns(random,
			      (uint64_t)((double)(habit->mean_gap_ms * NS_PER_MS) / factor)) +
		1;
	if (s->habit_due_ns[i] > s->quiet_ns)
		s->habit_due_ns[i] = UINT64_MAX;
}

/* ---- attacks ------------------------------------------------------------------------------------
 */

static struct attack *free_attack(struct scenario *s)
{
	for (size_t i = 0; i < ATTACKS_MAX; i++)
		if (!s->attacks[i].plan)
			return &s->attacks[i];
	return NULL;
}

/* Each attack draws from a stream of its own: what runs beside it changes nothing. */
static bool start_attack(struct scenario *s, unsigned int plan, uint64_t at_ns)
{
	struct attack *attack = free_attack(s);

	if (!attack)
		return false;
	*attack = (struct attack){ .random = { random_next(&s->attack_random) },
				   .serial = s->attacks_begun };
	if (!attack_begin(attack, plan, at_ns, at_ns - s->start_ns))
		return false;
	s->attacks_begun++;
	return true;
}

/* Fisher and Yates; Knuth, "The Art of Computer Programming" 2, 3.4.2 P. */
static void shuffle(struct scenario *s)
{
	for (uint8_t i = 0; i < ATTACK_PLANS; i++)
		s->deck[i] = i;
	for (uint32_t i = ATTACK_PLANS - 1; i > 0; i--) {
		uint32_t other = random_below(&s->attack_random, i + 1);
		uint8_t swap = s->deck[i];

		s->deck[i] = s->deck[other];
		s->deck[other] = swap;
	}
	s->deck_left = ATTACK_PLANS;
}

/* A newcomer sees a fast scan first; what makes no sense yet comes later. */
static void start_next(struct scenario *s)
{
	uint64_t at_ns = s->attack_due_ns;

	if (!s->attacks_begun) {
		(void)start_attack(s, ATTACK_SCAN, at_ns);
		shuffle(s);
	} else {
		for (unsigned int i = s->deck_left; i-- > 0;) {
			uint8_t plan = s->deck[i];

			if (!start_attack(s, plan, at_ns))
				continue;
			memmove(&s->deck[i], &s->deck[i + 1], --s->deck_left - i);
			break;
		}
	}
	if (!s->deck_left)
		shuffle(s);
	s->attack_due_ns += (ATTACK_GAP_MIN_MS +
			     (uint64_t)random_below(&s->attack_random, ATTACK_GAP_SPAN_MS)) *
			    s->rarity * NS_PER_MS;
}

static void tell_truth(const struct scenario *s, const struct attack *attack, uint64_t end_ns)
{
	const struct truth_attack record = {
		.start_unix_ms = unix_ms_at(s, attack->begun_ns),
		.end_unix_ms = unix_ms_at(s, end_ns),
		.detector = attack_detector(attack),
		.src = attack->src,
		.dst = attack->dst,
	};

	truth_write(s->truth, &record);
}

/* Who scanned the quick way comes back to guess passwords: that is what a block of it then drops.
 */
static void end_attack(struct scenario *s, struct attack *attack)
{
	bool was_first = !attack->serial;
	struct attack ended = *attack;
	struct attack *next;

	tell_truth(s, attack, attack->due_ns);
	attack->plan = NULL;
	if (!was_first || !start_attack(s, ATTACK_GUESS, ended.due_ns))
		return;
	for (next = s->attacks; next->serial != s->attacks_begun - 1 || !next->plan;)
		next++;
	next->src = ended.src;
}

static void run_attack(struct scenario *s, struct attack *attack)
{
	struct talk talk;

	if (attack_next(attack, &talk))
		(void)add_talk(s, &talk); /* counted when there is no room */
	else
		end_attack(s, attack);
}

static struct attack *first_attack(struct scenario *s)
{
	struct attack *first = NULL;

	for (size_t i = 0; i < ATTACKS_MAX; i++) {
		struct attack *attack = &s->attacks[i];

		if (attack->plan && (!first || attack->due_ns < first->due_ns))
			first = attack;
	}
	return first;
}

int scenario_add_attack(struct scenario *scenario, const struct attack *attack)
{
	struct attack *slot = free_attack(scenario);

	if (!slot)
		return -ENOSPC;
	*slot = *attack;
	slot->serial = ++scenario->attacks_begun;
	return 0;
}

void scenario_no_more(struct scenario *scenario)
{
	scenario->attack_due_ns = UINT64_MAX;
}

void scenario_end(struct scenario *scenario, uint64_t now_ns)
{
	for (size_t i = 0; i < ATTACKS_MAX; i++)
		if (scenario->attacks[i].plan)
			tell_truth(scenario, &scenario->attacks[i], now_ns);
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

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Start whatever is due before the first waiting packet. Returns the time of that packet. */
static uint64_t start_due(struct scenario *s, uint64_t until_ns)
{
	for (;;) {
		uint64_t first = s->count ? s->heap[0]->due_ns : UINT64_MAX;
		struct attack *attack = first_attack(s);
		size_t habit = first_habit(s);
		uint64_t attack_ns = attack ? attack->due_ns : UINT64_MAX;
		uint64_t due = least(s->habit_due_ns[habit], least(s->attack_due_ns, attack_ns));

		if (due > until_ns || due > first)
			return first;
		if (due == s->attack_due_ns)
			start_next(s);
		else if (attack && due == attack_ns)
			run_attack(s, attack);
		else
			run_habit(s, habit);
	}
}

uint64_t scenario_due_ns(const struct scenario *scenario)
{
	uint64_t due = least(
		scenario->count ? scenario->heap[0]->due_ns : UINT64_MAX,
		least(scenario->attack_due_ns, scenario->habit_due_ns[first_habit(scenario)]));

	for (size_t i = 0; i < ATTACKS_MAX; i++)
		if (scenario->attacks[i].plan)
			due = least(due, scenario->attacks[i].due_ns);
	return due;
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

int scenario_new(const struct scenario_options *options, struct scenario **out)
{
	struct scenario *s = calloc(1, sizeof(*s));
	struct random random = { options->seed };

	if (!s)
		return -ENOMEM;
	s->start_ns = options->start_ns;
	s->start_unix_ms = options->start_unix_ms;
	s->truth = options->truth;
	s->rarity = options->attack_rarity ? options->attack_rarity : 1;
	s->quiet_ns = UINT64_MAX;
	if (options->quiet_after_s)
		s->quiet_ns = s->start_ns + options->quiet_after_s * NS_PER_S;
	for (unsigned int i = 0; i < TALKS_MAX; i++)
		s->free_talks[s->free_count++] = &s->talks[TALKS_MAX - 1 - i];
	s->attack_random.state = random_next(&random);
	s->attack_due_ns =
		s->start_ns + (FIRST_ATTACK_MIN_MS +
			       (uint64_t)random_below(&s->attack_random, FIRST_ATTACK_SPAN_MS)) *
				      NS_PER_MS;
	for (size_t i = 0; i < HABIT_COUNT; i++) {
		uint64_t gap_ns = habits[i].mean_gap_ms * NS_PER_MS / 4;

		s->habit_random[i].state = random_next(&random);
		s->habit_due_ns[i] = s->start_ns + random_gap_ns(&s->habit_random[i], gap_ns);
		if (options->only_attacks)
			s->habit_due_ns[i] = UINT64_MAX;
	}
	*out = s;
	return 0;
}

void scenario_free(struct scenario *scenario)
{
	free(scenario);
}
