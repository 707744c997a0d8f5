/*
 * Forged ARP and neighbour answers: a device says, unasked and to one other, that an address is
 * its own, or goes on saying it to all. Honest devices answer who asked, or announce to all a few
 * times (RFC 826, RFC 5227, RFC 4861 7.2).
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
#define ASKERS		  8
/* Announced against another device: a router that takes over says it five times at once and five
 * times after 5 s (keepalived.conf(5), garp_master_*); who poisons goes on. */
#define PUSHES	    6
#define PUSH_NS	    (15 * NS_PER_S)
#define PUSH_GAP_NS (10 * NS_PER_S)

/* Who asked for an address. */
struct asker {
	uint8_t mac[MAC_BYTES];
	struct addr addr; /* ADDR_NONE: it has none yet */
	uint64_t asked_ns;
};

struct claim {
	struct row row;
	struct addr addr;
	uint8_t mac[MAC_BYTES], before[MAC_BYTES]; /* who claims it, and who did */
	uint64_t mac_ns, before_ns;
	struct asker askers[ASKERS]; /* the newest, in turn */
	unsigned int asked;	     /* questions */
	uint64_t crowd_ns;	     /* until then there were more than are kept */
	uint8_t liar[MAC_BYTES];     /* who answered unasked */
	struct addr told;
	unsigned int times; /* that mac claimed it */
	unsigned int unasked;
	uint64_t unasked_first_ns, unasked_last_ns;
	uint8_t pusher[MAC_BYTES]; /* who announces it against another */
	unsigned int pushes;
	uint64_t push_first_ns, push_last_ns;
	uint64_t reported_ns, said_ns;
	unsigned int moves; /* from one to another within the memory */
};

/* Addresses of one device. */
struct owner {
	struct row row;
	unsigned int count;
	struct addr addrs[MAC_ADDRS];
	struct addr face; /* under which its forgeries were said first */
	uint64_t lie;	  /* key of the claim it answered unasked for; 0: none */
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

static void note_question(struct claim *claim, const struct lan_fact *fact)
{
	struct asker *asker = &claim->askers[claim->asked++ % ASKERS];

	/* the oldest makes room: of more than are kept nobody knows who asked */
	if (asker->asked_ns && fact->at_ns <= asker->asked_ns + ASKED_NS)
		claim->crowd_ns = asker->asked_ns + ASKED_NS;
	memcpy(asker->mac, fact->source, MAC_BYTES);
	asker->addr = fact->sender;
	asker->asked_ns = fact->at_ns + 1;
}

/* By whoever is told, as its address or its hardware says. */
static bool was_asked(const struct claim *claim, const struct lan_fact *fact)
{
	if (fact->watched_ns < FRESH_NS || fact->at_ns <= claim->crowd_ns)
		return true;
	for (unsigned int i = 0; i < ASKERS; i++) {
		const struct asker *asker = &claim->askers[i];
		bool is_told = memcmp(asker->mac, fact->to, MAC_BYTES) == 0 ||
			       (asker->addr.family != ADDR_NONE &&
				addr_is_equal(&asker->addr, &fact->target));

		if (asker->asked_ns && fact->at_ns <= asker->asked_ns + ASKED_NS && is_told)
			return true;
	}
	return false;
}

static bool is_contested(const struct claim *claim)
{
	return claim->before_ns && claim->mac_ns <= claim->before_ns + MEMORY_NS;
}

static void note_push(struct claim *claim, const struct lan_fact *fact)
{
	if (!is_contested(claim))
		return;
	if (!claim->pushes || fact->at_ns > claim->push_last_ns + PUSH_GAP_NS ||
	    memcmp(claim->pusher, fact->mac, MAC_BYTES) != 0) {
		claim->pushes = 0;
		claim->push_first_ns = fact->at_ns;
		memcpy(claim->pusher, fact->mac, MAC_BYTES);
	}
	claim->pushes++;
	claim->push_last_ns = fact->at_ns;
}

static void arp_spoof_lan(void *state, const struct lan_fact *fact)
{
	struct arp_spoof *arp = state;
	struct claim *claim;

	if (fact->kind == LAN_ASK)
		note_question(take_claim(arp, &fact->target, fact->at_ns), fact);
	if (fact->sender.family == ADDR_NONE || fact->mac[0] & 1 || is_shared_mac(fact->mac))
		return;
	/* a frame from another device than it speaks of: sent for it, or damaged */
	if (memcmp(fact->mac, fact->source, MAC_BYTES) != 0 && fact->kind != LAN_ANSWER)
		return;
	claim = take_claim(arp, &fact->sender, fact->at_ns);
	note_claim(claim, fact);
	if (fact->kind == LAN_ANSWER && !was_asked(claim, fact))
		note_unasked(arp, claim, fact);
	if (fact->kind == LAN_ANNOUNCE)
		note_push(claim, fact);
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

/* Two that answer in turn, each asked: two devices with one address, or two cards in one device. */
static bool is_conflict(const struct claim *claim)
{
	return claim->moves >= UNASKED && is_contested(claim);
}

/* It goes on announcing what another device has, and has another address itself, or the other one
 * still speaks: no device that took the address over. */
static bool is_pushed(struct arp_spoof *arp, const struct claim *claim)
{
	if (claim->pushes < PUSHES || claim->push_last_ns < claim->push_first_ns + PUSH_NS)
		return false;
	return claim->before_ns > claim->push_first_ns ||
	       other_addr(arp, claim->pusher, &claim->addr);
}

static bool is_forged(struct arp_spoof *arp, const struct claim *claim)
{
	return claim->unasked >= UNASKED ||
	       (claim->unasked >= UNASKED_CONTESTED && is_contested(claim)) ||
	       (claim->unasked && claim->times > 1 && other_addr(arp, claim->liar, &claim->addr));
}

/* What is known of the address and of who claims it. */
struct forgery {
	bool is_pushed; /* to all */
	const uint8_t *liar;
	struct addr other; /* of the liar; none: none is known. A copy: rows are forgotten */
	unsigned int count;
	uint64_t first_ns, last_ns;
};

static struct forgery forgery_of(struct arp_spoof *arp, const struct claim *claim)
{
	struct forgery forgery = { .liar = claim->liar,
				   .count = claim->unasked,
				   .first_ns = claim->unasked_first_ns,
				   .last_ns = claim->unasked_last_ns };
	const struct addr *other;

	if (!is_forged(arp, claim))
		forgery = (struct forgery){ .is_pushed = true,
					    .liar = claim->pusher,
					    .count = claim->pushes,
					    .first_ns = claim->push_first_ns,
					    .last_ns = claim->push_last_ns };
	other = other_addr(arp, forgery.liar, &claim->addr);
	if (other)
		forgery.other = *other; /* else of no family */
	return forgery;
}

static void write_forged(const struct claim *claim, const struct forgery *forgery, char *reason)
{
	char mac[MAC_TEXT_MAX], rightful[MAC_TEXT_MAX], addr[ADDR_TEXT_MAX], told[ADDR_TEXT_MAX];
	char own[ADDR_TEXT_MAX], also[160] = "";
	bool has_rival =
		is_contested(claim) && memcmp(claim->before, forgery->liar, MAC_BYTES) != 0;

	if (has_rival)
		(void)snprintf(also, sizeof(also), "; it was at %s before",
			       lan_mac_format(claim->before, rightful));
	else if (forgery->other.family != ADDR_NONE)
		(void)snprintf(also, sizeof(also), "; its own address is %s",
			       addr_format(&forgery->other, own));
	if (forgery->is_pushed)
		(void)snprintf(told, sizeof(told), "everybody");
	else
		(void)addr_format(&claim->told, told);
	(void)snprintf(reason, FINDING_REASON_MAX,
		       "The device %s told %s %u times, without being asked, that %s is its own "
		       "address%s. Normal are %s.",
		       lan_mac_format(forgery->liar, mac), told, forgery->count,
		       addr_format(&claim->addr, addr), also,
		       forgery->is_pushed ? "a few times, when an address moves"
					  : "0 unasked answers");
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

/* All forgeries of a device are one incident: under its own address, else the one it forged first.
 */
static struct addr face_of(struct arp_spoof *arp, const struct claim *claim,
			   const struct forgery *forgery, uint64_t now_ns)
{
	struct owner *owner = take_owner(arp, forgery->liar, now_ns);

	if (owner->face.family == ADDR_NONE)
		owner->face = forgery->other.family != ADDR_NONE ? forgery->other : claim->addr;
	return owner->face;
}

static void tell(const struct claim *claim, struct finding *finding,
		 const struct detect_moment *moment, const char *what)
{
	finding->detector = DETECTOR_ARP_SPOOF;
	finding->score = say_score(1, (double)finding->count, 1);
	say_number(finding, &(struct say_number){ what, "", (double)finding->count, 0, 0 });
	say_number(finding, &(struct say_number){ "changes of its device in 10 min", "",
						  claim->moves, 0, 1 });
	moment->on_finding(moment->arg, finding);
}

static void say_forged(struct arp_spoof *arp, const struct claim *claim,
		       const struct detect_moment *moment)
{
	const struct forgery forgery = forgery_of(arp, claim);
	struct finding finding = {
		.severity = detect_severity(DETECTOR_ARP_SPOOF),
		.src = face_of(arp, claim, &forgery, moment->now_ns),
		.first_unix_ms = detect_unix_ms(moment, forgery.first_ns),
		.last_unix_ms = detect_unix_ms(moment, forgery.last_ns),
		.count = forgery.count,
	};

	finding.dst = forgery.is_pushed ? say_addr_none() : claim->told;
	if (!addr_is_equal(&finding.src, &claim->addr))
		finding.dst = claim->addr;
	write_forged(claim, &forgery, finding.reason);
	tell(claim, &finding, moment,
	     forgery.is_pushed ? "announcements against another" : "unasked answers");
}

static void say_conflict(const struct claim *claim, const struct detect_moment *moment)
{
	struct finding finding = {
		.severity = SEVERITY_LOW,
		.src = claim->addr,
		.dst = claim->addr,
		.first_unix_ms = detect_unix_ms(moment, claim->before_ns),
		.last_unix_ms = detect_unix_ms(moment, claim->mac_ns),
		.count = claim->moves,
	};

	write_conflict(claim, finding.reason);
	tell(claim, &finding, moment, "changes of its device");
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct arp_spoof *arp = state;
	struct claim *claim = row;
	bool is_attack = is_forged(arp, claim) || is_pushed(arp, claim);

	if (!is_attack && !is_conflict(claim))
		return false;
	if (claim->said_ns && claim->reported_ns >= claim->mac_ns)
		return false;
	if (claim->said_ns && moment->now_ns < claim->said_ns + SAY_REPEAT_NS)
		return true;
	if (is_attack)
		say_forged(arp, claim, moment);
	else
		say_conflict(claim, moment);
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
