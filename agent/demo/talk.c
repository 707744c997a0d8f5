/*
 * One conversation between two hosts: a small machine that sends its next packet when asked.
 */
#include <netinet/in.h>
#include <string.h>

#include "agent/demo/internal.h"

#define US_NS	      1000ULL
#define ROUND_TRIP_US 18000 /* a host some hundred kilometres away */
#define RETRIES	      2	    /* unanswered SYNs before a client gives up */

struct sender {
	struct talk *talk;
	talk_send_fn send;
	void *arg;
};

/* A packet of the initiator (out) or of the other side. */
static bool send_packet(const struct sender *s, bool is_out, struct segment *segment)
{
	const struct five_tuple *tuple = &s->talk->tuple;

	segment->tuple = *tuple;
	if (!is_out) {
		segment->tuple.src = tuple->dst;
		segment->tuple.dst = tuple->src;
		segment->tuple.src_port = tuple->dst_port;
		segment->tuple.dst_port = tuple->src_port;
	}
	return s->send(s->arg, segment, is_out != s->talk->is_inbound, s->talk->due_ns);
}

static void wait_us(struct talk *talk, uint64_t mean_us)
{
	talk->due_ns += random_gap_ns(&talk->random, mean_us * US_NS) + US_NS;
}

/* ---- TCP ----------------------------------------------------------------------------------------
 */

static bool send_tcp(const struct sender *s, bool is_out, uint8_t flags, const uint8_t *payload,
		     size_t len)
{
	struct talk *talk = s->talk;
	uint32_t *own = is_out ? &talk->seq_out : &talk->seq_in;
	struct segment segment = { .tcp_flags = flags,
				   .seq = *own,
				   .ack = flags & TCP_FLAG_ACK
						  ? (is_out ? talk->seq_in : talk->seq_out)
						  : 0,
				   .payload = payload,
				   .payload_len = len };

	*own += (uint32_t)len + !!(flags & (TCP_FLAG_SYN | TCP_FLAG_FIN));
	return send_packet(s, is_out, &segment);
}

static size_t first_payload(struct talk *talk, uint8_t *out)
{
	switch (talk->kind) {
	case TALK_WEB:
		return payload_client_hello(&talk->random, talk->name, out);
	case TALK_HTTP:
	case TALK_LOGIN:
		return payload_http_request(talk->name, talk->kind == TALK_LOGIN, out);
	default:
		return payload_ssh_banner(out);
	}
}

/* Data until both sides have sent theirs; an acknowledgement now and then the other way. */
static bool step_data(const struct sender *s)
{
	struct talk *talk = s->talk;
	uint32_t both = talk->left_in + talk->left_out;
	bool is_out = both && random_below(&talk->random, both) < talk->left_out;
	bool is_small = talk->kind == TALK_SSH;
	size_t len = is_small ? 36 + random_below(&talk->random, 64)
			      : 600 + random_below(&talk->random, PAYLOAD_MAX - 600);

	if (talk->fixed_len)
		len = talk->fixed_len;
	if (!both)
		return false;
	if (is_out)
		talk->left_out--;
	else
		talk->left_in--;
	if (!send_tcp(s, is_out, TCP_FLAG_PSH | TCP_FLAG_ACK, NULL, len) && talk->is_inbound)
		talk->left_in = talk->left_out = 0; /* cut off: nothing more is heard of it */
	if (!random_below(&talk->random, 2))
		(void)send_tcp(s, !is_out, TCP_FLAG_ACK, NULL, 0);
	wait_us(talk, talk->gap_us);
	return true;
}

static bool step_open(const struct sender *s)
{
	struct talk *talk = s->talk;
	uint8_t payload[PAYLOAD_MAX];

	switch (talk->step) {
	case 0:
		if (!send_tcp(s, true, TCP_FLAG_SYN, NULL, 0)) {
			talk->step = 100; /* unanswered: try again, then give up */
			talk->seq_out--;
			wait_us(talk, 1000000);
			return true;
		}
		wait_us(talk, 50);
		break;
	case 1:
		if (!send_tcp(s, false, TCP_FLAG_SYN | TCP_FLAG_ACK, NULL, 0))
			return false;
		wait_us(talk, ROUND_TRIP_US);
		break;
	case 2:
		if (!send_tcp(s, true, TCP_FLAG_ACK, NULL, 0))
			return false;
		wait_us(talk, 200);
		break;
	default:
		if (!send_tcp(s, true, TCP_FLAG_PSH | TCP_FLAG_ACK, payload,
			      first_payload(talk, payload)))
			return false;
		wait_us(talk, ROUND_TRIP_US);
		break;
	}
	talk->step++;
	return true;
}

static bool step_tcp(const struct sender *s)
{
	struct talk *talk = s->talk;

	if (talk->step < 4)
		return step_open(s);
	if (talk->step >= 100) {
		if (talk->step >= 100 + RETRIES)
			return false;
		talk->step++;
		(void)send_tcp(s, true, TCP_FLAG_SYN, NULL,
			       0); /* dropped again or not: no answer */
		talk->seq_out--;
		wait_us(talk, 2000000);
		return true;
	}
	if (talk->step == 4 && step_data(s))
		return true;
	talk->step = talk->step < 5 ? 5 : talk->step;
	switch (talk->step++) {
	case 5:
		(void)send_tcp(s, true, TCP_FLAG_FIN | TCP_FLAG_ACK, NULL, 0);
		wait_us(talk, ROUND_TRIP_US);
		return true;
	case 6:
		(void)send_tcp(s, false, TCP_FLAG_FIN | TCP_FLAG_ACK, NULL, 0);
		wait_us(talk, ROUND_TRIP_US);
		return true;
	default:
		(void)send_tcp(s, true, TCP_FLAG_ACK, NULL, 0);
		return false;
	}
}

/* One SYN: an open port answers and is reset, a closed one refuses. */
static bool step_probe(const struct sender *s)
{
	struct talk *talk = s->talk;

	switch (talk->step++) {
	case 0:
		if (!send_tcp(s, true, TCP_FLAG_SYN, NULL, 0))
			return false;
		wait_us(talk, 60);
		return true;
	case 1:
		(void)send_tcp(s, false,
			       talk->answers ? TCP_FLAG_SYN | TCP_FLAG_ACK
					     : TCP_FLAG_RST | TCP_FLAG_ACK,
			       NULL, 0);
		wait_us(talk, ROUND_TRIP_US);
		return talk->answers && talk->kind != TALK_HALF_OPEN;
	default:
		(void)send_tcp(s, true, TCP_FLAG_RST, NULL, 0);
		return false;
	}
}

/* ---- UDP and ICMP
 * --------------------------------------------------------------------------------- */

static bool step_dns(const struct sender *s)
{
	struct talk *talk = s->talk;
	uint8_t payload[PAYLOAD_MAX];
	struct segment segment = { .payload = payload };
	const struct dns_question question = { .id = (uint16_t)talk->seq_out,
					       .type = talk->dns_type ? talk->dns_type : 1,
					       .label = talk->label,
					       .name = talk->name };

	if (talk->step++ == 0) {
		segment.payload_len = payload_dns_query(&question, payload);
		if (!send_packet(s, true, &segment))
			return false;
		wait_us(talk, ROUND_TRIP_US);
		return true;
	}
	segment.payload_len =
		payload_dns_answer(&question, talk->is_missing ? NULL : &talk->tuple.dst, payload);
	(void)send_packet(s, false, &segment);
	return false;
}

/* A question and its answer of the same size: NTP and ping. */
static bool step_echo(const struct sender *s)
{
	struct talk *talk = s->talk;
	bool is_ping = talk->kind == TALK_PING;
	bool is_ipv6 = talk->tuple.src.family == ADDR_IPV6;
	bool is_out = talk->step % 2 == 0;
	/* echo request and reply: RFC 792, RFC 4443 4 */
	uint8_t type = is_out ? (is_ipv6 ? 128 : 8) : (is_ipv6 ? 129 : 0);
	struct segment segment = { .icmp_type = type,
				   .seq = talk->step / 2 + 1,
				   .payload_len = is_ping ? 56 : 48 };

	if (!send_packet(s, is_out, &segment) && is_out)
		talk->step++; /* no answer to what never came */
	wait_us(talk, is_out ? ROUND_TRIP_US : 1000000);
	return ++talk->step < 2 * (is_ping ? talk->left_out : 1);
}

static bool step_udp_probe(const struct sender *s)
{
	struct segment segment = { .payload_len = 8 };

	(void)send_packet(s, true, &segment); /* a closed UDP port of a quiet host says nothing */
	return false;
}

/* ---- ARP ----------------------------------------------------------------------------------------
 */

static bool step_arp(const struct sender *s)
{
	struct talk *talk = s->talk;
	const struct five_tuple *tuple = &talk->tuple;
	bool is_question = talk->step++ == 0;
	struct segment segment = { .arp = is_question ? 1 : 2,
				   .device = is_question ? tuple->src : tuple->dst,
				   .told = tuple->src };

	(void)send_packet(s, is_question, &segment);
	wait_us(talk, 300); /* a neighbour answers at once */
	return is_question && talk->answers;
}

static bool step_arp_lie(const struct sender *s)
{
	struct segment segment = { .arp = 2, .device = s->talk->liar, .told = s->talk->tuple.dst };

	(void)send_packet(s, true, &segment);
	return false;
}

bool talk_step(struct talk *talk, talk_send_fn send, void *arg)
{
	const struct sender sender = { talk, send, arg };

	switch (talk->kind) {
	case TALK_DNS:
		return step_dns(&sender);
	case TALK_NTP:
	case TALK_PING:
		return step_echo(&sender);
	case TALK_ARP:
		return step_arp(&sender);
	case TALK_ARP_LIE:
		return step_arp_lie(&sender);
	case TALK_PROBE:
	case TALK_HALF_OPEN:
		return step_probe(&sender);
	case TALK_UDP_PROBE:
		return step_udp_probe(&sender);
	default:
		return step_tcp(&sender);
	}
}
