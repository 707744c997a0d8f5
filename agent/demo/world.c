/*
 * Names, addresses and ports of the scenario.
 */
#include "agent/demo/world.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "agent/util/addr.h"
#include "include/block.h"

struct place {
	const char *name;
	uint8_t ipv4[4];
	uint8_t ipv6_last; /* 0 = IPv4 only */
};

/* What this server fetches from. */
static const struct place services[] = {
	{ "deb.example.org", { 203, 0, 113, 10 }, 0x10 },
	{ "api.payments.example.com", { 203, 0, 113, 20 }, 0 },
	{ "cdn.example.net", { 203, 0, 113, 30 }, 0x30 },
	{ "registry.example.org", { 203, 0, 113, 40 }, 0 },
	{ "mail.example.com", { 203, 0, 113, 50 }, 0x50 },
	{ "metrics.example.net", { 203, 0, 113, 60 }, 0 },
	{ "backup.example.com", { 203, 0, 113, 70 }, 0 },
};

#define SERVICE_COUNT (sizeof(services) / sizeof(services[0]))

/* What visitors ask this server for. */
static const char *const own_names[] = { "www.shop.example", "shop.example", "api.shop.example" };

static const uint8_t resolver[4] = { 203, 0, 113, 53 };
static const uint8_t time_server[4] = { 203, 0, 113, 123 };
static const uint8_t own_ipv4[4] = { 192, 0, 2, 10 };
static const uint8_t own_ipv6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0, 0x10, [15] = 0x10 };
static const uint16_t open_ports[] = { 22, 80, 443 };

#define VISITORS   180 /* different addresses of ordinary visitors */
#define SHARE_IPV6 4   /* one conversation of so many */

uint64_t random_next(struct random *random)
{
	uint64_t z = (random->state += 0x9e3779b97f4a7c15ULL);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ULL;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebULL;
	return z ^ (z >> 31);
}

uint32_t random_below(struct random *random, uint32_t bound)
{
	return (uint32_t)((random_next(random) >> 32) * bound >> 32);
}

double random_unit(struct random *random)
{
	return (double)(random_next(random) >> 11) / 9007199254740992.0; /* 2^53 */
}

void demo_safe_entries(struct safe_entry out[static DEMO_SAFE_COUNT])
{
	const struct addr addrs[DEMO_SAFE_COUNT] = { world_own_addr(false), world_own_addr(true),
						     world_gateway(), world_resolver() };
	const enum safe_kind kinds[DEMO_SAFE_COUNT] = { SAFE_OWN, SAFE_OWN, SAFE_GATEWAY,
							SAFE_RESOLVER };

	for (int i = 0; i < DEMO_SAFE_COUNT; i++) {
		out[i] = (struct safe_entry){ .prefix = prefix_from_addr(&addrs[i]),
					      .kind = (uint8_t)kinds[i] };
		(void)snprintf(out[i].note, sizeof(out[i].note), "demo0"); /* fits */
	}
}

struct addr world_own_addr(bool is_ipv6)
{
	return is_ipv6 ? addr_from_ipv6(own_ipv6) : addr_from_ipv4(own_ipv4);
}

struct addr world_nobody(void)
{
	static const uint8_t nobody[4] = { 0 };

	return addr_from_ipv4(nobody);
}

struct addr world_resolver(void)
{
	return addr_from_ipv4(resolver);
}

struct addr world_lan_addr(uint8_t last)
{
	const uint8_t ipv4[4] = { 192, 0, 2, last };

	return addr_from_ipv4(ipv4);
}

struct addr world_gateway(void)
{
	return world_lan_addr(1);
}

struct addr world_neighbour(uint32_t number)
{
	return world_lan_addr((uint8_t)(20 + number % WORLD_NEIGHBOURS));
}

struct addr world_stranger(uint32_t serial)
{
	return world_lan_addr((uint8_t)(100 + serial % 150));
}

static struct addr visitor(struct random *random, bool is_ipv6)
{
	/* a few come often, many come rarely: the square of a uniform draw */
	uint32_t who = (uint32_t)(random_unit(random) * random_unit(random) * VISITORS);
	uint8_t ipv6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0x0a, 0x00 };
	uint8_t ipv4[4] = { 198, 51, 100, 0 };

	ipv4[3] = (uint8_t)(10 + who);
	ipv6[7] = (uint8_t)who;
	ipv6[15] = 1;
	return is_ipv6 ? addr_from_ipv6(ipv6) : addr_from_ipv4(ipv4);
}

static struct addr service_addr(const struct place *place, bool is_ipv6)
{
	uint8_t ipv6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0x0b, 0x00 };

	ipv6[15] = place->ipv6_last;
	return is_ipv6 ? addr_from_ipv6(ipv6) : addr_from_ipv4(place->ipv4);
}

static uint16_t service_port(enum talk_kind kind)
{
	switch (kind) {
	case TALK_WEB:
	case TALK_BULK:
		return 443;
	case TALK_HTTP:
		return 80;
	case TALK_DNS:
		return 53;
	case TALK_SSH:
		return 22;
	case TALK_NTP:
		return 123;
	default:
		return 0;
	}
}

static uint8_t protocol(enum talk_kind kind, bool is_ipv6)
{
	if (kind == TALK_DNS || kind == TALK_NTP)
		return IPPROTO_UDP;
	if (kind == TALK_PING)
		return is_ipv6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
	return IPPROTO_TCP;
}

static void choose_outside(struct random *random, enum talk_kind kind, struct five_tuple *tuple,
			   const char **name)
{
	const struct place *place = &services[random_below(random, SERVICE_COUNT)];
	bool is_ipv6 = place->ipv6_last && !random_below(random, SHARE_IPV6);

	if (kind == TALK_BULK)
		place = &services[SERVICE_COUNT - 1];
	if (kind == TALK_BULK || kind == TALK_DNS || kind == TALK_NTP)
		is_ipv6 = false;
	*name = place->name;
	tuple->src = world_own_addr(is_ipv6);
	tuple->dst = service_addr(place, is_ipv6);
	if (kind == TALK_DNS)
		tuple->dst = addr_from_ipv4(resolver);
	if (kind == TALK_NTP)
		tuple->dst = addr_from_ipv4(time_server);
}

/* A neighbour, or the gateway, asks for this server or the gateway; or this server for it. */
static void choose_arp(struct random *random, bool is_inbound, struct five_tuple *tuple)
{
	bool is_gateway = !random_below(random, 3);

	tuple->src = world_own_addr(false);
	tuple->dst = world_gateway();
	if (!is_inbound)
		return;
	tuple->src = is_gateway ? world_gateway()
				: world_neighbour(random_below(random, WORLD_NEIGHBOURS));
	if (is_gateway)
		tuple->dst = world_own_addr(false);
	else if (random_below(random, 8))
		tuple->dst = world_neighbour(random_below(random, WORLD_NEIGHBOURS));
}

void world_choose(struct random *random, enum talk_kind kind, bool is_inbound,
		  struct five_tuple *tuple, const char **name)
{
	bool is_ipv6 = is_inbound && !random_below(random, SHARE_IPV6);

	if (kind == TALK_ARP) {
		choose_arp(random, is_inbound, tuple);
		return;
	}
	if (is_inbound) {
		*name = own_names[random_below(random, sizeof(own_names) / sizeof(own_names[0]))];
		tuple->src = visitor(random, is_ipv6);
		tuple->dst = world_own_addr(is_ipv6);
	} else {
		choose_outside(random, kind, tuple, name);
		is_ipv6 = tuple->src.family == ADDR_IPV6;
	}
	tuple->proto = protocol(kind, is_ipv6);
	tuple->dst_port = service_port(kind);
	tuple->src_port = kind == TALK_NTP ? 123 : (uint16_t)(32768 + random_below(random, 28000));
	if (kind == TALK_PING)
		tuple->src_port = 0;
}

struct addr world_attacker(struct random *random)
{
	uint8_t ipv4[4] = { 198, 18, 0, 0 };

	ipv4[1] = (uint8_t)(18 + random_below(random, 2));
	ipv4[2] = (uint8_t)random_below(random, 256);
	ipv4[3] = (uint8_t)(1 + random_below(random, 254));
	return addr_from_ipv4(ipv4);
}

bool world_is_open(uint16_t port)
{
	for (size_t i = 0; i < sizeof(open_ports) / sizeof(open_ports[0]); i++)
		if (open_ports[i] == port)
			return true;
	return false;
}
