/*
 * Who is at the other end: how many connections each address holds, and whom to believe when a
 * proxy names somebody else. One thread; the trusted list is read-only.
 */
#ifndef SLUICE_FRONT_PEERS_H
#define SLUICE_FRONT_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "agent/util/cleanup.h"
#include "include/addr.h"

struct config;
struct peers;

/*
 * Most connections of one address (IPv6: of one /64, which is one customer). A browser opens six
 * (RFC 9112 9.4 leaves it open; Chromium and Firefox: 6 per host), so this is five of them.
 */
#define PEERS_PER_ADDRESS_MAX 32

/* peers_new - trusted proxies from @config. Returns 0 or -ENOMEM. */
int peers_new(const struct config *config, struct peers **out);
void peers_free(struct peers *peers);
DEFINE_CLEANUP(peers_free, struct peers)

/* peers_addr - of a socket address; a mapped one is the IPv4 it stands for. */
struct addr peers_addr(const struct sockaddr *sockaddr);

/* peers_is_loopback - 127.0.0.0/8 or ::1. */
bool peers_is_loopback(const struct addr *addr);
bool peers_is_trusted(const struct peers *peers, const struct addr *addr);

/*
 * peers_may_connect - is there room for one more of @addr? Always for trusted proxies, behind
 * which many people share one address, and for loopback, where tunnels and local tools do.
 */
bool peers_may_connect(const struct peers *peers, const struct addr *addr);
void peers_connected(struct peers *peers, const struct addr *addr);
void peers_disconnected(struct peers *peers, const struct addr *addr);

/*
 * peers_client - the person behind trusted proxies: the last address of X-Forwarded-For that is
 * not itself a trusted proxy. @peer itself when it is not trusted or the field is not clean.
 * @text: @len bytes, may be NULL
 */
struct addr peers_client(const struct peers *peers, const struct addr *peer, const char *text,
			 size_t len);

#endif
