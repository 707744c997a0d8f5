/*
 * Incidents to a syslog server: RFC 5424 over UDP (RFC 5426) or TCP with octet counting (RFC 6587
 * 3.4.1), as a sentence or as CEF (ArcSight "Implementing ArcSight CEF", revision 25).
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/export/export.h"
#include "agent/export/outputs_internal.h"
#include "agent/util/addr.h"
#include "agent/util/buffer.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"
#include "agent/util/utf8.h"

#define FACILITY 21   /* local5, as Suricata's sample configuration */
#define LINE_MAX 2000 /* RFC 5424 6.1: 2048 should be taken */

static const struct {
	const char *name, *title, *technique;
} detectors[DETECTOR_COUNT] = {
#define DETECTOR(id, name, title, technique, severity, statistic, floor) \
	[DETECTOR_##id] = { name, title, technique },
#include "include/detectors.def"
#undef DETECTOR
};

/* RFC 5424 6.2.1: warning, error, critical; CEF: 0 to 10. */
static const int levels[] = { 4, 3, 2 };
static const int cef_severities[] = { 3, 6, 8 };

/* @special gets a backslash before it, a line's end becomes \n; broken UTF-8 is replaced. */
static void append_escaped(struct buffer *out, const char *text, const char *special)
{
	CLEANUP(buffer_done) struct buffer whole;

	buffer_init(&whole, (size_t)4 * FINDING_REASON_MAX);
	utf8_append(&whole, text, strlen(text));
	for (size_t i = 0; i < whole.len; i++) {
		char c = (char)whole.data[i];

		if (c == '\n' || c == '\r')
			buffer_append_text(out, "\\n");
		else if ((unsigned char)c < ' ' || c == 0x7f)
			buffer_append_text(out, "?");
		else
			buffer_append_format(out, strchr(special, c) ? "\\%c" : "%c", c);
	}
}

static void append_address(struct buffer *out, const struct addr *addr, const char *name, int label)
{
	char text[ADDR_TEXT_MAX];

	if (addr->family == ADDR_NONE)
		return;
	buffer_append_format(out, "%s=%s ", name, addr_format(addr, text));
	if (addr->family == ADDR_IPV6)
		buffer_append_format(out, "c6a%d=%s c6a%dLabel=%s IPv6 Address ", label, text,
				     label, label == 2 ? "Source" : "Destination");
}

static void append_cef(struct buffer *out, const struct output_settings *settings,
		       const struct output_incident *incident)
{
	const struct finding *finding = &incident->finding;
	char proto[PROTO_TEXT_MAX];

	buffer_append_text(out, "CEF:0|sluice|sluice|");
	append_escaped(out, settings->version, "|\\");
	buffer_append_format(out, "|%s|%s|%d|rt=%" PRId64 " ", detectors[finding->detector].name,
			     detectors[finding->detector].title, cef_severities[finding->severity],
			     finding->last_unix_ms);
	append_address(out, &finding->src, "src", 2);
	append_address(out, &finding->dst, "dst", 3);
	if (finding->dst_port)
		buffer_append_format(out, "dpt=%u ", finding->dst_port);
	if (finding->proto)
		buffer_append_format(out, "proto=%s ", proto_format(finding->proto, proto));
	buffer_append_format(out, "cnt=%" PRIu64 " externalId=%" PRId64 " dvchost=", finding->count,
			     incident->id);
	append_escaped(out, settings->host, "=\\");
	buffer_append_format(out, " cs1Label=detector cs1=%s cs2Label=technique cs2=%s msg=",
			     detectors[finding->detector].name,
			     detectors[finding->detector].technique);
	append_escaped(out, finding->reason, "=\\");
}

void output_sentence(struct buffer *out, const struct output_incident *incident)
{
	const struct finding *finding = &incident->finding;
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX];

	buffer_append_format(out, "%s", detectors[finding->detector].title);
	if (finding->src.family != ADDR_NONE)
		buffer_append_format(out, " from %s", addr_format(&finding->src, src));
	if (finding->dst.family != ADDR_NONE)
		buffer_append_format(out, " to %s", addr_format(&finding->dst, dst));
	buffer_append_format(out, ", incident %" PRId64 ": ", incident->id);
	append_escaped(out, finding->reason, "");
}

/* RFC 5424 6: names are printable ASCII without spaces; "-" for none. */
static void append_name(struct buffer *out, const char *text)
{
	if (!*text)
		buffer_append_text(out, "-");
	for (int i = 0; *text && i < 255; text++, i++)
		buffer_append_format(out, "%c", *text > ' ' && *text < 0x7f ? *text : '?');
}

size_t syslog_format(const struct output_settings *settings, const struct output_incident *incident,
		     char *text, size_t size)
{
	const struct finding *finding = &incident->finding;
	CLEANUP(buffer_done) struct buffer out;
	char time[CLOCK_TEXT_MAX];
	size_t len;

	buffer_init(&out, 16384);
	if (finding->detector >= DETECTOR_COUNT || finding->severity > SEVERITY_HIGH)
		return 0;
	buffer_append_format(&out, "<%d>1 %s ", FACILITY * 8 + levels[finding->severity],
			     clock_format(finding->last_unix_ms, time));
	append_name(&out, settings->host);
	buffer_append_format(&out, " sluice - %s - ", detectors[finding->detector].name);
	if (settings->is_cef) {
		append_cef(&out, settings, incident);
	} else {
		buffer_append_text(&out, "\xef\xbb\xbf"); /* RFC 5424 6.4: this is UTF-8 */
		output_sentence(&out, incident);
	}
	if (out.error)
		return 0;
	len = out.len < LINE_MAX ? out.len : LINE_MAX;
	while (len && len < out.len && (out.data[len] & 0xc0) == 0x80)
		len--; /* not within a character */
	if (len >= size)
		return 0;
	memcpy(text, out.data, len);
	text[len] = '\0';
	return len;
}

/* ---- the sink -------------------------------------------------------------------------------- */

static int open_syslog(struct sink *sink)
{
	sink->is_stream = !strncmp(sink->settings->syslog, "tcp://", 6);
	return sink_connect(sink, sink->settings->syslog + 6,
			    sink->is_stream ? SOCK_STREAM : SOCK_DGRAM);
}

static int send_syslog(struct sink *sink, const struct output_message *message)
{
	struct output_incident incident;
	char text[LINE_MAX + 1], frame[LINE_MAX + 16];
	size_t len;
	int error;

	memcpy(&incident, message->data, sizeof(incident));
	incident.finding.reason[FINDING_REASON_MAX - 1] = '\0';
	len = syslog_format(sink->settings, &incident, text, sizeof(text));
	if (!len)
		return 0;
	if (sink->is_stream)
		len = (size_t)snprintf(frame, sizeof(frame), "%zu %s", len, text);
	error = sink_write(sink, sink->is_stream ? frame : text, len);
	return error ? error : 1;
}

/* TCP says only when it is read that the other side has gone. */
static int watch_syslog(struct sink *sink)
{
	char byte;

	if (sink->is_stream && recv(sink->fd, &byte, 1, MSG_DONTWAIT) == 0)
		return -ECONNRESET;
	return 0;
}

const struct sink_type sink_syslog = { .name = "syslog",
				       .takes = OUTPUT_INCIDENT,
				       .open = open_syslog,
				       .send = send_syslog,
				       .idle = watch_syslog };
