/*
 * A model as bytes: a header with every size, the arrays, a checksum. Nothing is believed: sizes
 * are bounded before memory is taken, and every index and number is looked at before it is used.
 * In host order; a file from a machine of the other order is a foreign one.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "agent/model/internal.h"
#include "agent/util/sketch_hash.h"

#define FILE_MAGIC   0x4d43554c53ULL /* "SLUCM" as a little-endian number */
#define FILE_VERSION 1
#define FILE_SEED    0x6d6f64656cULL

struct file_header {
	uint64_t magic;
	uint32_t version;
	uint32_t features, trees, depth, sample;
	uint32_t has_density, has_rules;
	uint32_t unused;
	uint64_t rows, seed;
	struct model_scale scales[MODEL_PARTS];
};

struct reader {
	const uint8_t *at;
	size_t left;
};

void model_encode(const struct model *model, struct buffer *buffer)
{
	const struct forest *forest = model->forest;
	size_t cells = (size_t)forest->trees << forest->depth, from = buffer->len;
	struct file_header header;
	uint64_t sum;

	memset(&header, 0, sizeof(header));
	header.magic = FILE_MAGIC;
	header.version = FILE_VERSION;
	header.features = model->features;
	header.trees = forest->trees;
	header.depth = forest->depth;
	header.sample = forest->sample;
	header.has_density = model->has_density;
	header.has_rules = model->has_rules;
	header.rows = model->rows;
	header.seed = model->seed;
	memcpy(header.scales, model->scales, sizeof(header.scales));
	buffer_append(buffer, &header, sizeof(header));
	buffer_append(buffer, forest->nodes, cells * sizeof(*forest->nodes));
	buffer_append(buffer, forest->depths, cells * sizeof(float));
	if (model->has_density)
		buffer_append(buffer, forest->densities, cells * sizeof(float));
	if (model->has_rules) {
		buffer_append(buffer, model->grid, sizeof(*model->grid));
		buffer_append(buffer, model->ranks, ranks_bytes(model->features));
	}
	if (buffer->error)
		return;
	sum = hash_bytes(buffer->data + from, buffer->len - from, FILE_SEED);
	buffer_append(buffer, &sum, sizeof(sum));
}

__attribute__((format(printf, 2, 3))) static int refuse(char *reason, const char *format, ...)
{
	va_list list;

	va_start(list, format);
	(void)vsnprintf(reason, MODEL_REASON_MAX, format, list);
	va_end(list);
	return -EBADMSG;
}

static void take(struct reader *reader, void *out, size_t len)
{
	memcpy(out, reader->at, len);
	reader->at += len;
	reader->left -= len;
}

static size_t body_bytes(const struct file_header *h)
{
	size_t cells = (size_t)h->trees << h->depth;
	size_t bytes = cells * (sizeof(struct forest_node) + sizeof(float));

	if (h->has_density)
		bytes += cells * sizeof(float);
	if (h->has_rules)
		bytes += sizeof(struct grid) + ranks_bytes(h->features);
	return bytes;
}

static int check_header(const struct file_header *h, size_t len, char *reason)
{
	if (h->version != FILE_VERSION) {
		(void)refuse(reason, "version %u, and this program reads %d", h->version,
			     FILE_VERSION);
		return -EPROTONOSUPPORT;
	}
	if (!h->features || h->features > MODEL_FEATURES_MAX)
		return refuse(reason, "%u features, at most %d", h->features, MODEL_FEATURES_MAX);
	if (!h->trees || h->trees > FOREST_TREES_MAX)
		return refuse(reason, "%u trees, at most %d", h->trees, FOREST_TREES_MAX);
	if (!h->depth || h->depth > FOREST_DEPTH_MAX)
		return refuse(reason, "trees %u deep, at most %d", h->depth, FOREST_DEPTH_MAX);
	if (h->sample < FOREST_SAMPLE_MIN || h->sample > 1U << h->depth)
		return refuse(reason, "samples of %u rows in trees %u deep", h->sample, h->depth);
	if (h->has_density > 1 || h->has_rules > 1)
		return refuse(reason, "unknown parts");
	for (int i = 0; i < MODEL_PARTS; i++)
		if (!isfinite(h->scales[i].mean) || !isfinite(h->scales[i].deviation))
			return refuse(reason, "a scale is not a number");
	if (len != sizeof(*h) + body_bytes(h) + sizeof(uint64_t))
		return refuse(reason, "%zu bytes, and its header says %zu", len,
			      sizeof(*h) + body_bytes(h) + sizeof(uint64_t));
	return 0;
}

static bool are_finite(const float *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!isfinite(values[i]))
			return false;
	return true;
}

static int read_forest(struct reader *reader, const struct file_header *h, struct model *model,
		       char *reason)
{
	const struct forest sizes = {
		.trees = h->trees, .depth = h->depth, .features = h->features, .sample = h->sample
	};
	size_t cells = (size_t)h->trees << h->depth;
	struct forest *forest = forest_alloc(&sizes, h->has_density);

	if (!forest)
		return -ENOMEM;
	model->forest = forest;
	take(reader, forest->nodes, cells * sizeof(*forest->nodes));
	take(reader, forest->depths, cells * sizeof(float));
	if (h->has_density)
		take(reader, forest->densities, cells * sizeof(float));
	for (size_t i = 0; i < cells; i++)
		if (forest->nodes[i].feature >= h->features || isnan(forest->nodes[i].threshold))
			return refuse(reason, "node %zu is not one", i);
	if (!are_finite(forest->depths, cells) ||
	    (h->has_density && !are_finite(forest->densities, cells)))
		return refuse(reason, "a leaf is not a number");
	return 0;
}

static int check_grid(const struct grid *grid, uint32_t features, char *reason)
{
	if (grid->features != features ||
	    !are_finite(grid->cells[0], (size_t)GRID_COUNT * GRID_CELLS))
		return refuse(reason, "a grid's cell is not a number");
	for (unsigned int n = 0; n < GRID_COUNT; n++) {
		uint32_t bits = 0;

		if (grid->cut_count[n] > GRID_BITS)
			return refuse(reason, "grid %u has %u cuts", n, grid->cut_count[n]);
		for (uint32_t i = 0; i < grid->cut_count[n]; i++) {
			const struct grid_cut *cut = &grid->cuts[n][i];

			if (cut->feature >= features || cut->bits > GRID_BITS)
				return refuse(reason, "cut %u of grid %u is not one", i, n);
			bits += cut->bits;
		}
		if (bits > GRID_BITS)
			return refuse(reason, "grid %u has %u bits", n, bits);
	}
	return 0;
}

static int read_rules(struct reader *reader, const struct file_header *h, struct model *model,
		      char *reason)
{
	size_t bytes = ranks_bytes(h->features);
	int error;

	model->grid = calloc(1, sizeof(*model->grid));
	model->ranks = calloc(1, bytes);
	if (!model->grid || !model->ranks)
		return -ENOMEM;
	take(reader, model->grid, sizeof(*model->grid));
	take(reader, model->ranks, bytes);
	error = check_grid(model->grid, h->features, reason);
	if (error)
		return error;
	if (model->ranks->features != h->features || !isfinite(model->ranks->step) ||
	    !isfinite(model->ranks->most) ||
	    !are_finite(model->ranks->feature[0].upper,
			h->features * sizeof(struct ranks_feature) / sizeof(float)))
		return refuse(reason, "a rank is not a number");
	return 0;
}

int model_decode(const void *data, size_t len, struct model **out,
		 char reason[static MODEL_REASON_MAX])
{
	CLEANUP(model_free) struct model *model = NULL;
	struct reader reader = { .at = data, .left = len };
	struct file_header header;
	uint64_t sum;
	int error;

	if (len < sizeof(header) + sizeof(sum))
		return refuse(reason, "%zu bytes are too few for a model", len);
	take(&reader, &header, sizeof(header));
	if (header.magic != FILE_MAGIC)
		return refuse(reason, "not a model of Sluice");
	error = check_header(&header, len, reason);
	if (error)
		return error;
	memcpy(&sum, (const uint8_t *)data + len - sizeof(sum), sizeof(sum));
	if (sum != hash_bytes(data, len - sizeof(sum), FILE_SEED))
		return refuse(reason, "damaged: its checksum differs");
	model = calloc(1, sizeof(*model));
	if (!model)
		return -ENOMEM;
	model->features = header.features;
	model->has_density = header.has_density;
	model->has_rules = header.has_rules;
	model->rows = header.rows;
	model->seed = header.seed;
	memcpy(model->scales, header.scales, sizeof(header.scales));
	error = read_forest(&reader, &header, model, reason);
	if (!error && header.has_rules)
		error = read_rules(&reader, &header, model, reason);
	if (error)
		return error;
	*out = TAKE(model);
	return 0;
}
