/*
 * The parts of the simulator. Only agent/demo includes it.
 *   demo.c     the capture source: time, and the datapath below it
 *   scenario.c who starts what and when: habits of hosts, attacks, the day's rhythm
 *   attack.c   what each kind of attack does, step by step
 *   play.c     chosen attacks as frames, for a real interface
 *   talk.c     one conversation, packet by packet
 *   frame.c    Ethernet frames with right lengths and checksums
 *   payload.c  DNS, TLS, HTTP and SSH bytes with the names of the scenario
 *   rhythm.c   the shape of a day, and the history before the start
 *   truth.c    ground truth, one JSON line per attack
 */
#ifndef SLUICE_DEMO_INTERNAL_H
#define SLUICE_DEMO_INTERNAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/demo/demo.h"
#include "include/flow.h"

/* ---- random numbers: one stream per habit, so that order of events never changes a draw ---------
 */

struct random {
	uint64_t state;
};

/* SplitMix64: Steele, Lea, Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014. */
uint64_t random_next(struct random *random);
/* random_below - 0 .. @bound - 1; @bound > 0. */
uint32_t random_below(struct random *random, uint32_t bound);
/* random_gap_ns - exponential with the mean, so that arrivals are a Poisson process; at most 8x. */
uint64_t random_gap_ns(struct random *random, uint64_t mean_ns);
double random_unit(struct random *random); /* [0, 1) */

/* ---- frame.c
 * ------------------------------------------------------------------------------------- */

#define FRAME_MAX   1514 /* Ethernet II with an MTU of 1500 */
#define PAYLOAD_MAX 1400

struct segment {
	struct five_tuple tuple;
	uint8_t tcp_flags;
	uint32_t seq, ack;
	uint8_t icmp_type;
	/* ARP instead: tuple.src asks for tuple.dst, or tells @told that it is tuple.src. Who sends
	 * is @device, whose hardware address it carries. */
	uint8_t arp; /* 0 = no, 1 = ask, 2 = answer (RFC 826) */
	struct addr device, told;
	const uint8_t *payload; /* NULL: @payload_len zero bytes */
	size_t payload_len;
};

/* frame_build - Returns the frame's length in @out (FRAME_MAX bytes), 0 when it does not fit. */
size_t frame_build(const struct segment *segment, uint8_t *out);

/* ---- payload.c
 * ----------------------------------------------------------------------------------- */

/* Each returns the length written into @out (PAYLOAD_MAX bytes). */
struct dns_question {
	uint16_t id, type;
	const char *label, *name; /* label "" = the name alone */
};

size_t payload_dns_query(const struct dns_question *question, uint8_t *out);
/* payload_dns_answer - @addr NULL: the name does not exist. */
size_t payload_dns_answer(const struct dns_question *question, const struct addr *addr,
			  uint8_t *out);
size_t payload_client_hello(struct random *random, const char *name, uint8_t *out);
size_t payload_http_request(const char *name, bool has_password, uint8_t *out);
size_t payload_ssh_banner(uint8_t *out);

/* ---- rhythm.c
 * ------------------------------------------------------------------------------------- */

/* rhythm_factor - traffic of this second against the daily mean, about 0.3 .. 1.8. */
double rhythm_factor(int64_t unix_s);

/* ---- talk.c
 * --------------------------------------------------------------------------------------- */

enum talk_kind {
	TALK_WEB,  /* TLS request and answer over TCP 443 */
	TALK_HTTP, /* plain request over TCP 80 */
	TALK_DNS,  /* one question over UDP 53 */
	TALK_SSH,  /* an interactive session, small packets */
	TALK_NTP,
	TALK_PING,
	TALK_BULK,  /* a backup: one direction, large */
	TALK_PROBE, /* one SYN of a scan */
	TALK_UDP_PROBE,
	TALK_HALF_OPEN, /* a SYN that is answered, and no more */
	TALK_LOGIN,	/* as TALK_HTTP, with a password anybody can read */
	TALK_ARP,	/* a question for tuple.dst, answered when it is there */
	TALK_ARP_LIE,	/* an answer nobody asked for: tuple.src is at the device @liar */
};

#define LABEL_MAX 48

struct talk {
	uint64_t due_ns; /* scenario time of its next packet; heap key */
	uint64_t order;	 /* tie break: start order */
	enum talk_kind kind;
	bool is_inbound;	 /* the initiator is outside this host */
	bool answers;		 /* the port probed is open, or the server is up */
	struct five_tuple tuple; /* as the initiator sends */
	const char *name;
	char label[LABEL_MAX]; /* DNS: in front of the name; "" none */
	uint16_t dns_type;     /* 0 = A */
	bool is_missing;       /* the name does not exist */
	uint16_t fixed_len;    /* of data packets; 0 = drawn */
	struct addr liar;
	struct random random;
	uint32_t step;
	uint32_t seq_out, seq_in;
	uint32_t left_in, left_out; /* data packets still to come each way */
	uint32_t gap_us;	    /* mean between data packets */
};

/* One packet leaves: fed by the scenario to the datapath; false = it was dropped there. */
typedef bool (*talk_send_fn)(void *arg, const struct segment *segment, bool is_egress,
			     uint64_t at_ns);

/* talk_step - send the next packet and set due_ns. Returns false when the conversation is over. */
bool talk_step(struct talk *talk, talk_send_fn send, void *arg);

/* ---- scenario.c
 * ----------------------------------------------------------------------------------- */

struct attack;
struct scenario;
struct truth;

struct scenario_options {
	uint64_t seed, start_ns;
	int64_t start_unix_ms;
	bool only_attacks;
	uint64_t quiet_after_s; /* as in demo.h */
	unsigned int attack_rarity;
	struct truth *truth; /* borrowed */
};

int scenario_new(const struct scenario_options *options, struct scenario **out);
/* scenario_end - attacks under way are over: what was of them is told. */
void scenario_end(struct scenario *scenario, uint64_t now_ns);
void scenario_free(struct scenario *scenario);
#define ATTACKS_MAX 16 /* under way at once; a beacon goes on for minutes */
/* scenario_add_attack - begins at its due time beside those that come by themselves. -ENOSPC. */
int scenario_add_attack(struct scenario *scenario, const struct attack *attack);
/* scenario_no_more - no attack begins by itself any more. */
void scenario_no_more(struct scenario *scenario);
/* scenario_due_ns - when the next packet is; UINT64_MAX: none. */
uint64_t scenario_due_ns(const struct scenario *scenario);
/*
 * scenario_advance - everything due up to @until_ns, in order of time, at most @max packets.
 * Returns true when nothing due is left.
 */
bool scenario_advance(struct scenario *scenario, uint64_t until_ns, unsigned int max,
		      talk_send_fn send, void *arg);

/* ---- truth.c
 * -------------------------------------------------------------------------------------- */

/* truth_open - append to @path; NULL path: nothing is written. */
int truth_open(const char *path, struct truth **out);
void truth_close(struct truth *truth);

/* ---- attack.c ---------------------------------------------------------------------------------
 */

/* One attack under way. */
struct attack {
	const struct attack_plan *plan; /* NULL = none */
	struct random random;
	struct addr src, dst; /* as the incident will have them */
	uint32_t left, serial, port;
	uint32_t gap_us;		    /* mean between conversations */
	uint32_t bulk_packets, bulk_gap_us; /* of one large upload */
	uint16_t src_port;
	uint64_t begun_ns, due_ns;
};

#define ATTACK_PLANS 16
enum {
	ATTACK_SCAN = 0, /* what a newcomer sees first */
	ATTACK_GUESS = 3,
};

/* attack_begin - the @plan-th kind, at @at_ns; false: it makes no sense before @age_ns of scenario
 * have gone by. @serial: the how manieth attack it is. */
bool attack_begin(struct attack *attack, unsigned int plan, uint64_t at_ns, uint64_t age_ns);
/* attack_next - the conversation due now, and when the next one is. False: it is over. */
bool attack_next(struct attack *attack, struct talk *talk);
const char *attack_detector(const struct attack *attack);
/* attack_find - the first kind of the detector's; -1: none shows it. */
int attack_find(const char *detector);

struct truth_attack {
	int64_t start_unix_ms, end_unix_ms;
	const char *detector;
	struct addr src, dst;
};

void truth_write(struct truth *truth, const struct truth_attack *attack);

#endif
