/*
 * New device: a hardware address speaks ARP or neighbour discovery and never did before. Who
 * makes up addresses is said a few times an hour, not each time.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/detect/detector.h"
#include "agent/detect/lan.h"
#include "agent/detect/rowset.h"
#include "agent/detect/say.h"
#include "agent/util/addr.h"
#include "agent/util/clock.h"
#include "include/history.h"

#define MEMORY_NS    (30ULL * 24 * 3600 * NS_PER_S)
#define DEVICES	     8192
#define SAID_AN_HOUR 8
#define HOUR_NS	     (3600 * NS_PER_S)
#define TELL_GAP_NS  (60 * NS_PER_S)
#define MAC_LOCAL    0x02 /* IEEE 802: made up by software */

struct device {
	struct row row;
	uint8_t mac[MAC_BYTES];
	struct addr addr;
	bool is_known;
	uint64_t first_ns, told_ns;
};

struct new_device {
	struct rowset devices;
	uint64_t hour_ns;
	unsigned int said; /* in that hour */
	uint64_t not_said; /* since the last one said */
};

static const struct row_shape device_shape = { .size = sizeof(struct device),
					       .keep_ns = MEMORY_NS };

static void new_device_close(void *state)
{
	struct new_device *new_device = state;

	if (!new_device)
		return;
	rowset_done(&new_device->devices);
	free(new_device);
}

static int new_device_open(unsigned int hosts_max, void **state)
{
	struct new_device *new_device = calloc(1, sizeof(*new_device));
	int error;

	(void)hosts_max; /* of one network, not of all */
	if (!new_device)
		return -ENOMEM;
	error = rowset_init(&new_device->devices, DEVICES, &device_shape);
	if (error)
		new_device_close(new_device);
	else
		*state = new_device;
	return error;
}

static uint64_t new_device_full(const void *state)
{
	const struct new_device *new_device = state;

	return new_device->devices.full;
}

static uint64_t key_of(const struct rowset *table, const uint8_t mac[static MAC_BYTES])
{
	struct addr as_addr = { .family = ADDR_NONE };

	memcpy(as_addr.bytes, mac, MAC_BYTES);
	return rowset_key(table, &as_addr, NULL, 0);
}

static void new_device_lan(void *state, const struct lan_fact *fact)
{
	static const uint8_t none[MAC_BYTES] = { 0 };
	struct new_device *new_device = state;
	struct device *device;
	bool is_new;

	if (fact->mac[0] & 1 || !memcmp(fact->mac, none, sizeof(none)))
		return; /* a group's, or not said */
	device = rowset_take(&new_device->devices, key_of(&new_device->devices, fact->mac),
			     fact->at_ns, &is_new);
	if (is_new) {
		memcpy(device->mac, fact->mac, MAC_BYTES);
		device->first_ns = fact->at_ns;
	}
	if (device->is_known) {
		if (fact->at_ns >= device->told_ns + TELL_GAP_NS)
			rowset_mark(&new_device->devices, device); /* it is seen */
		return;
	}
	if (fact->sender.family != ADDR_NONE)
		device->addr = fact->sender;
	rowset_mark(&new_device->devices, device);
}

static void say(struct new_device *new_device, const struct device *device,
		const struct detect_moment *moment)
{
	char mac[MAC_TEXT_MAX], addr[ADDR_TEXT_MAX], others[64] = "";
	bool has_addr = device->addr.family != ADDR_NONE;
	struct finding finding = {
		.detector = DETECTOR_NEW_DEVICE,
		.severity = detect_severity(DETECTOR_NEW_DEVICE),
		.score = 0.5, /* it is new, or it is not */
		.src = has_addr ? device->addr : say_addr_none(),
		.dst = say_addr_none(),
		.first_unix_ms = detect_unix_ms(moment, device->first_ns),
		.last_unix_ms = moment->unix_ms,
		.count = 1 + new_device->not_said,
	};

	if (new_device->not_said)
		(void)snprintf(others, sizeof(others), " (and %llu others before it)",
			       (unsigned long long)new_device->not_said);
	(void)snprintf(finding.reason, FINDING_REASON_MAX,
		       "A device with the hardware address %s%s%s was seen for the first time%s%s. "
		       "Normal are the devices seen while learning.",
		       lan_mac_format(device->mac, mac), has_addr ? " and the address " : "",
		       has_addr ? addr_format(&device->addr, addr) : "", others,
		       device->mac[0] & MAC_LOCAL ? "; the address is made up by software" : "");
	say_number(&finding,
		   &(struct say_number){ "new devices", "devices", (double)finding.count, 0, 0 });
	moment->on_finding(moment->arg, &finding);
	new_device->not_said = 0;
}

static void tell(struct device *device, const struct detect_moment *moment)
{
	struct seen_key key = { .kind = SEEN_MAC, .len = MAC_BYTES };

	device->told_ns = moment->now_ns;
	memcpy(key.bytes, device->mac, MAC_BYTES);
	if (moment->on_seen)
		moment->on_seen(moment->arg, &key);
}

static void new_device_know(void *state, const struct seen_key *key, uint64_t now_ns)
{
	struct new_device *new_device = state;
	struct device *device;
	bool is_new;

	if (key->kind != SEEN_MAC || key->len != MAC_BYTES)
		return;
	device = rowset_take(&new_device->devices, key_of(&new_device->devices, key->bytes), now_ns,
			     &is_new);
	memcpy(device->mac, key->bytes, MAC_BYTES);
	device->is_known = true;
}

static bool judge(void *state, void *row, const struct detect_moment *moment)
{
	struct new_device *new_device = state;
	struct device *device = row;

	tell(device, moment);
	if (device->is_known)
		return false;
	device->is_known = true;
	if (device->first_ns < moment->new_from_ns)
		return false;
	if (moment->now_ns >= new_device->hour_ns + HOUR_NS) {
		new_device->hour_ns = moment->now_ns;
		new_device->said = 0;
	}
	if (new_device->said == SAID_AN_HOUR) {
		new_device->not_said++;
		return false;
	}
	new_device->said++;
	say(new_device, device, moment);
	return false;
}

static void new_device_tick(void *state, const struct detect_moment *moment)
{
	struct new_device *new_device = state;

	rowset_judge(&new_device->devices, judge, new_device, moment);
}

const struct detector_ops new_device_detector = {
	.open = new_device_open,
	.close = new_device_close,
	.lan = new_device_lan,
	.tick = new_device_tick,
	.full = new_device_full,
	.know = new_device_know,
};
