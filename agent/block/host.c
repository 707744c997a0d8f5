/*
 * The host's own addresses and default gateways over one routing socket that stays open:
 * getifaddrs would open a new one, which core may not once its rights are dropped.
 */
#include "agent/block/host.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "agent/block/host_internal.h"
#include "agent/util/addr.h"

/* A dump's datagrams hold at most that: net/netlink/af_netlink.c, netlink_dump. */
#define DATAGRAM_BYTES 32768
#define NAMES_MAX      4096
/* Longest prefix of a default route: VPNs cover it with two halves. */
#define DEFAULT_ROUTE_LEN_MAX 1

struct link_name {
	uint32_t ifindex;
	char name[IF_NAMESIZE];
};

/* One dump on its way: what the handlers fill. */
struct dump {
	struct link_name *names;
	size_t name_count;
	struct safe_list *own, *gateways;
	bool is_torn; /* the table changed meanwhile */
	int error;    /* of a list that could not grow */
};

typedef void (*message_fn)(struct dump *dump, const struct nlmsghdr *message);

/* ---- opening --------------------------------------------------------------------------------- */

static int open_watch(struct host *host)
{
	const struct sockaddr_nl address = { .nl_family = AF_NETLINK,
					     .nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
							  RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE };

	host->watch = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
	if (host->watch < 0 ||
	    bind(host->watch, (const struct sockaddr *)&address, sizeof(address)) != 0)
		return -errno;
	return 0;
}

int host_open(struct host **out)
{
	CLEANUP(host_close) struct host *host = calloc(1, sizeof(*host));
	struct timeval patience = { .tv_sec = 1 }; /* a dump is answered at once or never */
	int error;

	if (!host)
		return -ENOMEM;
	host->watch = -1;
	host->netlink = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (host->netlink < 0)
		return -errno;
	if (setsockopt(host->netlink, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) != 0)
		return -errno;
	error = open_watch(host);
	if (error)
		return error;
	/* read again through the same descriptors later; without /proc there is no SSH list */
	host->tcp[0] = fopen("/proc/self/net/tcp", "re");
	host->tcp[1] = fopen("/proc/self/net/tcp6", "re");
	host_find_ssh_ports(host, "/etc/ssh/sshd_config");
	*out = TAKE(host);
	return 0;
}

void host_close(struct host *host)
{
	if (!host)
		return;
	if (host->netlink >= 0)
		(void)close(host->netlink); /* nothing is written to it */
	if (host->watch >= 0)
		(void)close(host->watch); /* likewise */
	for (size_t i = 0; i < sizeof(host->tcp) / sizeof(host->tcp[0]); i++) {
		if (host->tcp[i])
			(void)fclose(host->tcp[i]); /* read only */
	}
	free(host);
}

/* ---- one dump -------------------------------------------------------------------------------- */

static int request_dump(struct host *host, uint16_t type, uint8_t family)
{
	struct {
		struct nlmsghdr header;
		struct ifinfomsg body; /* the longest of the three; all begin with the family */
	} request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = type,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
			    .nlmsg_seq = ++host->sequence },
		.body = { .ifi_family = family },
	};

	/* a datagram goes whole or not at all */
	return send(host->netlink, &request, sizeof(request), 0) < 0 ? -errno : 0;
}

/* Returns 1 at the end of the dump, 0 for more, -errno. */
static int handle_datagram(const struct host *host, const char *data, size_t len, message_fn handle,
			   struct dump *dump)
{
	const struct nlmsghdr *message = (const void *)data;
	int left = (int)len;

	for (; NLMSG_OK(message, (unsigned int)left); message = NLMSG_NEXT(message, left)) {
		if (message->nlmsg_seq != host->sequence)
			continue; /* the rest of a dump given up earlier */
		if (message->nlmsg_flags & NLM_F_DUMP_INTR)
			dump->is_torn = true; /* read to the end: no other dump may begin before */
		if (message->nlmsg_type == NLMSG_DONE)
			return 1;
		if (message->nlmsg_type == NLMSG_ERROR)
			return -EIO;
		handle(dump, message);
	}
	return 0;
}

static int read_dump(struct host *host, uint16_t type, uint8_t family, message_fn handle,
		     struct dump *dump)
{
	CLEANUP(free) char *data = malloc(DATAGRAM_BYTES);
	int result = data ? request_dump(host, type, family) : -ENOMEM;

	while (result == 0) {
		ssize_t len = recv(host->netlink, data, DATAGRAM_BYTES, MSG_TRUNC);

		if (len < 0)
			result = -errno;
		else if (len > DATAGRAM_BYTES)
			result = -EMSGSIZE;
		else
			result = handle_datagram(host, data, (size_t)len, handle, dump);
	}
	return result < 0 ? result : 0;
}

/* The payload of @type among attributes, when it is at least @size bytes; else NULL. */
static const void *find_attribute(const struct rtattr *attribute, int len, uint16_t type,
				  size_t size)
{
	for (; RTA_OK(attribute, len); attribute = RTA_NEXT(attribute, len)) {
		if ((attribute->rta_type & NLA_TYPE_MASK) == type && RTA_PAYLOAD(attribute) >= size)
			return RTA_DATA(attribute);
	}
	return NULL;
}

/* ---- names, addresses ------------------------------------------------------------------------ */

static void handle_link(struct dump *dump, const struct nlmsghdr *message)
{
	const struct ifinfomsg *link = NLMSG_DATA(message);
	struct link_name *entry;
	const char *name;

	if (message->nlmsg_type != RTM_NEWLINK || dump->name_count == NAMES_MAX)
		return;
	name = find_attribute(IFLA_RTA(link), (int)IFLA_PAYLOAD(message), IFLA_IFNAME, 2);
	if (!name)
		return;
	entry = &dump->names[dump->name_count++];
	entry->ifindex = (uint32_t)link->ifi_index;
	/* the attribute ends with NUL: net/core/rtnetlink.c, nla_put_string */
	(void)snprintf(entry->name, sizeof(entry->name), "%s", name); /* fits */
}

static const char *link_name(const struct dump *dump, uint32_t ifindex)
{
	for (size_t i = 0; i < dump->name_count; i++) {
		if (dump->names[i].ifindex == ifindex)
			return dump->names[i].name;
	}
	return "";
}

static bool read_addr(uint8_t family, const void *bytes, struct addr *addr)
{
	if (!bytes || (family != AF_INET && family != AF_INET6))
		return false;
	*addr = family == AF_INET ? addr_from_ipv4(bytes) : addr_from_ipv6(bytes);
	return true;
}

static size_t addr_size(uint8_t family)
{
	return family == AF_INET ? 4 : 16;
}

static void add_addr(struct dump *dump, struct safe_list *list, const struct addr *addr,
		     enum safe_kind kind, const char *note)
{
	struct prefix prefix = prefix_from_addr(addr);
	int error = safe_list_add(list, &prefix, kind, note);

	if (error == -ENOMEM)
		dump->error = error; /* a list that is full is counted in it */
}

static void handle_address(struct dump *dump, const struct nlmsghdr *message)
{
	const struct ifaddrmsg *body = NLMSG_DATA(message);
	size_t size = addr_size(body->ifa_family);
	const struct rtattr *attributes = IFA_RTA(body);
	int len = (int)IFA_PAYLOAD(message);
	const char *name = link_name(dump, body->ifa_index);
	char note[64];
	const void *bytes;
	struct addr addr;

	if (message->nlmsg_type != RTM_NEWADDR)
		return;
	/* IFA_ADDRESS is the other end on point-to-point links; IFA_LOCAL is always ours */
	bytes = find_attribute(attributes, len, IFA_LOCAL, size);
	if (!bytes)
		bytes = find_attribute(attributes, len, IFA_ADDRESS, size);
	if (read_addr(body->ifa_family, bytes, &addr))
		add_addr(dump, dump->own, &addr, SAFE_OWN, name);
	bytes = find_attribute(attributes, len, IFA_BROADCAST, size);
	if (read_addr(body->ifa_family, bytes, &addr)) {
		(void)snprintf(note, sizeof(note), "the broadcast address of %s", name); /* fits */
		add_addr(dump, dump->own, &addr, SAFE_SPECIAL, note);
	}
}

/* ---- gateways -------------------------------------------------------------------------------- */

/* RTA_GATEWAY, or RTA_VIA for a next hop of the other family (RFC 5549 routes). */
static void add_gateway(struct dump *dump, uint8_t family, const struct rtattr *attributes, int len,
			uint32_t ifindex)
{
	const void *bytes = find_attribute(attributes, len, RTA_GATEWAY, addr_size(family));
	const struct rtvia *via =
		find_attribute(attributes, len, RTA_VIA, sizeof(*via) + addr_size(AF_INET));
	struct addr addr;

	if (!bytes && via) {
		family = (uint8_t)via->rtvia_family;
		if (find_attribute(attributes, len, RTA_VIA, sizeof(*via) + addr_size(family)))
			bytes = via->rtvia_addr;
	}
	if (read_addr(family, bytes, &addr))
		add_addr(dump, dump->gateways, &addr, SAFE_GATEWAY, link_name(dump, ifindex));
}

static void handle_route(struct dump *dump, const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *attributes = RTM_RTA(route);
	int len = (int)RTM_PAYLOAD(message);
	const struct rtattr *hops = NULL;
	const uint32_t *ifindex;

	if (message->nlmsg_type != RTM_NEWROUTE || route->rtm_type != RTN_UNICAST ||
	    route->rtm_dst_len > DEFAULT_ROUTE_LEN_MAX)
		return;
	ifindex = find_attribute(attributes, len, RTA_OIF, sizeof(*ifindex));
	add_gateway(dump, route->rtm_family, attributes, len, ifindex ? *ifindex : 0);
	for (const struct rtattr *a = attributes; RTA_OK(a, len); a = RTA_NEXT(a, len)) {
		if (a->rta_type == RTA_MULTIPATH)
			hops = a;
	}
	if (!hops)
		return;
	len = (int)RTA_PAYLOAD(hops);
	for (const struct rtnexthop *hop = RTA_DATA(hops); RTNH_OK(hop, len);) {
		int size = RTNH_ALIGN(hop->rtnh_len);

		add_gateway(dump, route->rtm_family, RTNH_DATA(hop),
			    (int)hop->rtnh_len - (int)RTNH_LENGTH(0), (uint32_t)hop->rtnh_ifindex);
		len -= size;
		hop = RTNH_NEXT(hop);
	}
}

/* ---- all of it ------------------------------------------------------------------------------- */

/* The table changed while it was read: once more, and take what there is then. */
static int read_dump_again(struct host *host, uint16_t type, uint8_t family, message_fn handle,
			   struct dump *dump)
{
	int error;

	dump->is_torn = false;
	error = read_dump(host, type, family, handle, dump);
	if (error || !dump->is_torn)
		return error;
	return read_dump(host, type, family, handle, dump);
}

int host_read_network(struct host *host, struct safe_list *own, struct safe_list *gateways)
{
	CLEANUP(free) struct link_name *names = calloc(NAMES_MAX, sizeof(*names));
	struct dump dump = { .names = names, .own = own, .gateways = gateways };
	int error;

	if (!names)
		return -ENOMEM;
	error = read_dump_again(host, RTM_GETLINK, AF_UNSPEC, handle_link, &dump);
	if (!error)
		error = read_dump_again(host, RTM_GETADDR, AF_UNSPEC, handle_address, &dump);
	if (!error)
		error = read_dump_again(host, RTM_GETROUTE, AF_INET, handle_route, &dump);
	if (!error)
		error = read_dump_again(host, RTM_GETROUTE, AF_INET6, handle_route, &dump);
	return error ? error : dump.error;
}

/* ---- changes --------------------------------------------------------------------------------- */

int host_watch_fd(const struct host *host)
{
	return host->watch;
}

/* A full table of routes may change all day: only default routes have gateways of ours. */
static bool matters(const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);

	switch (message->nlmsg_type) {
	case RTM_NEWADDR:
	case RTM_DELADDR:
		return true;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return message->nlmsg_len >= NLMSG_LENGTH(sizeof(*route)) &&
		       route->rtm_dst_len <= DEFAULT_ROUTE_LEN_MAX;
	default:
		return false;
	}
}

bool host_take_changes(struct host *host)
{
	enum {
		ROUND = 256 /* datagrams in one go; the rest is readable still */
	};
	uint32_t data[8192 / sizeof(uint32_t)];
	bool is_changed = false;

	for (int i = 0; i < ROUND; i++) {
		ssize_t len = recv(host->watch, data, sizeof(data), MSG_DONTWAIT);
		const struct nlmsghdr *message = (const void *)data;
		int left = (int)len;

		if (len < 0 && errno == ENOBUFS) {
			is_changed = true; /* some were lost: any of them may have mattered */
			continue;
		}
		if (len <= 0)
			return is_changed;
		for (; NLMSG_OK(message, (unsigned int)left); message = NLMSG_NEXT(message, left))
			is_changed = is_changed || matters(message);
	}
	return is_changed;
}

void host_read_name(char *name, size_t size)
{
	name[0] = '\0';
	if (gethostname(name, size) != 0 || !memchr(name, '\0', size))
		name[0] = '\0';
	for (char *c = name; *c; c++) {
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
	}
}
