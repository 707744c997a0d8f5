/*
 * Fetching one feed: from its server through the fetch role, or from a file; then line by line.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/intel/feeds.h"
#include "agent/util/file.h"
#include "agent/util/json.h"
#include "agent/util/packet.h"

#define LINE_MAX_BYTES 4096

static int fail(struct feed_work *work, int error, const char *text)
{
	(void)snprintf(work->feed.error, sizeof(work->feed.error), "%s", text);
	return error;
}

/* ---- lines as they come ---------------------------------------------------------------------- */

struct splitter {
	struct feed_work *work;
	char line[LINE_MAX_BYTES];
	size_t len;
	bool is_long; /* the rest of it is skipped, and it is refused */
};

static void end_line(struct splitter *splitter)
{
	struct feed_work *work = splitter->work;
	const char *value;

	splitter->line[splitter->len] = '\0';
	if (splitter->is_long)
		value = "(a line over 4095 bytes)";
	else if (work->feed.column)
		value = convert_column(splitter->line, work->feed.column);
	else
		value = convert_line(splitter->line);
	splitter->len = 0;
	splitter->is_long = false;
	if (!value)
		return;
	buffer_append_text(&work->lines, value);
	buffer_append_text(&work->lines, "\n");
	work->line_count++;
}

static void split(struct splitter *splitter, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (data[i] == '\n')
			end_line(splitter);
		else if (splitter->len + 1 < LINE_MAX_BYTES)
			splitter->line[splitter->len++] = (char)(data[i] ? data[i] : '?');
		else
			splitter->is_long = true;
	}
}

/* ---- from a server --------------------------------------------------------------------------- */

static void add_header(struct json *headers, const char *name, const char *value)
{
	char text[FEED_TAG_MAX + 32];

	if (!*value)
		return;
	(void)snprintf(text, sizeof(text), "%s: %s", name, value);
	json_add_string(headers, text);
}

static int send_order(struct feed_work *work, const struct exchange *exchange)
{
	CLEANUP(json_free) struct json *order = json_new_object();
	struct json *headers = json_new_array();
	size_t len;

	json_set_string(order, "url", work->feed.url);
	json_set_bool(order, "allow_private", work->service->options.allow_private);
	if (!work->is_accepted) { /* else all of it is wanted again */
		add_header(headers, "If-None-Match", work->feed.etag);
		add_header(headers, "If-Modified-Since", work->feed.last_modified);
	}
	json_set(order, "headers", headers);
	CLEANUP(free) char *text = json_print(order, &len);
	return text ? packet_send(exchange, PACKET_HEAD, text, len) : -ENOMEM;
}

static void keep_tag(const struct json *head, const char *key, char *out)
{
	const char *text;

	if (json_get_string(head, key, &text))
		text = "";
	(void)snprintf(out, FEED_TAG_MAX, "%s", text);
}

static int take_head(struct feed_work *work, const struct packet *packet)
{
	CLEANUP(json_free) struct json *head = NULL;
	char reason[128], text[64];
	int64_t status = 0;

	if (json_parse((const char *)packet->data, packet->len, &head, reason) ||
	    json_get_int(head, "status", &status))
		return fail(work, -EPROTO, "The fetching process answered nonsense.");
	if (status == 304) { /* RFC 9110 15.4.5 */
		work->is_unchanged = true;
		return 0;
	}
	if (status != 200) {
		(void)snprintf(text, sizeof(text), "The server answered %d.", (int)status);
		return fail(work, -EPROTO, text);
	}
	keep_tag(head, "etag", work->feed.etag);
	keep_tag(head, "last_modified", work->feed.last_modified);
	return 0;
}

/* Returns 1 at the end, 0 to go on. */
static int take_packet(struct feed_work *work, struct splitter *splitter, struct packet *packet)
{
	char text[FEED_ERROR_MAX];

	switch (packet->kind) {
	case PACKET_DATA:
		split(splitter, packet->data, packet->len);
		return work->lines.error ? fail(work, -EFBIG, "It is larger than allowed.") : 0;
	case PACKET_HEAD:
		return take_head(work, packet);
	case PACKET_END:
		return 1;
	default:
		(void)snprintf(text, sizeof(text), "%.*s", (int)packet->len,
			       (const char *)packet->data);
		return fail(work, -EIO, text);
	}
}

static int fetch(struct feed_work *work, struct splitter *splitter)
{
	const struct exchange exchange = { work->fetch, &work->is_cancelled };
	CLEANUP(free) struct packet *packet = malloc(sizeof(*packet));
	int error = packet ? send_order(work, &exchange) : -ENOMEM;

	while (!error) {
		error = packet_receive(&exchange, packet);
		if (error)
			break;
		error = take_packet(work, splitter, packet);
	}
	if (error < 0 && !*work->feed.error)
		return fail(work, error, "The fetching process ended before it was done.");
	return error < 0 ? error : 0;
}

const char *feed_server(const char *url, char out[static FEED_URL_MAX])
{
	const char *host = strstr(url, "://");
	size_t scheme = host ? (size_t)(host - url) : 0, len;

	host = host ? host + 3 : url;
	len = strcspn(host, "/?#");
	for (size_t i = len; i > 0; i--)
		if (host[i - 1] == '@') {
			host += i;
			len -= i;
			break;
		}
	(void)snprintf(out, FEED_URL_MAX, "%.*s://%.*s/", (int)scheme, url, (int)len, host);
	return out;
}

/* ---- from a file ----------------------------------------------------------------------------- */

static int read_file(struct feed_work *work, struct splitter *splitter)
{
	CLEANUP(free) char *data = NULL;
	char text[FEED_ERROR_MAX];
	size_t len;
	int error = file_read(work->feed.url + strlen("file://"), FEED_BYTES_MAX, &data, &len);

	if (error) {
		(void)snprintf(text, sizeof(text), "The file cannot be read: %s.",
			       error == -EACCES ? "the service may read below /etc and its own "
						  "folder"
						: strerror(-error));
		return fail(work, error, text);
	}
	split(splitter, (const uint8_t *)data, len);
	return work->lines.error ? fail(work, -EFBIG, "It is larger than allowed.") : 0;
}

void feeds_work(void *arg)
{
	struct feed_work *work = arg;
	CLEANUP(free) struct splitter *splitter = calloc(1, sizeof(*splitter));

	work->feed.error[0] = '\0';
	if (!splitter) {
		work->error = fail(work, -ENOMEM, "There is no memory.");
		return;
	}
	splitter->work = work;
	work->error = work->fetch >= 0 ? fetch(work, splitter) : read_file(work, splitter);
	if (!work->error && splitter->len)
		end_line(splitter); /* the last line has no end */
	if (work->fetch >= 0)
		close(work->fetch);
	work->fetch = -1;
}
