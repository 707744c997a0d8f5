/*
 * A learner as bytes: a header with every size, its thresholds' scores, its rows, its models, a
 * checksum. Nothing is believed: sizes are bounded before memory is taken, numbers looked at before
 * they are used. Features are known by name: other ones make another learner. In host order.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/model/internal.h"
#include "agent/model/learner.h"
#include "agent/util/sketch_hash.h"

#define LEARNER_MAGIC	0x4c43554c53ULL /* "SLUCL" as a little-endian number */
#define LEARNER_VERSION 1
#define LEARNER_SEED	0x6c6561726eULL
#define COUNT_MOST	(1ULL << 53) /* what JSON says exactly; no machine gets there */

struct learner_header {
	uint64_t magic;
	uint32_t version, features;
	uint64_t names; /* hash of the features' names */
	uint64_t learned, gated, watched_s, fitted_at, alarms;
	uint32_t promoted, refused;
	int64_t trained_unix_ms;
	uint64_t trained_hosts;
	uint32_t row_count, model_count;
	uint64_t model_bytes[LEARNER_MODELS];
	struct tail tail;
};

static uint64_t hash_names(uint32_t features)
{
	uint64_t hash = features;

	for (uint32_t f = 0; f < features; f++) {
		const char *name = model_feature_name(f);

		hash = hash_bytes(name, strlen(name), hash);
	}
	return hash;
}

static void fill_header(const struct learner *learner, struct learner_header *header)
{
	memset(header, 0, sizeof(*header));
	header->magic = LEARNER_MAGIC;
	header->version = LEARNER_VERSION;
	header->features = learner->features;
	header->names = hash_names(learner->features);
	header->learned = learner->learned;
	header->gated = learner->gated;
	header->watched_s = learner->watched_s;
	header->fitted_at = learner->fitted_at;
	header->alarms = learner->alarms;
	header->promoted = learner->promoted;
	header->refused = learner->refused;
	header->trained_unix_ms = learner->trained_unix_ms;
	header->trained_hosts = learner->trained_hosts;
	header->row_count = learner->count;
	header->model_count = learner->model_count;
	header->tail = learner->tail;
}

void learner_encode(const struct learner *learner, struct buffer *buffer)
{
	struct learner_header header;
	size_t from = buffer->len;
	uint64_t sum;

	fill_header(learner, &header);
	buffer_append(buffer, &header, sizeof(header));
	if (learner->count)
		buffer_append(buffer, learner->rows,
			      (size_t)learner->count * learner->features * sizeof(float));
	for (uint32_t i = 0; i < learner->model_count; i++) {
		size_t before = buffer->len;

		model_encode(learner->models[i], buffer);
		header.model_bytes[i] = buffer->len - before;
	}
	if (buffer->error)
		return;
	memcpy(buffer->data + from, &header, sizeof(header)); /* now that it knows the sizes */
	sum = hash_bytes(buffer->data + from, buffer->len - from, LEARNER_SEED);
	buffer_append(buffer, &sum, sizeof(sum));
}

static int refuse(char *reason, const char *text)
{
	(void)snprintf(reason, MODEL_REASON_MAX, "%s", text);
	return -EBADMSG;
}

static bool is_tail(const struct tail *tail)
{
	if (tail->used > TAIL_TOP || tail->used > tail->seen || tail->seen > COUNT_MOST)
		return false;
	for (uint32_t i = 0; i < tail->used; i++)
		if (!isfinite(tail->top[i]) || (i && tail->top[i] > tail->top[i - 1]))
			return false;
	return true;
}

static int check_header(const struct learner_header *h, uint32_t features, size_t len, char *reason)
{
	size_t whole = sizeof(*h) + sizeof(uint64_t);

	if (h->version != LEARNER_VERSION) {
		(void)refuse(reason, "of another version of this program");
		return -EPROTONOSUPPORT;
	}
	if (h->features != features || h->names != hash_names(features))
		return refuse(reason, "of other features than this program's");
	if (h->row_count > LEARNER_ROWS_MAX || h->model_count > LEARNER_MODELS)
		return refuse(reason, "too many rows or models");
	if (h->learned > COUNT_MOST || h->gated > COUNT_MOST || h->watched_s > COUNT_MOST ||
	    h->alarms > COUNT_MOST || h->fitted_at > h->learned || h->row_count > h->learned)
		return refuse(reason, "its counters cannot be");
	if (!is_tail(&h->tail))
		return refuse(reason, "its thresholds cannot be");
	whole += (size_t)h->row_count * features * sizeof(float);
	for (uint32_t i = 0; i < h->model_count; i++) {
		if (h->model_bytes[i] > LEARNER_BYTES_MAX)
			return refuse(reason, "a model in it is too large");
		whole += h->model_bytes[i];
	}
	return len == whole ? 0 : refuse(reason, "its length is not what its header says");
}

static int read_rows(struct learner *learner, const uint8_t *data, uint32_t count)
{
	size_t values = (size_t)count * learner->features;

	if (!count)
		return 0;
	learner->rows = malloc((size_t)LEARNER_ROWS_MAX * learner->features * sizeof(float));
	if (!learner->rows)
		return -ENOMEM;
	memcpy(learner->rows, data, values * sizeof(float));
	for (size_t i = 0; i < values; i++)
		if (!isfinite(learner->rows[i]))
			return -EBADMSG;
	learner->count = count;
	return 0;
}

static int read_models(struct learner *learner, const uint8_t *data,
		       const struct learner_header *header, char *reason)
{
	for (uint32_t i = 0; i < header->model_count; i++) {
		struct model *model = NULL;
		int error = model_decode(data, header->model_bytes[i], &model, reason);

		if (error)
			return error;
		learner->models[learner->model_count++] = model;
		if (model_features(model) != learner->features || !model->has_rules)
			return refuse(reason, "a model in it is of other features");
		data += header->model_bytes[i];
	}
	return 0;
}

static void learner_done_cleanup(struct learner *learner)
{
	learner_done(learner);
}

int learner_decode(const void *data, size_t len, uint32_t features, struct learner *out,
		   char reason[static MODEL_REASON_MAX])
{
	CLEANUP(learner_done) struct learner learner = { .features = features };
	const uint8_t *at = (const uint8_t *)data + sizeof(struct learner_header);
	struct learner_header header;
	uint64_t sum;
	int error;

	if (len < sizeof(header) + sizeof(sum))
		return refuse(reason, "too short");
	memcpy(&header, data, sizeof(header));
	if (header.magic != LEARNER_MAGIC)
		return refuse(reason, "not a file of Sluice's model");
	error = check_header(&header, features, len, reason);
	if (error)
		return error;
	memcpy(&sum, (const uint8_t *)data + len - sizeof(sum), sizeof(sum));
	if (sum != hash_bytes(data, len - sizeof(sum), LEARNER_SEED))
		return refuse(reason, "damaged: its checksum differs");
	error = read_rows(&learner, at, header.row_count);
	if (error == -EBADMSG)
		return refuse(reason, "a row is not of numbers");
	if (!error)
		error = read_models(&learner,
				    at + (size_t)header.row_count * features * sizeof(float),
				    &header, reason);
	if (error)
		return error;
	learner.learned = header.learned;
	learner.gated = header.gated;
	learner.watched_s = header.watched_s;
	learner.fitted_at = header.fitted_at;
	learner.alarms = header.alarms;
	learner.promoted = header.promoted;
	learner.refused = header.refused;
	learner.trained_unix_ms = header.trained_unix_ms;
	learner.trained_hosts = header.trained_hosts;
	learner.tail = header.tail;
	*out = learner;
	memset(&learner, 0, sizeof(learner)); /* handed over */
	return 0;
}
