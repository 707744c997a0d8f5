/*
 * A pcap filter over flows: what it would have said of a packet of each. libpcap compiles it; the
 * packet is a header made of the flow, in both directions, since a flow is both.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netinet/in.h>
#include <pcap/pcap.h>

#include "agent/capture/capture.h"

#define ETHER_TYPE_VLAN 0x8100
#define ETHER_TYPE_IPV4 0x0800
#define ETHER_TYPE_IPV6 0x86dd
#define HEADER_MAX	(14 + 4 + 40 + 20)
#define WORDS_MAX	64

struct capture_view {
	struct bpf_program program;
};

/* ---- the expression -------------------------------------------------------------------------- */

/* Returns 0, or -EINVAL with libpcap's words. */
static int compile(const char *text, struct bpf_program *program, char *error, size_t size)
{
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, 65535);
	int status;

	if (!pcap)
		return -ENOMEM;
	status = pcap_compile(pcap, program, text, 1, PCAP_NETMASK_UNKNOWN);
	if (status)
		(void)snprintf(error, size, "%.150s", pcap_geterr(pcap));
	pcap_close(pcap);
	return status ? -EINVAL : 0;
}

static bool is_filter(const char *text, size_t len)
{
	struct bpf_program program;
	char part[4096 + 1], error[160];

	(void)snprintf(part, sizeof(part), "%.*s", (int)len, text);
	if (compile(part, &program, error, sizeof(error)))
		return false;
	pcap_freecode(&program);
	return true;
}

/*
 * libpcap names no place. The words up to which the text is a filter by itself are good, and so is
 * what joins on to them: the word after that is where to look.
 */
static const char *find_fault(const char *text)
{
	static const char blanks[] = " \t\r\n";
	const char *at = text + strspn(text, blanks), *fault = at;

	for (int words = 0; *at && words < WORDS_MAX; words++) {
		size_t len = strcspn(at, blanks);
		const char *next = at + len + strspn(at + len, blanks);

		if (is_filter(text, (size_t)(at + len - text))) {
			fault = next;
			len = strcspn(fault, blanks);
			if ((len == 3 && !strncmp(fault, "and", 3)) ||
			    (len == 2 && (!strncmp(fault, "or", 2) || !strncmp(fault, "&&", 2) ||
					  !strncmp(fault, "||", 2))))
				fault += len + strspn(fault + len, blanks);
		}
		at = next;
	}
	return fault;
}

int capture_view_check(const char *text, char *reason)
{
	struct bpf_program program;
	char error[160] = "";
	const char *fault;
	int status;

	if (!*text)
		return 0;
	status = compile(text, &program, error, sizeof(error));
	if (!status) {
		pcap_freecode(&program);
		return 0;
	}
	fault = find_fault(text);
	(void)snprintf(reason, CAPTURE_REASON_MAX,
		       "is no pcap filter near \"%.40s\" (column %zu): %s",
		       *fault ? fault : "the end", (size_t)(fault - text) + 1, error);
	return status;
}

int capture_view_new(const char *text, struct capture_view **out)
{
	char error[160];
	struct capture_view *view;
	int status;

	*out = NULL;
	if (!*text)
		return 0;
	view = calloc(1, sizeof(*view));
	if (!view)
		return -ENOMEM;
	status = compile(text, &view->program, error, sizeof(error));
	if (status) {
		free(view);
		return status;
	}
	*out = view;
	return 0;
}

void capture_view_free(struct capture_view *view)
{
	if (!view)
		return;
	pcap_freecode(&view->program);
	free(view);
}

/* ---- a packet of a flow ---------------------------------------------------------------------- */

static void put16(uint8_t *at, unsigned int value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

/* One way of it. */
struct way {
	const struct addr *src, *dst;
	uint16_t src_port, dst_port;
	uint8_t proto;
};

/* RFC 791 3.1: version, length, protocol, addresses. */
static size_t put_ipv4(uint8_t *at, const struct way *way)
{
	at[0] = 0x45;
	put16(at + 2, 40);
	at[8] = 64;
	at[9] = way->proto;
	memcpy(at + 12, way->src->bytes + 12, 4);
	memcpy(at + 16, way->dst->bytes + 12, 4);
	return 20;
}

/* RFC 8200 3. */
static size_t put_ipv6(uint8_t *at, const struct way *way)
{
	at[0] = 0x60;
	put16(at + 4, 20);
	at[6] = way->proto;
	at[7] = 64;
	memcpy(at + 8, way->src->bytes, 16);
	memcpy(at + 24, way->dst->bytes, 16);
	return 40;
}

/* The first 20 bytes of TCP; of others the ports, where there are any, and zeros. */
static size_t put_ports(uint8_t *at, const struct way *way)
{
	bool has_ports = way->proto == IPPROTO_TCP || way->proto == IPPROTO_UDP ||
			 way->proto == IPPROTO_SCTP;

	if (has_ports) {
		put16(at, way->src_port);
		put16(at + 2, way->dst_port);
	}
	if (way->proto == IPPROTO_TCP) {
		at[12] = 0x50;
		at[13] = 0x10; /* ACK */
	}
	return 20;
}

static bool has_way(const struct capture_view *view, const struct way *way, uint16_t vlan)
{
	uint8_t packet[HEADER_MAX] = { 0 };
	struct pcap_pkthdr header = { 0 };
	bool is_v4 = way->src->family == ADDR_IPV4;
	size_t len = 12;

	if (vlan) {
		put16(packet + len, ETHER_TYPE_VLAN);
		put16(packet + len + 2, vlan);
		len += 4;
	}
	put16(packet + len, is_v4 ? ETHER_TYPE_IPV4 : ETHER_TYPE_IPV6);
	len += 2;
	len += is_v4 ? put_ipv4(packet + len, way) : put_ipv6(packet + len, way);
	len += put_ports(packet + len, way);
	header.caplen = header.len = (bpf_u_int32)len;
	return pcap_offline_filter(&view->program, &header, packet) != 0;
}

bool capture_view_has(const struct capture_view *view, const struct five_tuple *tuple,
		      uint16_t vlan)
{
	const struct way out = { &tuple->src, &tuple->dst, tuple->src_port, tuple->dst_port,
				 tuple->proto };
	const struct way in = { &tuple->dst, &tuple->src, tuple->dst_port, tuple->src_port,
				tuple->proto };

	/* an expression without "vlan" is meant for the packet within the tag */
	return has_way(view, &out, 0) || has_way(view, &in, 0) ||
	       (vlan && (has_way(view, &out, vlan) || has_way(view, &in, vlan)));
}
