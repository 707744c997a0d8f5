/*
 * Incidents to a syslog server: RFC 5424 over UDP (RFC 5426), TCP with octet counting (RFC 6587
 * 3.4.1) or TLS (RFC 5425), as a sentence or as CEF (ArcSight "Implementing ArcSight CEF", revision
 * 25).
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

/* @special gets a backslash before it, a line's end becomes \n; broken UTF-8 is replaced, what
 * steers or hides is named. */
static void append_escaped(struct buffer *out, const char *text, const char *special)
{
	CLEANUP(buffer_done) struct buffer whole;
	size_t step;

	buffer_init(&whole, (size_t)4 * FINDING_REASON_MAX);
	utf8_append(&whole, text, strlen(text));
	for (size_t i = 0; i < whole.len; i += step) {
		const char *at = (const char *)whole.data + i;
		bool is_valid;

		step = utf8_sequence_len(at, whole.len - i, &is_valid);
		if (*at == '\n' || *at == '\r')
			buffer_append_text(out, "\\n");
		else if ((unsigned char)*at < ' ' || *at == 0x7f)
			buffer_append_text(out, "?");
		else if (step > 1 && utf8_is_steering(utf8_decode(at, step)))
			buffer_append_format(out, "(U+%04X)", (unsigned int)utf8_decode(at, step));
		else if (step == 1 && strchr(special, *at))
			buffer_append_format(out, "\\%c", *at);
		else
			buffer_append(out, at, step);
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
	const char *url = sink->settings->syslog, *target = strstr(url, "://") + 3;
	int error;

	sink->is_stream = strncmp(url, "udp:", 4) != 0;
	error = sink_connect(sink, target, sink->is_stream ? SOCK_STREAM : SOCK_DGRAM);
	if (!error && !strncmp(url, "tls:", 4))
		error = sink_secure(sink, target);
	return error;
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

const struct sink_type sink_syslog = { .name = "syslog",
				       .takes = OUTPUT_INCIDENT,
				       .open = open_syslog,
				       .send = send_syslog,
				       .idle = sink_watch };
