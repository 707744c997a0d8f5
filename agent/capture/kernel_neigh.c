/*
 * The neighbour table, for one question: does the gateway still answer? rtnetlink(7),
 * linux/neighbour.h. The loader's thread.
 */
#include <errno.h>
#include <linux/neighbour.h>
#include <string.h>
#include <sys/socket.h>

#include "agent/capture/kernel_netlink.h"
#include "agent/capture/kernel_nlmsg.h"

static size_t address_len(const struct kernel_gateway *gateway)
{
	return gateway->family == AF_INET ? 4 : 16;
}

static int read_neighbour(const struct nlmsghdr *message, void *arg)
{
	struct kernel_neighbour *out = arg;
	const struct ndmsg *neighbour = NLMSG_DATA(message);
	const struct rtattr *attrs[NDA_MAX + 1];
	const struct rtattr *mac;

	if (message->nlmsg_type != RTM_NEWNEIGH || NLMSG_PAYLOAD(message, 0) < sizeof(*neighbour))
		return 0;
	nlmsg_attrs(
		(const struct rtattr *)((const char *)neighbour + NLMSG_ALIGN(sizeof(*neighbour))),
		NLMSG_PAYLOAD(message, sizeof(*neighbour)), attrs, NDA_MAX);
	mac = attrs[NDA_LLADDR];
	out->state = neighbour->ndm_state;
	out->mac_len = 0;
	if (mac && RTA_PAYLOAD(mac) <= sizeof(out->mac)) {
		out->mac_len = (uint8_t)RTA_PAYLOAD(mac);
		memcpy(out->mac, RTA_DATA(mac), out->mac_len);
	}
	return 0;
}

int kernel_neighbour_get(uint32_t ifindex, const struct kernel_gateway *gateway,
			 struct kernel_neighbour *out)
{
	struct nlmsg_request request = { 0 };
	/* the entry itself and an acknowledgement, which ends the exchange */
	struct ndmsg *neighbour =
		nlmsg_begin(&request, RTM_GETNEIGH, NLM_F_ACK, sizeof(*neighbour));

	memset(out, 0, sizeof(*out));
	neighbour->ndm_family = gateway->family;
	neighbour->ndm_ifindex = (int)ifindex;
	nlmsg_put(&request, NDA_DST, gateway->bytes, address_len(gateway));
	return nlmsg_exchange(&request, read_neighbour, out, NULL);
}

int kernel_neighbour_probe(uint32_t ifindex, const struct kernel_gateway *gateway,
			   const struct kernel_neighbour *known)
{
	struct nlmsg_request request = { 0 };
	struct ndmsg *neighbour =
		nlmsg_begin(&request, RTM_NEWNEIGH, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE,
			    sizeof(*neighbour));

	neighbour->ndm_family = gateway->family;
	neighbour->ndm_ifindex = (int)ifindex;
	/* PROBE asks at once; STALE would wait for a packet and five seconds (RFC 4861 7.3.3) */
	neighbour->ndm_state = NUD_PROBE;
	nlmsg_put(&request, NDA_DST, gateway->bytes, address_len(gateway));
	nlmsg_put(&request, NDA_LLADDR, known->mac, known->mac_len);
	return nlmsg_exchange(&request, NULL, NULL, NULL);
}
