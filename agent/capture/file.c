/*
 * A capture file as frames: libpcap reads pcap and pcapng; packets without an Ethernet header get
 * one in front, so that the datapath sees what a device would have shown it. What cannot be used is
 * counted, and the rest is read.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <pcap/pcap.h>

#include "agent/capture/capture.h"
#include "agent/util/clock.h"

#define ETHER_BYTES 14
/* The largest frame a device carries: 65535 bytes of IP behind an Ethernet header; tcpreplay and
 * BPF_PROG_TEST_RUN refuse more. */
#define FRAME_BYTES_MAX (65535 + ETHER_BYTES)
#define ERROR_BYTES	256

#define ETHER_TYPE_IPV4 0x0800
#define ETHER_TYPE_IPV6 0x86dd
#define ETHER_TYPE_PPP	0x8864 /* PPPoE session, RFC 2516 4 */

/* What stands before a packet in its link type. */
struct link_view {
	const uint8_t *data;
	size_t len;
	uint16_t ether_type; /* out */
};

/* Returns how many bytes to take off, or -1 when the packet is not IP. */
typedef int (*link_fn)(struct link_view *view);

struct capture_file {
	pcap_t *pcap;
	link_fn link; /* NULL: Ethernet as it is */
	int64_t last_unix_ns;
	uint64_t packets; /* read so far, for the note */
	struct capture_file_losses losses;
	uint8_t frame[FRAME_BYTES_MAX];
};

static uint16_t be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* ---- link types: https://www.tcpdump.org/linktypes.html ----------------------------------- */

static int link_raw(struct link_view *view)
{
	uint8_t version = view->len ? view->data[0] >> 4 : 0;

	view->ether_type = version == 6 ? ETHER_TYPE_IPV6 : ETHER_TYPE_IPV4;
	return version == 4 || version == 6 ? 0 : -1;
}

/* LINKTYPE_NULL is in the byte order of whoever captured, LINKTYPE_LOOP in network order. The
 * numbers are AF_INET everywhere, and AF_INET6 of NetBSD, FreeBSD, Darwin and Linux. */
static int link_null(struct link_view *view)
{
	const uint8_t *at = view->data;
	uint8_t family;

	if (view->len < 4)
		return -1;
	family = at[0] ? at[0] : at[3];
	if (at[1] || at[2] || (at[0] && at[3]))
		return -1;
	if (family == 2)
		view->ether_type = ETHER_TYPE_IPV4;
	else if (family == 10 || family == 24 || family == 28 || family == 30)
		view->ether_type = ETHER_TYPE_IPV6;
	else
		return -1;
	return 4;
}

static int link_cooked(struct link_view *view)
{
	if (view->len < 16)
		return -1;
	view->ether_type = be16(view->data + 14);
	return 16;
}

static int link_cooked2(struct link_view *view)
{
	if (view->len < 20)
		return -1;
	view->ether_type = be16(view->data);
	return 20;
}

/* RFC 1661 2, RFC 1662 3.2: address and control may be left out, as may the first zero byte of the
 * protocol. */
static int link_ppp(struct link_view *view)
{
	const uint8_t *at = view->data;
	size_t taken = view->len >= 2 && at[0] == 0xff && at[1] == 0x03 ? 2 : 0;
	uint16_t proto;

	if (view->len < taken + 2)
		return -1;
	proto = at[taken] & 1 ? at[taken] : be16(at + taken);
	taken += at[taken] & 1 ? 1 : 2;
	if (proto != 0x0021 && proto != 0x0057)
		return -1;
	view->ether_type = proto == 0x0021 ? ETHER_TYPE_IPV4 : ETHER_TYPE_IPV6;
	return (int)taken;
}

/* Cisco HDLC: 0x0f unicast or 0x8f broadcast, 0, an Ethernet type; else PPP (RFC 1547 4.3). */
static int link_hdlc(struct link_view *view)
{
	const uint8_t *at = view->data;

	if (view->len < 4 || (at[0] != 0x0f && at[0] != 0x8f))
		return link_ppp(view);
	view->ether_type = be16(at + 2);
	return 4;
}

static int link_ppp_direction(struct link_view *view)
{
	struct link_view inner = { view->len ? view->data + 1 : view->data,
				   view->len ? view->len - 1 : 0, 0 };
	int taken = link_ppp(&inner);

	view->ether_type = inner.ether_type;
	return taken < 0 ? taken : taken + 1;
}

static int link_pppoe(struct link_view *view)
{
	view->ether_type = ETHER_TYPE_PPP;
	return 0;
}

static int link_no_ip(struct link_view *view)
{
	(void)view;
	return -1;
}

static link_fn find_link(int type)
{
	static const struct {
		int type;
		link_fn link;
	} links[] = {
		{ DLT_EN10MB, NULL },		{ DLT_RAW, link_raw },
		{ DLT_IPV4, link_raw },		{ DLT_IPV6, link_raw },
		{ DLT_NULL, link_null },	{ DLT_LOOP, link_null },
		{ DLT_LINUX_SLL, link_cooked }, { DLT_LINUX_SLL2, link_cooked2 },
		{ DLT_PPP, link_ppp },		{ DLT_PPP_SERIAL, link_hdlc },
		{ DLT_C_HDLC, link_hdlc },	{ DLT_PPP_WITH_DIR, link_ppp_direction },
		{ DLT_PPP_ETHER, link_pppoe },
	};

	for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
		if (links[i].type == type)
			return links[i].link;
	/* LINKTYPE_RAW itself: libpcap may leave it as it is (101, 12 and 14 are all raw IP) */
	if (type == 12 || type == 14 || type == 101)
		return link_raw;
	return link_no_ip;
}

/* ---- one packet ------------------------------------------------------------------------------ */

/* Times never go back: a packet without a usable one has that of the packet before it. */
static int64_t time_of(struct capture_file *file, const struct pcap_pkthdr *header)
{
	const int64_t most_s = INT64_MAX / (int64_t)NS_PER_S - 1;
	int64_t s = header->ts.tv_sec, ns = header->ts.tv_usec; /* nanoseconds: see open */
	int64_t at = file->last_unix_ns;

	if (s >= 0 && s <= most_s && ns >= 0 && ns < (int64_t)NS_PER_S)
		at = s * (int64_t)NS_PER_S + ns;
	else
		file->losses.no_time++;
	if (at < file->last_unix_ns) {
		file->losses.no_time++;
		at = file->last_unix_ns;
	}
	file->last_unix_ns = at;
	return at;
}

/* False: it was counted among the losses. */
static bool make_frame(struct capture_file *file, const struct pcap_pkthdr *header,
		       const uint8_t *data, struct capture_packet *packet)
{
	struct link_view view = { data, header->caplen, 0 };
	size_t wire = header->len > header->caplen ? header->len : header->caplen;
	int taken = file->link ? file->link(&view) : 0;
	size_t len;

	if (taken < 0) {
		file->losses.no_ip++;
		return false;
	}
	len = header->caplen - (size_t)taken + (file->link ? ETHER_BYTES : 0);
	if (len < ETHER_BYTES || len > FRAME_BYTES_MAX) {
		*(len < ETHER_BYTES ? &file->losses.too_short : &file->losses.too_long) += 1;
		return false;
	}
	packet->data = data;
	if (file->link) {
		memset(file->frame, 0, ETHER_BYTES);
		file->frame[12] = (uint8_t)(view.ether_type >> 8);
		file->frame[13] = (uint8_t)view.ether_type;
		memcpy(file->frame + ETHER_BYTES, data + taken, len - ETHER_BYTES);
		packet->data = file->frame;
	}
	packet->len = len;
	packet->wire_len = wire - header->caplen + len;
	return true;
}

int capture_file_read(struct capture_file *file, struct capture_packet *packet)
{
	for (;;) {
		struct pcap_pkthdr *header;
		const uint8_t *data;
		int status = pcap_next_ex(file->pcap, &header, &data);

		if (status == PCAP_ERROR_BREAK)
			return 0;
		if (status != 1) {
			(void)snprintf(file->losses.note, sizeof(file->losses.note),
				       "broken off after packet %llu: %.180s",
				       (unsigned long long)file->packets, pcap_geterr(file->pcap));
			return 0;
		}
		file->packets++;
		packet->unix_ns = time_of(file, header);
		if (make_frame(file, header, data, packet))
			return 1;
	}
}

const struct capture_file_losses *capture_file_losses(const struct capture_file *file)
{
	return &file->losses;
}

/* ---- open and close --------------------------------------------------------------------------
 */

static void note_link(struct capture_file *file)
{
	int type = pcap_datalink(file->pcap);
	const char *name = pcap_datalink_val_to_description(type);

	if (file->link == link_no_ip)
		(void)snprintf(file->losses.note, sizeof(file->losses.note),
			       "link type %d (%.100s) carries no Ethernet or IP that can be read",
			       type, name ? name : "unknown");
}

int capture_file_open(const char *path, struct capture_file **out, char *error)
{
	char reason[PCAP_ERRBUF_SIZE] = "";
	CLEANUP(capture_file_close) struct capture_file *file = calloc(1, sizeof(*file));

	error[0] = '\0';
	if (!file)
		return -ENOMEM;
	errno = 0;
	file->pcap =
		pcap_open_offline_with_tstamp_precision(path, PCAP_TSTAMP_PRECISION_NANO, reason);
	if (!file->pcap) {
		(void)snprintf(error, ERROR_BYTES, "%.250s", reason);
		return -EINVAL;
	}
	file->link = find_link(pcap_datalink(file->pcap));
	note_link(file);
	*out = TAKE(file);
	return 0;
}

void capture_file_close(struct capture_file *file)
{
	if (!file)
		return;
	if (file->pcap)
		pcap_close(file->pcap);
	free(file);
}
