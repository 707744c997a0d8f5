/* What devices say of themselves: DHCP of IPv4 (first byte 0 of 3), a message of mDNS or DNS (1),
 * DHCP of IPv6 (2). */
#include <assert.h>
#include <string.h>

#include "agent/names/devices.h"
#include "agent/names/internal.h"
#include "agent/util/addr.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A name is printable and ends, whatever was sent. */
static void check(void *arg, const struct device_name *device)
{
	(void)arg;
	assert(strnlen(device->name, sizeof(device->name)) < sizeof(device->name));
	assert(device->name[0] && device->addr.family != ADDR_NONE);
	for (const char *c = device->name; *c; c++)
		assert(*c >= ' ' && *c <= '~');
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct devices_heard heard = { .on_device = check };
	static struct dns_message message;
	struct payload payload = { .data = data + 1, .len = size - 1 };
	const uint8_t sender[4] = { 192, 168, 1, 7 }, all[4] = { 255, 255, 255, 255 };
	const uint8_t link[16] = { 0xfe, 0x80, [15] = 7 };
	const struct addr src = addr_from_ipv4(sender);

	if (size < 1)
		return 0;
	payload.tuple.dst = addr_from_ipv4(all);
	if (data[0] % 3 == 0) {
		(void)devices_take_dhcp(&heard, &payload);
	} else if (data[0] % 3 == 2) {
		payload.tuple.src = payload.tuple.dst = addr_from_ipv6(link);
		(void)devices_take_dhcp6(&heard, &payload);
	} else if (dns_parse(data + 1, size - 1, &message) > 0) {
		devices_take_mdns(&heard, &src, &message);
		devices_take_dns(&heard, &message);
	}
	return 0;
}
