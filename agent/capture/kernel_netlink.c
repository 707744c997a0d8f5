/*
 * rtnetlink for the loader: requests and their replies, and the notifications that make it look
 * again. Message layout: rtnetlink(7), linux/rtnetlink.h, linux/if_link.h.
 */
#include <errno.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "agent/capture/kernel_netlink.h"
#include "agent/capture/kernel_nlmsg.h"
#include "agent/util/cleanup.h"

/* ---- links ------------------------------------------------------------------------------------
 */

static void read_link_kind(const struct rtattr *info, struct kernel_device *device, uint32_t lower)
{
	static const char *const stacked[] = { "vlan", "macvlan", "macvtap", "ipvlan", "ipvtap" };
	const struct rtattr *kind = nlmsg_nested(info, IFLA_INFO_KIND);
	char text[16];

	nlmsg_text(kind, text, sizeof(text));
	for (size_t i = 0; i < sizeof(stacked) / sizeof(stacked[0]); i++) {
		if (!strcmp(text, stacked[i]))
			device->lower = lower;
	}
}

static void read_link_xdp(const struct rtattr *xdp, struct kernel_device *device)
{
	const struct rtattr *mode = nlmsg_nested(xdp, IFLA_XDP_ATTACHED);
	uint8_t attached = mode && RTA_PAYLOAD(mode) >= 1 ? *(const uint8_t *)RTA_DATA(mode) : 0;

	device->xdp_id = nlmsg_u32(nlmsg_nested(xdp, IFLA_XDP_PROG_ID));
	device->has_xdp_generic = attached == XDP_ATTACHED_SKB;
}

static int read_link(const struct nlmsghdr *message, void *arg)
{
	struct kernel_devices *devices = arg;
	const struct ifinfomsg *info = NLMSG_DATA(message);
	struct kernel_device *device = &devices->items[devices->count];
	const struct rtattr *attrs[IFLA_MAX + 1];

	if (message->nlmsg_type != RTM_NEWLINK || NLMSG_PAYLOAD(message, 0) < sizeof(*info))
		return 0;
	if (devices->count == KERNEL_DEVICES_MAX) {
		devices->left_out++;
		return 0;
	}
	nlmsg_attrs(IFLA_RTA(info), IFLA_PAYLOAD(message), attrs, IFLA_MAX);
	memset(device, 0, sizeof(*device));
	nlmsg_text(attrs[IFLA_IFNAME], device->name, sizeof(device->name));
	device->ifindex = (uint32_t)info->ifi_index;
	device->is_loopback = info->ifi_type == ARPHRD_LOOPBACK;
	/* Loopback frames carry an Ethernet header of zeros (drivers/net/loopback.c). */
	device->no_l2 = info->ifi_type != ARPHRD_ETHER && !device->is_loopback;
	device->master = nlmsg_u32(attrs[IFLA_MASTER]);
	device->mtu = nlmsg_u32(attrs[IFLA_MTU]);
	device->is_promisc = info->ifi_flags & IFF_PROMISC;
	/* A lower device in another namespace is not ours to compare with. */
	read_link_kind(attrs[IFLA_LINKINFO], device,
		       attrs[IFLA_LINK_NETNSID] ? 0 : nlmsg_u32(attrs[IFLA_LINK]));
	read_link_xdp(attrs[IFLA_XDP], device);
	if (device->ifindex && device->name[0])
		devices->count++;
	return 0;
}

/* ---- routes -----------------------------------------------------------------------------------
 */

/* The address of RTA_GATEWAY, or of RTA_VIA: its family before it (struct rtvia). */
static void read_gateway(const struct rtattr *const *attrs, uint8_t family,
			 struct kernel_gateway *gateway)
{
	const struct rtattr *attr = attrs[RTA_GATEWAY] ? attrs[RTA_GATEWAY] : attrs[RTA_VIA];
	const uint8_t *bytes = attr ? RTA_DATA(attr) : NULL;
	size_t len = attr ? RTA_PAYLOAD(attr) : 0;
	uint16_t via;

	if (!attrs[RTA_GATEWAY] && len > sizeof(via)) {
		memcpy(&via, bytes, sizeof(via));
		family = (uint8_t)via;
		bytes += sizeof(via);
		len -= sizeof(via);
	}
	if (len != (family == AF_INET ? 4 : 16))
		return;
	gateway->family = family;
	memcpy(gateway->bytes, bytes, len);
}

static void mark_route(struct kernel_devices *devices, uint32_t ifindex,
		       const struct kernel_gateway *gateway)
{
	for (size_t i = 0; i < devices->count; i++) {
		struct kernel_device *device = &devices->items[i];

		if (device->ifindex != ifindex || device->is_loopback)
			continue;
		device->has_default_route = true;
		if (!device->gateway.family)
			device->gateway = *gateway;
	}
}

static bool is_default_route(const struct nlmsghdr *message)
{
	const struct rtmsg *route = NLMSG_DATA(message);

	return NLMSG_PAYLOAD(message, 0) >= sizeof(*route) && route->rtm_dst_len == 0 &&
	       route->rtm_type == RTN_UNICAST && !(route->rtm_flags & RTM_F_CLONED);
}

static void mark_multipath(struct kernel_devices *devices, const struct rtattr *paths,
			   uint8_t family)
{
	const struct rtnexthop *hop = RTA_DATA(paths);
	int left = (int)RTA_PAYLOAD(paths);

	while (left >= (int)sizeof(*hop) && RTNH_OK(hop, left)) {
		const struct rtattr *attrs[RTA_MAX + 1];
		struct kernel_gateway gateway = { 0 };

		nlmsg_attrs(RTNH_DATA(hop), hop->rtnh_len - sizeof(*hop), attrs, RTA_MAX);
		read_gateway(attrs, family, &gateway);
		mark_route(devices, (uint32_t)hop->rtnh_ifindex, &gateway);
		left -= (int)RTNH_ALIGN(hop->rtnh_len);
		hop = RTNH_NEXT(hop);
	}
}

static int read_route(const struct nlmsghdr *message, void *arg)
{
	const struct rtmsg *route = NLMSG_DATA(message);
	const struct rtattr *attrs[RTA_MAX + 1];
	struct kernel_gateway gateway = { 0 };

	if (message->nlmsg_type != RTM_NEWROUTE || !is_default_route(message))
		return 0;
	nlmsg_attrs(RTM_RTA(route), RTM_PAYLOAD(message), attrs, RTA_MAX);
	read_gateway(attrs, route->rtm_family, &gateway);
	mark_route(arg, nlmsg_u32(attrs[RTA_OIF]), &gateway);
	if (attrs[RTA_MULTIPATH])
		mark_multipath(arg, attrs[RTA_MULTIPATH], route->rtm_family);
	return 0;
}

static int dump_routes(struct kernel_devices *devices, uint8_t family)
{
	struct nlmsg_request request = { 0 };
	struct rtmsg *route = nlmsg_begin(&request, RTM_GETROUTE, NLM_F_DUMP, sizeof(*route));

	route->rtm_family = family;
	return nlmsg_exchange(&request, read_route, devices, NULL);
}

int kernel_devices_read(struct kernel_devices *devices)
{
	struct nlmsg_request request = { 0 };
	struct ifinfomsg *info = nlmsg_begin(&request, RTM_GETLINK, NLM_F_DUMP, sizeof(*info));
	int err;

	memset(devices, 0, sizeof(*devices));
	devices->items = calloc(KERNEL_DEVICES_MAX + 1, sizeof(*devices->items));
	if (!devices->items)
		return -ENOMEM;
	info->ifi_family = AF_UNSPEC;
	err = nlmsg_exchange(&request, read_link, devices, NULL);
	if (!err)
		err = dump_routes(devices, AF_INET);
	if (!err)
		err = dump_routes(devices, AF_INET6);
	/* A kernel without IPv6 refuses the family, which then has no routes. */
	return err == -EAFNOSUPPORT || err == -EOPNOTSUPP ? 0 : err;
}

void kernel_devices_done(struct kernel_devices *devices)
{
	free(devices->items);
	devices->items = NULL;
	devices->count = 0;
}

/* ---- notifications ----------------------------------------------------------------------------
 */

int kernel_notify_open(bool routes)
{
	const struct sockaddr_nl address = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | (routes ? RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE : 0),
	};
	CLEANUP(close)
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		return -errno;
	return TAKE_FD(fd);
}

static bool is_news(const struct nlmsghdr *message)
{
	switch (message->nlmsg_type) {
	case RTM_NEWLINK:
	case RTM_DELLINK:
		return true;
	case RTM_NEWROUTE:
	case RTM_DELROUTE:
		return is_default_route(message);
	default:
		return false;
	}
}

bool kernel_notify_drain(int fd)
{
	_Alignas(struct nlmsghdr) char buffer[NLMSG_BUFFER_BYTES];
	bool has_news = false;

	for (;;) {
		ssize_t got = recv(fd, buffer, sizeof(buffer), 0);
		const struct nlmsghdr *message = (const struct nlmsghdr *)buffer;
		size_t left = got > 0 ? (size_t)got : 0;

		if (got < 0 && errno == ENOBUFS)
			has_news = true; /* messages were lost: look at everything */
		else if (got <= 0 && !(got < 0 && errno == EINTR))
			return has_news;
		for (; NLMSG_OK(message, left); message = NLMSG_NEXT(message, left))
			has_news = has_news || is_news(message);
	}
}

/* ---- XDP and filters --------------------------------------------------------------------------
 */

static int set_xdp(uint32_t ifindex, int prog_fd, uint32_t flags, struct nlmsg_answer *answer)
{
	struct nlmsg_request request = { 0 };
	struct ifinfomsg *info = nlmsg_begin(&request, RTM_SETLINK, NLM_F_ACK, sizeof(*info));
	struct rtattr *xdp;

	info->ifi_index = (int)ifindex;
	xdp = nlmsg_nest(&request, IFLA_XDP | NLA_F_NESTED);
	nlmsg_put_u32(&request, IFLA_XDP_FD, (uint32_t)prog_fd);
	nlmsg_put_u32(&request, IFLA_XDP_FLAGS, flags);
	nlmsg_nest_end(&request, xdp);
	return nlmsg_exchange(&request, NULL, NULL, answer);
}

int kernel_xdp_ask(const struct kernel_device *device, int prog_fd, char *reason, size_t size)
{
	uint32_t mode = device->has_xdp_generic ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
	struct nlmsg_answer answer = { .text = reason, .size = size };
	int err;

	reason[0] = '\0';
	err = set_xdp(device->ifindex, prog_fd, mode | XDP_FLAGS_UPDATE_IF_NOEXIST, &answer);
	if (!err)
		(void)set_xdp(device->ifindex, -1, mode, NULL); /* it was only a question */
	return err;
}

int kernel_promisc_set(uint32_t ifindex, bool on)
{
	struct nlmsg_request request = { 0 };
	struct ifinfomsg *info = nlmsg_begin(&request, RTM_SETLINK, NLM_F_ACK, sizeof(*info));

	info->ifi_index = (int)ifindex;
	info->ifi_change = IFF_PROMISC;
	info->ifi_flags = on ? IFF_PROMISC : 0;
	return nlmsg_exchange(&request, NULL, NULL, NULL);
}

struct filter_search {
	uint32_t priority, handle;
	struct kernel_filter *out;
};

static int read_filter(const struct nlmsghdr *message, void *arg)
{
	const struct filter_search *search = arg;
	const struct tcmsg *tc = NLMSG_DATA(message);
	const struct rtattr *attrs[TCA_MAX + 1];
	const struct rtattr *name;

	if (message->nlmsg_type != RTM_NEWTFILTER || NLMSG_PAYLOAD(message, 0) < sizeof(*tc))
		return 0;
	if (!tc->tcm_handle)
		return 0; /* the chain itself, not a filter in it */
	search->out->count++;
	if (tc->tcm_handle != search->handle || tc->tcm_info >> 16 != search->priority)
		return 0;
	nlmsg_attrs(TCA_RTA(tc), TCA_PAYLOAD(message), attrs, TCA_MAX);
	search->out->is_held = true;
	name = attrs[TCA_OPTIONS] ? nlmsg_nested(attrs[TCA_OPTIONS], TCA_BPF_NAME) : NULL;
	nlmsg_text(name, search->out->name, sizeof(search->out->name));
	return 0;
}

int kernel_filter_find(uint32_t ifindex, uint32_t parent, uint32_t priority, uint32_t handle,
		       struct kernel_filter *out)
{
	struct nlmsg_request request = { 0 };
	struct tcmsg *tc = nlmsg_begin(&request, RTM_GETTFILTER, NLM_F_DUMP, sizeof(*tc));
	struct filter_search search = { .priority = priority, .handle = handle, .out = out };

	memset(out, 0, sizeof(*out));
	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	tc->tcm_parent = parent;
	return nlmsg_exchange(&request, read_filter, &search, NULL);
}

struct qdisc_search {
	int ifindex;
	int result;
};

static int read_qdisc(const struct nlmsghdr *message, void *arg)
{
	struct qdisc_search *search = arg;
	const struct tcmsg *tc = NLMSG_DATA(message);
	const struct rtattr *attrs[TCA_MAX + 1];
	char kind[16];

	if (message->nlmsg_type != RTM_NEWQDISC || NLMSG_PAYLOAD(message, 0) < sizeof(*tc))
		return 0;
	/* An older kernel dumps all devices whatever was asked. */
	if (tc->tcm_ifindex != search->ifindex || tc->tcm_parent != TC_H_CLSACT)
		return 0;
	nlmsg_attrs(TCA_RTA(tc), TCA_PAYLOAD(message), attrs, TCA_MAX);
	nlmsg_text(attrs[TCA_KIND], kind, sizeof(kind));
	search->result = !strcmp(kind, "clsact");
	return 0;
}

int kernel_has_clsact(uint32_t ifindex)
{
	struct nlmsg_request request = { 0 };
	struct tcmsg *tc = nlmsg_begin(&request, RTM_GETQDISC, NLM_F_DUMP, sizeof(*tc));
	struct qdisc_search search = { .ifindex = (int)ifindex, .result = -ENOENT };
	int err;

	tc->tcm_family = AF_UNSPEC;
	tc->tcm_ifindex = (int)ifindex;
	err = nlmsg_exchange(&request, read_qdisc, &search, NULL);
	return err ? err : search.result;
}
