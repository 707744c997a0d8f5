/*
 * Frames by which neighbours tell each other who has which address, ARP and IPv6 neighbour
 * discovery, go up whole: forged ones show in nothing else. Rare, and functions apart; no other
 * packet is asked for anything.
 */
#ifndef SLUICE_BPF_LAN_H
#define SLUICE_BPF_LAN_H

#include "bpf/names.h"

#define LAN_BYTES 256 /* ARP takes 42 with its Ethernet header, a neighbour's answer 86 */

#define ND_SOLICIT 135 /* RFC 4861 4.3, 4.4 */
#define ND_ADVERT  136

/* @place: interface, direction << 8, family << 16. Counts as a fragment: a flood of such frames
 * leaves half of the budget to names. */
HOT int lan_tell(CONTEXT *ctx, enum hook hook, __u32 place)
{
	struct name_text *text = NAME_TEXT(ctx);
	struct spoken *w = SPOKEN(ctx);
	__u32 len = frame_len(ctx, hook);

	if (!text || !w)
		return 0;
	__builtin_memset(w, 0, sizeof(*w));
#ifdef SLUICE_USER
	w->who.ctx = ctx;
#endif
	w->who.iface = (__u8)place;
	w->who.direction = place >> 8 & 1;
	w->who.family = (__u8)(place >> 16);
	w->who.cpu = CPU_ID(ctx);
	w->who.jiffies = clock_jiffies(ctx);
	w->whole = len;
	w->frag = 1;
	if (!text_load(ctx, hook, w, text, len < LAN_BYTES ? len : LAN_BYTES))
		return 0;
	text->event.head.kind = EVENT_FRAME;
	text_emit(ctx, w, text, false);
	return 0;
}

#ifdef SLUICE_USER
#define LAN_TELL lan_tell
#else
APART int lan_tell_xdp(struct xdp_md *ctx, __u32 place)
{
	return lan_tell(ctx, HOOK_XDP, place);
}

APART int lan_tell_tc(struct __sk_buff *ctx, __u32 place)
{
	return lan_tell(ctx, HOOK_TC, place);
}

#define LAN_TELL(ctx, hook, place) \
	((hook) == HOOK_XDP ? lan_tell_xdp(ctx, place) : lan_tell_tc(ctx, place))
#endif

HOT void packet_tell(const struct packet *p)
{
	if (!p->no_l2)
		(void)LAN_TELL(p->ctx, p->hook,
			       packet_iface(p) | (__u32)p->direction << 8 | p->family << 16);
}

/* Only of IPv6; its family is a constant, so that IPv4 has nothing of this. */
HOT void packet_hear_neighbour(const struct packet *p)
{
	__u8 type;

	if (p->family != 6 || LIKELY(p->proto != IP_ICMPV6) || p->frag ||
	    !header_read(p, p->l4, &type, sizeof(type)))
		return;
	if (type == ND_SOLICIT || type == ND_ADVERT)
		packet_tell(p);
}

#endif
