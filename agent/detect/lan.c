/*
 * Frames of ARP and neighbour discovery, each byte asked for before it is read.
 */
#include "agent/detect/lan.h"

#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/addr.h"
#include "include/payload.h"

#define ETHER_BYTES 14
#define ETHER_VLAN  0x8100
#define ETHER_QINQ  0x88a8
#define ETHER_ARP   0x0806
#define ETHER_IPV6  0x86dd
#define TAGS	    2

#define ARP_BYTES  28 /* RFC 826, Ethernet and IPv4 */
#define ARP_ASK	   1
#define ARP_ANSWER 2
#define IPV6_BYTES 40
#define ND_SOLICIT 135 /* RFC 4861 4.3, 4.4 */
#define ND_ADVERT  136
#define ND_BYTES   24
#define OPTION_SRC 1 /* RFC 4861 4.6.1: link-layer address of the source, of the target */
#define OPTION_DST 2

struct bytes {
	const uint8_t *at;
	size_t len;
};

static uint16_t get16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static bool skip(struct bytes *bytes, size_t count)
{
	if (bytes->len < count)
		return false;
	bytes->at += count;
	bytes->len -= count;
	return true;
}

/* ---- ARP ---- */

static int parse_arp(const struct bytes *arp, struct lan_fact *fact)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4 }; /* Ethernet, IPv4, their sizes */
	static const uint8_t nobody[4] = { 0 };
	uint16_t operation;

	if (arp->len < ARP_BYTES || memcmp(arp->at, head, sizeof(head)) != 0)
		return -EBADMSG;
	operation = get16(arp->at + 6);
	memcpy(fact->mac, arp->at + 8, MAC_BYTES);
	if (memcmp(arp->at + 14, nobody, sizeof(nobody)) != 0)
		fact->sender = addr_from_ipv4(arp->at + 14);
	fact->target = addr_from_ipv4(arp->at + 24);
	if (operation != ARP_ASK && operation != ARP_ANSWER)
		return -EBADMSG;
	fact->kind = operation == ARP_ASK ? LAN_ASK : LAN_ANSWER;
	/* RFC 5227 2.3: whoever asks for its own address announces it */
	if (fact->sender.family != ADDR_NONE && addr_is_equal(&fact->sender, &fact->target))
		fact->kind = LAN_ANNOUNCE;
	if (fact->kind == LAN_ANSWER && fact->is_broadcast)
		fact->kind = LAN_ANNOUNCE;
	return 0;
}

/* ---- neighbour discovery ---- */

/* The link-layer address among the options; false: none, or they are not well formed. */
static bool find_option(struct bytes options, uint8_t kind, uint8_t mac[static MAC_BYTES])
{
	while (options.len >= 8) {
		size_t len = (size_t)options.at[1] * 8;

		if (options.at[0] == kind) {
			memcpy(mac, options.at + 2, MAC_BYTES);
			return len == 8;
		}
		if (!len || !skip(&options, len))
			return false;
	}
	return false;
}

/* No extension headers: hosts drop such messages (RFC 6980). Hop limit 255 says nobody forwarded
 * it (RFC 4861 7.1). */
static int parse_nd(struct bytes ip, struct lan_fact *fact)
{
	static const uint8_t nobody[16] = { 0 };
	const uint8_t *head = ip.at, *nd;
	uint8_t type;

	if (ip.len < IPV6_BYTES + ND_BYTES || head[6] != IPPROTO_ICMPV6 || head[7] != 255)
		return -EBADMSG;
	nd = ip.at + IPV6_BYTES;
	type = nd[0];
	if ((type != ND_SOLICIT && type != ND_ADVERT) || !skip(&ip, IPV6_BYTES + ND_BYTES))
		return -EBADMSG;
	fact->target = addr_from_ipv6(nd + 8);
	if (type == ND_SOLICIT) {
		fact->kind = LAN_ASK;
		if (memcmp(head + 8, nobody, sizeof(nobody)) != 0 &&
		    find_option(ip, OPTION_SRC, fact->mac))
			fact->sender = addr_from_ipv6(head + 8);
		return 0;
	}
	if (!find_option(ip, OPTION_DST, fact->mac))
		memcpy(fact->mac, fact->source, MAC_BYTES);
	fact->kind = fact->is_broadcast ? LAN_ANNOUNCE : LAN_ANSWER;
	fact->sender = fact->target;
	fact->target = addr_from_ipv6(head + 24); /* who was told */
	return 0;
}

/* ---- the face ---- */

int lan_parse(const struct payload *payload, struct lan_fact *fact)
{
	struct bytes frame = { payload->data, payload->len };
	uint16_t type;

	*fact = (struct lan_fact){ .at_ns = payload->at_ns };
	if (frame.len < ETHER_BYTES)
		return -EBADMSG;
	fact->is_broadcast = frame.at[0] & 1;
	memcpy(fact->to, frame.at, MAC_BYTES);
	memcpy(fact->source, frame.at + MAC_BYTES, MAC_BYTES);
	type = get16(frame.at + 12);
	(void)skip(&frame, ETHER_BYTES); /* there are as many */
	for (int i = 0; i < TAGS && (type == ETHER_VLAN || type == ETHER_QINQ); i++) {
		if (frame.len < 4)
			return -EBADMSG;
		type = get16(frame.at + 2);
		(void)skip(&frame, 4); /* there are as many */
	}
	if (type == ETHER_ARP)
		return parse_arp(&frame, fact);
	return type == ETHER_IPV6 ? parse_nd(frame, fact) : -EBADMSG;
}

const char *lan_mac_format(const uint8_t mac[static MAC_BYTES], char text[static MAC_TEXT_MAX])
{
	(void)snprintf(text, MAC_TEXT_MAX, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
	return text;
}
