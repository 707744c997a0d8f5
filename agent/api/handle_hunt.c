/*
 * A hunt: where indicators of compromise were seen, over the whole history.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/util/addr.h"
#include "agent/util/cleanup.h"
#include "include/history.h"

/* One request; a longer list is asked in parts. A body is at most 64 KiB from the web (guard.h). */
#define INDICATORS_MAX 10000

static void append_sighting(struct buffer *out, const struct indicator *indicator,
			    const struct history_sighting *sighting)
{
	buffer_append_text(out, "{\"indicator\":");
	append_json_text(out, indicator->text);
	buffer_append_format(out, ",\"kind\":\"%s\",\"count\":%llu,\"first_seen\":",
			     indicator_kind_name(indicator->kind),
			     (unsigned long long)sighting->count);
	append_time(out, sighting->first_unix_ms, "\"");
	buffer_append_text(out, ",\"last_seen\":");
	append_time(out, sighting->last_unix_ms, "\"");
	buffer_append_text(out, ",\"hosts\":[");
	for (unsigned int i = 0; i < sighting->host_count; i++) {
		char text[ADDR_TEXT_MAX];

		buffer_append_format(out, "%s\"%s\"", i ? "," : "",
				     addr_format(&sighting->hosts[i], text));
	}
	buffer_append_format(out, "],\"hosts_complete\":%s}",
			     sighting->host_count < HISTORY_HOSTS_MAX ? "true" : "false");
}

static int hunt(struct search_job *job)
{
	CLEANUP(indicator_set_free) struct indicator_set *set = NULL;
	CLEANUP(free)
	struct history_sighting *sightings = calloc(job->indicator_count + 1, sizeof(*sightings));
	struct history_reach reach;
	char cursor[CURSOR_TEXT_MAX];
	int error = sightings ? indicator_set_new(job->indicators, job->indicator_count, &set)
			      : -ENOMEM;

	if (!error)
		error = store_hunt(job->call.api->options.store, &job->search, set, sightings,
				   &reach);
	if (error)
		return error;
	buffer_append_text(&job->body, "{\"items\":[");
	for (size_t i = 0; i < job->indicator_count; i++) {
		buffer_append_text(&job->body, i ? "," : "");
		append_sighting(&job->body, &job->indicators[i], &sightings[i]);
	}
	cursor_format(reach.hour, reach.row, cursor);
	buffer_append_text(&job->body, "],\"next\":");
	append_json_text(&job->body, reach.is_complete ? NULL : cursor);
	append_reach(&job->body, &reach, reach.is_complete);
	buffer_append_text(&job->body, "}");
	return 0;
}

static int refuse(struct call *call, const char *message)
{
	answer_error(call, 422, "invalid", "indicators", message);
	return -EINVAL;
}

static int read_indicators(struct call *call, struct search_job *job, const struct json *list)
{
	size_t count = json_is_array(list) ? json_array_len(list) : 0;

	if (!count || count > INDICATORS_MAX)
		return refuse(call, "indicators is a list of 1 to 10000 addresses, prefixes, "
				    "names or JA4 fingerprints.");
	job->indicators = calloc(count, sizeof(*job->indicators));
	if (!job->indicators) {
		answer_failure(call, -ENOMEM);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++) {
		const char *text = "";
		char message[160];

		if (!json_string(json_array_get(list, i), &text) &&
		    !indicator_parse(text, &job->indicators[i]))
			continue;
		(void)snprintf(message, sizeof(message),
			       "\"%.64s\" (number %zu) is no address, prefix, name or JA4 "
			       "fingerprint.",
			       text, i + 1);
		return refuse(call, message);
	}
	job->indicator_count = count;
	return 0;
}

void handle_hunt(struct call *call)
{
	CLEANUP(search_job_free) struct search_job *job = NULL;
	CLEANUP(json_free) struct json *body = NULL;

	if (body_json(call, &body))
		return;
	job = search_job_new(call);
	if (!job || read_indicators(call, job, json_get(body, "indicators")))
		return;
	job->search.is_in_view = NULL; /* a hunt looks at everything */
	search_job_start(TAKE(job), hunt);
}
