/*
 * What devices are called, out of DHCP, mDNS and reverse look-ups that were seen. Between names.c
 * and its parsers; only agent/names includes it.
 */
#ifndef SLUICE_NAMES_DEVICES_H
#define SLUICE_NAMES_DEVICES_H

#include <stdbool.h>

#include "include/device.h"
#include "include/name.h"
#include "include/payload.h"

/* Requests whose answer is awaited: those of one moment, the oldest makes room. */
#define DHCP_ASKED_MAX 32

struct devices_heard {
	struct {
		uint32_t xid;
		uint8_t family; /* enum addr_family */
		char host[DEVICE_NAME_MAX];
	} asked[DHCP_ASKED_MAX];
	unsigned int next;
	void *arg;
	void (*on_device)(void *arg, const struct device_name *device);
};

/*
 * devices_take_dhcp - believed is what was sent to all of this link, a request out of the address
 * it is for, and an answer to a request that was believed: anybody far away can send the others.
 * Returns 0 or -EBADMSG.
 */
int devices_take_dhcp(struct devices_heard *heard, const struct payload *payload);
/*
 * devices_take_dhcp6 - believed is what goes between addresses of one link, which no router passes
 * on (RFC 4291 2.5.6). Returns 0 or -EBADMSG.
 */
int devices_take_dhcp6(struct devices_heard *heard, const struct payload *payload);
/* devices_is_mdns_group - 224.0.0.251 or ff02::fb, which no router passes on (RFC 6762 3). */
bool devices_is_mdns_group(const struct addr *addr);
/*
 * devices_take_mdns - a parsed message that @src sent: the name under which it announces its own
 * address holds for its other addresses in the message. What one says of another's is not believed.
 */
void devices_take_mdns(const struct devices_heard *heard, const struct addr *src,
		       const struct dns_message *message);
/* devices_take_dns - an answer whose question was seen: PTR records of what was asked for. */
void devices_take_dns(const struct devices_heard *heard, const struct dns_message *message);

/* devices_reverse - the address of a name below in-addr.arpa or ip6.arpa (RFC 1035 3.5, RFC 3596
 * 2.5); false: it is none. */
bool devices_reverse(const char *name, struct addr *out);

#endif
