/*
 * A model file from outside. The checksum is made good, so that what lies behind it is looked at;
 * what is accepted has to score any row and come back the same through its own bytes.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/model.h"
#include "agent/util/sketch_hash.h"

#define SUM_SEED 0x6d6f64656cULL /* as agent/model/file.c */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void score_some(const struct model *model)
{
	uint32_t features = model_features(model);
	float *row = calloc(features, sizeof(*row)), score;
	struct model_reason reasons[3];

	if (!row)
		return;
	for (int i = -2; i <= 2; i++) {
		for (uint32_t f = 0; f < features; f++)
			row[f] = (float)i * 1e30F;
		if (model_score(model, row, 1, &score))
			abort();
		(void)model_explain(model, row, reasons, 3);
	}
	free(row);
}

static void check_encode(const struct model *model, const uint8_t *data, size_t size)
{
	struct buffer buffer;

	buffer_init(&buffer, size + 1);
	model_encode(model, &buffer);
	if (!buffer.error && (buffer.len != size || memcmp(buffer.data + 48, data + 48, size - 56)))
		abort();
	buffer_done(&buffer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char reason[MODEL_REASON_MAX] = "";
	struct model *model = NULL;
	uint8_t *copy = malloc(size + 1);
	uint64_t sum;

	if (!copy)
		return 0;
	memcpy(copy, data, size);
	if (size >= sizeof(sum)) {
		sum = hash_bytes(copy, size - sizeof(sum), SUM_SEED);
		memcpy(copy + size - sizeof(sum), &sum, sizeof(sum));
	}
	if (!model_decode(copy, size, &model, reason)) {
		score_some(model);
		check_encode(model, copy, size);
	} else if (!reason[0]) {
		abort();
	}
	model_free(model);
	free(copy);
	return 0;
}
