/*
 * Order statistics where there are enough, else a fitted tail. Source: Pickands, "Statistical
 * inference using extreme order statistics", 1975 (excesses over a high level are nearly
 * generalised Pareto; shape 0, the exponential, is taken: it has one parameter to learn).
 */
#include "agent/model/tail.h"

#include <math.h>
#include <string.h>

#define SEEN_LEAST 100
#define SEEN_MOST  1000000 /* then the old ones count half */
#define RANK_SURE  20	   /* as an order statistic within 1/sqrt(20) of its rate */
#define FIT_SHARE  20	   /* the tail begins at one twentieth */

static void halve(struct tail *tail)
{
	for (uint32_t i = 0; i < tail->used / 2; i++)
		tail->top[i] = tail->top[2 * i + 1];
	tail->used /= 2;
	tail->seen /= 2;
}

void tail_add(struct tail *tail, float score)
{
	uint32_t at;

	if (tail->seen >= SEEN_MOST)
		halve(tail);
	tail->seen++;
	if (tail->used == TAIL_TOP && !(score > tail->top[TAIL_TOP - 1]))
		return;
	at = tail->used < TAIL_TOP ? tail->used++ : TAIL_TOP - 1;
	for (; at > 0 && tail->top[at - 1] < score; at--)
		tail->top[at] = tail->top[at - 1];
	tail->top[at] = score;
}

/* Where the fitted tail begins, and its mean excess. Returns how many scores lie above. */
static uint32_t fit_tail(const struct tail *tail, float *begin, double *excess)
{
	uint64_t wanted = tail->seen / FIT_SHARE;
	uint32_t count = wanted < tail->used - 1 ? (uint32_t)wanted : tail->used - 1;
	double sum = 0;

	*begin = tail->top[count];
	for (uint32_t i = 0; i < count; i++)
		sum += (double)tail->top[i] - (double)*begin;
	*excess = sum / count;
	return count;
}

float tail_threshold(const struct tail *tail, double rate)
{
	double rank = rate * (double)tail->seen, excess;
	uint32_t count;
	float begin, fitted;

	if (tail->seen < SEEN_LEAST || rate <= 0)
		return INFINITY;
	if (rank >= RANK_SURE && rank < tail->used)
		return tail->top[(uint32_t)rank];
	count = fit_tail(tail, &begin, &excess);
	if (rank >= count)
		return begin;
	fitted = (float)((double)begin + excess * log(count / rank));
	/* scores with an upper end have no such tail: what was seen half as often bounds it */
	return rank >= 1 ? fminf(fitted, tail->top[(uint32_t)(rank / 2)]) : fitted;
}

double tail_rate(const struct tail *tail, float score)
{
	uint32_t above = 0, count;
	double excess;
	float begin;

	if (tail->seen < SEEN_LEAST)
		return 1;
	while (above < tail->used && tail->top[above] >= score)
		above++;
	count = fit_tail(tail, &begin, &excess);
	if (above >= RANK_SURE || score <= begin || excess <= 0)
		return (double)(above + 1) / (double)(tail->seen + 1);
	return count * exp(-((double)score - (double)begin) / excess) / (double)tail->seen;
}
