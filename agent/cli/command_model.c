/*
 * model eval: fit on the first rows of a labelled CSV, score all, say how good and how fast.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "agent/cli/internal.h"
#include "agent/cli/model_table.h"
#include "agent/model/model.h"

struct eval {
	struct model_options options;
	const char *label, *scores;
	uint64_t train_rows; /* 0: all */
	bool has_log;
};

struct measures {
	double fit_ms, score_us, auc, precision;
	bool has_classes;
	size_t bytes;
};

/* CPU time of this thread: other work on the machine does not count. */
static double cpu_s(void)
{
	struct timespec now = { 0 };

	(void)clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now); /* exists since Linux 2.6.12 */
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static int take_number(const struct args *args, const char *name, uint64_t low, uint64_t high,
		       uint64_t *out)
{
	const char *text = args_option(args, name);
	char *end;
	unsigned long long value;

	if (!text)
		return 0;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno || end == text || *end || *text == '-' || value < low || value > high)
		return usage_error("%s takes a number from %llu to %llu, not \"%s\"", name,
				   (unsigned long long)low, (unsigned long long)high, text);
	*out = value;
	return 0;
}

static int take_eval_options(const struct args *args, struct eval *eval)
{
	uint64_t trees = MODEL_TREES, sample = MODEL_SAMPLE;
	int error = take_number(args, "--trees", 1, 1000, &trees);

	if (!error)
		error = take_number(args, "--sample", 2, 8192, &sample);
	if (!error)
		error = take_number(args, "--seed", 0, UINT64_MAX, &eval->options.seed);
	if (!error)
		error = take_number(args, "--train-rows", 2, MODEL_ROWS_MAX, &eval->train_rows);
	if (error)
		return error;
	eval->options.trees = (uint32_t)trees;
	eval->options.sample = (uint32_t)sample;
	eval->options.has_density = args_option(args, "--density") != NULL;
	eval->options.has_rules = args_option(args, "--rules") != NULL;
	eval->has_log = args_option(args, "--log") != NULL;
	eval->scores = args_option(args, "--scores");
	eval->label = args_option(args, "--label");
	if (!eval->label)
		eval->label = "label";
	return 0;
}

/* A constant column can part nothing: said, for it may be a mistake. */
static void say_constant(const struct model_table *table, const char *path, size_t count)
{
	for (uint32_t f = 0; f < table->features; f++) {
		size_t i = 1;

		while (i < count && table->values[i * table->features + f] == table->values[f])
			i++;
		if (i == count)
			(void)fprintf(stderr,
				      "sluice: %s: column \"%s\" is constant in the training "
				      "rows and says nothing\n",
				      path, table->names[f]);
	}
}

static int write_scores(const char *path, const float *scores, size_t count)
{
	FILE *file = strcmp(path, "-") != 0 ? fopen(path, "we") : stdout;
	int failed;

	if (!file) {
		(void)fprintf(stderr, "sluice: %s: %s\n", path, strerror(errno));
		return CLI_FAILED;
	}
	for (size_t i = 0; i < count; i++)
		(void)fprintf(file, "%.9g\n", (double)scores[i]); /* asked for below */
	failed = fflush(file) || ferror(file);
	if (file != stdout && fclose(file))
		failed = 1;
	if (failed)
		(void)fprintf(stderr, "sluice: %s: %s\n", path, strerror(errno));
	return failed ? CLI_FAILED : CLI_OK;
}

static void print_measures(const struct model_table *table, const struct measures *m)
{
	char auc[32] = "null", precision[32] = "null";

	if (m->has_classes) {
		(void)snprintf(auc, sizeof(auc), "%.6f", m->auc);
		(void)snprintf(precision, sizeof(precision), "%.6f", m->precision);
	}
	printf("{\"rows\":%zu,\"features\":%u,\"auc\":%s,\"ap\":%s,\"fit_ms\":%.3f,"
	       "\"score_us_per_row\":%.4f,\"model_bytes\":%zu}\n",
	       table->rows, table->features, auc, precision, m->fit_ms, m->score_us, m->bytes);
}

static int fit(const struct eval *eval, const struct model_table *table, const char *path,
	       struct model **model, struct measures *m)
{
	size_t rows = eval->train_rows ? eval->train_rows : table->rows;
	double begin;
	int error;

	if (rows > table->rows) {
		(void)fprintf(stderr, "sluice: %s: --train-rows %zu, but it has %zu\n", path, rows,
			      table->rows);
		return CLI_FAILED;
	}
	say_constant(table, path, rows);
	begin = cpu_s();
	error = model_fit(table->values, rows, table->features, &eval->options, model);
	m->fit_ms = (cpu_s() - begin) * 1e3;
	if (error == -EDOM)
		(void)fprintf(stderr,
			      "sluice: %s: every feature column is constant in the "
			      "training rows: there is nothing to learn\n",
			      path);
	else if (error)
		(void)fprintf(stderr, "sluice: %s: cannot fit: %s\n", path, strerror(-error));
	return error ? CLI_FAILED : CLI_OK;
}

static int evaluate(const struct eval *eval, const char *path)
{
	CLEANUP(model_table_free) struct model_table *table = NULL;
	CLEANUP(model_free) struct model *model = NULL;
	CLEANUP(free) float *scores = NULL;
	struct measures m = { 0 };
	double begin;
	int error = model_table_read(path, eval->label, eval->has_log, &table);

	if (!error)
		error = fit(eval, table, path, &model, &m);
	if (error)
		return error;
	scores = calloc(table->rows, sizeof(*scores));
	if (!scores) {
		(void)fprintf(stderr, "sluice: no memory for %zu scores\n", table->rows);
		return CLI_FAILED;
	}
	begin = cpu_s();
	(void)model_score(model, table->values, table->rows, scores); /* all are finite */
	m.score_us = (cpu_s() - begin) * 1e6 / (double)table->rows;
	m.bytes = model_bytes(model);
	m.has_classes = model_table_auc(table->labels, scores, table->rows, &m.auc, &m.precision);
	if (!m.has_classes)
		(void)fprintf(stderr, "sluice: %s: all labels are the same: no auc, no ap\n", path);
	if (eval->scores)
		error = write_scores(eval->scores, scores, table->rows);
	if (!error)
		print_measures(table, &m);
	return error;
}

int command_model_eval(const struct args *args)
{
	struct eval eval = { 0 };
	int error = take_eval_options(args, &eval);

	if (error)
		return error;
	if (eval.scores && args->word_count > 1)
		return usage_error("--scores takes the scores of one file");
	for (size_t i = 0; i < args->word_count && !error; i++)
		error = evaluate(&eval, args->words[i]);
	return error;
}
