/*
 * Reading, and the two figures of merit.
 */
#include "agent/cli/model_table.h"

#include <assert.h>
#include <errno.h>
#include <float.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/cli/cli.h"
#include "agent/model/model.h"
#include "agent/util/gzip.h"

#define COLUMNS_MAX (2 * MODEL_FEATURES_MAX)
#define VALUES_MAX  (256ULL * 1024 * 1024) /* 1 GiB */
#define ROWS_FIRST  4096

enum column_role {
	ROLE_FEATURE,
	ROLE_META,
	ROLE_LABEL
};

struct csv {
	const char *path;
	struct gzip_lines *lines;
	struct model_table *table;
	bool has_log;
	size_t line; /* from 1 */
	size_t capacity;
	unsigned int columns;
	uint8_t roles[COLUMNS_MAX];
	char *names[COLUMNS_MAX];
};

__attribute__((format(printf, 2, 3))) static int fail(const struct csv *csv, const char *format,
						      ...)
{
	va_list list;

	(void)fprintf(stderr, "sluice: %s: ", csv->path);
	if (csv->line)
		(void)fprintf(stderr, "line %zu: ", csv->line);
	va_start(list, format);
	(void)vfprintf(stderr, format, list);
	va_end(list);
	(void)fprintf(stderr, "\n");
	return CLI_FAILED;
}

/* 1: *line is one; 0: the end; else a cli_exit below zero. */
static int next_line(struct csv *csv, char **line)
{
	int got = gzip_lines_next(csv->lines, line);

	csv->line++;
	if (got >= 0)
		return got;
	if (got == -E2BIG)
		(void)fail(csv, "longer than 1 MiB");
	else if (got == -EBADMSG)
		(void)fail(csv, "the file is cut or damaged");
	else
		(void)fail(csv, "cannot read: %s", strerror(-got));
	return -1;
}

/* The next field of *at, its quotes taken off (RFC 4180). NULL at the end of the line. */
static char *next_field(char **at)
{
	char *from = *at, *in = from, *out = from;
	bool is_quoted = false;

	if (!from)
		return NULL;
	for (; *in && (is_quoted || *in != ','); in++) {
		if (*in != '"')
			*out++ = *in;
		else if (is_quoted && in[1] == '"')
			*out++ = *in++;
		else
			is_quoted = !is_quoted;
	}
	*at = *in ? in + 1 : NULL;
	*out = '\0';
	return from;
}

static int read_header(struct csv *csv, const char *label)
{
	unsigned int labels = 0;
	char *line, *field;
	int got = next_line(csv, &line);

	if (got < 0)
		return CLI_FAILED;
	if (!got || !*line)
		return fail(csv, "empty: the first line names the columns");
	if (!strncmp(line, "\xef\xbb\xbf", 3))
		line += 3; /* a byte order mark */
	while ((field = next_field(&line))) {
		unsigned int at = csv->columns;

		if (at == COLUMNS_MAX)
			return fail(csv, "more than %d columns", COLUMNS_MAX);
		if (!*field)
			return fail(csv, "column %u has no name", at + 1);
		csv->names[at] = strdup(field);
		if (!csv->names[at])
			return fail(csv, "no memory");
		csv->columns++;
		csv->roles[at] = !strcmp(field, label)	       ? ROLE_LABEL
				 : !strncmp(field, "meta_", 5) ? ROLE_META
							       : ROLE_FEATURE;
		labels += csv->roles[at] == ROLE_LABEL;
		csv->table->features += csv->roles[at] == ROLE_FEATURE;
	}
	if (labels != 1)
		return fail(csv,
			    labels ? "column \"%s\" is there twice"
				   : "there is no label column \"%s\" (--label names it)",
			    label);
	if (!csv->table->features || csv->table->features > MODEL_FEATURES_MAX)
		return fail(csv, "%u feature columns; 1 to %d are taken", csv->table->features,
			    MODEL_FEATURES_MAX);
	return CLI_OK;
}

static int grow(struct csv *csv)
{
	struct model_table *t = csv->table;
	size_t capacity = csv->capacity ? csv->capacity * 2 : ROWS_FIRST;
	float *values;
	uint8_t *labels;

	if (t->rows < csv->capacity)
		return CLI_OK;
	if (t->rows >= MODEL_ROWS_MAX || capacity * t->features > 2 * VALUES_MAX)
		return fail(csv, "too large: at most %llu values", VALUES_MAX);
	assert(t->features > 0); /* read_header */
	values = realloc(t->values, capacity * t->features * sizeof(*values));
	if (values)
		t->values = values;
	labels = realloc(t->labels, capacity);
	if (labels)
		t->labels = labels;
	if (!values || !labels)
		return fail(csv, "no memory");
	csv->capacity = capacity;
	return CLI_OK;
}

static int parse_number(const struct csv *csv, unsigned int column, const char *field,
			double *value)
{
	char *end;

	*value = strtod(field, &end);
	while (*end == ' ')
		end++;
	if (end == field || *end)
		return fail(csv, "column %u (%s): \"%.40s\" is not a number", column + 1,
			    csv->names[column], field);
	if (!isfinite(*value) || fabs(*value) > (double)FLT_MAX)
		return fail(csv, "column %u (%s): %.40s is not a finite number", column + 1,
			    csv->names[column], field);
	return CLI_OK;
}

static int read_row(struct csv *csv, char *line)
{
	struct model_table *t = csv->table;
	float *row = t->values + t->rows * t->features;
	unsigned int column = 0, feature = 0;
	char *field;

	while ((field = next_field(&line))) {
		double value;

		if (column == csv->columns)
			return fail(csv, "more than the %u fields of the first line", column);
		if (csv->roles[column] != ROLE_META) {
			if (parse_number(csv, column, field, &value))
				return CLI_FAILED;
			if (csv->roles[column] == ROLE_FEATURE)
				row[feature++] =
					(float)(csv->has_log ? copysign(log1p(fabs(value)), value)
							     : value);
			else if (value == 0 || value == 1)
				t->labels[t->rows] = value == 1;
			else
				return fail(csv,
					    "column %u (%s): label \"%.40s\" is neither 0 nor 1",
					    column + 1, csv->names[column], field);
		}
		column++;
	}
	if (column < csv->columns)
		return fail(csv, "%u fields, the first line has %u", column, csv->columns);
	t->rows++;
	return CLI_OK;
}

static int read_rows(struct csv *csv)
{
	char *line;
	int got;

	while ((got = next_line(csv, &line)) > 0) {
		if (!*line)
			continue; /* a blank line at the end */
		if (grow(csv) || read_row(csv, line))
			return CLI_FAILED;
	}
	return got ? CLI_FAILED : CLI_OK;
}

static void take_names(struct csv *csv)
{
	struct model_table *t = csv->table;
	uint32_t at = 0;

	for (unsigned int i = 0; i < csv->columns; i++)
		if (csv->roles[i] == ROLE_FEATURE) {
			t->names[at++] = csv->names[i];
			csv->names[i] = NULL;
		}
}

static int read_all(struct csv *csv, const char *label)
{
	int error = gzip_lines_open(csv->path, &csv->lines);

	if (error)
		return fail(csv, "%s", strerror(-error));
	error = read_header(csv, label);
	if (!error)
		error = read_rows(csv);
	if (error)
		return error;
	take_names(csv);
	csv->line = 0;
	if (csv->table->rows < 2)
		return fail(csv, "%zu rows behind the header; a forest needs at least 2",
			    csv->table->rows);
	return CLI_OK;
}

int model_table_read(const char *path, const char *label, bool has_log, struct model_table **out)
{
	CLEANUP(model_table_free) struct model_table *table = calloc(1, sizeof(*table));
	CLEANUP(free) struct csv *csv = calloc(1, sizeof(*csv));
	int error;

	if (!table || !csv) {
		(void)fprintf(stderr, "sluice: no memory\n");
		return CLI_FAILED;
	}
	csv->path = path;
	csv->table = table;
	csv->has_log = has_log;
	error = read_all(csv, label);
	gzip_lines_close(csv->lines);
	for (unsigned int i = 0; i < csv->columns; i++)
		free(csv->names[i]);
	if (error)
		return error;
	*out = TAKE(table);
	return CLI_OK;
}

void model_table_free(struct model_table *table)
{
	if (!table)
		return;
	for (uint32_t i = 0; i < MODEL_FEATURES_MAX; i++)
		free(table->names[i]);
	free(table->values);
	free(table->labels);
	free(table);
}

/* ---- figures of merit ----------------------------------------------------------------------- */

struct scored {
	float score;
	uint8_t label;
};

static int compare_scored(const void *a, const void *b)
{
	const struct scored *x = a, *y = b;

	return (x->score < y->score) - (x->score > y->score);
}

/* Source: Fawcett, "An introduction to ROC analysis", 2006, algorithm 2 (AUC by steps); average
 * precision as the sum of precision over steps of recall, no interpolation. */
static void sum_steps(const struct scored *rows, size_t count, double positives, double *auc,
		      double *precision)
{
	double hits = 0, misses = 0, area = 0, sum = 0;

	for (size_t i = 0; i < count;) {
		double new_hits = 0, new_misses = 0;
		float score = rows[i].score;

		for (; i < count && rows[i].score == score; i++) {
			new_hits += rows[i].label;
			new_misses += !rows[i].label;
		}
		area += new_misses * (hits + new_hits / 2);
		hits += new_hits;
		misses += new_misses;
		sum += new_hits * hits / (hits + misses);
	}
	*auc = area / (positives * ((double)count - positives));
	*precision = sum / positives;
}

bool model_table_auc(const uint8_t *labels, const float *scores, size_t count, double *auc,
		     double *precision)
{
	CLEANUP(free) struct scored *rows = calloc(count, sizeof(*rows));
	size_t positives = 0;

	for (size_t i = 0; rows && i < count; i++) {
		rows[i] = (struct scored){ scores[i], labels[i] };
		positives += labels[i];
	}
	if (!positives || positives == count)
		return false;
	qsort(rows, count, sizeof(*rows), compare_scored);
	sum_steps(rows, count, (double)positives, auc, precision);
	return true;
}
