/*
 * New incidents to a web server: JSON signed with a secret, or the one field that chat services
 * read. Three tries, then it is dropped and counted, and the sink pauses.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/addr.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/http.h"
#include "agent/util/json.h"
#include "agent/util/proto.h"

#define TRIES	   3
#define TRY_MS	   1000 /* before the second; twice that before the third */
#define ANSWER_MAX (64U << 10)
#define HEADER_MAX 128

static const struct {
	const char *name, *title, *technique;
} detectors[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) \
	[DETECTOR_##id] = { name, title, technique },
#include "include/detectors.def"
#undef DETECTOR
};

static char *whole_body(const struct output_settings *settings,
			const struct output_incident *incident, size_t *len)
{
	static const char *const severities[] = { "low", "medium", "high" };
	const struct finding *finding = &incident->finding;
	CLEANUP(json_free) struct json *body = json_new_object();
	char text[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX];

	json_set_string(body, "event", "incident");
	json_set_int(body, "id", incident->id);
	json_set_string(body, "detector", detectors[finding->detector].name);
	json_set_string(body, "title", detectors[finding->detector].title);
	json_set_string(body, "technique", detectors[finding->detector].technique);
	json_set_string(body, "severity", severities[finding->severity]);
	json_set_time(body, "time", finding->last_unix_ms);
	json_set_string(body, "src_ip", addr_format(&finding->src, text));
	json_set_string(body, "dst_ip", addr_format(&finding->dst, text));
	json_set_int(body, "dst_port", finding->dst_port);
	json_set_string(body, "proto", finding->proto ? proto_format(finding->proto, proto) : "");
	json_set_uint(body, "count", finding->count);
	json_set_string(body, "reason", finding->reason);
	json_set_string(body, "host", settings->host);
	return json_print(body, len);
}

/* Slack, Mattermost and Teams read "text", Discord "content"; ntfy takes the text itself. */
static char *short_body(const struct output_settings *settings,
			const struct output_incident *incident, size_t *len)
{
	CLEANUP(buffer_done) struct buffer text;
	CLEANUP(json_free) struct json *body = json_new_object();

	buffer_init(&text, 16384);
	output_sentence(&text, incident);
	if (text.error)
		return NULL;
	if (!strcmp(settings->webhook_format, "ntfy"))
		return buffer_take(&text, len);
	json_set_string(body, !strcmp(settings->webhook_format, "discord") ? "content" : "text",
			(const char *)text.data);
	return json_print(body, len);
}

static void sign(const struct output_settings *settings, const char *body, size_t len,
		 char header[static HEADER_MAX])
{
	uint8_t digest[CRYPTO_HASH_BYTES];
	size_t used = (size_t)snprintf(header, HEADER_MAX, "X-Sluice-Signature-256: sha256=");

	crypto_hmac_sha256(settings->webhook_secret, body, len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		used += (size_t)snprintf(header + used, HEADER_MAX - used, "%02x", digest[i]);
}

/* A number that the receiver has seen or not: a try repeats it. */
static void name_delivery(char header[static HEADER_MAX])
{
	uint8_t random[16];

	crypto_random(random, sizeof(random));
	random[6] = (uint8_t)((random[6] & 0x0f) | 0x40); /* RFC 9562 5.4 */
	random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
	size_t used = (size_t)snprintf(header, HEADER_MAX, "X-Sluice-Delivery: ");
	for (size_t i = 0; i < sizeof(random); i++)
		used += (size_t)snprintf(header + used, HEADER_MAX - used, "%s%02x",
					 i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
					 random[i]);
}

static bool ignore(void *arg, const void *data, size_t len)
{
	(void)arg;
	(void)data;
	(void)len;
	return true;
}

static int post_once(const struct http_request *request)
{
	struct http_answer answer;
	int error = http_fetch(request, &answer);

	return error ? error : answer.status >= 200 && answer.status < 300 ? 0 : -EREMOTEIO;
}

static int post(struct sink *sink, const struct http_request *request)
{
	int error = 0;

	for (int i = 0; i < TRIES && !atomic_load(&sink->is_stopping); i++) {
		if (i)
			(void)poll(NULL, 0, TRY_MS * i); /* only the pause */
		error = post_once(request);
		if (!error)
			return 1;
	}
	return error ? error : -ECANCELED;
}

static int send_webhook(struct sink *sink, const struct output_message *message)
{
	const struct output_settings *settings = sink->settings;
	bool is_whole = !strcmp(settings->webhook_format, "json");
	struct output_incident incident;
	char stamp[HEADER_MAX], delivery[HEADER_MAX], signature[HEADER_MAX];
	size_t len = 0;

	memcpy(&incident, message->data, sizeof(incident));
	incident.finding.reason[FINDING_REASON_MAX - 1] = '\0';
	if (incident.finding.detector >= DETECTOR_COUNT ||
	    incident.finding.severity > SEVERITY_HIGH)
		return 0;
	CLEANUP(free)
	char *body = is_whole ? whole_body(settings, &incident, &len)
			      : short_body(settings, &incident, &len);
	if (!body)
		return -ENOMEM;
	(void)snprintf(stamp, sizeof(stamp), "X-Sluice-Timestamp: %lld",
		       (long long)(clock_unix_ms() / 1000));
	name_delivery(delivery);
	sign(settings, body, len, signature);
	const char *const headers[] = { strcmp(settings->webhook_format, "ntfy") != 0
						? "Content-Type: application/json"
						: "Content-Type: text/plain; charset=utf-8",
					"X-Sluice-Event: incident",
					stamp,
					delivery,
					*settings->webhook_secret ? signature : NULL,
					NULL };
	const struct http_request request = { .url = settings->webhook,
					      .headers = headers,
					      .body = body,
					      .body_len = len,
					      .max_bytes = ANSWER_MAX,
					      .allow_private = settings->webhook_private,
					      .take = ignore };
	return post(sink, &request);
}

/* No connection stays open between two; what is open is that it may be tried. */
static int open_webhook(struct sink *sink)
{
	sink->fd = eventfd(0, EFD_CLOEXEC);
	return sink->fd < 0 ? -errno : 0;
}

const struct sink_type sink_webhook = {
	.name = "webhook", .takes = OUTPUT_INCIDENT, .open = open_webhook, .send = send_webhook
};
