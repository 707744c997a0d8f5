/* What host.c and host_files.c share. */
#ifndef SLUICE_BLOCK_HOST_INTERNAL_H
#define SLUICE_BLOCK_HOST_INTERNAL_H

#include <stdint.h>
#include <stdio.h>

#define HOST_SSH_PORTS_MAX 8
#define HOST_SSH_PEERS_MAX 256
#define HOST_RESOLVERS_MAX 16 /* resolv.conf(5) uses three; two files */

struct host {
	int netlink;
	int watch; /* joined to the groups of addresses and routes */
	uint32_t sequence;
	FILE *tcp[2]; /* /proc/self/net/tcp and tcp6; NULL when not readable */
	uint16_t ssh_ports[HOST_SSH_PORTS_MAX];
	size_t ssh_port_count;
};

/* host_find_ssh_ports - 22 and the Port lines of @sshd_config, when readable. */
void host_find_ssh_ports(struct host *host, const char *sshd_config);

#endif
