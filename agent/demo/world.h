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
/* world_is_open - does this server answer on the TCP port? */
bool world_is_open(uint16_t port);

#endif
