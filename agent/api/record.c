/*
 * Records as text, written straight into the answer: exports have millions of them.
 */
#include <stdio.h>
#include <string.h>

#include "agent/api/search.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/csv.h"
#include "agent/util/proto.h"
#include "agent/util/utf8.h"
#include "include/history.h"

static const char *end_name(const struct flow_record *record)
{
	static const char *const names[] = { [FLOW_END_CUT] = "cut",
					     [FLOW_END_IDLE] = "idle",
					     [FLOW_END_FIN] = "fin",
					     [FLOW_END_RST] = "rst" };

	return record->end < sizeof(names) / sizeof(names[0]) ? names[record->end] : NULL;
}

/* What must be escaped in a JSON string: quote, backslash, control characters (RFC 8259 7). */
static void append_json_char(struct buffer *out, unsigned char c)
{
	if (c == '"' || c == '\\')
		buffer_append_format(out, "\\%c", c);
	else
		buffer_append_format(out, "\\u%04x", c);
}

void append_json_text(struct buffer *out, const char *text)
{
	size_t len = text ? strlen(text) : 0;

	if (!len) {
		buffer_append_text(out, "null");
		return;
	}
	buffer_append_text(out, "\"");
	while (len) {
		bool is_valid;
		size_t taken = utf8_sequence_len(text, len, &is_valid);

		if (!is_valid)
			buffer_append_text(out, "\xef\xbf\xbd"); /* U+FFFD */
		else if (taken == 1 && (*text == '"' || *text == '\\' || (unsigned char)*text < 32))
			append_json_char(out, (unsigned char)*text);
		else
			buffer_append(out, text, taken);
		text += taken;
		len -= taken;
	}
	buffer_append_text(out, "\"");
}

void append_csv_text(struct buffer *out, const char *text)
{
	csv_append_text(out, text);
}

void append_time(struct buffer *out, int64_t unix_ms, const char *quote)
{
	char text[CLOCK_TEXT_MAX];

	if (unix_ms)
		buffer_append_format(out, "%s%s%s", quote, clock_format(unix_ms, text), quote);
	else
		buffer_append_text(out, *quote ? "null" : "");
}

void record_from_flow(const struct flow *flow, struct flow_record *record)
{
	*record = (struct flow_record){ .id = flow->id,
					.start_unix_ms = flow->start_unix_ms,
					.end_unix_ms = flow->end_unix_ms,
					.tuple = flow->tuple,
					.vlan = flow->vlan,
					.iface = flow->iface,
					.state = flow->state,
					.end = UINT8_MAX, /* unknown: it may go on */
					.tcp_flags_out = flow->tcp_flags_out,
					.tcp_flags_in = flow->tcp_flags_in,
					.verdict = FLOW_PASSED, /* a dropped packet makes no flow */
					.ingress = flow->ingress,
					.is_final = flow->is_final,
					.packets_out = flow->packets_out,
					.bytes_out = flow->bytes_out,
					.packets_in = flow->packets_in,
					.bytes_in = flow->bytes_in };
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void append_number(struct buffer *out, const char *key, int64_t number)
{
	if (number)
		buffer_append_format(out, ",\"%s\":%lld", key, (long long)number);
	else
		buffer_append_format(out, ",\"%s\":null", key);
}

static void append_named(struct buffer *out, const char *key, const char *text)
{
	buffer_append_format(out, ",\"%s\":", key);
	append_json_text(out, text);
}

static void append_tuple(struct buffer *out, const struct five_tuple *tuple)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX];

	buffer_append_format(out,
			     ",\"ip_v\":%u,\"proto\":\"%s\",\"src_ip\":\"%s\",\"src_port\":%u,"
			     "\"dst_ip\":\"%s\",\"dst_port\":%u",
			     tuple->src.family, proto_format(tuple->proto, proto),
			     addr_format(&tuple->src, src), tuple->src_port,
			     addr_format(&tuple->dst, dst), tuple->dst_port);
}

static void append_sums(struct buffer *out, const struct flow_record *record)
{
	char flags_out[TCP_FLAGS_TEXT_MAX], flags_in[TCP_FLAGS_TEXT_MAX];

	buffer_append_format(
		out,
		",\"packets_out\":%llu,\"bytes_out\":%llu,\"packets_in\":%llu,"
		"\"bytes_in\":%llu,\"tcp_flags_out\":\"%s\",\"tcp_flags_in\":\"%s\"",
		(unsigned long long)record->packets_out, (unsigned long long)record->bytes_out,
		(unsigned long long)record->packets_in, (unsigned long long)record->bytes_in,
		tcp_flags_format(record->tcp_flags_out, flags_out),
		tcp_flags_format(record->tcp_flags_in, flags_in));
}

static const struct flow_ends *ends_of(const struct flow_texts *texts,
				       const struct flow_record *record)
{
	static const struct flow_ends unknown;
	const struct flow_ends *ends = texts->ends ? texts->ends(texts->ends_arg, record) : NULL;

	return ends ? ends : &unknown;
}

static void append_ends(struct buffer *out, const struct flow_ends *ends)
{
	append_named(out, "src_name", ends->src.name);
	append_named(out, "dst_name", ends->dst.name);
	append_named(out, "src_country", ends->src.place.country);
	append_named(out, "dst_country", ends->dst.place.country);
	append_number(out, "src_asn", ends->src.place.asn);
	append_number(out, "dst_asn", ends->dst.place.asn);
}

void record_append_json(struct buffer *out, const struct flow_record *record,
			const struct flow_texts *texts)
{
	buffer_append_format(out, "{\"id\":%llu,\"start\":", (unsigned long long)record->id);
	append_time(out, record->start_unix_ms, "\"");
	buffer_append_text(out, ",\"end\":");
	append_time(out, record->end_unix_ms, "\"");
	append_named(out, "iface", texts->iface);
	append_number(out, "vlan", record->vlan);
	append_tuple(out, &record->tuple);
	append_sums(out, record);
	append_named(out, "state", flow_state_name(record->state));
	append_named(out, "end_reason", end_name(record));
	append_named(out, "sni", texts->sni);
	append_named(out, "host", texts->host);
	append_named(out, "ja4", texts->ja4);
	append_named(out, "verdict", flow_verdict_name(record->verdict));
	append_number(out, "rule_id", record->rule_id);
	append_named(out, "process", texts->process);
	append_number(out, "pid", record->pid);
	append_number(out, "uid", record->uid);
	append_named(out, "unit", texts->unit);
	append_number(out, "incident_id", record->incident_id);
	append_ends(out, ends_of(texts, record));
	buffer_append_text(out, "}");
}

/* ---- CSV ------------------------------------------------------------------------------------- */

void record_append_csv_head(struct buffer *out)
{
	buffer_append_text(out, "id,start,end,iface,vlan,ip_v,proto,src_ip,src_port,dst_ip,"
				"dst_port,packets_out,bytes_out,packets_in,bytes_in,"
				"tcp_flags_out,tcp_flags_in,state,end_reason,sni,host,ja4,verdict,"
				"rule_id,process,pid,uid,unit,incident_id,src_name,dst_name,"
				"src_country,dst_country,src_asn,dst_asn\r\n");
}

static void append_cell(struct buffer *out, const char *text)
{
	buffer_append_text(out, ",");
	append_csv_text(out, text);
}

static void append_count_cell(struct buffer *out, int64_t number)
{
	if (number)
		buffer_append_format(out, ",%lld", (long long)number);
	else
		buffer_append_text(out, ",");
}

static void append_tuple_cells(struct buffer *out, const struct five_tuple *tuple)
{
	char src[ADDR_TEXT_MAX], dst[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX];

	buffer_append_format(out, ",%u,%s,%s,%u,%s,%u", tuple->src.family,
			     proto_format(tuple->proto, proto), addr_format(&tuple->src, src),
			     tuple->src_port, addr_format(&tuple->dst, dst), tuple->dst_port);
}

static void append_sum_cells(struct buffer *out, const struct flow_record *record)
{
	char flags_out[TCP_FLAGS_TEXT_MAX], flags_in[TCP_FLAGS_TEXT_MAX];

	buffer_append_format(
		out, ",%llu,%llu,%llu,%llu,%s,%s", (unsigned long long)record->packets_out,
		(unsigned long long)record->bytes_out, (unsigned long long)record->packets_in,
		(unsigned long long)record->bytes_in,
		tcp_flags_format(record->tcp_flags_out, flags_out),
		tcp_flags_format(record->tcp_flags_in, flags_in));
}

static void append_end_cells(struct buffer *out, const struct flow_ends *ends)
{
	append_cell(out, ends->src.name);
	append_cell(out, ends->dst.name);
	append_cell(out, ends->src.place.country);
	append_cell(out, ends->dst.place.country);
	append_count_cell(out, ends->src.place.asn);
	append_count_cell(out, ends->dst.place.asn);
}

void record_append_csv(struct buffer *out, const struct flow_record *record,
		       const struct flow_texts *texts)
{
	buffer_append_format(out, "%llu,", (unsigned long long)record->id);
	append_time(out, record->start_unix_ms, "");
	buffer_append_text(out, ",");
	append_time(out, record->end_unix_ms, "");
	append_cell(out, texts->iface);
	append_count_cell(out, record->vlan);
	append_tuple_cells(out, &record->tuple);
	append_sum_cells(out, record);
	append_cell(out, flow_state_name(record->state));
	append_cell(out, end_name(record));
	append_cell(out, texts->sni);
	append_cell(out, texts->host);
	append_cell(out, texts->ja4);
	append_cell(out, flow_verdict_name(record->verdict));
	append_count_cell(out, record->rule_id);
	append_cell(out, texts->process);
	append_count_cell(out, record->pid);
	append_count_cell(out, record->uid);
	append_cell(out, texts->unit);
	append_count_cell(out, record->incident_id);
	append_end_cells(out, ends_of(texts, record));
	buffer_append_text(out, "\r\n");
}

void ifaces_fill(const struct snapshot *snapshot, char (*names)[IFACE_TEXT_MAX])
{
	for (unsigned int i = 0; snapshot && i < snapshot->coverage.iface_count; i++) {
		const struct coverage_iface *iface = &snapshot->coverage.ifaces[i];

		(void)snprintf(names[iface->index], IFACE_TEXT_MAX, "%s", iface->name);
	}
}
