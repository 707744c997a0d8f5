/*
 * Forged ARP and neighbour answers: a device says, unasked and to one other, that an address is
 * its own. Honest devices answer what was asked, or announce to all (RFC 826, RFC 5227, RFC 4861
 * 7.2).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "agent/detect/lan.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"

#define MEMORY_NS	  (600 * NS_PER_S) /* claims: how long others believe them */
#define ADDRS		  4096
#define MACS		  4096
#define ASKED_NS	  (5 * NS_PER_S)  /* from a question to its answer */
#define FRESH_NS	  (2 * NS_PER_S)  /* what was asked before anything was seen is not known */
#define WINDOW_NS	  (60 * NS_PER_S) /* of unasked answers */
#define UNASKED		  3
#define UNASKED_CONTESTED 2 /* one may be a question that was lost, or a bit that fell over */
#define MAC_ADDRS	  4

struct claim {
	struct row row;
	struct addr addr;
	uint8_t mac[MAC_BYTES], before[MAC_BYTES]; /* who claims it, and who did */
	uint64_t mac_ns, before_ns;
	uint64_t asked_ns;	 /* last question for it; 0: none */
	uint8_t liar[MAC_BYTES]; /* who answered unasked */
	struct addr told;
	unsigned int times; /* that mac claimed it */
	unsigned int unasked;
	uint64_t unasked_first_ns, unasked_last_ns;
	uint64_t reported_ns, said_ns;
	unsigned int moves; /* from one to another within the memory */
};

/* Addresses of one device. */
struct owner {
	struct row row;
	unsigned int count;
	struct addr addrs[MAC_ADDRS];
	uint64_t lie; /* key of the claim it answered unasked for; 0: none */
};

struct arp_spoof {
	struct rowset claims, owners;
};

static const struct row_shape claim_shape = { .size = sizeof(struct claim), .keep_ns = MEMORY_NS };
static const struct row_shape owner_shape = { .size = sizeof(struct owner), .keep_ns = MEMORY_NS };

static void arp_spoof_close(void *state)
{
	struct arp_spoof *arp = state;

	if (!arp)
		return;
	rowset_done(&arp->claims);
	rowset_done(&arp->owners);
	free(arp);
}

static int arp_spoof_open(unsigned int hosts_max, void **state)
{
	struct arp_spoof *arp = calloc(1, sizeof(*arp));
	int error;

	(void)hosts_max; /* of one network, not of all */
	if (!arp)
		return -ENOMEM;
	error = rowset_init(&arp->claims, ADDRS, &claim_shape);
	if (!error)
		error = rowset_init(&arp->owners, MACS, &owner_shape);
	if (error)
		arp_spoof_close(arp);
	else
		*state = arp;
	return error;
}

static uint64_t arp_spoof_full(const void *state)
{
	const struct arp_spoof *arp = state;

	return arp->claims.full + arp->owners.full;
}

/* ---- taking in --------------------------------------------------------------------------------
 */

/* Addresses that move between routers by design: VRRP, CARP (RFC 5798 7.3), HSRP, GLBP. */
static bool is_shared_mac(const uint8_t mac[static MAC_BYTES])
{
	static const uint8_t prefixes[][5] = { { 0x00, 0x00, 0x5e, 0x00, 0x01 },
					       { 0x00, 0x00, 0x5e, 0x00, 0x02 },
					       { 0x00, 0x00, 0x0c, 0x07, 0xac },
					       { 0x00, 0x00, 0x0c, 0x9f, 0xf0 },
					       { 0x00, 0x07, 0xb4, 0x00, 0x01 } };

	for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
		if (memcmp(mac, prefixes[i], sizeof(prefixes[i])) == 0)
			return true;
	return false;
}

static struct claim *take_claim(struct arp_spoof *arp, const struct addr *addr, uint64_t now_ns)
{
	bool is_new;
	struct claim *claim =
		rowset_take(&arp->claims, rowset_key(&arp->claims, addr, NULL, 0), now_ns, &is_new);

	claim->addr = *addr;
	return claim;
}

static struct owner *take_owner(struct arp_spoof *arp, const uint8_t mac[static MAC_BYTES],
				uint64_t now_ns)
{
	struct addr as_addr = { .family = ADDR_NONE };
	bool is_new;

	memcpy(as_addr.bytes, mac, MAC_BYTES);
	return rowset_take(&arp->owners, rowset_key(&arp->owners, &as_addr, NULL, 0), now_ns,
			   &is_new);
}

/* What it asks for others with, or announces. Only of one family: a device has several IPv6
 * addresses by nature. */
static void note_owner(struct arp_spoof *arp, const struct lan_fact *fact)
{
	struct owner *owner = take_owner(arp, fact->mac, fact->at_ns);
	struct claim *lie;

	for (unsigned int i = 0; i < owner->count; i++)
		if (addr_is_equal(&owner->addrs[i], &fact->sender))
			return;
	if (fact->sender.family != ADDR_IPV4 || owner->count == MAC_ADDRS ||
	    fact->kind == LAN_ANSWER)
		return;
	owner->addrs[owner->count++] = fact->sender;
	lie = owner->lie ? rowset_find(&arp->claims, owner->lie) : NULL;
	if (lie)
		rowset_mark(&arp->claims, lie);
}

static void note_claim(struct claim *claim, const struct lan_fact *fact)
{
	if (!claim->mac_ns) {
		memcpy(claim->mac, fact->mac, MAC_BYTES);
	} else if (memcmp(claim->mac, fact->mac, MAC_BYTES) != 0) {
		memcpy(claim->before, claim->mac, MAC_BYTES);
		memcpy(claim->mac, fact->mac, MAC_BYTES);
		claim->before_ns = claim->mac_ns;
		claim->moves++;
		claim->times = 0;
	}
	claim->times++;
	claim->mac_ns = fact->at_ns;
}

static void note_unasked(struct arp_spoof *arp, struct claim *claim, const struct lan_fact *fact)
{
	if (!claim->unasked || fact->at_ns > claim->unasked_last_ns + WINDOW_NS ||
	    memcmp(claim->liar, fact->mac, MAC_BYTES) != 0) {
		claim->unasked = 0;
		claim->unasked_first_ns = fact->at_ns;
		memcpy(claim->liar, fact->mac, MAC_BYTES);
	}
	claim->unasked++;
	claim->unasked_last_ns = fact->at_ns;
	claim->told = fact->target;
	take_owner(arp, fact->mac, fact->at_ns)->lie = claim->row.key;
}

static bool was_asked(const struct claim *claim, const struct lan_fact *fact)
{
	return fact->watched_ns < FRESH_NS ||
	       (claim->asked_ns && fact->at_ns <= claim->asked_ns + ASKED_NS);
}

static void arp_spoof_lan(void *state, const struct lan_fact *fact)
{
	struct arp_spoof *arp = state;
	struct claim *claim;

	if (fact->kind == LAN_ASK)
		take_claim(arp, &fact->target, fact->at_ns)->asked_ns = fact->at_ns + 1;
	if (fact->sender.family == ADDR_NONE || fact->mac[0] & 1 || is_shared_mac(fact->mac))
		return;
	/* a frame from another device than it speaks of: sent for it, or damaged */
	if (memcmp(fact->mac, fact->source, MAC_BYTES) != 0 && fact->kind != LAN_ANSWER)
		return;
	claim = take_claim(arp, &fact->sender, fact->at_ns);
	note_claim(claim, fact);
	if (fact->kind == LAN_ANSWER && !was_asked(claim, fact))
		note_unasked(arp, claim, fact);
	rowset_weigh(&arp->claims, claim, claim->unasked + claim->moves);
	note_owner(arp, fact);
	if (claim->unasked + claim->moves)
		rowset_mark(&arp->claims, claim);
}

/* ---- judging ----------------------------------------------------------------------------------
 */

/* Another address of the device, if it has one. */
static const struct addr *other_addr(struct arp_spoof *arp, const uint8_t mac[static MAC_BYTES],
				     const struct addr *than)
{
	struct addr as_addr = { .family = ADDR_NONE };
	struct owner *owner;

	memcpy(as_addr.bytes, mac, MAC_BYTES);
	owner = rowset_find(&arp->owners, rowset_key(&arp->owners, &as_addr, NULL, 0));
	for (unsigned int i = 0; owner && i < owner->count; i++)
		if (!addr_is_equal(&owner->addrs[i], than))
			return &owner->addrs[i];
	return NULL;
}

static bool is_contested(const struct claim *claim)
{
	return claim->before_ns && claim->mac_ns <= claim->before_ns + MEMORY_NS;
}

/* Two that answer in turn, each asked: two devices with one address, or two cards in one device. */
static bool is_conflict(const struct claim *claim)
{
	return claim->moves >= UNASKED && is_contested(claim);
}

static void write_forged(const struct claim *claim, const struct addr *other, char *reason)
{
	char mac[MAC_TEXT_MAX], rightful[MAC_TEXT_MAX], addr[ADDR_TEXT_MAX], told[ADDR_TEXT_MAX];
	char own[ADDR_TEXT_MAX], also[160] = "";
	bool has_rival = is_contested(claim) && memcmp(claim->before, claim->liar, MAC_BYTES) != 0;

	if (has_rival)
		(void)snprintf(also, sizeof(also), "; it was at %s before",
			       lan_mac_format(claim->before, rightful));
	else if (other)
		(void)snprintf(also, sizeof(also), "; its own address is %s",
			       addr_format(other, own));
	(void)snprintf(reason, FINDING_REASON_MAX,
		       "The device %s told %s %u times, without being asked, that %s is its own "
		       "address%s. Normal are 0 unasked answers.",
		       lan_mac_format(claim->liar, mac), addr_format(&claim->told, told),
		       claim->unasked, addr_format(&claim->addr, addr), also);
}

static void write_conflict(const struct claim *claim, char *reason)
{
	char one[MAC_TEXT_MAX], two[MAC_TEXT_MAX], addr[ADDR_TEXT_MAX];

	(void)snprintf(reason, FINDING_REASON_MAX,
		       "%s is claimed in turn by the devices %s and %s, %u changes in 10 min. "
		       "Normal is one device for an address.",
		       addr_format(&claim->addr, addr), lan_mac_format(claim->mac, one),
		       lan_mac_format(claim->before, two), claim->moves);
}

static void say(struct arp_spoof *arp, struct claim *claim, bool is_forged,
		const struct detect_moment *moment)
{
	const struct addr *other = is_forged ? other_addr(arp, claim->liar, &claim->addr) : NULL;
	struct finding finding = {
		.detector = DETECTOR_ARP_SPOOF,
		.severity = is_forged ? detect_severity(DETECTOR_ARP_SPOOF) : SEVERITY_LOW,
		.score = say_score(1, is_forged ? claim->unasked : claim->moves, 1),
		.src = other ? *other : claim->addr,
		.dst = other || !is_forged ? claim->addr : claim->told,
		.first_unix_ms = detect_unix_ms(moment, is_forged ? claim->unasked_first_ns
								  : claim->before_ns),
		.last_unix_ms =
			detect_unix_ms(moment, is_forged ? claim->unasked_last_ns : claim->mac_ns),
		.count = is_forged ? claim->unasked : claim->moves,
	};

	if (is_forged)
		write_forged(claim, other, finding.reason);
	else
		write_conflict(claim, finding.reason);
	say_number(&finding,
		   &(struct say_number){ is_forged ? "unasked answers" : "changes of its device",
					 "", (double)finding.count, 0, 0 });
	moment->on_finding(moment->arg, &finding);
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct arp_spoof *arp = state;
	struct claim *claim = row;
	bool is_forged =
		claim->unasked >= UNASKED ||
		(claim->unasked >= UNASKED_CONTESTED && is_contested(claim)) ||
		(claim->unasked && claim->times > 1 && other_addr(arp, claim->liar, &claim->addr));

	if (!is_forged && !is_conflict(claim))
		return false;
	if (claim->said_ns && claim->reported_ns >= claim->mac_ns)
		return false;
	if (claim->said_ns && moment->now_ns < claim->said_ns + SAY_REPEAT_NS)
		return true;
	say(arp, claim, is_forged, moment);
	claim->reported_ns = claim->mac_ns;
	claim->said_ns = moment->now_ns;
	return false;
}

static void arp_spoof_tick(void *state, const struct detect_moment *moment)
{
	struct arp_spoof *arp = state;

	rowset_judge(&arp->claims, judge, arp, moment);
}

const struct detector_ops arp_spoof_detector = {
	.open = arp_spoof_open,
	.close = arp_spoof_close,
	.lan = arp_spoof_lan,
	.tick = arp_spoof_tick,
	.full = arp_spoof_full,
};
