/*
 * What this host must never lose: its own addresses, its default gateways, its resolvers, the
 * peers of SSH sessions. Everything that later rights would forbid is opened by host_open; only
 * the resolver files are opened again at each read. Service thread.
 */
#ifndef SLUICE_BLOCK_HOST_H
#define SLUICE_BLOCK_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/block/safe_list.h"
#include "agent/util/cleanup.h"

struct host;

/* host_open - Returns 0, -ENOMEM, or -errno of the routing socket; absent TCP tables are fine. */
int host_open(struct host **out);
void host_close(struct host *host); /* accepts NULL */
DEFINE_CLEANUP(host_close, struct host)

/*
 * host_read_network - own addresses and the gateways of default routes (also of their halves, /1,
 * which VPNs set instead). Source: rtnetlink(7). Returns 0 or -errno; the lists are then partial.
 */
int host_read_network(struct host *host, struct safe_list *own, struct safe_list *gateways);
/* host_watch_fd - readable when addresses or routes changed. */
int host_watch_fd(const struct host *host);
/* host_take_changes - reads what waits there; true when own addresses or gateways may be others:
 * an address, or a default route. Source: rtnetlink(7). */
bool host_take_changes(struct host *host);
/* host_read_name - this host's name, lower case; "" when unknown. */
void host_read_name(char *name, size_t size);
/* host_read_ssh - other ends of established TCP to an sshd port. Returns 0, -ENOENT, -errno. */
int host_read_ssh(struct host *host, struct safe_list *peers);

/* host_read_resolvers - the nameserver lines of one file, resolv.conf(5). Returns 0 or -errno. */
int host_read_resolvers(const char *file, struct safe_list *resolvers);

/*
 * host_parse_tcp_line - one line of /proc/net/tcp or tcp6: true for an established connection,
 * with its local port and the other end's address. Source: kernel, net/ipv4/tcp_ipv4.c
 * get_tcp4_sock, net/ipv6/tcp_ipv6.c get_tcp6_sock.
 */
bool host_parse_tcp_line(const char *line, uint16_t *local_port, struct addr *remote);

#endif
