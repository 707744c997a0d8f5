/*
 * What each kind of attack does, one conversation after the other. A kind is a row of the table:
 * how many conversations, how far apart, and what one of them is.
 */
#include <netinet/in.h>
#include <string.h>

#include "agent/demo/internal.h"
#include "agent/demo/world.h"
#include "agent/util/clock.h"

struct attack_plan {
	const char *detector;
	uint32_t count_min, count_span;
	uint32_t gap_us;		       /* mean between conversations */
	bool is_regular;		       /* nearly the same gap each time */
	uint32_t after_s;		       /* of scenario time: what must be known before */
	void (*set_up)(struct attack *attack); /* source, destination, first port */
	void (*fill)(struct attack *attack, struct talk *talk);
};

/* ---- who ---------------------------------------------------------------------------------------
 */

static void from_outside(struct attack *attack)
{
	attack->src = world_attacker(&attack->random);
	attack->dst = world_own_addr(false);
}

static void from_anywhere(struct attack *attack)
{
	attack->src = world_nobody(); /* made up, each another one */
	attack->dst = world_own_addr(false);
}

static void from_here(struct attack *attack)
{
	attack->src = world_own_addr(false);
	attack->dst = world_attacker(&attack->random);
}

static void from_here_by_dns(struct attack *attack)
{
	attack->src = world_own_addr(false);
	attack->dst = world_resolver();
}

/* A service nobody ever asked this server for; the incident is the server's own. */
static void at_new_port(struct attack *attack)
{
	from_here(attack);
	attack->port = 2000 + random_below(&attack->random, 20000);
}

static void from_neighbour(struct attack *attack)
{
	attack->src = world_neighbour(random_below(&attack->random, WORLD_NEIGHBOURS));
	attack->dst = world_gateway();
	attack->port = 0;
}

static void from_stranger(struct attack *attack)
{
	attack->src = world_stranger(attack->serial);
	attack->dst = world_nobody();
}

/* ---- what --------------------------------------------------------------------------------------
 */

static void to_own(struct attack *attack, struct talk *talk, enum talk_kind kind)
{
	talk->kind = kind;
	talk->is_inbound = true;
	talk->tuple.src = attack->src;
	talk->tuple.dst = attack->dst;
	talk->tuple.proto = IPPROTO_TCP;
}

static void fill_probe(struct attack *attack, struct talk *talk)
{
	to_own(attack, talk, TALK_PROBE);
	talk->tuple.src_port = attack->src_port;
	talk->tuple.dst_port = (uint16_t)attack->port++;
	talk->answers = world_is_open(talk->tuple.dst_port);
}

static void fill_udp_probe(struct attack *attack, struct talk *talk)
{
	fill_probe(attack, talk);
	talk->kind = TALK_UDP_PROBE;
	talk->tuple.proto = IPPROTO_UDP;
}

static void fill_guess(struct attack *attack, struct talk *talk)
{
	to_own(attack, talk, TALK_SSH);
	talk->tuple.src_port = (uint16_t)(32768 + random_below(&attack->random, 28000));
	talk->tuple.dst_port = 22;
	talk->answers = true;
	talk->left_out = 3;
	talk->left_in = 4;
	talk->gap_us = 90000;
}

static void fill_syn(struct attack *attack, struct talk *talk)
{
	to_own(attack, talk, TALK_HALF_OPEN);
	talk->tuple.src = world_attacker(&attack->random);
	talk->tuple.src_port = (uint16_t)(1024 + random_below(&attack->random, 60000));
	talk->tuple.dst_port = 443;
	talk->answers = true;
}

static void fill_datagram(struct attack *attack, struct talk *talk)
{
	to_own(attack, talk, TALK_UDP_PROBE);
	talk->tuple.proto = IPPROTO_UDP;
	talk->tuple.src_port = attack->src_port;
	talk->tuple.dst_port = 27015;
}

static void fill_ping(struct attack *attack, struct talk *talk)
{
	to_own(attack, talk, TALK_PING);
	talk->tuple.proto = IPPROTO_ICMP;
	talk->left_out = 1;
}

static void put_label(struct attack *attack, struct talk *talk, size_t len, const char *letters)
{
	uint32_t count = (uint32_t)strlen(letters);

	for (size_t i = 0; i < len; i++)
		talk->label[i] = letters[random_below(&attack->random, count)];
}

static void fill_question(struct attack *attack, struct talk *talk)
{
	talk->kind = TALK_DNS;
	talk->tuple = (struct five_tuple){
		.src = attack->src,
		.dst = attack->dst,
		.src_port = (uint16_t)(32768 + random_below(&attack->random, 28000)),
		.dst_port = 53,
		.proto = IPPROTO_UDP,
	};
}

static void fill_tunnel(struct attack *attack, struct talk *talk)
{
	fill_question(attack, talk);
	put_label(attack, talk, 40, "abcdefghijklmnopqrstuvwxyz234567");
	talk->name = "t.files-sync.example";
	talk->dns_type = 16; /* TXT, RFC 1035 3.2.2 */
}

static void fill_generated(struct attack *attack, struct talk *talk)
{
	fill_question(attack, talk);
	put_label(attack, talk, 13, "abcdefghijklmnopqrstuvwxyz");
	talk->name = "example";
	talk->is_missing = true;
}

static void fill_call_home(struct attack *attack, struct talk *talk)
{
	talk->kind = TALK_WEB;
	talk->name = "status.cloud-metrics.example";
	talk->tuple = (struct five_tuple){
		.src = attack->src,
		.dst = attack->dst,
		.src_port = (uint16_t)(32768 + random_below(&attack->random, 28000)),
		.dst_port = 443,
		.proto = IPPROTO_TCP,
	};
	talk->answers = true;
	talk->left_out = 1;
	talk->left_in = 2;
	talk->fixed_len = 320;
	talk->gap_us = 9000;
}

/* 480 MB at some 35 Mbit/s: far beyond what the server sends to any visitor in an hour. */
#define BULK_PACKETS 340000
#define BULK_GAP_US  300

static void fill_upload(struct attack *attack, struct talk *talk)
{
	fill_call_home(attack, talk);
	talk->kind = TALK_BULK;
	talk->name = "share.cold-storage.example";
	talk->left_out = attack->bulk_packets;
	talk->left_in = 20;
	talk->fixed_len = PAYLOAD_MAX;
	talk->gap_us = attack->bulk_gap_us;
}

static void fill_back_door(struct attack *attack, struct talk *talk)
{
	to_own(attack, talk, TALK_SSH);
	talk->tuple.src = attack->dst;
	talk->tuple.dst = attack->src;
	talk->tuple.src_port = (uint16_t)(32768 + random_below(&attack->random, 28000));
	talk->tuple.dst_port = (uint16_t)attack->port;
	talk->answers = true;
	talk->left_out = 8;
	talk->left_in = 12;
	talk->gap_us = 200000;
}

static void fill_login(struct attack *attack, struct talk *talk)
{
	to_own(attack, talk, TALK_LOGIN);
	talk->name = "www.shop.example";
	talk->tuple.src_port = (uint16_t)(32768 + random_below(&attack->random, 28000));
	talk->tuple.dst_port = 80;
	talk->answers = true;
	talk->left_out = 1;
	talk->left_in = 4;
	talk->gap_us = 9000;
}

static void fill_arp(struct attack *attack, struct talk *talk, const struct addr *wanted)
{
	talk->kind = TALK_ARP;
	talk->is_inbound = true;
	talk->tuple.src = attack->src;
	talk->tuple.dst = *wanted;
}

/* Every address of the network in turn; this server hears the questions, as they go to all. */
static void fill_sweep(struct attack *attack, struct talk *talk)
{
	const struct addr wanted = world_lan_addr((uint8_t)(1 + attack->port++ % 254));

	fill_arp(attack, talk, &wanted);
}

static void fill_hello(struct attack *attack, struct talk *talk)
{
	const struct addr gateway = world_gateway();

	fill_arp(attack, talk, &gateway);
}

static void fill_lie(struct attack *attack, struct talk *talk)
{
	const struct addr own = world_own_addr(false);

	if (!attack->port++) { /* first it looks for its victim, as such tools do */
		fill_arp(attack, talk, &own);
		return;
	}
	talk->kind = TALK_ARP_LIE;
	talk->is_inbound = true;
	talk->tuple.src = attack->dst; /* the gateway's address is said to be at the liar */
	talk->tuple.dst = world_own_addr(false);
	talk->liar = attack->src;
}

/* ---- the table: floors of include/detectors.def, passed with room -------------------------------
 */

#define LEARNED_S (DEMO_LEARN_S + 60)

static const struct attack_plan plans[] = {
	{ "port_scan", 200, 800, 3000, false, 0, from_outside, fill_probe },
	{ "port_scan", 60, 80, 60000, false, 0, from_outside, fill_probe },
	{ "port_scan", 80, 120, 20000, false, 0, from_outside, fill_udp_probe },
	{ "brute_force", 60, 200, 1500000, false, 0, from_outside, fill_guess },
	{ "host_scan", 180, 60, 30000, false, LEARNED_S, from_neighbour, fill_sweep },
	{ "syn_flood", 2600, 1200, 500, false, 60, from_anywhere, fill_syn },
	{ "udp_flood", 40000, 20000, 120, false, 60, from_outside, fill_datagram },
	{ "icmp_flood", 8000, 6000, 500, false, 60, from_outside, fill_ping },
	{ "dns_tunnel", 150, 150, 150000, false, 60, from_here_by_dns, fill_tunnel },
	{ "dga", 120, 80, 150000, false, 60, from_here_by_dns, fill_generated },
	{ "beacon", 32, 6, 15000000, true, LEARNED_S, from_here, fill_call_home },
	{ "exfiltration", 1, 1, 105000000, true, LEARNED_S, from_here, fill_upload },
	{ "new_port", 2, 2, 4000000, false, LEARNED_S, at_new_port, fill_back_door },
	{ "new_device", 3, 3, 2000000, false, LEARNED_S, from_stranger, fill_hello },
	{ "arp_spoof", 6, 8, 1200000, true, LEARNED_S, from_neighbour, fill_lie },
	{ "plain_password", 1, 2, 3000000, false, 60, from_outside, fill_login },
};
_Static_assert(sizeof(plans) / sizeof(plans[0]) == ATTACK_PLANS, "as internal.h says");

bool attack_begin(struct attack *attack, unsigned int plan, uint64_t at_ns, uint64_t age_ns)
{
	const struct attack_plan *chosen = &plans[plan];

	if (age_ns < chosen->after_s * NS_PER_S)
		return false;
	attack->plan = chosen;
	attack->begun_ns = attack->due_ns = at_ns;
	attack->left = chosen->count_min + random_below(&attack->random, chosen->count_span);
	attack->gap_us = chosen->gap_us;
	attack->bulk_packets = BULK_PACKETS;
	attack->bulk_gap_us = BULK_GAP_US;
	attack->port = 1 + random_below(&attack->random, 200);
	attack->src_port = (uint16_t)(32768 + random_below(&attack->random, 28000));
	chosen->set_up(attack);
	return true;
}

static uint64_t next_gap_ns(struct attack *attack)
{
	uint64_t gap_ns = attack->gap_us * 1000ULL;

	if (!attack->plan->is_regular)
		return random_gap_ns(&attack->random, gap_ns) + 1;
	/* 2 % either way: a program that sleeps */
	return gap_ns + (uint64_t)((random_unit(&attack->random) - 0.5) * 0.04 * (double)gap_ns);
}

bool attack_next(struct attack *attack, struct talk *talk)
{
	if (!attack->left)
		return false;
	*talk = (struct talk){ .due_ns = attack->due_ns };
	talk->random.state = random_next(&attack->random);
	talk->seq_out = (uint32_t)random_next(&talk->random);
	talk->seq_in = (uint32_t)random_next(&talk->random);
	attack->plan->fill(attack, talk);
	attack->left--;
	attack->due_ns += next_gap_ns(attack);
	return true;
}

int attack_find(const char *detector)
{
	for (unsigned int i = 0; i < ATTACK_PLANS; i++)
		if (!strcmp(plans[i].detector, detector))
			return (int)i;
	return -1;
}

const char *attack_detector(const struct attack *attack)
{
	return attack->plan->detector;
}
