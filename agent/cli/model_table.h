/*
 * A labelled CSV as rows of numbers, for `sluice model eval`. What is wrong with a file is said
 * with line and column. Only agent/cli includes it.
 */
#ifndef SLUICE_CLI_MODEL_TABLE_H
#define SLUICE_CLI_MODEL_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/model/model.h"
#include "agent/util/cleanup.h"

struct model_table {
	size_t rows;
	uint32_t features;
	float *values;	 /* rows * features */
	uint8_t *labels; /* 1 = anomaly */
	char *names[MODEL_FEATURES_MAX];
};

/*
 * model_table_read - feature columns are all but @label and those named meta_*.
 * @has_log: each value x becomes sign(x) ln(1 + |x|)
 * Says what is wrong on stderr. Returns a cli_exit.
 */
int model_table_read(const char *path, const char *label, bool has_log, struct model_table **out);
void model_table_free(struct model_table *table);
DEFINE_CLEANUP(model_table_free, struct model_table)

/* Both of scores that are larger for anomalies; ties count half, or as one threshold. False when
 * only one class is there. */
bool model_table_auc(const uint8_t *labels, const float *scores, size_t count, double *auc,
		     double *precision);

#endif
