/*
 * EVE lines to an EveBox server, as its own agent submits them: POST api/1/submit with a line per
 * event, answered by {"Count": n}. Source: jasonish/evebox, src/server/api/submit.rs.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/eventfd.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/buffer.h"
#include "agent/util/http.h"
#include "agent/util/json.h"

#define ANSWER_MAX 4096
#define TIMEOUT_S  10L
#define URL_MAX	   600 /* of [Export] evebox, 512, and the path */

static bool take_answer(void *arg, const void *data, size_t len)
{
	struct buffer *out = arg;

	buffer_append(out, data, len);
	return !out->error;
}

/* How many of the lines it kept. */
static int read_count(const struct buffer *text, int64_t *count)
{
	CLEANUP(json_free) struct json *answer = NULL;
	char reason[128];

	if (!text->len || json_parse((const char *)text->data, text->len, &answer, reason))
		return -EBADMSG;
	return json_get_int(answer, "Count", count) || *count < 0 ? -EBADMSG : 0;
}

static int judge(struct sink *sink, const struct http_answer *answer, int error)
{
	char text[64];

	if (error) {
		sink_say(sink, answer->error);
		return error;
	}
	if (answer->status >= 200 && answer->status < 300)
		return 0;
	(void)snprintf(text, sizeof(text),
		       answer->status == 401 || answer->status == 403
			       ? "It does not take this user and password (%ld)."
			       : "It answered %ld.",
		       answer->status);
	sink_say(sink, text);
	return -EREMOTEIO;
}

static int send_evebox(struct sink *sink, const struct output_message *message)
{
	static const char *const headers[] = { "Content-Type: application/json", NULL };
	const char *base = sink->settings->evebox;
	uint64_t lines = output_count(message);
	CLEANUP(buffer_done) struct buffer text;
	struct http_answer answer;
	char url[URL_MAX];
	int64_t count = 0;
	int error;

	buffer_init(&text, ANSWER_MAX);
	(void)snprintf(url, sizeof(url), "%s%sapi/1/submit", base,
		       base[strlen(base) - 1] == '/' ? "" : "/");
	const struct http_request request = { .url = url,
					      .headers = headers,
					      .body = (const char *)message->data,
					      .body_len = message->len,
					      .user = sink->settings->evebox_user,
					      .password = sink->settings->evebox_password,
					      .ca = sink->settings->ca,
					      .timeout_s = TIMEOUT_S,
					      .max_bytes = ANSWER_MAX,
					      .allow_private = true, /* the file names it */
					      .take = take_answer,
					      .arg = &text };
	error = http_fetch(&request, &answer);
	error = judge(sink, &answer, error);
	if (!error && read_count(&text, &count)) {
		sink_say(sink, "It answers, but not as EveBox does.");
		error = -EBADMSG;
	}
	if (error)
		return error;
	count = (uint64_t)count < lines ? count : (int64_t)lines;
	sink_refuse(sink, lines - (uint64_t)count);
	return (int)count;
}

/* No connection stays open between two; what is open is that it may be tried. */
static int open_evebox(struct sink *sink)
{
	sink->fd = eventfd(0, EFD_CLOEXEC);
	return sink->fd < 0 ? -errno : 0;
}

const struct sink_type sink_evebox = {
	.name = "evebox", .takes = OUTPUT_TEXT, .open = open_evebox, .send = send_evebox
};
