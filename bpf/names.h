/*
 * Which packets say what a flow is called: their first bytes are put together per CPU, judged by
 * the name in them while a domain is blocked, and handed up as events. What is looked at on every
 * packet is a few compares (name_is_said); the rest is a function apart.
 */
#ifndef SLUICE_BPF_NAMES_H
#define SLUICE_BPF_NAMES_H

#include "bpf/domain.h"
#include "bpf/names_head.h"
#include "bpf/names_said.h"

enum packet_verdict {
	PACKET_PASS,
	PACKET_DROP,
	PACKET_ANSWER, /* the packet is its own answer now: back where it came from */
};

/* A ClientHello takes 1 to 3 Initials; servers may ask to begin again (RFC 9000 17.2.5) and clients
 * repeat. */
#define QUIC_EVENTS 10

#define SEEK_PACKETS 64	 /* of a direction whose beginning was not seen */
#define SEEK_BEHIND  24	 /* of one that began as nothing known: XMPP turns to TLS in the seventh */
#define NAME_EVENTS  250 /* for one window: a hello of 250 bytes in as many segments */

/* Fragments without known ports may be anybody's, and devices may tell their names
 * without end: both leave half of the budget to what flows are called. */
#define FRAGMENT_RESERVE (PAYLOAD_BURST / 2)

/* What a payload is, to the verdict; 0: nothing to hand up. */
enum speech {
	SPEECH_NONE,
	SPEECH_PIECE, /* a further piece: only the whole says more */
	SPEECH_DNS,
	SPEECH_TLS, /* begins with the record of a ClientHello */
	SPEECH_HTTP,
};

/* A packet whose payload may be wanted; numbers only, for a function apart. */
struct spoken {
	struct suspect who;
	struct name_mark mark; /* in and out */
	__u32 at;	       /* payload: offset in the frame */
	__u32 whole;	       /* bytes of it as the headers say */
	__u32 seq;	       /* of its first byte */
	__u32 packets;	       /* of its direction so far */
	__u32 frag;	       /* as in struct packet */
	__u32 ident_at;	       /* of the fragment's identification in the frame */
	__u32 has_ports;
	__u32 tcp_flags;
	__u32 is_told; /* counted and handed up where it entered: the verdict alone is wanted */
};

/* Too large for the stack below the functions apart: in this CPU's room for it. */
#define SPOKEN(ctx)                                                    \
	({                                                             \
		struct name_text *text_ = NAME_TEXT(ctx);              \
		text_ ? (struct spoken *)(void *)text_->spoken : NULL; \
	})
_Static_assert(sizeof(struct spoken) <= sizeof(((struct name_text *)0)->spoken), "room for it");

/* ---- TCP: the window ---- */

HOT void window_open(struct spoken *w, __u8 state, __u32 bytes)
{
	/* of the same bytes once more: its events go on counting */
	if (w->mark.seq != w->seq || w->mark.state != state)
		w->mark.events = 0;
	w->mark.seq = w->seq;
	w->mark.bytes = bytes;
	w->mark.state = state;
}

/* Opens a window when @head begins something. @sure: it is not the stream's first byte for sure, so
 * that a letter alone says nothing. */
HOT enum speech window_begin(struct spoken *w, const struct head *head, const bool sure)
{
	__u32 kinds = head->kinds;

	if (kinds & (sure ? HEAD_HELLO : HEAD_HELLO_PART)) {
		window_open(w, NAME_TLS, hello_window(head->words[0], head->words[1], head->have));
		return SPEECH_TLS;
	}
	if (kinds & (sure ? HEAD_HTTP : HEAD_HTTP_PART)) {
		__u64 answer = WORD8('H', 'T', 'T', 'P', 0, 0, 0, 0);

		answer = (head->words[0] ^ answer) & WORD_MASK(4);
		window_open(w, NAME_HTTP, HTTP_WINDOW >> is_zero(answer) * 2);
		return SPEECH_HTTP;
	}
	if (kinds & (sure ? HEAD_SSH : HEAD_SSH_PART)) {
		window_open(w, NAME_STREAM, SSH_WINDOW);
		return SPEECH_PIECE;
	}
	return SPEECH_NONE;
}

/* Where passwords are said in the clear, what is said first is wanted from both sides. */
HOT enum speech login_open(struct spoken *w)
{
	__u32 is = is_login_port(NTOHS(w->who.dst_port)) | is_login_port(NTOHS(w->who.src_port));

	FORGET(is);
	if (!is)
		return SPEECH_NONE;
	window_open(w, NAME_STREAM, LOGIN_WINDOW);
	return SPEECH_PIECE;
}

/* Some of the payload is inside the window. */
HOT bool window_holds(const struct spoken *w)
{
	__u32 from = w->seq - w->mark.seq;

	return from < w->mark.bytes || ((__s32)from < 0 && (__s32)(from + w->whole) > 0);
}

HOT enum speech tcp_hear_dns(struct spoken *w)
{
	struct name_mark *mark = &w->mark;

	if (mark->state == NAME_UNKNOWN)
		mark->seq = w->seq;
	if (mark->state != NAME_STREAM) {
		mark->state = NAME_STREAM;
		mark->bytes = STREAM_WINDOW;
	}
	if (window_holds(w))
		return SPEECH_DNS;
	if ((__s32)(w->seq - mark->seq) > 0)
		mark->state = NAME_CLOSED;
	return SPEECH_NONE;
}

/* Beyond the window: another hello or request may begin here; far beyond nothing does. */
HOT enum speech tcp_hear_later(struct spoken *w, const struct head *head)
{
	struct name_mark *mark = &w->mark;
	enum speech speech = SPEECH_NONE;

	if (mark->state != NAME_STREAM)
		speech = window_begin(w, head, true);
	if (speech != SPEECH_NONE)
		return speech;
	if (mark->state == NAME_TLS && head->kinds & HEAD_SECOND) {
		window_open(w, NAME_TLS, HELLO_WINDOW);
		return SPEECH_PIECE;
	}
	/* most often an encrypted Finished follows, so not for long */
	if (mark->state == NAME_TLS && head->kinds & HEAD_SECOND_PART &&
	    w->seq == mark->seq + mark->bytes) {
		window_open(w, NAME_TLS, SECOND_WINDOW);
		return SPEECH_PIECE;
	}
	if (mark->state != NAME_HTTP &&
	    (__s32)(w->seq - mark->seq) > (__s32)(mark->bytes + WINDOW_PAST))
		mark->state = NAME_CLOSED;
	return SPEECH_NONE;
}

/* What began as nothing known: TLS may follow (STARTTLS, SOCKS, a database's SSLRequest). */
HOT enum speech tcp_hear_behind(struct spoken *w, const struct head *head)
{
	enum speech speech = window_begin(w, head, true);

	if (speech == SPEECH_NONE && w->packets >= SEEK_BEHIND)
		w->mark.state = NAME_CLOSED;
	return speech;
}

HOT enum speech tcp_hear(struct spoken *w, const struct head *head)
{
	struct name_mark *mark = &w->mark;
	enum speech speech;

	if (w->frag) /* the whole segment may be anything */
		return SPEECH_PIECE;
	if (is_dns(&w->who))
		return tcp_hear_dns(w);
	if (mark->state == NAME_UNKNOWN) {
		speech = window_begin(w, head, false);
		if (speech == SPEECH_NONE && w->packets >= SEEK_PACKETS)
			mark->state = NAME_CLOSED;
		else if (speech == SPEECH_NONE) /* its SYN may have come in on another CPU */
			speech = login_open(w);
		return speech;
	}
	if (mark->state == NAME_OPEN && w->seq == mark->seq) {
		speech = window_begin(w, head, false);
		if (speech != SPEECH_NONE)
			return speech;
		mark->state = NAME_SEEK;
		return login_open(w);
	}
	if (mark->state == NAME_SEEK)
		return tcp_hear_behind(w, head);
	if (mark->state == NAME_OPEN) {
		/* ahead of the first byte: wanted when that turns out to be a hello's */
		mark->bytes = HELLO_WINDOW;
		if (window_holds(w))
			return SPEECH_PIECE;
		mark->state = (__s32)(w->seq - mark->seq) > 0 ? NAME_CLOSED : NAME_OPEN;
		return SPEECH_NONE;
	}
	if (mark->state == NAME_HTTP || w->seq == mark->seq) {
		speech = window_begin(w, head, true);
		if (speech != SPEECH_NONE)
			return speech;
	}
	return window_holds(w) ? SPEECH_PIECE : tcp_hear_later(w, head);
}

/* ---- UDP ---- */

HOT enum speech udp_hear(struct spoken *w, const struct head *head)
{
	/* a first fragment that is neither DNS nor QUIC, nor too short to say, says that the later
	 * ones are not wanted, but nothing of which those are */
	if (w->frag && is_dns(&w->who))
		return SPEECH_DNS;
	if (w->frag && w->has_ports && w->who.src_port | w->who.dst_port)
		return head_is_initial(head->words[1], head->have - UDP_BYTES) |
				       is_less(head->have, UDP_BYTES + QUIC_HEAD)
			       ? SPEECH_PIECE
			       : SPEECH_NONE;
	if (w->frag)
		return SPEECH_PIECE;
	if (is_dns(&w->who))
		return SPEECH_DNS;
	if (names_device(&w->who))
		return SPEECH_PIECE;
	return head->kinds & HEAD_INITIAL ? SPEECH_PIECE : SPEECH_NONE;
}

/* ---- the function apart ---- */

/* @len bytes of the frame, 1 to PAYLOAD_MAX; 6.1's verifier learns a lower bound only so. */
HOT bool bytes_load(CONTEXT *ctx, enum hook hook, __u32 at, void *to, __u32 len)
{
	len--;
	FORGET(len);
	if (len > PAYLOAD_MAX - 1)
		return false;
	return !frame_load(ctx, hook, at, to, len + 1);
}

HOT bool head_load(CONTEXT *ctx, enum hook hook, __u32 at, struct head *head, __u32 len)
{
	len--;
	FORGET(len);
	if (len > HEAD_BYTES - 1)
		return false;
	return !frame_load(ctx, hook, at, head->words, len + 1);
}

/* How much of the payload there is, whatever its headers say. */
HOT __u32 spoken_bytes(CONTEXT *ctx, enum hook hook, const struct spoken *w)
{
	__u32 frame = frame_len(ctx, hook);
	__u32 there = frame > w->at ? frame - w->at : 0;

	return there < w->whole ? there : w->whole;
}

HOT bool text_load(CONTEXT *ctx, enum hook hook, const struct spoken *w, struct name_text *text,
		   __u32 len)
{
	__u32 last = len;

	/* zeros up to the next 8 bytes: what lay there was another packet's */
	FORGET(last);
	last &= PAYLOAD_MAX - 8;
	__builtin_memset(text->bytes + sizeof(text->event) + last, 0, sizeof(__u64));
	if (!bytes_load(ctx, hook, w->at, text->bytes + sizeof(text->event), len))
		return false;
	event_fill(&text->event.head, &w->who, w->frag ? EVENT_FRAGMENT : EVENT_PAYLOAD);
	text->event.mono_ns = MONO_NS(ctx);
	if (REPLAY_CLOCK(ctx)) {
		const struct control *word = WORD(ctx, control);

		text->event.mono_ns = word->replay_mono_ns;
	}
	text->event.seq = w->seq;
	text->event.whole = w->whole;
	text->event.length = len;
	text->event.offset = 0;
	text->event.tcp_flags = w->tcp_flags;
	text->event.more = 0;
	__builtin_memset(text->event.zero, 0, sizeof(text->event.zero));
	return true;
}

/* Which fragment of which datagram. */
HOT void text_set_fragment(CONTEXT *ctx, enum hook hook, const struct spoken *w,
			   struct name_text *text)
{
	__be16 short_ident = 0;
	__be32 ident = 0;
	__u16 frag = w->who.family == 4 ? NTOHS((__be16)w->frag) : w->frag;

	if (w->who.family == 4) {
		(void)frame_load(ctx, hook, w->ident_at, &short_ident, sizeof(short_ident));
		text->event.seq = NTOHS(short_ident);
		text->event.offset = (frag & IPV4_OFFSET) * 8;
		text->event.more = !!(frag & IPV4_MORE);
		return;
	}
	(void)frame_load(ctx, hook, w->ident_at, &ident, sizeof(ident));
	text->event.seq = NTOHL(ident);
	text->event.offset = frag & IPV6_OFFSET;
	text->event.more = frag & IPV6_MORE;
}

HOT void text_emit(CONTEXT *ctx, const struct spoken *w, struct name_text *text, bool wake)
{
	struct cpu_state *cpu = ARRAY_ELEM(ctx, cpus, w->who.cpu);
	__u32 size = sizeof(text->event) + ((text->event.length + 7) & ~7U);

	if (!cpu)
		return;
	if (!payload_is_due(&w->who, cpu,
			    w->frag || names_device(&w->who) ? FRAGMENT_RESERVE : 0)) {
		cpu->events_skipped++;
		return;
	}
	FORGET(size);
	if (size > sizeof(text->bytes))
		return;
	if (!EVENT_OUTPUT(ctx, text->bytes, size, wake))
		cpu->events_lost++;
}

/* One more event of this direction, or of this window. False: it had its share. */
HOT bool mark_takes_event(struct spoken *w)
{
	__u32 most = w->who.proto == IP_TCP ? NAME_EVENTS : QUIC_EVENTS;

	if (w->frag || (w->who.proto == IP_UDP && (is_dns(&w->who) || names_device(&w->who))))
		return true;
	if (w->mark.events >= most)
		return false;
	w->mark.events++;
	return true;
}

/* What is left to do with what was heard. */
#define HEARD_NAME 1 /* it may hold a whole name: in this CPU's walk */
#define HEARD_TELL 2 /* an event: in this CPU's text */

/* Where the verdict by name reads. A further piece has none by itself. */
HOT bool walk_load(CONTEXT *ctx, enum hook hook, const struct spoken *w, __u32 len)
{
	struct name_walk *walk = domain_payload(ctx);
	__u32 skip = w->frag ? UDP_BYTES : 0; /* a fragment's bytes begin with its header */

	if (!walk || len <= skip)
		return false;
	len -= skip;
	if (!bytes_load(ctx, hook, w->at + skip, walk->data, len))
		return false;
	walk->length = len;
	return true;
}

HOT int spoken_hear(CONTEXT *ctx, enum hook hook, struct spoken *w)
{
	const struct control *word = WORD(ctx, control);
	struct name_text *text = NAME_TEXT(ctx);
	__u32 len = spoken_bytes(ctx, hook, w), have = len < HEAD_BYTES ? len : HEAD_BYTES;
	struct head head = { 0 };
	enum speech speech;
	int heard = 0;

	if (!text || !head_load(ctx, hook, w->at, &head, have))
		return 0;
	head.have = have;
	head.kinds = head_kinds(head.words[0], head.words[1], have);
	speech = w->who.proto == IP_TCP ? tcp_hear(w, &head) : udp_hear(w, &head);
	if (speech == SPEECH_NONE)
		return 0;
	if (len > PAYLOAD_MAX)
		len = PAYLOAD_MAX;
	if (word->flags & CONTROL_DOMAINS && speech != SPEECH_PIECE && walk_load(ctx, hook, w, len))
		heard = HEARD_NAME;
	if (word->flags & CONTROL_QUIET || w->is_told || !mark_takes_event(w) ||
	    !text_load(ctx, hook, w, text, len))
		return heard;
	if (w->frag)
		text_set_fragment(ctx, hook, w, text);
	return heard | HEARD_TELL;
}

/* The event in this CPU's text goes up; @rule dropped the packet, 0: none. */
APART int spoken_tell(const struct spoken *w, __u32 rule)
{
	const struct control *word;
	struct name_text *text;

	if (!w)
		return 0;
	word = WORD(CTX_OF(&w->who), control);
	text = NAME_TEXT(CTX_OF(&w->who));
	if (!text)
		return 0;
	text->event.head.rule = rule;
	text_emit(CTX_OF(&w->who), w, text, word->flags & CONTROL_DOMAINS);
	return 0;
}

#ifdef SLUICE_USER
#define SPOKEN_HEAR spoken_hear
#else
APART int spoken_hear_xdp(struct xdp_md *ctx, struct spoken *w)
{
	return w ? spoken_hear(ctx, HOOK_XDP, w) : 0;
}

APART int spoken_hear_tc(struct __sk_buff *ctx, struct spoken *w)
{
	return w ? spoken_hear(ctx, HOOK_TC, w) : 0;
}

#define SPOKEN_HEAR(ctx, hook, w) \
	((hook) == HOOK_XDP ? spoken_hear_xdp(ctx, w) : spoken_hear_tc(ctx, w))
#endif

/* Where the payload lies, and how long it says it is. */
HOT bool spoken_measure(const struct packet *p, struct spoken *w)
{
	__be32 seq;
	__be16 len;

	if (p->frag) {
		w->at = p->family == 4 ? p->l4 : p->frag_at + FRAGMENT_BYTES - FRAGMENT_IDENT;
		w->whole = l4_bytes(p) + p->l4 - w->at;
		w->ident_at = p->family == 4 ? p->l3 + 4 : p->frag_at; /* RFC 791 3.1 */
		return true;
	}
	if (p->proto == IP_TCP) {
		__u32 header = transport_bytes(p);

		if (!header_read(p, p->l4 + TCP_SEQ_AT, &seq, sizeof(seq)))
			return false;
		w->at = p->l4 + header;
		w->whole = l4_bytes(p) - header;
		w->seq = NTOHL(seq) + (tcp_flags(p) & TCP_SYN ? 1 : 0);
		return header >= TCP_BYTES_MIN;
	}
	if (!header_read(p, p->l4 + 4, &len, sizeof(len)))
		return false;
	w->at = p->l4 + UDP_BYTES;
	w->whole = l4_bytes(p) - UDP_BYTES;
	if (NTOHS(len) >= UDP_BYTES && (__u32)NTOHS(len) - UDP_BYTES < w->whole)
		w->whole = NTOHS(len) - UDP_BYTES;
	return true;
}

/* @value: the slot of its flow, NULL when it has none yet. @is_told: as of struct spoken. */
HOT enum packet_verdict packet_hear(struct packet *p, struct flow_value *value, bool is_told)
{
	struct spoken *w;
	__u32 says = 0;
	int heard;

	if (LIKELY(!name_is_said(p, value)))
		return PACKET_PASS;
	w = SPOKEN(p->ctx);
	if (!w)
		return PACKET_PASS;
	__builtin_memset(w, 0, sizeof(*w));
	suspect_begin(&w->who, p, p->direction == ABI_INGRESS ? SIDE_IN : SIDE_OUT);
	if (value)
		w->mark = value_marked(value);
	w->packets = value ? (__u32)value->packets : 0;
	w->is_told = is_told;
	w->frag = p->frag;
	w->has_ports = has_ports(p);
	w->tcp_flags = p->proto == IP_TCP ? tcp_flags(p) : 0;
	if (!spoken_measure(p, w))
		return PACKET_PASS;
	heard = SPOKEN_HEAR(p->ctx, p->hook, w);
	if (value)
		value_mark(value, &w->mark);
	if (UNLIKELY(heard & HEARD_NAME))
		says = (__u32)domain_decide(&w->who);
	if (heard & HEARD_TELL)
		(void)spoken_tell(w, DOMAIN_DROPS(says) ? DOMAIN_RULE(says) : 0);
	if (LIKELY(!DOMAIN_DROPS(says)))
		return PACKET_PASS;
	return DOMAIN_ANSWERS(says) && packet_refuse(p) ? PACKET_ANSWER : PACKET_DROP;
}

#endif
