/*
 * What a webhook's receiver is told. Chat services read markup: a name from the network must
 * neither call everybody, nor look like a link to somewhere else.
 */
#include <stdlib.h>
#include <string.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/addr.h"
#include "agent/util/buffer.h"
#include "agent/util/json.h"
#include "agent/util/proto.h"

#define SENTENCE_MAX 16384
/* Bytes of text, so at least as few characters: Discord takes 2000 (discord.com/developers/docs,
 * Execute Webhook), ntfy 4096 bytes before it makes a file of it (docs.ntfy.sh/publish). */
#define TEXT_BYTES_MAX 1900
#define INVISIBLE      "\xe2\x80\x8b" /* U+200B: "@all" with it calls nobody */

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

/* ---- chats ----------------------------------------------------------------------------------- */

/* api.slack.com/reference/surfaces/formatting: these three begin what steers. */
static struct json *slack(const char *sentence)
{
	struct json *body = json_new_object();
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, SENTENCE_MAX);
	for (; *sentence; sentence++) {
		if (*sentence == '&')
			buffer_append_text(&text, "&amp;");
		else if (*sentence == '<')
			buffer_append_text(&text, "&lt;");
		else if (*sentence == '>')
			buffer_append_text(&text, "&gt;");
		else
			buffer_append(&text, sentence, 1);
	}
	json_set_string(body, "text", text.len ? (const char *)text.data : "");
	return body;
}

/* At most TEXT_BYTES_MAX, not within a character. */
static void cut(struct buffer *text)
{
	size_t len = text->len;

	if (len <= TEXT_BYTES_MAX)
		return;
	for (len = TEXT_BYTES_MAX; len && (text->data[len] & 0xc0) == 0x80;)
		len--;
	text->len = len;
	buffer_append_text(text, "\xe2\x80\xa6");
}

/* Markdown is shown as it is written: its links are [text](address). */
static void append_plain(struct buffer *out, const char *sentence, const char *behind_at)
{
	for (; *sentence; sentence++) {
		if (strchr("[]*_`~!#|<>\\", *sentence))
			buffer_append_text(out, "\\");
		buffer_append(out, sentence, 1);
		if (*sentence == '@')
			buffer_append_text(out, behind_at);
	}
}

/* Mentions are of any word behind an @. */
static struct json *mattermost(const char *sentence)
{
	struct json *body = json_new_object();
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, SENTENCE_MAX);
	append_plain(&text, sentence, INVISIBLE);
	json_set_string(body, "text", text.len ? (const char *)text.data : "");
	return body;
}

/* Webhooks, unlike people, make links of [text](address) there. */
static struct json *discord(const char *sentence)
{
	struct json *body = json_new_object(), *mentions = json_new_object();
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, SENTENCE_MAX);
	append_plain(&text, sentence, "");
	cut(&text);
	json_set_string(body, "content", text.len ? (const char *)text.data : "");
	json_set(mentions, "parse", json_new_array()); /* nobody is called, whoever is named */
	json_set(body, "allowed_mentions", mentions);
	json_set_int(body, "flags", 4); /* SUPPRESS_EMBEDS: no previews of what a name links to */
	return body;
}

/* A workflow's webhook takes a message with a card; the connectors that took "text" ended in 2026
 * (Microsoft, "Retirement of Office 365 connectors within Microsoft Teams"). Runs of a
 * RichTextBlock know no markup (adaptivecards.io/explorer/TextRun.html). */
static struct json *teams(const char *sentence)
{
	struct json *run = json_new_object(), *inlines = json_new_array();
	struct json *block = json_new_object(), *blocks = json_new_array();
	struct json *card = json_new_object(), *attachment = json_new_object();
	struct json *attachments = json_new_array(), *body = json_new_object();

	json_set_string(run, "type", "TextRun");
	json_set_string(run, "text", sentence);
	json_add(inlines, run);
	json_set_string(block, "type", "RichTextBlock");
	json_set(block, "inlines", inlines);
	json_add(blocks, block);
	json_set_string(card, "$schema", "http://adaptivecards.io/schemas/adaptive-card.json");
	json_set_string(card, "type", "AdaptiveCard");
	json_set_string(card, "version", "1.4");
	json_set(card, "body", blocks);
	json_set_string(attachment, "contentType", "application/vnd.microsoft.card.adaptive");
	json_set(attachment, "content", card);
	json_add(attachments, attachment);
	json_set_string(body, "type", "message");
	json_set(body, "attachments", attachments);
	return body;
}

char *webhook_body(const struct output_settings *settings, const struct output_incident *incident,
		   size_t *len)
{
	static const struct {
		const char *name;
		struct json *(*make)(const char *sentence);
	} chats[] = { { "slack", slack },
		      { "mattermost", mattermost },
		      { "discord", discord },
		      { "teams", teams } };
	CLEANUP(json_free) struct json *body = NULL;
	CLEANUP(buffer_done) struct buffer text;

	buffer_init(&text, SENTENCE_MAX);
	if (!strcmp(settings->webhook_format, "json"))
		return whole_body(settings, incident, len);
	output_sentence(&text, incident);
	cut(&text);
	if (text.error)
		return NULL;
	for (size_t i = 0; i < sizeof(chats) / sizeof(chats[0]); i++)
		if (!strcmp(settings->webhook_format, chats[i].name))
			body = chats[i].make((const char *)text.data);
	return body ? json_print(body, len) : buffer_take(&text, len); /* ntfy: the text itself */
}
