/*
 * The few things the selftest asks of rtnetlink: a veth pair, up, with addresses; packet sockets.
 */
#ifndef SLUICE_APP_SELFTEST_LINK_H
#define SLUICE_APP_SELFTEST_LINK_H

#include "include/addr.h"

/* Each returns 0 or -errno. */
int link_make_pair(const char *name, const char *peer);
int link_set_up(const char *name);
int link_add_ipv4(const char *name, const struct addr *addr);	/* /24 */
int link_add_ipv6(unsigned int index, const struct addr *addr); /* /64 */
/* link_open_socket - to send whole frames on; receives nothing. Returns the descriptor. */
int link_open_socket(const char *name, unsigned int *index);
/* link_open_ear - hears every frame that arrives on it. Returns the descriptor. */
int link_open_ear(unsigned int index);
/* link_read_mac - its hardware address. */
int link_read_mac(const char *name, uint8_t mac[static 6]);

#endif
