/*
 * What the loader asks rtnetlink: the devices there are, which of them default routes use, which
 * tc filters are ours, and what a driver says to an XDP program. Requests open a socket of their
 * own and wait at most two seconds. The loader's thread.
 */
#ifndef SLUICE_CAPTURE_KERNEL_NETLINK_H
#define SLUICE_CAPTURE_KERNEL_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "include/coverage.h"

#define KERNEL_DEVICES_MAX 1024 /* devices looked at; more are counted, not watched */

/* The next hop of a default route. */
struct kernel_gateway {
	uint8_t family;	   /* AF_INET, AF_INET6; 0 = none */
	uint8_t bytes[16]; /* as on the wire, 4 or 16 of them */
};

struct kernel_device {
	uint32_t ifindex;
	uint32_t master; /* bridge or bond it is part of */
	uint32_t lower;	 /* device a vlan, macvlan or ipvlan sits on */
	uint32_t xdp_id; /* program on its XDP hook, 0 = none */
	uint32_t mtu;
	uint32_t covered_by; /* ifindex of the chosen device that sees its packets */
	struct kernel_gateway gateway;
	bool has_xdp_generic;
	bool no_l2; /* no Ethernet header */
	bool is_loopback;
	bool is_promisc; /* by flag: ip link shows PROMISC */
	bool has_default_route;
	bool is_chosen;	 /* kernel_choose: to be watched */
	bool is_covered; /* asked for, but a chosen device below it sees its packets */
	char name[IFACE_NAME_MAX];
};

struct kernel_devices {
	struct kernel_device *items; /* owned */
	size_t count;
	size_t left_out; /* past KERNEL_DEVICES_MAX */
};

/* kernel_devices_read - all devices; default routes of both families marked. */
int kernel_devices_read(struct kernel_devices *devices);
void kernel_devices_done(struct kernel_devices *devices);

static inline void kernel_devices_done_cleanup(struct kernel_devices *devices)
{
	kernel_devices_done(devices);
}

/*
 * kernel_choose - mark which devices are to be watched. Pure; kernel_choose.c.
 * @interfaces: "auto" (every default route), or names and globs, comma separated
 * A bridge, bond or VLAN is never chosen together with a device below it.
 * Returns the number asked for, covered ones included.
 */
size_t kernel_choose(struct kernel_devices *devices, const char *interfaces);

/* kernel_notify_open - a non-blocking socket that tells of links and, with @routes, of routes. */
int kernel_notify_open(bool routes);
/* kernel_notify_drain - true when a link or a default route changed, or messages were lost. */
bool kernel_notify_drain(int fd);

/* kernel_xdp_ask - attach by netlink, only to hear the driver: its text in @reason.
 * The generic hook is asked where a program is on it.
 * Returns 0 when it would have attached (it is taken off again), or the kernel's -errno. */
int kernel_xdp_ask(const struct kernel_device *device, int prog_fd, char *reason, size_t size);

/* kernel_promisc_set - the PROMISC flag of a device, on or off. */
int kernel_promisc_set(uint32_t ifindex, bool on);

/* What the kernel knows of a neighbour (linux/neighbour.h). */
struct kernel_neighbour {
	uint16_t state;	 /* NUD_*; 0 = none */
	uint8_t mac[32]; /* MAX_ADDR_LEN, linux/netdevice.h */
	uint8_t mac_len;
};

/* kernel_neighbour_get - of @gateway on a device; kernel_neigh.c. -ENOENT: never asked for. */
int kernel_neighbour_get(uint32_t ifindex, const struct kernel_gateway *gateway,
			 struct kernel_neighbour *out);
/* kernel_neighbour_probe - make the kernel ask it at once, where it was known to be. */
int kernel_neighbour_probe(uint32_t ifindex, const struct kernel_gateway *gateway,
			   const struct kernel_neighbour *known);

/* kernel_has_clsact - 1 when the hook's qdisc is clsact, 0 when it is another, -ENOENT: none. */
int kernel_has_clsact(uint32_t ifindex);

/* What holds a place on a clsact hook. */
struct kernel_filter {
	uint32_t count; /* filters on the hook, all of them */
	bool is_held;	/* a filter with our handle and priority exists */
	char name[64];	/* its name as tc shows it; "" when it has none */
};

/* kernel_filter_find - filters on the hook of @parent. -ENOENT: no such qdisc. */
int kernel_filter_find(uint32_t ifindex, uint32_t parent, uint32_t priority, uint32_t handle,
		       struct kernel_filter *out);

#endif
