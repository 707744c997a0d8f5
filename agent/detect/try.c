/*
 * What one flow says of an attempt: whether it is one, and whether it came to anything.
 */
#include "agent/detect/try.h"

#include <netinet/in.h>

/* The most an answer without data takes per packet: IP header and TCP header with timestamps,
 * RFC 791 3.1, RFC 8200 3, RFC 9293 3.1, RFC 7323 3.2. */
#define BARE_BYTES_IPV4 60
#define BARE_BYTES_IPV6 80

/* traceroute(8): UDP probes begin at port 33434, one more each, 30 hops of 3; tracepath(8): at
 * 44444 */
#define TRACEROUTE_FIRST 33434
#define TRACEPATH_FIRST	 44444
#define TRACEROUTE_PORTS 100
#define SYSTEM_PORT_MAX	 1023 /* RFC 6335 6 */

#define SYN TCP_FLAG_SYN
#define ACK TCP_FLAG_ACK
#define RST TCP_FLAG_RST

/*
 * A flow of which one side is known may be the answer of a server, its request not read yet. Only
 * what an answer never looks like is a try: SYN without ACK, and the packets of FIN, NULL and Xmas
 * scans, which carry neither ACK nor RST (RFC 9293 3.5.2, 3.10.7: every answer has one of them).
 */
static bool is_try_tcp(const struct flow *flow)
{
	if (!flow->packets_in)
		return !(flow->tcp_flags_out & (ACK | RST));
	if (flow->tcp_flags_out & SYN || !(flow->tcp_flags_out & (ACK | RST)))
		return true;
	return flow->tcp_flags_out == ACK && flow->tcp_flags_in == RST; /* ACK scan */
}

bool try_is_group(const struct addr *addr)
{
	const uint8_t *b = addr->bytes;

	if (addr->family == ADDR_IPV6)
		return b[0] == 0xff;
	return b[12] >= 224; /* multicast, and 255.255.255.255 */
}

static bool is_traceroute(uint16_t port)
{
	return (port >= TRACEROUTE_FIRST && port <= TRACEROUTE_FIRST + TRACEROUTE_PORTS) ||
	       (port >= TRACEPATH_FIRST && port <= TRACEPATH_FIRST + TRACEROUTE_PORTS);
}

static bool is_try_udp(const struct flow *flow)
{
	const struct five_tuple *tuple = &flow->tuple;

	if (flow->packets_in)
		return true;
	if (is_traceroute(tuple->dst_port))
		return false;
	if (tuple->src_port <= SYSTEM_PORT_MAX && tuple->dst_port > SYSTEM_PORT_MAX)
		return false; /* a late answer of a service, or one that was never asked for */
	return !try_is_group(&tuple->dst);
}

bool try_is_try(const struct flow *flow)
{
	if (!flow->tuple.dst_port) /* later fragments have no ports */
		return false;
	if (flow->tuple.proto == IPPROTO_TCP)
		return is_try_tcp(flow);
	return flow->tuple.proto == IPPROTO_UDP && is_try_udp(flow);
}

bool try_has_answered(const struct flow *flow)
{
	uint64_t bare = flow->tuple.src.family == ADDR_IPV4 ? BARE_BYTES_IPV4 : BARE_BYTES_IPV6;

	if (!flow->packets_in)
		return false;
	if (flow->tuple.proto != IPPROTO_TCP)
		return true;
	/* Refused: a reset without data, and nothing was ever accepted. */
	return !(flow->tcp_flags_in & RST) || flow->tcp_flags_in & SYN ||
	       flow->bytes_in > bare * flow->packets_in;
}

bool try_is_private(const struct addr *addr)
{
	const uint8_t *b = addr->bytes;

	if (addr->family == ADDR_IPV6)
		return (b[0] & 0xfe) == 0xfc || (b[0] == 0xfe && (b[1] & 0xc0) == 0x80);
	b += 12;
	return b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168) ||
	       (b[0] == 100 && (b[1] & 0xc0) == 64) || (b[0] == 169 && b[1] == 254) || b[0] == 127;
}
