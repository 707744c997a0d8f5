/*
 * Which devices are watched: by name, glob or default route, and never one that only repeats what
 * another one sees. Pure functions over what rtnetlink said.
 */
#include <fnmatch.h>
#include <string.h>

#include "agent/capture/kernel_netlink.h"

#define STACK_DEPTH_MAX 8 /* vlan on bond on ...: MAX_NEST_DEV, include/linux/netdevice.h */
#define PATTERN_MAX	64

/* One entry of the comma separated list is this name or a pattern for it. */
static bool is_named(const char *list, const char *name)
{
	while (*list) {
		size_t len = strcspn(list, ", ");
		char pattern[PATTERN_MAX];

		if (len && len < sizeof(pattern)) {
			memcpy(pattern, list, len);
			pattern[len] = '\0';
			if (!fnmatch(pattern, name, 0))
				return true;
		}
		list += len;
		list += strspn(list, ", ");
	}
	return false;
}

static const struct kernel_device *find_device(const struct kernel_devices *devices,
					       uint32_t ifindex)
{
	for (size_t i = 0; i < devices->count; i++) {
		if (ifindex && devices->items[i].ifindex == ifindex)
			return &devices->items[i];
	}
	return NULL;
}

/* @device carries what @upper shows: a port of it, or what a VLAN is on; to STACK_DEPTH_MAX. */
/* NOLINTNEXTLINE(misc-no-recursion): as deep as that, and rare enough to stay readable */
static bool is_below(const struct kernel_devices *devices, const struct kernel_device *device,
		     const struct kernel_device *upper, int depth)
{
	const struct kernel_device *master = find_device(devices, device->master);
	const struct kernel_device *lower = find_device(devices, upper->lower);

	if (depth == STACK_DEPTH_MAX)
		return false;
	if (master == upper || lower == device)
		return true;
	return (master && is_below(devices, master, upper, depth + 1)) ||
	       (lower && is_below(devices, device, lower, depth + 1));
}

/* The lower device sees everything its upper one does, and native XDP only exists there. */
static uint32_t chosen_below(const struct kernel_devices *devices,
			     const struct kernel_device *upper)
{
	for (size_t i = 0; i < devices->count; i++) {
		const struct kernel_device *device = &devices->items[i];

		if (device != upper && (device->is_chosen || device->is_covered) &&
		    is_below(devices, device, upper, 0))
			return device->ifindex;
	}
	return 0;
}

size_t kernel_choose(struct kernel_devices *devices, const char *interfaces)
{
	bool is_auto = !strcmp(interfaces, "auto");
	size_t count = 0;

	for (size_t i = 0; i < devices->count; i++) {
		struct kernel_device *device = &devices->items[i];

		device->is_chosen =
			is_auto ? device->has_default_route : is_named(interfaces, device->name);
		device->is_covered = false;
		count += device->is_chosen;
	}
	for (size_t i = 0; i < devices->count; i++) {
		struct kernel_device *device = &devices->items[i];

		device->covered_by = device->is_chosen ? chosen_below(devices, device) : 0;
		device->is_covered = device->covered_by;
		if (device->is_covered)
			device->is_chosen = false;
	}
	return count;
}
