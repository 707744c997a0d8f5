/*
 * Names in the kernel: the name that a DNS message, a TLS ClientHello or an HTTP/1 request in this
 * one packet asks for, and the verdict of the rules that block it or a name above it. bpf/names.h
 * copies the payload to this CPU's walk (domain_payload) and asks domain_decide; what one packet
 * does not hold whole, core reads and blocks by five-tuple (flow_blocks).
 *
 * A rule on a name does not ask the safe list: a resolver is safe, a query to it for that name is
 * blocked all the same. Panic, lease, end, side, protocol and port are asked as everywhere.
 */
#ifndef SLUICE_BPF_DOMAIN_H
#define SLUICE_BPF_DOMAIN_H

#include "bpf/block.h"
#include "bpf/walk.h"

/* What domain_decide says; above bit 3 of a verdict is its rule (SAYS_RULE). */
#define DOMAIN_DROPS(verdict)	((verdict)&SAYS_DROP)
#define DOMAIN_ANSWERS(verdict) ((verdict)&SAYS_REFUSE)
#define DOMAIN_RULE(verdict)	SAYS_RULE(verdict)

#define PORT_DNS HTONS(53)
#define NAME_BYTES_MAX \
	254 /* RFC 1035 2.3.4: 255 on the wire, with a length before and a zero behind */

#define DNS_HEADER    12   /* RFC 1035 4.1.1 */
#define DNS_ANSWER    0x80 /* QR, byte 2 */
#define DNS_OPCODE    0x78
#define DNS_AVAILABLE 0x80 /* RA, byte 3 */
#define DNS_RCODE     0x0f
#define DNS_REFUSED   5
#define DNS_LABEL_MAX 63
#define DNS_POINTER   0xc0 /* RFC 1035 4.1.4 */
#define DNS_STEPS     400  /* a name's bytes, and pointers, each of which leads further back */
#define DNS_MESSAGES  4	   /* of one TCP segment */

#define TLS_HANDSHAKE  0x16 /* RFC 8446 5.1 */
#define TLS_HELLO      1    /* RFC 8446 4 */
#define TLS_SESSION_AT 43   /* record 5, handshake 4, version 2, random 32: RFC 8446 4.1.2 */
#define TLS_EXTENSIONS 64   /* walked */
#define TLS_NAME_AT    9    /* type 2, length 2, list 2, kind 1, length 2: RFC 6066 3 */

#define HTTP_BYTES	2048 /* read of a request's head */
#define HTTP_METHOD_MAX 24   /* the longest of IANA's registry has 17 */

/* What a loop's callback is given. */
struct walker {
	struct name_walk *w;
	const struct suspect *s;
};

/* ---- reading ---- */

HOT __u32 walk_byte(const struct name_walk *w, __u32 at)
{
	FORGET(at);
	return w->data[at & WALK_MASK];
}

HOT __u32 walk_half(const struct name_walk *w, __u32 at)
{
	return walk_byte(w, at) << 8 | walk_byte(w, at + 1);
}

HOT __u64 walk_word(const struct name_walk *w, __u32 at)
{
	__u64 word;

	FORGET(at);
	header_copy(&word, &w->data[at & WALK_MASK], sizeof(word));
	return word;
}

HOT long walk_ends(struct name_walk *w, enum walk_state state)
{
	w->state = state;
	return 1;
}

/* ---- the hash of a name, byte by byte ---- */

HOT void name_begin(struct name_walk *w, __u32 at, __u32 end)
{
	w->at = at;
	w->end = end;
	w->state = WALK_RUNS;
	w->left = 0;
	w->bytes = 0;
	w->labels = 0;
	w->dots = 0;
	w->sum = 0;
	w->power = 1;
	w->inverse = 1;
}

HOT void name_byte(struct name_walk *w, __u32 byte)
{
	w->sum += (name_fold(byte) + 1) * w->power;
	w->power *= w->base;
	w->inverse *= w->base_inverse;
	w->bytes++;
}

/* A label begins here. */
HOT void name_label(struct name_walk *w)
{
	struct name_label *label;

	if (w->labels)
		name_byte(w, NAME_DOT);
	label = &w->label[w->labels & (NAME_LABELS_MAX - 1)];
	label->sum = w->sum;
	label->inverse = w->inverse;
	w->labels++;
}

/* ---- DNS ---- */

/* Only back, so that it ends, and never twice to the same place. */
HOT long dns_jump(struct name_walk *w, __u32 byte)
{
	__u32 target = w->start + ((byte & ~DNS_POINTER) << 8 | walk_byte(w, w->at));

	if (w->at >= w->end || target >= w->lowest)
		return walk_ends(w, WALK_BROKEN);
	w->lowest = target;
	w->at = target;
	return 0;
}

static long dns_step(__u32 round, void *arg)
{
	struct name_walk *w = ((struct walker *)arg)->w;
	__u32 byte;

	(void)round;
	if (w->at >= w->end || w->bytes > NAME_BYTES_MAX)
		return walk_ends(w, WALK_BROKEN);
	byte = walk_byte(w, w->at);
	w->at++;
	if (w->left) {
		w->left--;
		name_byte(w, byte == NAME_DOT ? NAME_DOT_INSIDE : byte);
		return 0;
	}
	if (!byte)
		return walk_ends(w, WALK_DONE);
	if (byte >= DNS_POINTER)
		return dns_jump(w, byte);
	if (byte > DNS_LABEL_MAX)
		return walk_ends(w, WALK_BROKEN);
	name_label(w);
	w->left = byte;
	return 0;
}

/* ---- dotted names ---- */

/* What ends the host in a Host field, a target or a request line. */
HOT bool ends_host(__u32 byte)
{
	return byte <= ' ' || byte == ':' || byte == '/' || byte == '?' || byte == '#';
}

/* A dot counts when a label follows, so that a final one is none. */
static long dotted_step(__u32 round, void *arg)
{
	struct name_walk *w = ((struct walker *)arg)->w;
	__u32 byte;

	(void)round;
	if (w->at >= w->end)
		return walk_ends(w, WALK_DONE);
	byte = walk_byte(w, w->at);
	w->at++;
	if (!w->labels && (byte == ' ' || byte == '\t'))
		return 0;
	if (ends_host(byte))
		return walk_ends(w, WALK_DONE);
	if (w->bytes > NAME_BYTES_MAX)
		return walk_ends(w, WALK_BROKEN);
	if (byte == NAME_DOT) {
		w->dots = 1;
		return 0;
	}
	if (!w->labels || w->dots)
		name_label(w);
	w->dots = 0;
	name_byte(w, byte);
	return 0;
}

/* ---- judging a name: itself, then what is above it ---- */

HOT long domain_hit(struct name_walk *w, const struct suspect *s, struct domain_entry *entry)
{
	__u32 layer = w->layer, says = entry_says(s, VOLATILE(entry->rule), w->boot_ns);

	FORGET(layer);
	if (!says || layer >= LAYER_COUNT)
		return 0;
	ATOMIC_ADD(&entry->packets[layer], s->segments);
	ATOMIC_ADD(&entry->bytes, s->bytes);
	VOLATILE(entry->last_jiffies) = s->jiffies;
	if (!(says & SAYS_DROP))
		return 0;
	emit_hit(s, EVENT_BLOCK_HIT, SAYS_RULE(says), (__u8)layer);
	w->verdict = says;
	return 1;
}

static long suffix_step(__u32 round, void *arg)
{
	const struct walker *walker = arg;
	const struct suspect *s = walker->s;
	struct name_walk *w = walker->w;
	const struct name_label *label = &w->label[w->next & (NAME_LABELS_MAX - 1)];
	__u64 hash = (w->sum - label->sum) * label->inverse;
	__u32 bit = bits_names_index(hash);
	const __u64 *bits = ARRAY_ELEM(s->ctx, bits_names, bit >> 6);
	struct domain_entry *entry;

	(void)round;
	w->next++;
	if (LIKELY(!bits || !(*bits >> (bit & 63) & 1)))
		return 0;
	entry = KEYED_ELEM(s->ctx, domains, &hash);
	return entry ? domain_hit(w, s, entry) : 0;
}

HOT void name_judge(struct walker *walker)
{
	struct name_walk *w = walker->w;
	__u32 rounds = w->labels;

	if (w->state != WALK_DONE)
		return;
	if (rounds > NAME_LABELS_MAX)
		rounds = NAME_LABELS_MAX;
	w->next = w->labels - rounds;
	LOOP(rounds, suffix_step, walker);
}

HOT void dotted_judge(struct walker *walker, __u32 at, __u32 end)
{
	name_begin(walker->w, at, end);
	LOOP(NAME_BYTES_MAX * 2, dotted_step, walker);
	name_judge(walker);
}

/* ---- the protocols ---- */

/* The question of the message in [start, end). */
HOT void dns_judge(struct walker *walker, __u32 start, __u32 end)
{
	struct name_walk *w = walker->w;
	__u32 flags;

	if (start + DNS_HEADER > end || !walk_half(w, start + 4))
		return;
	flags = walk_half(w, start + 2);
	/* what says no, perhaps in our own name, may arrive */
	if (flags >> 8 & DNS_ANSWER && (flags & DNS_RCODE) == DNS_REFUSED)
		return;
	name_begin(w, start + DNS_HEADER, end);
	w->start = start;
	w->lowest = w->at;
	LOOP(DNS_STEPS, dns_step, walker);
	name_judge(walker);
	if (flags >> 8 & (DNS_ANSWER | DNS_OPCODE))
		w->verdict &= ~(__u32)SAYS_REFUSE;
}

static long dns_stream_step(__u32 round, void *arg)
{
	struct walker *walker = arg;
	struct name_walk *w = walker->w;
	__u32 start = w->message + 2, end = start + walk_half(w, w->message);

	(void)round;
	if (end > w->length)
		return 1;
	dns_judge(walker, start, end);
	w->message = end;
	return w->verdict != 0;
}

HOT void dns_stream_judge(struct walker *walker)
{
	walker->w->message = 0;
	LOOP(DNS_MESSAGES, dns_stream_step, walker);
	walker->w->verdict &= ~(__u32)SAYS_REFUSE;
}

/* From one extension to the next, up to the server's name. */
static long tls_step(__u32 round, void *arg)
{
	struct name_walk *w = ((struct walker *)arg)->w;
	__u32 at = w->at;

	(void)round;
	if (at + TLS_NAME_AT > w->end)
		return walk_ends(w, WALK_BROKEN);
	if (!walk_half(w, at))
		return walk_ends(w, walk_byte(w, at + 6) ? WALK_BROKEN : WALK_DONE);
	w->at = at + 4 + walk_half(w, at + 2);
	return 0;
}

HOT void tls_judge(struct walker *walker)
{
	struct name_walk *w = walker->w;
	__u32 at = TLS_SESSION_AT, end;

	if (walk_byte(w, 5) != TLS_HELLO)
		return;
	at += 1 + walk_byte(w, at); /* session id */
	at += 2 + walk_half(w, at); /* cipher suites */
	if (at >= w->length)
		return;
	at += 1 + walk_byte(w, at); /* compression methods */
	name_begin(w, at + 2, w->length);
	LOOP(TLS_EXTENSIONS, tls_step, walker);
	if (w->state != WALK_DONE)
		return;
	at = w->at + TLS_NAME_AT;
	end = at + walk_half(w, at - 2);
	if (end <= w->length)
		dotted_judge(walker, at, end);
}

/* Over the method and the space behind it; in front of it empty lines (RFC 9112 2.2). */
static long http_method_step(__u32 round, void *arg)
{
	struct name_walk *w = ((struct walker *)arg)->w;
	__u32 byte = walk_byte(w, w->at);

	(void)round;
	w->at++;
	if (!w->left && (byte == '\r' || byte == '\n'))
		return 0;
	if (!w->left)
		w->start = w->at - 1;
	w->left = 1;
	if (byte == ' ')
		return walk_ends(w, w->at < w->end ? WALK_DONE : WALK_BROKEN);
	return byte - 'A' < 26 || byte == '-' ? 0 : walk_ends(w, WALK_BROKEN);
}

#define EVERY_BYTE(n) ((n)*0x0101010101010101ULL)
#define LOW_BYTES(n)  ((1ULL << (n)*8) - 1)
#define HOST_FIELD    0x3a74736f68ULL	    /* "host:", the first byte lowest */
#define HTTP_SCHEME   0x2f2f3a70747468ULL   /* "http://" */
#define HTTPS_SCHEME  0x2f2f3a7370747468ULL /* "https://" */

/* Eight bytes inside a line, or the beginning of one: is it the Host field's? */
static long http_step(__u32 round, void *arg)
{
	struct name_walk *w = ((struct walker *)arg)->w;
	__u64 word, ends;

	(void)round;
	if (w->at >= w->end)
		return walk_ends(w, WALK_BROKEN);
	word = walk_word(w, w->at);
	if (w->left) {
		w->left = 0;
		if ((__u8)word == '\r' || (__u8)word == '\n')
			return walk_ends(w, WALK_BROKEN);
		if (((word | EVERY_BYTE(0x20)) & LOW_BYTES(5)) == HOST_FIELD)
			return walk_ends(w, WALK_DONE);
	}
	ends = word ^ EVERY_BYTE('\n');
	ends = (ends - EVERY_BYTE(1)) & ~ends & EVERY_BYTE(0x80); /* a byte that was equal */
	w->at += ends ? 1 : 8;
	w->left = (__u8)word == '\n';
	return 0;
}

/* Where the host of the request's target begins, 0: it names none (RFC 9112 3.2). */
HOT __u32 http_target_host(const struct name_walk *w)
{
	__u64 word = walk_word(w, w->at) | EVERY_BYTE(0x20);

	if (walk_half(w, w->start) == ('C' << 8 | 'O') && walk_byte(w, w->start + 2) == 'N')
		return w->at; /* CONNECT */
	if (word == HTTPS_SCHEME)
		return w->at + 8;
	return (word & LOW_BYTES(7)) == HTTP_SCHEME ? w->at + 7 : 0;
}

HOT void http_judge(struct walker *walker)
{
	struct name_walk *w = walker->w;
	__u32 limit = w->length < HTTP_BYTES ? w->length : HTTP_BYTES, host;

	name_begin(w, 0, limit);
	LOOP(HTTP_METHOD_MAX, http_method_step, walker);
	if (w->state != WALK_DONE)
		return;
	w->message = w->at;
	host = http_target_host(w);
	if (host)
		dotted_judge(walker, host, w->length);
	if (w->verdict)
		return;
	name_begin(w, w->message, limit);
	LOOP(HTTP_BYTES, http_step, walker);
	if (w->state == WALK_DONE)
		dotted_judge(walker, w->at + 5, w->length);
}

HOT bool is_dns(const struct suspect *s)
{
	return s->dst_port == PORT_DNS || s->src_port == PORT_DNS;
}

/* ---- the face ---- */

/* Where a payload goes: its bytes in data, their number in length; then domain_decide. */
HOT struct name_walk *domain_payload(CONTEXT *ctx)
{
	return ARRAY_ELEM(ctx, name_walks, 0);
}

/* A verdict (DOMAIN_) of the payload in this CPU's walk; 0: nothing blocks it. */
APART int domain_decide(const struct suspect *s)
{
	const struct control *word;
	struct walker walker;
	struct name_walk *w;

	if (!s)
		return 0;
	word = WORD(s->ctx, control);
	w = domain_payload(CTX_OF(s));
	if (!w || !word->name_base || w->length > PAYLOAD_MAX)
		return 0;
	w->boot_ns = clock_boot_ns(s, word);
	if (!control_allows_drop(word, w->boot_ns))
		return 0;
	w->base = word->name_base;
	w->base_inverse = word->name_inverse;
	w->verdict = 0;
	walker.w = w;
	walker.s = s;
	w->layer = is_dns(s) ? LAYER_DNS : LAYER_HTTP;
	if (s->proto == IP_UDP && is_dns(s)) {
		dns_judge(&walker, 0, w->length);
	} else if (s->proto == IP_TCP && is_dns(s)) {
		dns_stream_judge(&walker);
	} else if (s->proto == IP_TCP && walk_byte(w, 0) == TLS_HANDSHAKE) {
		w->layer = LAYER_TLS;
		tls_judge(&walker);
	} else if (s->proto == IP_TCP) {
		http_judge(&walker);
	}
	if (w->layer != LAYER_DNS)
		w->verdict &= ~(__u32)SAYS_REFUSE;
	return (int)w->verdict;
}

#ifdef SLUICE_USER
/* Nobody waits for an answer here. */
HOT bool packet_refuse(const struct packet *p)
{
	(void)p;
	return false;
}
#else
#include "bpf/refuse.h"
#endif

#endif
