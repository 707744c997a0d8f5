/*
 * The cast of the scenario: this server, its visitors, the services it uses, the attackers. All
 * addresses are documentation prefixes (RFC 5737, RFC 3849, RFC 2544).
 */
#ifndef SLUICE_DEMO_WORLD_H
#define SLUICE_DEMO_WORLD_H

#include "agent/demo/internal.h"

/* world_own_addr - this server. */
struct addr world_own_addr(bool is_ipv6);
/* world_choose - who talks to whom in one conversation of a habit, and about which name. */
void world_choose(struct random *random, enum talk_kind kind, bool is_inbound,
		  struct five_tuple *tuple, const char **name);
struct addr world_attacker(struct random *random);
/* world_nobody - 0.0.0.0: no one address. */
struct addr world_nobody(void);
struct addr world_resolver(void);
/* The network this server stands in, 192.0.2.0/24: its gateway, neighbours with a habit of asking
 * for it, and the @serial-th device that comes new. */
#define WORLD_NEIGHBOURS 4
struct addr world_lan_addr(uint8_t last);
struct addr world_gateway(void);
struct addr world_neighbour(uint32_t number);
struct addr world_stranger(uint32_t serial);
/* world_is_open - does this server answer on the TCP port? */
bool world_is_open(uint16_t port);

#endif
