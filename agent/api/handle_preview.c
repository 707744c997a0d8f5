/*
 * What a block would have dropped: the flows of the last 7 days that it holds, who began them, and
 * who of those is one of ours.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/preview.h"
#include "agent/block/block.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"

#define RANGE_MS     (7LL * 24 * 3600 * 1000)
#define SAFE_MAX     4096
#define IDS_SLOTS    (1U << 19) /* 4 MiB while it is asked; half of them are filled at most */
#define SOURCE_SLOTS (1U << 13)
#define TOP_MAX	     10

struct source {
	struct addr addr;
	uint64_t flows, bytes;
	bool is_ours;
};

/* What one question gathers; safe prefixes are copied for the search's thread. */
struct preview {
	uint64_t ids[IDS_SLOTS]; /* of flows; records of one share it */
	struct source sources[SOURCE_SLOTS];
	size_t id_count, source_count;
	uint64_t flows, records, packets, bytes;
	bool is_exact; /* false: more flows or sources than are told apart */
	struct prefix safe[SAFE_MAX];
	size_t safe_count;
};

/* RFC 1918, RFC 4193, RFC 3927 and RFC 4291: addresses of nobody else. */
static bool is_private(const struct addr *addr)
{
	static const char *const texts[] = { "10.0.0.0/8",     "172.16.0.0/12", "192.168.0.0/16",
					     "169.254.0.0/16", "fc00::/7",	"fe80::/10" };
	struct prefix prefix;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (!prefix_parse(texts[i], false, &prefix) && prefix_has_addr(&prefix, addr))
			return true;
	return false;
}

static bool is_ours(const struct preview *preview, const struct addr *addr)
{
	for (size_t i = 0; i < preview->safe_count; i++)
		if (prefix_has_addr(&preview->safe[i], addr))
			return true;
	return is_private(addr);
}

/* Returns whether the flow is a new one. */
static bool add_id(struct preview *preview, uint64_t id)
{
	/* Fibonacci hashing: ids count up (Knuth, TAOCP 3, 6.4) */
	size_t at = (size_t)((id * 0x9e3779b97f4a7c15ULL) >> 45);

	while (preview->ids[at] && preview->ids[at] != id)
		at = (at + 1) % IDS_SLOTS;
	if (preview->ids[at])
		return false;
	if (preview->id_count >= IDS_SLOTS / 2) {
		preview->is_exact = false;
		return false;
	}
	preview->ids[at] = id;
	preview->id_count++;
	return true;
}
_Static_assert(IDS_SLOTS == 1U << (64 - 45), "the hash has as many bits");

static struct source *find_source(struct preview *preview, const struct addr *addr)
{
	size_t at = (size_t)(addr_hash(addr, 0) % SOURCE_SLOTS);

	while (preview->sources[at].addr.family != ADDR_NONE &&
	       !addr_is_equal(&preview->sources[at].addr, addr))
		at = (at + 1) % SOURCE_SLOTS;
	if (preview->sources[at].addr.family != ADDR_NONE)
		return &preview->sources[at];
	if (preview->source_count >= SOURCE_SLOTS / 2) {
		preview->is_exact = false;
		return NULL;
	}
	preview->source_count++;
	preview->sources[at] = (struct source){ .addr = *addr, .is_ours = is_ours(preview, addr) };
	return &preview->sources[at];
}

void preview_add(struct preview *preview, const struct flow_record *record)
{
	struct source *source = find_source(preview, &record->tuple.src);
	uint64_t bytes = record->bytes_out + record->bytes_in;
	bool is_new = add_id(preview, record->id);

	preview->records++;
	preview->flows += is_new;
	preview->packets += record->packets_out + record->packets_in;
	preview->bytes += bytes;
	if (source) {
		source->flows += is_new;
		source->bytes += bytes;
	}
}

static bool add_record(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	(void)texts;
	preview_add(arg, record);
	return true;
}

/* Ours first, then by flows. */
static int compare(const void *left, const void *right)
{
	const struct source *a = left, *b = right;

	if (a->is_ours != b->is_ours)
		return a->is_ours ? -1 : 1;
	if (a->flows != b->flows)
		return a->flows > b->flows ? -1 : 1;
	return addr_compare(&a->addr, &b->addr);
}

static size_t count_ours(const struct preview *preview)
{
	size_t count = 0;

	for (size_t i = 0; i < SOURCE_SLOTS; i++)
		count +=
			preview->sources[i].addr.family != ADDR_NONE && preview->sources[i].is_ours;
	return count;
}

static void append_sources(struct buffer *out, struct preview *preview)
{
	size_t used = 0;

	for (size_t i = 0; i < SOURCE_SLOTS; i++)
		if (preview->sources[i].addr.family != ADDR_NONE)
			preview->sources[used++] = preview->sources[i];
	qsort(preview->sources, used, sizeof(preview->sources[0]), compare);
	buffer_append_text(out, ",\"top_sources\":[");
	for (size_t i = 0; i < used && i < TOP_MAX; i++) {
		const struct source *source = &preview->sources[i];
		char text[ADDR_TEXT_MAX];

		buffer_append_format(
			out, "%s{\"ip\":\"%s\",\"yours\":%s,\"flows\":%llu,\"bytes\":%llu}",
			i ? "," : "", addr_format(&source->addr, text),
			source->is_ours ? "true" : "false", (unsigned long long)source->flows,
			(unsigned long long)source->bytes);
	}
	buffer_append_text(out, "]");
}

void preview_append(struct search_job *job, const struct history_reach *reach)
{
	struct preview *preview = job->more;
	size_t ours = count_ours(preview);

	buffer_append_format(
		&job->body,
		",\"flows\":%llu,\"records\":%llu,\"packets\":%llu,\"bytes\":%llu,"
		"\"sources\":%zu,\"sources_yours\":%zu,\"exact\":%s",
		(unsigned long long)preview->flows, (unsigned long long)preview->records,
		(unsigned long long)preview->packets, (unsigned long long)preview->bytes,
		preview->source_count, ours, preview->is_exact ? "true" : "false");
	append_sources(&job->body, preview);
	buffer_append_text(&job->body, ",\"from\":");
	append_time(&job->body, job->search.from_unix_ms, "\"");
	append_reach(&job->body, reach, reach->is_complete);
	buffer_append_format(&job->body,
			     ",\"summary\":\"Would have dropped %llu flow%s from %zu source%s, %zu "
			     "of them yours.\"}",
			     (unsigned long long)preview->flows, preview->flows == 1 ? "" : "s",
			     preview->source_count, preview->source_count == 1 ? "" : "s", ours);
}

static int look_back(struct search_job *job)
{
	struct history_reach reach;
	int error = store_search(job->call.api->options.store, &job->search, add_record, job->more,
				 &reach);

	if (!error)
		preview_append(job, &reach);
	return error;
}

/* ---- off the request ------------------------------------------------------------------------- */

static void copy_safe(const struct call *call, struct preview *preview)
{
	CLEANUP(free) struct safe_entry *entries = calloc(SAFE_MAX, sizeof(*entries));
	int count = entries ? block_safe_list(call->api->options.block, entries, SAFE_MAX) : 0;

	for (int i = 0; i < count; i++)
		if (entries[i].kind != SAFE_SPECIAL)
			preview->safe[preview->safe_count++] = entries[i].prefix;
}

/* The block as a search: either end of a flow, for a packet goes each way. */
static int aim(struct search_job *job, const struct block_question *question)
{
	char text[PARAM_MAX * 2], target[PREFIX_TEXT_MAX];
	struct flow_query_error error;
	struct prefix prefix;
	int used;

	if (!prefix_parse(question->value, false, &prefix))
		used = snprintf(text, sizeof(text), "ip:%s", prefix_format(&prefix, target));
	else
		used = snprintf(text, sizeof(text), "domain:\"%s\"", question->value);
	if (used > 0 && *question->proto)
		used += snprintf(text + used, sizeof(text) - (size_t)used, " proto:\"%s\"",
				 question->proto);
	if (used > 0 && question->port)
		(void)snprintf(text + used, sizeof(text) - (size_t)used, " port:%lld",
			       (long long)question->port);
	flow_query_free(job->query);
	job->query = NULL;
	int failure = flow_query_parse(text, clock_unix_ms(), &job->query, &error);
	job->search.query = job->query;
	if (failure == -EINVAL)
		answer_error(&job->call, 422, "invalid", "value", error.text);
	else if (failure)
		answer_failure(&job->call, failure);
	return failure;
}

static int read_question(struct call *call, char *value, char *proto,
			 struct block_question *question)
{
	const char *query = call->request->query;

	*question = (struct block_question){ .value = value, .direction = "", .proto = proto };
	if (param_int(call, "port", 0, UINT16_MAX, &question->port))
		return -EINVAL;
	/* what cannot be decoded is empty, and refused by name */
	if (param_text(query, "value", value))
		value[0] = '\0';
	if (param_text(query, "proto", proto))
		proto[0] = '\0';
	return 0;
}

int preview_prepare(struct call *call, struct search_job *job)
{
	struct preview *preview = calloc(1, sizeof(*preview));

	job->more = preview;
	if (!preview) {
		answer_failure(call, -ENOMEM);
		return -ENOMEM;
	}
	preview->is_exact = true;
	job->search.is_in_view = NULL; /* a block drops also what is not shown */
	job->search.needs = FLOW_NEED_ADDRS | FLOW_NEED_BYTES | FLOW_NEED_PACKETS | FLOW_NEED_ID;
	copy_safe(call, preview);
	if (!job->search.from_unix_ms)
		job->search.from_unix_ms = clock_unix_ms() - RANGE_MS;
	return 0;
}

static void append_head(struct search_job *job, const struct block_question *question,
			const struct block_verdict *verdict)
{
	buffer_append_text(&job->body, "{\"value\":");
	append_json_text(&job->body, question->value);
	buffer_append_text(&job->body, ",\"refused\":");
	append_json_text(&job->body,
			 verdict->outcome.error == -EPERM ? verdict->outcome.message : NULL);
}

void handle_block_preview(struct call *call)
{
	CLEANUP(search_job_free) struct search_job *job = NULL;
	CLEANUP(free) struct block_verdict *verdict = calloc(1, sizeof(*verdict));
	char value[PARAM_MAX], proto[PARAM_MAX];
	struct block_question question;

	if (read_question(call, value, proto, &question))
		return;
	job = verdict ? search_job_new(call) : NULL;
	if (!job)
		return;
	(void)block_test(call->api->options.block, &question, verdict);
	if (verdict->outcome.error == -EINVAL) {
		answer_error(call, 422, "invalid", verdict->outcome.field,
			     verdict->outcome.message);
		return;
	}
	if (aim(job, &question) || preview_prepare(call, job))
		return;
	append_head(job, &question, verdict);
	search_job_start(TAKE(job), look_back);
}
