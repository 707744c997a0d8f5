/*
 * What the kernel and core share, to the byte. Included by bpf/ and by agent/capture only, also
 * compiled for user space by gcc. Addresses and ports in it are network order, counters host order.
 * A change of any layout raises SLUICE_ABI: pinned maps of another version are not reused.
 */
#ifndef SLUICE_INCLUDE_ABI_H
#define SLUICE_INCLUDE_ABI_H

#include <linux/types.h>

#ifndef SLUICE_ABI /* tests/net/test_upgrade.py builds a successor */
#define SLUICE_ABI 5
#endif

#define FLOW_WAYS	  4    /* associativity; measured: facts/datapath.md 4 */
#define FLOW_SETS_DEFAULT 2048 /* sets per CPU: 8192 slots, fits L2 */
#define CPUS_DEFAULT	  16   /* ranges in the maps when the loader sets no other size */
#define IFACES_MAX	  64
#define IFACE_TABLE_SIZE  256 /* ifindex & 255, linear probing of IFACE_PROBES */
#define IFACE_PROBES	  4
#define RULES_MAX	  65536
#define NOT_FLOW_MAX	  11 /* room for reasons in struct iface_counters */

/* The directions of include/flow.h, which the kernel's side cannot include. */
#define ABI_INGRESS 0
#define ABI_EGRESS  1

/* ---- the flow cache: one 64-byte line per IPv4 flow, two per IPv6 flow ---- */

struct flow4_key {
	__be32 src, dst;
	__be16 src_port, dst_port;
	__u8 proto, direction, iface;
	__u8 used; /* 1, so that no packet's key equals that of a slot never used */
};

struct flow6_key {
	__be32 src[4], dst[4];
	__be16 src_port, dst_port;
	__u8 proto, direction, iface, used;
};

/* Behind the key, the same for both families. Counters only grow within a generation. */
struct flow_value {
	__u32 gen;	     /* even: stable; odd: being rewritten; 0: never used */
	__u32 first_jiffies; /* low half */
	__u64 packets;
	__u64 bytes; /* IP bytes */
	__u32 last_jiffies;
	__u16 vlan;	/* outermost non-zero tag seen */
	__u8 tcp_flags; /* of ICMP: enum echo_flag */
	__u8 flags;	/* reserved */
	__u64 owner;	/* reserved for attribution */
	/* what the names hook knows of this direction; the kernel's own */
	__u32 name_seq;	  /* TCP: sequence number of the first byte wanted, host order */
	__u16 name_bytes; /* wanted from there on */
	__u8 name_state;  /* enum name_state */
	__u8 name_events; /* handed up so far */
};

/* Where the first bytes of a direction stand. */
enum name_state {
	NAME_UNKNOWN = 0, /* its beginning was not seen */
	NAME_OPEN,	  /* name_seq is its first byte (after a SYN); not enough of it yet */
	NAME_TLS,	  /* a ClientHello begins at name_seq */
	NAME_HTTP,	  /* HTTP/1: each message begins anew */
	NAME_STREAM,	  /* DNS over TCP, an SSH banner: the first bytes, whatever they are */
	NAME_CLOSED,	  /* nothing of it is wanted */
	NAME_SEEK,	  /* its beginning says nothing: a hello may follow */
};

/* What an ICMP flow keeps where TCP keeps its flags: who asks and who answers (RFC 792, RFC 4443).
 */
enum echo_flag {
	ECHO_REQUEST_SEEN = 1 << 0,
	ECHO_REPLY_SEEN = 1 << 1,
};

struct flow4_slot {
	struct flow4_key key;
	struct flow_value value;
};

struct flow6_slot {
	struct flow6_key key;
	struct flow_value value;
	__u64 reserved[5];
};

struct flow4_set {
	struct flow4_slot way[FLOW_WAYS];
};

struct flow6_set {
	struct flow6_slot way[FLOW_WAYS];
};

_Static_assert(sizeof(struct flow4_key) == 16, "flow4_key is two words");
_Static_assert(sizeof(struct flow6_key) == 40, "flow6_key is five words");
_Static_assert(sizeof(struct flow_value) == 48, "flow_value is six words");
_Static_assert(sizeof(struct flow4_slot) == 64, "one cache line");
_Static_assert(sizeof(struct flow6_slot) == 128, "two cache lines");
_Static_assert(__builtin_offsetof(struct flow4_slot, value.packets) == 24, "layout");
_Static_assert(__builtin_offsetof(struct flow6_slot, value.packets) == 48, "layout");

/* A slot that made room, on `evict_cpu` (or `evict`): totals of generation @gen. */
struct evict4_record {
	__u32 family; /* 4 */
	__u32 slot;   /* index in flows4: set * FLOW_WAYS + way */
	struct flow4_slot old;
};

struct evict6_record {
	__u32 family; /* 6 */
	__u32 slot;
	struct flow6_slot old;
};

/* The even generation after @gen; 0 stays "never used" when the counter wraps. */
static inline __u32 flow_gen_next(__u32 gen)
{
	return gen + 2 ? gen + 2 : 2;
}

/* What user space has counted of a slot; pinned, so that a restarted core goes on exactly. */
struct flow_shadow {
	__u32 gen;
	__u8 tcp_flags; /* handed up */
	__u8 zero[3];
	__u64 packets;
	__u64 bytes;
};

/* Packets and bytes handed up as flows, per interface and direction; user space writes. */
struct ledger {
	__u64 packets;
	__u64 bytes;
};

/* ---- per interface, direction and CPU: index (cpu * IFACES_MAX + iface) * 2 + direction ---- */

struct iface_counters {
	__u64 seen;
	__u64 wire_bytes;
	__u64 dropped;
	__u64 dropped_bytes; /* IP bytes */
	__u64 unattributed;
	__u64 not_flow[NOT_FLOW_MAX]; /* by enum not_flow_reason */
};
_Static_assert(sizeof(struct iface_counters) == 128, "two cache lines");

struct iface_entry {
	__u32 ifindex; /* 0 = free */
	__u8 no_l2;    /* the device has no Ethernet header */
	__u8 was_used; /* removed, not free from the start: probing goes on behind it */
	/* as the last word of a flow's key has them */
	__u8 index; /* one-byte interface index */
	__u8 used;  /* 1 */
};
_Static_assert(sizeof(struct iface_entry) == sizeof(__u64), "read and written in one access");

/* ---- per CPU: clock cache, event budget ---- */

struct cpu_state {
	__u64 jiffies; /* when boot_ns was read */
	__u64 boot_ns;
	__u64 tokens_jiffies;
	__u64 tokens;
	__u64 events_lost;    /* ring full */
	__u64 events_skipped; /* over budget: sampled out on purpose */
	__u64 payload_tokens; /* the payload events' own bucket */
	__u64 payload_jiffies;
};
_Static_assert(sizeof(struct cpu_state) == 64, "one cache line");

/* ---- blocking ---- */

enum control_flag {
	CONTROL_SHORT6 = 1 << 0, /* IPv6 prefixes shorter than /48 exist: no bitmap says where */
	CONTROL_PANIC = 1 << 1,	 /* `sluice panic`: nothing is dropped */
	CONTROL_DOMAINS =
		1 << 2,		/* a domain rule exists: read names before the verdict, wake core */
	CONTROL_FLOWS = 1 << 3, /* entries in flow_blocks exist */
	CONTROL_QUIET = 1 << 4, /* no payload events */
	CONTROL_REPLAY = 1 << 5, /* no event budget: a capture loses nothing */
};

/* One mmap-able entry, written by core (and panic), read by every program. While abi is 0 nobody
 * has taken over and the lease has no end. */
struct control {
	__u32 abi;	     /* SLUICE_ABI once core has taken over */
	__u32 flags;	     /* enum control_flag */
	__u64 lease_boot_ns; /* no drop once CLOCK_BOOTTIME passes it */
	__u32 safe_epoch;    /* grows with every change of the safe list */
	__u32 zero;
	__u64 replay_jiffies; /* the clock under rodata replay_clock */
	__u64 replay_boot_ns;
	__u64 replay_mono_ns;
	__u64 name_base;    /* odd, random: base of the hash of names (bpf/domain.h) */
	__u64 name_inverse; /* name_base * name_inverse = 1 modulo 2^64 */
	__u32 change_epoch; /* grows behind every change that may end a drop */
	__u32 zero2;
};

enum rule_flag {
	RULE_ACTIVE = 1 << 0,
	RULE_COUNT_ONLY = 1 << 1,
	RULE_REFUSE = 1 << 2, /* a DNS question over UDP is answered REFUSED instead of dropped */
};

struct rule {
	union {
		struct {
			__u32 flags;	/* enum rule_flag */
			__u8 direction; /* enum block_direction: 0 both, 1 in, 2 out */
			__u8 proto;	/* 0 = any */
			__be16 port;	/* destination port, 0 = any */
		};
		__u64 head; /* all of them, read and written in one access */
	};
	__u64 end_boot_ns; /* 0 = none */
	__u64 zero[2];
};
_Static_assert(sizeof(struct rule) == 32, "two rules a line");

/* A target held by several rules (a person's and those of lists): the first that applies decides.
 * 0 ends the row. An entry's rule with ENTRY_SET is an index in rule_sets. */
#define RULE_SET_WAYS 8
#define RULE_SETS_MAX 65536
#define ENTRY_SET     (1U << 31)

struct rule_set {
	__u32 rule[RULE_SET_WAYS];
};

struct block_entry {
	__u32 rule;	  /* rule id, or ENTRY_SET | index in rule_sets */
	__u32 safe_cache; /* exact entries: (safe_epoch + 1) << 1 | is_safe; 0: not asked yet */
	__u64 packets; /* kernel adds, those in verdict slots follow; core writes with the rule */
	__u64 bytes;
	__u64 last_jiffies;
	__u8 prefix_len; /* of this entry, for the walk to shorter prefixes */
	__u8 zero[3];
	__u32 born; /* exact entries: change_epoch when core wrote this value */
};
_Static_assert(sizeof(struct block_entry) == 40, "layout");

/*
 * What a CPU knows of one blocked address. The next packet of a flood needs nothing else in the
 * jiffy in which the rule was asked, and no entry while change_epoch stands. What is counted here
 * is the entry's too, by address and born, until another address takes the slot; gen is odd
 * meanwhile. Each such packet is one of events_skipped.
 */
#define VERDICT_SETS 2048 /* of each CPU, a power of two: 256 KiB */
#define VERDICT_WAYS 2

struct verdict_slot {
	__u64 addr[2]; /* network order; IPv4: its four bytes, then zeros */
	__u64 packets;
	__u64 bytes;
	__u32 gen;
	__u32 epoch; /* change_epoch, read before the entry was found */
	__u32 born;  /* of the entry, as the next two */
	__u32 rule;
	__u32 safe_cache;
	__u32 jiffies; /* low half: when the rule was asked */
	__u32 scope;   /* SCOPE_ of bpf/again.h: of what it was asked; 0: never used */
	__u32 mask;    /* bits of scope that the verdict hangs on */
};
_Static_assert(sizeof(struct verdict_slot) == 64, "one cache line");

struct verdict_set {
	struct verdict_slot way[VERDICT_WAYS];
};

/* At which layer a packet was dropped. */
enum block_layer {
	LAYER_ADDRESS = 0,
	LAYER_DNS,
	LAYER_TLS,
	LAYER_HTTP,
	LAYER_QUIC,
	LAYER_COUNT
};

/* A blocked name and everything below it, by the hash of its text (bpf/domain.h). */
struct domain_entry {
	__u32 rule; /* as of block_entry */
	__u32 zero;
	__u64 packets[LAYER_COUNT]; /* kernel adds */
	__u64 bytes;
	__u64 last_jiffies;
};
_Static_assert(sizeof(struct domain_entry) == 64, "one cache line");

/* One five-tuple, one way, blocked because of a name that core read in it. The key is a struct
 * flow6_key with direction and iface 0 and the family in `used`; IPv4 in the first words. */
struct flow_block {
	__u32 rule;
	__u8 layer; /* enum block_layer */
	__u8 zero[3];
	__u64 end_boot_ns;
	__u64 packets;
	__u64 bytes;
	__u64 last_jiffies;
};
_Static_assert(sizeof(struct flow_block) == 40, "layout");

/* Bits of hashed names in bits_names: asked before the map of domains. */
#define BITS_NAMES_WORDS 16384

struct lpm4_key {
	__u32 len;
	__be32 addr;
};

struct lpm6_key {
	__u32 len;
	__be32 addr[4];
};

/* IPv4: a byte of each /16 in nets16 (net16_index in bpf/hash.h), not 0 where there is something: a
 * bit would be found by as many instructions again; two bits of each /24 in bits24: word (addr >>
 * 13), bit 2 * ((addr >> 8) & 31): exact present, the next: prefix present. IPv6: one bit per
 * hashed /48 in bits48 (bits48_index in bpf/hash.h). */
#define NETS16	     65536
#define BITS24_WORDS 524288
#define BITS48_WORDS 8192

/* ---- clock: `sluice_clock` fills its context (ctx_in of a test run, written in place) ---- */

struct clock_sample {
	__u64 jiffies; /* bpf_jiffies64 */
	__u64 mono_ns; /* CLOCK_MONOTONIC */
	__u64 boot_ns; /* CLOCK_BOOTTIME */
};

/* ---- events ---- */

enum event_kind {
	EVENT_BLOCK_HIT = 1,
	EVENT_PAYLOAD = 2,   /* struct event_payload: behind the transport header */
	EVENT_FRAGMENT = 3,  /* struct event_payload: behind the IP header, of a UDP fragment */
	EVENT_FRAME = 4,     /* struct event_payload: ARP, neighbour discovery; the frame */
	EVENT_COUNT_HIT = 5, /* as EVENT_BLOCK_HIT, of a rule that only counts: it passed */
};

struct event_record {
	__u8 kind, direction, iface, family;
	__u32 rule;    /* that dropped it, 0: it passed */
	__u32 jiffies; /* low half */
	__u32 ip_bytes;
	struct flow6_key key; /* IPv4: addresses in the first word */
	__u8 layer;	      /* enum block_layer, with a rule */
	__u8 zero[7];
};
_Static_assert(sizeof(struct event_record) == 64, "layout");

/* Bytes of one packet, at most; more of a merged packet does not go up. */
#define PAYLOAD_MAX 4096

struct event_payload {
	struct event_record head;
	__u64 mono_ns;
	__u32 seq;    /* TCP: sequence number of data[0]; fragment: identification; host order */
	__u32 whole;  /* payload bytes in the packet; more than length: cut */
	__u16 length; /* bytes in data */
	__u16 offset; /* fragment: where data lies in its datagram, bytes */
	__u8 tcp_flags;
	__u8 more; /* fragment: others follow */
	__u8 zero[2];
	__u8 data[]; /* a record is as long as its data, rounded up to 8 */
};
_Static_assert(sizeof(struct event_payload) == 88, "layout");

#endif
