/*
 * rtnetlink(7), netdevice(7) and packet(7), as little of each as is needed.
 */
#include "agent/app/selftest_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/ipv6.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent/util/cleanup.h"

struct request {
	struct nlmsghdr head;
	struct ifinfomsg link;
	char attributes[512];
};

static struct rtattr *end_of(struct request *request)
{
	return (struct rtattr *)((char *)request + NLMSG_ALIGN(request->head.nlmsg_len));
}

/* The requests are short and all ours: they fit. */
static struct rtattr *add(struct request *request, unsigned short type, const void *data,
			  size_t len)
{
	struct rtattr *attribute = end_of(request);

	attribute->rta_type = type;
	attribute->rta_len = (unsigned short)RTA_LENGTH(len);
	if (len)
		memcpy(RTA_DATA(attribute), data, len);
	request->head.nlmsg_len =
		NLMSG_ALIGN(request->head.nlmsg_len) + (uint32_t)RTA_ALIGN(attribute->rta_len);
	return attribute;
}

static void end(struct request *request, struct rtattr *nest)
{
	nest->rta_len = (unsigned short)((char *)end_of(request) - (char *)nest);
}

/* One request and its acknowledgement. */
static int ask(struct request *request)
{
	CLEANUP(close) int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	struct {
		struct nlmsghdr head;
		struct nlmsgerr error;
		char rest[1024];
	} answer;

	if (fd < 0)
		return -errno;
	if (send(fd, request, request->head.nlmsg_len, 0) < 0)
		return -errno;
	if (recv(fd, &answer, sizeof(answer), 0) < (ssize_t)NLMSG_LENGTH(sizeof(answer.error)) ||
	    answer.head.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return answer.error.error;
}

int link_make_pair(const char *name, const char *peer)
{
	const struct ifinfomsg other = { .ifi_family = AF_UNSPEC };
	struct request request = {
		.head = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct ifinfomsg)),
			  .nlmsg_type = RTM_NEWLINK,
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL },
	};
	struct rtattr *info, *data, *inner;

	(void)add(&request, IFLA_IFNAME, name, strlen(name) + 1);
	info = add(&request, IFLA_LINKINFO, NULL, 0);
	(void)add(&request, IFLA_INFO_KIND, "veth", 4);
	data = add(&request, IFLA_INFO_DATA, NULL, 0);
	inner = add(&request, VETH_INFO_PEER, &other, sizeof(other));
	(void)add(&request, IFLA_IFNAME, peer, strlen(peer) + 1);
	end(&request, inner);
	end(&request, data);
	end(&request, info);
	return ask(&request);
}

static int control(int family, unsigned long what, void *argument)
{
	CLEANUP(close) int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	return ioctl(fd, what, argument) ? -errno : 0;
}

static struct ifreq named(const char *name)
{
	struct ifreq request = { 0 };

	(void)snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name); /* our own name */
	return request;
}

int link_set_up(const char *name)
{
	struct ifreq request = named(name);
	int error = control(AF_INET, SIOCGIFFLAGS, &request);

	request.ifr_flags |= IFF_UP;
	return error ? error : control(AF_INET, SIOCSIFFLAGS, &request);
}

int link_read_mac(const char *name, uint8_t mac[static 6])
{
	struct ifreq request = named(name);
	int error = control(AF_INET, SIOCGIFHWADDR, &request);

	if (!error)
		memcpy(mac, request.ifr_hwaddr.sa_data, 6);
	return error;
}

static int set_ipv4(const char *name, unsigned long what, const void *network)
{
	struct ifreq request = named(name);
	struct sockaddr_in addr = { .sin_family = AF_INET };

	memcpy(&addr.sin_addr, network, sizeof(addr.sin_addr));
	memcpy(&request.ifr_addr, &addr, sizeof(addr));
	return control(AF_INET, what, &request);
}

int link_add_ipv4(const char *name, const struct addr *addr)
{
	static const uint8_t mask[4] = { 255, 255, 255, 0 };
	int error = set_ipv4(name, SIOCSIFADDR, addr->bytes + 12);

	return error ? error : set_ipv4(name, SIOCSIFNETMASK, mask);
}

int link_add_ipv6(unsigned int index, const struct addr *addr)
{
	struct in6_ifreq request = { .ifr6_prefixlen = 64, .ifr6_ifindex = (int)index };

	memcpy(&request.ifr6_addr, addr->bytes, sizeof(request.ifr6_addr));
	return control(AF_INET6, SIOCSIFADDR, &request);
}

static int open_packets(unsigned int index, uint16_t protocol)
{
	CLEANUP(close) int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	const struct sockaddr_ll place = { .sll_family = AF_PACKET,
					   .sll_protocol = htons(protocol),
					   .sll_ifindex = (int)index };

	if (fd < 0 || bind(fd, (const struct sockaddr *)&place, sizeof(place)))
		return -errno;
	return TAKE_FD(fd);
}

int link_open_socket(const char *name, unsigned int *index)
{
	*index = if_nametoindex(name);
	return *index ? open_packets(*index, 0) : -errno;
}

int link_open_ear(unsigned int index)
{
	return open_packets(index, ETH_P_ALL);
}
