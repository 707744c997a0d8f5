/*
 * The model on one thread: fit of 100 trees of 256 rows, a batch, one row, an explanation, memory.
 * Random rows of 20 features; CPU time, the best of 15 rounds (other work shares the caches).
 * One row per figure: figure, bar, measured, verdict, with tabs. Exit 1 when a bar is missed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/model/model.h"
#include "agent/util/sketch_hash.h"

#define ROWS	    20000
#define FEATURES    20
#define ROUNDS	    15
#define CALLS	    2000
#define COLD_ROUNDS 9
#define COLD_BYTES  (512U << 20) /* more than the last cache: 260 MiB here */

struct best {
	double fit_ms, batch_us, one_us, explain_us;
};

static double cpu_s(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* exists since Linux 2.6.12 */
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void keep_least(double *best, double seconds, double scale)
{
	if (*best == 0 || seconds * scale < *best)
		*best = seconds * scale;
}

static int compare_double(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void run(const float *rows, float *scores, const struct model *rules, struct best *best)
{
	const struct model_options options = { .trees = 100, .sample = 256, .seed = 1 };
	struct model_reason reasons[3];
	struct model *model = NULL;
	double begin = cpu_s();

	if (model_fit(rows, ROWS, FEATURES, &options, &model))
		exit(1);
	keep_least(&best->fit_ms, cpu_s() - begin, 1e3);
	begin = cpu_s();
	(void)model_score(model, rows, ROWS, scores);
	keep_least(&best->batch_us, cpu_s() - begin, 1e6 / ROWS);
	begin = cpu_s();
	for (size_t i = 0; i < CALLS; i++)
		(void)model_score(model, rows + i % 64 * FEATURES, 1, scores);
	keep_least(&best->one_us, cpu_s() - begin, 1e6 / CALLS);
	begin = cpu_s();
	for (size_t i = 0; i < CALLS; i++)
		(void)model_explain(rules, rows + i % 64 * FEATURES, reasons, 3);
	keep_least(&best->explain_us, cpu_s() - begin, 1e6 / CALLS);
	model_free(model);
}

/* One row with the model out of the caches, as after a quiet while: the middle of @COLD_ROUNDS. */
static double measure_cold(const struct model *model, const float *rows)
{
	unsigned char *other = malloc(COLD_BYTES);
	double took[COLD_ROUNDS];
	float score;

	if (!other)
		exit(1);
	for (int i = 0; i < COLD_ROUNDS; i++) {
		double begin;

		memset(other, i, COLD_BYTES);
		begin = cpu_s();
		(void)model_score(model, rows + (size_t)i * FEATURES, 1, &score);
		took[i] = (cpu_s() - begin) * 1e6;
	}
	free(other);
	qsort(took, COLD_ROUNDS, sizeof(took[0]), compare_double);
	return took[COLD_ROUNDS / 2];
}

static int row(const char *figure, const char *bar, double limit, double measured)
{
	printf("%s\t<= %s\t%.2f\t%s\n", figure, bar, measured, measured <= limit ? "ok" : "MISS");
	return measured > limit;
}

int main(void)
{
	const struct model_options plain = { .trees = 100, .sample = 256 };
	const struct model_options whole = {
		.trees = 100, .sample = 256, .has_density = true, .has_rules = true
	};
	float *rows = calloc((size_t)ROWS * FEATURES, sizeof(*rows));
	float *scores = calloc(ROWS, sizeof(*scores));
	struct model *small = NULL, *rules = NULL;
	struct best best = { 0 };
	int missed = 0;

	if (!rows || !scores)
		return 1;
	for (size_t i = 0; i < (size_t)ROWS * FEATURES; i++)
		rows[i] = (float)(hash_mix(i + 1) >> 40);
	if (model_fit(rows, ROWS, FEATURES, &plain, &small) ||
	    model_fit(rows, ROWS, FEATURES, &whole, &rules))
		return 1;
	for (int i = 0; i < ROUNDS; i++)
		run(rows, scores, rules, &best);
	missed += row("model: fit of 100 trees x 256 rows, best", "3 ms", 3, best.fit_ms);
	missed += row("model: a row of a batch, best", "1.1 us", 1.1, best.batch_us);
	missed += row("model: one row, hot, best", "2.5 us", 2.5, best.one_us);
	missed += row("model: one row, cold, median", "50 us", 50, measure_cold(small, rows));
	missed += row("model: explanation of a row, best", "20 us", 20, best.explain_us);
	missed += row("model: a forest", "320 KiB", 320, (double)model_bytes(small) / 1024);
	missed += row("model: with density, grids and ranks", "700 KiB", 700,
		      (double)model_bytes(rules) / 1024);
	model_free(small);
	model_free(rules);
	free(rows);
	free(scores);
	return missed != 0;
}
