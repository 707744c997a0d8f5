/*
 * The way of a search: read off the request, worked elsewhere, answered.
 */
#include "agent/api/search.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/util/clock.h"
#include "agent/util/prefix_set.h"
#include "agent/util/snapshot.h"

void cursor_format(int64_t hour, int64_t row, char text[static CURSOR_TEXT_MAX])
{
	(void)snprintf(text, CURSOR_TEXT_MAX, "h%lld-%lld", (long long)hour, (long long)row);
}

static int parse_digits(const char **at, char end, int64_t *value)
{
	char *behind;

	if (**at < '0' || **at > '9')
		return -EINVAL;
	errno = 0;
	*value = strtoll(*at, &behind, 10);
	if (errno || *behind != end)
		return -EINVAL;
	*at = behind + (end != '\0');
	return 0;
}

void append_reach(struct buffer *out, const struct history_reach *reach, bool is_complete)
{
	buffer_append_format(out, ",\"complete\":%s,\"looked_at\":%llu,\"scanned_to\":",
			     is_complete ? "true" : "false", (unsigned long long)reach->looked_at);
	append_time(out, is_complete ? 0 : reach->unix_ms, "\"");
}

int cursor_parse(const char *text, int64_t *hour, int64_t *row)
{
	const char *at = text + 1;

	if (*text != 'h' || parse_digits(&at, '-', hour) || parse_digits(&at, '\0', row))
		return -EINVAL;
	return 0;
}

/* ---- off the request ------------------------------------------------------------------------- */

int search_read_query(struct call *call, struct flow_query **out)
{
	char text[PARAM_MAX];
	struct flow_query_error error;
	int failure;

	if (param_text(call->request->query, "q", text)) {
		answer_error(call, 422, "invalid", "q", "The search is too long.");
		return -EINVAL;
	}
	failure = flow_query_parse(text, clock_unix_ms(), out, &error);
	if (failure == -EINVAL)
		answer_error(call, 422, "invalid", "q", error.text);
	else if (failure)
		answer_failure(call, failure);
	return failure;
}

static int read_time(struct call *call, const char *name, int64_t *unix_ms)
{
	char text[PARAM_MAX], message[160];

	if (!param_text(call->request->query, name, text) && !*text)
		return 0;
	if (!flow_query_time(text, clock_unix_ms(), unix_ms))
		return 0;
	(void)snprintf(message, sizeof(message),
		       "%s is a time as 1h, 2d, today, 2026-11-24 or 2026-11-24T13:45:00Z.", name);
	answer_error(call, 422, "invalid", name, message);
	return -EINVAL;
}

static int read_after(struct call *call, struct history_search *search)
{
	char text[PARAM_MAX];

	if (!param_text(call->request->query, "after", text) && !*text)
		return 0;
	if (!cursor_parse(text, &search->after_hour, &search->after_row))
		return 0;
	answer_error(call, 422, "invalid", "after",
		     "after is what an earlier answer gave as next, or nothing.");
	return -EINVAL;
}

bool search_shows_all(const struct call *call)
{
	char text[PARAM_MAX];

	return !call->api->options.is_in_view ||
	       (!param_text(call->request->query, "view", text) && !strcmp(text, "all"));
}

static int read_search(struct call *call, struct search_job *job)
{
	job->search.to_unix_ms = INT64_MAX;
	if (search_read_query(call, &job->query) ||
	    read_time(call, "from", &job->search.from_unix_ms) ||
	    read_time(call, "to", &job->search.to_unix_ms) || read_after(call, &job->search))
		return -EINVAL;
	job->search.query = job->query;
	if (!search_shows_all(call)) {
		job->search.is_in_view = call->api->options.is_in_view;
		job->search.view_arg = call->api->options.arg;
	}
	return 0;
}

struct search_job *search_job_bare(struct call *call)
{
	struct search_job *job = calloc(1, sizeof(*job));

	if (!job) {
		answer_failure(call, -ENOMEM);
		return NULL;
	}
	buffer_init(&job->body, SEARCH_BODY_MAX + (64U << 10));
	job->content_type = "application/json";
	job->disposition = "";
	(void)snprintf(job->path, sizeof(job->path), "%s", call->request->path);
	(void)snprintf(job->request_id, sizeof(job->request_id), "%s", call->request->request_id);
	job->request = (struct request){ .path = job->path, .request_id = job->request_id };
	job->call = *call;
	job->call.request = &job->request;
	return job;
}

struct search_job *search_job_new(struct call *call)
{
	CLEANUP(search_job_free) struct search_job *job = search_job_bare(call);
	CLEANUP(snapshot_unref) struct snapshot *snapshot = api_snapshot(call->api);

	if (!job || read_search(call, job))
		return NULL;
	ifaces_fill(snapshot, job->ifaces);
	job->ends.options = &call->api->options;
	job->search.ends = known_ends_of;
	job->search.ends_arg = &job->ends;
	job->search.ifaces = (const char(*)[IFACE_TEXT_MAX])job->ifaces;
	return TAKE(job);
}

void search_job_free(struct search_job *job)
{
	if (!job)
		return;
	flow_query_free(job->query);
	free(job->indicators);
	free(job->more);
	prefix_set_unref(job->set);
	known_ends_done(&job->ends);
	buffer_done(&job->body);
	free(job);
}

/* ---- worked and answered --------------------------------------------------------------------- */

static void work_search(void *arg)
{
	struct search_job *job = arg;

	/* from here, so that waiting for others takes nothing from it */
	job->search.deadline_ns = clock_monotonic_ns() + SEARCH_LIMIT_S * NS_PER_S;
	job->error = job->work(job);
	if (!job->error)
		job->error = job->body.error;
}

static void unlink_job(struct search_job *job)
{
	struct search_job **link = &job->call.api->searches;

	while (*link && *link != job)
		link = &(*link)->next_job;
	if (*link)
		*link = job->next_job;
}

static void finish_search(void *arg)
{
	struct search_job *job = arg;

	unlink_job(job);
	if (job->error == -E2BIG)
		answer_error(&job->call, 422, "too_large", "limit",
			     "The answer is too large; ask for fewer with limit.");
	else if (job->error)
		answer_failure(&job->call, job->error);
	else
		answer_part(&job->call, &(struct part){ .type = job->content_type,
							.disposition = job->disposition,
							.next = job->next,
							.body = &job->body });
	search_job_free(job);
}

void search_job_start(struct search_job *job, search_work_fn work)
{
	struct api *api = job->call.api;
	int error;

	job->work = work;
	job->next_job = api->searches;
	api->searches = job;
	error = api->options.run(api->options.arg, work_search, finish_search, job);
	if (!error)
		return;
	unlink_job(job);
	if (error == -EAGAIN)
		answer_error(&job->call, 503, "busy", NULL,
			     "Too many searches are waiting. Try again in a moment.");
	else
		answer_failure(&job->call, error);
	search_job_free(job);
}

void search_free_all(struct api *api)
{
	while (api->searches) {
		struct search_job *job = api->searches;

		api->searches = job->next_job;
		search_job_free(job);
	}
}
