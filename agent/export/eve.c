/*
 * EVE lines: the fields all events share, flow records, statistics.
 */
#include "agent/export/export.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

#include "agent/export/internal.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "agent/util/proto.h"

#define TEXT_MAX   (4U << 20) /* a line is far below it: a DNS message has bounded texts */
#define FLUSH_FROM (256U << 10)
#define ID_BITS	   53 /* integers a double holds */

int eve_new(const struct eve_options *options, struct eve **out)
{
	struct eve *eve = calloc(1, sizeof(*eve));

	if (!eve)
		return -ENOMEM;
	eve->options = *options;
	buffer_init(&eve->text, TEXT_MAX);
	*out = eve;
	return 0;
}

void eve_free(struct eve *eve)
{
	if (!eve)
		return;
	buffer_done(&eve->text);
	free(eve);
}

int eve_flush(struct eve *eve)
{
	int error = eve->text.error;

	if (!error && eve->text.len)
		error = eve->options.write(eve->options.arg, (const char *)eve->text.data,
					   eve->text.len);
	if (error && !eve->error)
		eve->error = error;
	eve->text.len = 0;
	return eve->error;
}

/* ---- what lines share ------------------------------------------------------------------------ */

uint64_t eve_flow_id(const struct five_tuple *tuple)
{
	uint64_t src = addr_hash(&tuple->src, tuple->src_port);
	uint64_t dst = addr_hash(&tuple->dst, tuple->dst_port);
	uint64_t low = src < dst ? src : dst, high = src < dst ? dst : src;
	/* splitmix64's finisher over both ends in one order (Steele et al., OOPSLA 2014) */
	uint64_t id = low ^ (high * 0x9e3779b97f4a7c15ULL + tuple->proto);

	id = (id ^ id >> 30) * 0xbf58476d1ce4e5b9ULL;
	id = (id ^ id >> 27) * 0x94d049bb133111ebULL;
	id ^= id >> 31;
	return id >> (64 - ID_BITS);
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

void eve_begin(struct eve *eve, const struct eve_head *head)
{
	const struct five_tuple *tuple = head->tuple;
	struct buffer *out = &eve->text;
	char text[ADDR_TEXT_MAX], proto[PROTO_TEXT_MAX];

	buffer_append(out, "{", 1);
	text_time(out, "timestamp", head->unix_ns);
	text_number(out, "flow_id", eve_flow_id(tuple));
	if (eve->options.in_iface)
		text_member(out, "in_iface", eve->options.in_iface);
	text_member(out, "event_type", head->event_type);
	if (head->vlan & 0xfff) {
		text_open(out, "vlan", '[');
		buffer_append_format(out, "%u]", head->vlan & 0xfffU);
	}
	text_member(out, "src_ip", addr_format(&tuple->src, text));
	if (has_ports(tuple->proto))
		text_number(out, "src_port", tuple->src_port);
	text_member(out, "dest_ip", addr_format(&tuple->dst, text));
	if (has_ports(tuple->proto))
		text_number(out, "dest_port", tuple->dst_port);
	text_number(out, "ip_v", tuple->src.family);
	text_member(out, "proto", proto_format(tuple->proto, proto));
	if (head->app_proto)
		text_member(out, "app_proto", head->app_proto);
}

void eve_end(struct eve *eve)
{
	buffer_append(&eve->text, "}\n", 2);
	if (eve->text.len >= FLUSH_FROM)
		(void)eve_flush(eve); /* an error stays and the last flush reports it */
}

/* ---- flow ------------------------------------------------------------------------------------ */

/* Suricata's words; one that ended idle is what it was before. */
static const char *state_of(const struct flow *flow)
{
	if (flow->state == FLOW_CLOSED)
		return "closed";
	if (flow->state == FLOW_EXPIRED)
		return flow->packets_out && flow->packets_in ? "established" : "new";
	return flow->state == FLOW_ESTABLISHED ? "established" : "new";
}

static void write_counts(struct buffer *out, const struct flow *flow)
{
	const int64_t ns_per_ms = (int64_t)NS_PER_MS;

	text_open(out, "flow", '{');
	text_number(out, "pkts_toserver", flow->packets_out - flow->cut_packets_out);
	text_number(out, "pkts_toclient", flow->packets_in - flow->cut_packets_in);
	text_number(out, "bytes_toserver", flow->bytes_out - flow->cut_bytes_out);
	text_number(out, "bytes_toclient", flow->bytes_in - flow->cut_bytes_in);
	text_time(out, "start", flow->start_unix_ms * ns_per_ms);
	text_time(out, "end", flow->end_unix_ms * ns_per_ms);
	text_number(out, "age", (flow->last_ns - flow->first_ns) / NS_PER_S);
	text_member(out, "state", state_of(flow));
	text_member(out, "reason", flow->is_final ? "timeout" : "forced");
	text_truth(out, "alerted", false);
	text_close(out, '}');
}

static void write_flags(struct buffer *out, const struct flow *flow)
{
	const uint8_t flags = flow->tcp_flags_out | flow->tcp_flags_in;
	static const struct {
		const char *key;
		uint8_t flag;
	} bits[] = {
		{ "syn", TCP_FLAG_SYN }, { "fin", TCP_FLAG_FIN }, { "rst", TCP_FLAG_RST },
		{ "psh", TCP_FLAG_PSH }, { "ack", TCP_FLAG_ACK }, { "urg", TCP_FLAG_URG },
	};

	text_open(out, "tcp", '{');
	text_hex(out, "tcp_flags", flags);
	text_hex(out, "tcp_flags_ts", flow->tcp_flags_out);
	text_hex(out, "tcp_flags_tc", flow->tcp_flags_in);
	for (size_t i = 0; i < sizeof(bits) / sizeof(bits[0]); i++)
		if (flags & bits[i].flag)
			text_truth(out, bits[i].key, true);
	text_member(out, "state", state_of(flow));
	text_close(out, '}');
}

void eve_flow(struct eve *eve, const struct flow *flow)
{
	const struct eve_head head = {
		.event_type = "flow",
		.unix_ns = flow->end_unix_ms * (int64_t)NS_PER_MS,
		.tuple = &flow->tuple,
		.vlan = flow->vlan,
	};

	eve_begin(eve, &head);
	write_counts(&eve->text, flow);
	if (flow->tuple.proto == IPPROTO_TCP)
		write_flags(&eve->text, flow);
	eve_end(eve);
}

/* ---- stats ----------------------------------------------------------------------------------- */

void eve_stats(struct eve *eve, const struct eve_stats *stats)
{
	struct buffer *out = &eve->text;

	buffer_append(out, "{", 1);
	text_time(out, "timestamp", stats->unix_ns);
	text_member(out, "event_type", "stats");
	text_open(out, "stats", '{');
	text_number(out, "uptime", stats->uptime_s);
	text_open(out, "capture", '{');
	text_number(out, "kernel_packets", stats->packets);
	text_number(out, "kernel_drops", stats->dropped);
	text_close(out, '}');
	text_open(out, "decoder", '{');
	text_number(out, "pkts", stats->packets);
	text_number(out, "bytes", stats->bytes);
	text_number(out, "invalid", stats->invalid);
	text_close(out, '}');
	text_open(out, "flow", '{');
	text_number(out, "total", stats->flows);
	text_close(out, '}');
	text_close(out, '}');
	eve_end(eve);
}
