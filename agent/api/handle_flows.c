/*
 * Flows: those active now or lately ended, from the snapshot; and the history.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/util/cleanup.h"
#include "agent/util/snapshot.h"
#include "include/history.h"

#define FLOWS_LIMIT_DEFAULT 1000
#define FLOWS_LIMIT_MAX	    100000

/* ---- now ------------------------------------------------------------------------------------- */

struct live_texts {
	const struct snapshot *snapshot;
	const struct flow *flow;
	char (*ifaces)[IFACE_TEXT_MAX];
	const struct api *view; /* whose view filter is asked; NULL = none */
	struct known_ends ends;
	struct flow_texts texts;
};

static const struct flow_texts *live_texts(void *arg, const struct flow_record *record)
{
	struct live_texts *live = arg;
	const struct flow_names *names = snapshot_names(live->snapshot, live->flow);

	live->texts = (struct flow_texts){ .iface = live->ifaces[record->iface],
					   .ends = known_ends_of,
					   .ends_arg = &live->ends };
	if (names) {
		live->texts.sni = names->sni;
		live->texts.host = names->host;
		live->texts.ja4 = names->ja4;
	}
	return &live->texts;
}

/* Newest first; a page begins behind the flow that ended it. */
static unsigned int page_start(const struct snapshot *snapshot, int64_t after)
{
	for (unsigned int i = 0; after && i < snapshot->flow_count; i++)
		if (snapshot->flows[i].id == (uint64_t)after)
			return i + 1;
	return 0;
}

static bool is_shown(struct live_texts *live, const struct flow_query *query,
		     const struct flow_record *record)
{
	const struct api_options *view = live->view ? &live->view->options : NULL;

	return flow_query_matches(query, record, live_texts, live) &&
	       (!view || view->is_in_view(view->arg, record));
}

/* Matches into @body. Returns the id behind which more may follow, or 0. */
static uint64_t append_live(struct live_texts *live, const struct flow_query *query,
			    struct buffer *body, unsigned int start, int64_t limit)
{
	const struct snapshot *snapshot = live->snapshot;
	const char *comma = "";
	uint64_t last = 0;

	for (unsigned int i = start; i < snapshot->flow_count; i++) {
		struct flow_record record;

		if (!limit || body->len >= SEARCH_BODY_MAX)
			return last;
		live->flow = &snapshot->flows[i];
		record_from_flow(live->flow, &record);
		if (!is_shown(live, query, &record))
			continue;
		buffer_append_text(body, comma);
		record_append_json(body, &record, live_texts(live, &record));
		comma = ",";
		last = record.id;
		limit--;
	}
	return 0;
}

static void answer_live(struct call *call, const struct flow_query *query, int64_t after)
{
	CLEANUP(snapshot_unref) struct snapshot *snapshot = snapshot_or_answer(call);
	CLEANUP(buffer_done) struct buffer body;
	char ifaces[HISTORY_IFACES][IFACE_TEXT_MAX] = { "" };
	struct live_texts live = { .snapshot = snapshot,
				   .ifaces = ifaces,
				   .view = search_shows_all(call) ? NULL : call->api,
				   .ends.options = &call->api->options };
	int64_t limit = FLOWS_LIMIT_DEFAULT;
	uint64_t next;

	buffer_init(&body, SEARCH_BODY_MAX + (64U << 10));
	if (!snapshot || param_int(call, "limit", 1, FLOWS_LIMIT_MAX, &limit))
		return;
	ifaces_fill(snapshot, ifaces);
	buffer_append_text(&body, "{\"items\":[");
	next = append_live(&live, query, &body, page_start(snapshot, after), limit);
	known_ends_done(&live.ends);
	if (next)
		buffer_append_format(&body, "],\"next\":%llu", (unsigned long long)next);
	else
		buffer_append_text(&body, "],\"next\":null");
	buffer_append_text(&body, ",\"live\":true,\"complete\":true,\"scanned_to\":null}");
	if (body.error)
		answer_failure(call, body.error);
	else
		answer_text(call, 200, (const char *)body.data, body.len);
}

/* ---- then ------------------------------------------------------------------------------------ */

struct list {
	struct search_job *job;
	int64_t left;
	const char *comma;
};

static bool append_match(void *arg, const struct flow_record *record,
			 const struct flow_texts *texts)
{
	struct list *list = arg;
	struct buffer *body = &list->job->body;

	buffer_append_text(body, list->comma);
	record_append_json(body, record, texts);
	list->comma = ",";
	return --list->left > 0 && body->len < SEARCH_BODY_MAX;
}

/* "next" leads on behind a full page and behind a search that was cut. */
static int list_history(struct search_job *job)
{
	struct list list = { .job = job, .left = job->limit, .comma = "" };
	struct history_reach reach;
	char cursor[CURSOR_TEXT_MAX];
	bool is_cut;
	int error;

	buffer_append_text(&job->body, "{\"items\":[");
	error = store_search(job->call.api->options.store, &job->search, append_match, &list,
			     &reach);
	if (error)
		return error;
	is_cut = !reach.is_complete && list.left > 0 && job->body.len < SEARCH_BODY_MAX;
	cursor_format(reach.hour, reach.row, cursor);
	buffer_append_text(&job->body, "],\"next\":");
	append_json_text(&job->body, reach.is_complete ? NULL : cursor);
	buffer_append_text(&job->body, ",\"live\":false");
	append_reach(&job->body, &reach, !is_cut);
	buffer_append_text(&job->body, "}");
	return 0;
}

static void answer_history(struct call *call)
{
	int64_t limit = FLOWS_LIMIT_DEFAULT;
	CLEANUP(search_job_free) struct search_job *job = NULL;

	if (param_int(call, "limit", 1, FLOWS_LIMIT_MAX, &limit))
		return;
	job = search_job_new(call);
	if (!job)
		return;
	job->limit = limit;
	search_job_start(TAKE(job), list_history);
}

/* ---- which of them --------------------------------------------------------------------------- */

static bool is_given(const struct call *call, const char *name)
{
	char text[PARAM_MAX];

	return param_text(call->request->query, name, text) || *text;
}

/* A time, a verdict or a page of the history asks for the history; live= says it plainly. */
static bool wants_history(const struct call *call, const struct flow_query *query)
{
	char live[PARAM_MAX], after[PARAM_MAX];

	if (!param_text(call->request->query, "live", live) && *live)
		return !strcmp(live, "0");
	if (!param_text(call->request->query, "after", after) && *after == 'h')
		return true;
	const struct flow_query_plan *plan = flow_query_plan(query);
	return is_given(call, "from") || is_given(call, "to") || plan->has_time ||
	       plan->has_verdict;
}

void handle_flows(struct call *call)
{
	CLEANUP(flow_query_free) struct flow_query *query = NULL;
	int64_t after = 0;

	if (search_read_query(call, &query))
		return;
	if (wants_history(call, query)) {
		answer_history(call);
		return;
	}
	if (param_int(call, "before", 1, INT64_MAX, &after) ||
	    param_int(call, "after", 1, INT64_MAX, &after))
		return;
	answer_live(call, query, after);
}
