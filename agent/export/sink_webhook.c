/*
 * New incidents to a web server: JSON signed with a secret, or what chat services read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/clock.h"
#include "agent/util/crypto.h"
#include "agent/util/http.h"

#define ANSWER_MAX (64U << 10)
#define TIMEOUT_S  10L
#define HEADER_MAX 128

static void sign(const struct output_settings *settings, const char *body, size_t len,
		 char header[static HEADER_MAX])
{
	uint8_t digest[CRYPTO_HASH_BYTES];
	size_t used = (size_t)snprintf(header, HEADER_MAX, "X-Sluice-Signature-256: sha256=");

	crypto_hmac_sha256(settings->webhook_secret, body, len, digest);
	for (size_t i = 0; i < sizeof(digest); i++)
		used += (size_t)snprintf(header + used, HEADER_MAX - used, "%02x", digest[i]);
}

/* A number by which the receiver sees that it had a message already: a second try repeats it. */
static void name_delivery(struct sink *sink)
{
	uint8_t random[16];
	size_t used = 0;

	if (*sink->delivery)
		return;
	crypto_random(random, sizeof(random));
	random[6] = (uint8_t)((random[6] & 0x0f) | 0x40); /* RFC 9562 5.4 */
	random[8] = (uint8_t)((random[8] & 0x3f) | 0x80);
	for (size_t i = 0; i < sizeof(random); i++)
		used += (size_t)snprintf(sink->delivery + used, DELIVERY_MAX - used, "%s%02x",
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

static int judge(struct sink *sink, const struct http_answer *answer, int error)
{
	char text[32];

	if (!error && answer->status >= 200 && answer->status < 300)
		return 1;
	(void)snprintf(text, sizeof(text), "It answered %ld.", answer->status);
	sink_say(sink, error ? answer->error : text);
	return error ? error : -EREMOTEIO;
}

struct letterhead {
	char stamp[HEADER_MAX], delivery[HEADER_MAX], signature[HEADER_MAX];
	const char *lines[8];
};

static void write_headers(struct sink *sink, const struct output_incident *incident,
			  const char *body, size_t len, struct letterhead *out)
{
	static const char *const priorities[] = { "Priority: low", "Priority: default",
						  "Priority: high" };
	const struct output_settings *settings = sink->settings;
	bool is_ntfy = !strcmp(settings->webhook_format, "ntfy");
	size_t count = 0;

	(void)snprintf(out->stamp, sizeof(out->stamp), "X-Sluice-Timestamp: %lld",
		       (long long)(clock_unix_ms() / 1000));
	name_delivery(sink);
	(void)snprintf(out->delivery, sizeof(out->delivery), "X-Sluice-Delivery: %s",
		       sink->delivery);
	out->lines[count++] = is_ntfy ? "Content-Type: text/plain; charset=utf-8"
				      : "Content-Type: application/json";
	out->lines[count++] = "X-Sluice-Event: incident";
	out->lines[count++] = out->stamp;
	out->lines[count++] = out->delivery;
	if (is_ntfy) { /* docs.ntfy.sh/publish */
		out->lines[count++] = "Title: sluice";
		out->lines[count++] = priorities[incident->finding.severity];
	}
	if (*settings->webhook_secret) {
		sign(settings, body, len, out->signature);
		out->lines[count++] = out->signature;
	}
	out->lines[count] = NULL;
}

static int send_webhook(struct sink *sink, const struct output_message *message)
{
	const struct output_settings *settings = sink->settings;
	struct output_incident incident;
	struct letterhead headers;
	struct http_answer answer;
	size_t len = 0;

	memcpy(&incident, message->data, sizeof(incident));
	incident.finding.reason[FINDING_REASON_MAX - 1] = '\0';
	if (incident.finding.detector >= DETECTOR_COUNT ||
	    incident.finding.severity > SEVERITY_HIGH)
		return 0;
	CLEANUP(free) char *body = webhook_body(settings, &incident, &len);
	if (!body)
		return -ENOMEM;
	write_headers(sink, &incident, body, len, &headers);
	const struct http_request request = { .url = settings->webhook,
					      .headers = headers.lines,
					      .body = body,
					      .body_len = len,
					      .ca = settings->ca,
					      .timeout_s = TIMEOUT_S,
					      .max_bytes = ANSWER_MAX,
					      .allow_private = settings->webhook_private,
					      .take = ignore };
	int error = http_fetch(&request, &answer);
	return judge(sink, &answer, error);
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
