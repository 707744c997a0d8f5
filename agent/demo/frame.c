/*
 * Frames as a card would deliver them: Ethernet II, IPv4 or IPv6, TCP, UDP or ICMP, with lengths
 * and checksums that tshark calls right.
 */
#include <string.h>

#include <netinet/in.h>

#include "agent/demo/internal.h"

#define ETHER_LEN   14
#define IPV4_LEN    20
#define IPV6_LEN    40
#define TCP_LEN	    20
#define UDP_LEN	    8
#define ARP_LEN	    28
#define ETHER_LEAST 60 /* without its checksum, IEEE 802.3 */

static void put16(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static void put32(uint8_t *at, uint32_t value)
{
	put16(at, value >> 16);
	put16(at + 2, value & 0xffff);
}

/* One's complement sum (RFC 1071), carried on from @sum. */
static uint32_t add_words(uint32_t sum, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	if (len & 1)
		sum += (uint32_t)data[len - 1] << 8;
	return sum;
}

static uint16_t fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Locally administered addresses; the last bytes follow the IP address, as neighbours differ. */
static void put_ether(uint8_t *out, const struct five_tuple *tuple)
{
	out[0] = out[6] = 0x02;
	out[1] = out[7] = 0;
	memcpy(out + 2, tuple->dst.bytes + 12, 4);
	memcpy(out + 8, tuple->src.bytes + 12, 4);
	put16(out + 12, tuple->src.family == ADDR_IPV4 ? 0x0800 : 0x86dd);
}

static void put_ipv4(uint8_t *out, const struct five_tuple *tuple, size_t len)
{
	memset(out, 0, IPV4_LEN);
	out[0] = 0x45;
	put16(out + 2, (uint32_t)(IPV4_LEN + len));
	out[6] = 0x40; /* don't fragment */
	out[8] = 64;
	out[9] = tuple->proto;
	memcpy(out + 12, tuple->src.bytes + 12, 4);
	memcpy(out + 16, tuple->dst.bytes + 12, 4);
	put16(out + 10, fold(add_words(0, out, IPV4_LEN)));
}

static void put_ipv6(uint8_t *out, const struct five_tuple *tuple, size_t len)
{
	memset(out, 0, IPV6_LEN);
	out[0] = 0x60;
	put16(out + 4, (uint32_t)len);
	out[6] = tuple->proto;
	out[7] = 64;
	memcpy(out + 8, tuple->src.bytes, 16);
	memcpy(out + 24, tuple->dst.bytes, 16);
}

static size_t transport_len(const struct segment *segment)
{
	return segment->tuple.proto == IPPROTO_TCP ? TCP_LEN : UDP_LEN; /* ICMP's is as long */
}

/* Header of the transport; returns the place of its checksum. */
static size_t put_transport(uint8_t *out, const struct segment *segment, size_t len)
{
	const struct five_tuple *tuple = &segment->tuple;

	memset(out, 0, transport_len(segment));
	if (tuple->proto != IPPROTO_TCP && tuple->proto != IPPROTO_UDP) {
		out[0] = segment->icmp_type;
		put16(out + 6, segment->seq);
		return 2;
	}
	put16(out, tuple->src_port);
	put16(out + 2, tuple->dst_port);
	if (tuple->proto == IPPROTO_UDP) {
		put16(out + 4, (uint32_t)len);
		return 6;
	}
	put32(out + 4, segment->seq);
	put32(out + 8, segment->ack);
	out[12] = TCP_LEN / 4 << 4;
	out[13] = segment->tcp_flags;
	put16(out + 14, 64240); /* the window Linux opens with */
	return 16;
}

/* The pseudo header of RFC 9293 3.1 and RFC 8200 8.1; ICMP over IPv4 has none. */
static uint32_t pseudo_sum(const struct five_tuple *tuple, size_t len)
{
	size_t size = tuple->src.family == ADDR_IPV4 ? 4 : 16;
	uint32_t sum;

	if (tuple->proto == IPPROTO_ICMP)
		return 0;
	sum = add_words(0, tuple->src.bytes + 16 - size, size);
	sum = add_words(sum, tuple->dst.bytes + 16 - size, size);
	return sum + tuple->proto + (uint32_t)len;
}

static void put_mac(uint8_t *out, const struct addr *addr)
{
	out[0] = 0x02;
	out[1] = 0;
	memcpy(out + 2, addr->bytes + 12, 4);
}

/* RFC 826: a question goes to all, an answer to the one who is told. */
static size_t build_arp(const struct segment *segment, uint8_t *out)
{
	static const uint8_t head[] = { 0x08, 0x06, 0, 1, 8, 0, 6, 4, 0 };
	uint8_t *arp = out + ETHER_LEN;

	memset(out, segment->arp == 1 ? 0xff : 0, 6);
	if (segment->arp != 1)
		put_mac(out, &segment->told);
	put_mac(out + 6, &segment->device);
	memcpy(out + 12, head, sizeof(head));
	arp[7] = segment->arp;
	put_mac(arp + 8, &segment->device);
	memcpy(arp + 14, segment->tuple.src.bytes + 12, 4);
	memset(arp + 18, 0, 6);
	if (segment->arp != 1)
		put_mac(arp + 18, &segment->told);
	memcpy(arp + 24,
	       segment->arp == 1 ? segment->tuple.dst.bytes + 12 : segment->told.bytes + 12, 4);
	memset(out + ETHER_LEN + ARP_LEN, 0, ETHER_LEAST - ETHER_LEN - ARP_LEN);
	return ETHER_LEAST;
}

size_t frame_build(const struct segment *segment, uint8_t *out)
{
	bool is_ipv4 = segment->tuple.src.family == ADDR_IPV4;
	size_t ip_len = is_ipv4 ? IPV4_LEN : IPV6_LEN;
	size_t len = transport_len(segment) + segment->payload_len;
	uint8_t *ip = out + ETHER_LEN, *transport = ip + ip_len;
	size_t checksum;

	if (segment->arp)
		return build_arp(segment, out);
	if (ETHER_LEN + ip_len + len > FRAME_MAX)
		return 0;
	put_ether(out, &segment->tuple);
	if (is_ipv4)
		put_ipv4(ip, &segment->tuple, len);
	else
		put_ipv6(ip, &segment->tuple, len);
	checksum = put_transport(transport, segment, len);
	if (segment->payload)
		memcpy(transport + transport_len(segment), segment->payload, segment->payload_len);
	else
		memset(transport + transport_len(segment), 0, segment->payload_len);
	/* zero bytes add nothing to the sum */
	put16(transport + checksum,
	      fold(add_words(pseudo_sum(&segment->tuple, len), transport,
			     segment->payload ? len : transport_len(segment))));
	return ETHER_LEN + ip_len + len;
}
