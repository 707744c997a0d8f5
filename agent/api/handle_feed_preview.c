/*
 * A feed before it is one: what it would have dropped of the last 7 days. It is fetched on the
 * service's time, and held against the history by a search.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/preview.h"
#include "agent/intel/intel.h"
#include "agent/store/store.h"
#include "agent/util/addr.h"
#include "agent/util/name_set.h"
#include "agent/util/prefix_set.h"

#define TOP_ENTRIES   10
#define ENTRIES_KEPT  4096 /* told apart; what meets more is said to be too much anyway */
#define NAME_TOLD_MAX 64

/* An entry that met something. */
struct met {
	char text[PREFIX_TEXT_MAX + NAME_TOLD_MAX];
	uint64_t records, bytes;
};

struct look {
	struct preview *preview;
	struct prefix_set *set;
	struct met *met; /* of ENTRIES_KEPT, by hash */
	size_t met_count;
};

static struct met *find_met(struct look *look, const char *text)
{
	uint64_t hash = 14695981039346656037ULL; /* FNV-1a (draft-eastlake-fnv) */
	size_t at;

	for (const char *c = text; *c; c++)
		hash = (hash ^ (uint8_t)*c) * 1099511628211ULL;
	at = (size_t)(hash % ENTRIES_KEPT);
	while (*look->met[at].text && strcmp(look->met[at].text, text) != 0)
		at = (at + 1) % ENTRIES_KEPT;
	if (!*look->met[at].text) {
		if (look->met_count >= ENTRIES_KEPT / 2)
			return NULL;
		look->met_count++;
		(void)snprintf(look->met[at].text, sizeof(look->met[at].text), "%s", text);
	}
	return &look->met[at];
}

static bool holds_addr(const struct look *look, const struct addr *addr, char *text)
{
	const struct prefix whole = prefix_from_addr(addr);
	struct prefix holder;

	if (!prefix_set_holder(look->set, &whole, &holder))
		return false;
	if (prefix_is_exact(&holder))
		(void)addr_format(addr, text);
	else
		(void)prefix_format(&holder, text);
	return true;
}

static bool holds_name(const struct look *look, const char *name, char *text)
{
	struct name_set *names = prefix_set_names(look->set);
	const char *holder = names && name && *name ? name_set_holder(names, name) : NULL;

	if (holder)
		(void)snprintf(text, NAME_TOLD_MAX, "%.60s", holder);
	return holder;
}

static bool look_at(void *arg, const struct flow_record *record, const struct flow_texts *texts)
{
	struct look *look = arg;
	char text[PREFIX_TEXT_MAX + NAME_TOLD_MAX];
	struct met *met;

	if (!holds_addr(look, &record->tuple.src, text) &&
	    !holds_addr(look, &record->tuple.dst, text) && !holds_name(look, texts->sni, text) &&
	    !holds_name(look, texts->host, text))
		return true;
	preview_add(look->preview, record);
	met = find_met(look, text);
	if (met) {
		met->records++;
		met->bytes += record->bytes_out + record->bytes_in;
	}
	return true;
}

static int compare(const void *left, const void *right)
{
	const struct met *a = left, *b = right;

	if (a->records != b->records)
		return a->records > b->records ? -1 : 1;
	return strcmp(a->text, b->text);
}

static void append_met(struct buffer *out, struct look *look)
{
	size_t used = 0;

	for (size_t i = 0; i < ENTRIES_KEPT; i++)
		if (*look->met[i].text)
			look->met[used++] = look->met[i];
	qsort(look->met, used, sizeof(*look->met), compare);
	buffer_append_text(out, ",\"top_entries\":[");
	for (size_t i = 0; i < used && i < TOP_ENTRIES; i++) {
		buffer_append_text(out, i ? ",{\"entry\":" : "{\"entry\":");
		append_json_text(out, look->met[i].text);
		buffer_append_format(out, ",\"records\":%llu,\"bytes\":%llu}",
				     (unsigned long long)look->met[i].records,
				     (unsigned long long)look->met[i].bytes);
	}
	buffer_append_text(out, "]");
}

static int look_back(struct search_job *job)
{
	struct look look = { .preview = job->more, .set = job->set };
	struct history_reach reach;
	int error;

	look.met = calloc(ENTRIES_KEPT, sizeof(*look.met));
	if (!look.met)
		return -ENOMEM;
	error = store_search(job->call.api->options.store, &job->search, look_at, &look, &reach);
	if (!error) {
		append_met(&job->body, &look);
		preview_append(job, &reach);
	}
	free(look.met);
	return error;
}

static void append_head(struct buffer *out, const struct feed_preview *preview)
{
	static const char *const states[] = { "none", "fetching", "ready", "failed" };
	size_t names = name_set_len(prefix_set_names(preview->set));

	buffer_append_format(out, "{\"state\":\"%s\",\"url\":", states[preview->state]);
	append_json_text(out, preview->url);
	buffer_append_text(out, ",\"error\":");
	append_json_text(out, preview->error);
	buffer_append_format(out, ",\"lines\":%zu,\"refused\":%zu,\"entries\":%zu,\"names\":%zu",
			     preview->lines, preview->refused, prefix_set_total(preview->set),
			     names);
}

void handle_feed_preview(struct call *call)
{
	const struct feed_preview *preview = feed_preview(call->api->options.feeds);
	CLEANUP(search_job_free) struct search_job *job = search_job_new(call);

	if (!job)
		return;
	append_head(&job->body, preview);
	if (preview->state != FEED_PREVIEW_READY) {
		buffer_append_text(&job->body, "}");
		answer_text(call, 200, (const char *)job->body.data, job->body.len);
		return;
	}
	if (preview_prepare(call, job))
		return;
	job->search.needs |= FLOW_NEED_NAMES; /* lists hold names, too */
	job->set = prefix_set_ref(preview->set);
	search_job_start(TAKE(job), look_back);
}

void handle_feed_preview_ask(struct call *call)
{
	CLEANUP(json_free) struct json *body = NULL;
	const char *url;
	int error;

	if (body_json(call, &body) || body_text(call, body, "url", &url))
		return;
	error = feed_preview_ask(call->api->options.feeds, url);
	if (error == -EINVAL) {
		answer_error(call, 422, "invalid", "url",
			     "url is http://, https:// or file:///PATH.");
	} else if (error == -EBUSY) {
		answer_error(call, 409, "busy", NULL, "Another one is being fetched.");
	} else {
		struct json *answer = json_new_object();

		json_set_string(answer, "state", "fetching");
		json_set_string(answer, "url", url);
		answer_json(call, 202, answer);
	}
}
