/*
 * Which interfaces are watched: names, globs or every default route, minus those that would see a
 * packet another one sees. Looks at the whole picture each time and changes what differs.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_netlink.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

static bool is_auto(const struct capture_kernel *kernel)
{
	return !strcmp(kernel->interfaces, "auto");
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

/* ---- bringing attachments in line --------------------------------------------------------------
 */

static int index_of(const struct capture_kernel *kernel, const struct kernel_device *device)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		if (kernel->links[i].ifindex == device->ifindex)
			return i;
	}
	return -ENOENT;
}

static int watch(struct capture_kernel *kernel, const struct kernel_device *device, char *error)
{
	int index = index_of(kernel, device);

	if (index >= 0 &&
	    (kernel_handover_is_due(kernel, index) || kernel_is_in_order(kernel, index, device)))
		return 0;
	if (index < 0)
		index = kernel_rows_add(kernel, device->name);
	if (index < 0) {
		log_warn("more than %d interfaces, not watched name=%s", IFACES_MAX - 1,
			 device->name);
		return index;
	}
	return kernel_attach_device(kernel, index, device, error);
}

/* Before anything is attached, so that a device never gets the index of one that had its name. */
static void follow_renames(struct capture_kernel *kernel, const struct kernel_devices *devices)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		const struct kernel_device *device = find_device(devices, kernel->links[i].ifindex);
		struct kernel_row row = kernel->rows[i];

		if (!device || !strcmp(row.name, device->name))
			continue;
		log_info("interface renamed from=%s to=%s", row.name, device->name);
		(void)snprintf(row.name, sizeof(row.name), "%s", device->name);
		kernel_rows_set(kernel, i, &row);
	}
}

static void unwatch_gone(struct capture_kernel *kernel, const struct kernel_devices *devices)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		const struct kernel_device *device = find_device(devices, kernel->links[i].ifindex);

		if (!kernel->links[i].ifindex)
			continue;
		if (device && device->is_chosen)
			continue;
		log_info("interface no longer watched name=%s reason=%s", kernel->rows[i].name,
			 !device	      ? "gone"
			 : device->is_covered ? "seen through the device below it"
					      : "not asked for");
		kernel_detach_device(kernel, i);
	}
}

/* What was asked for by name and is not watched says why. */
static void note_covered(struct capture_kernel *kernel, const struct kernel_devices *devices,
			 const struct kernel_device *device)
{
	const struct kernel_device *below = find_device(devices, device->covered_by);
	int index = kernel_rows_add(kernel, device->name);
	struct kernel_row row;
	char note[sizeof(row.note)];

	if (index < 0)
		return; /* as many are watched as can be: then it is not said */
	row = kernel->rows[index];
	(void)snprintf(note, sizeof(note), "not watched: %s below it sees the same packets",
		       below ? below->name : "a device");
	if (!strcmp(row.note, note))
		return;
	memcpy(row.note, note, sizeof(row.note));
	kernel_rows_set(kernel, index, &row);
	log_warn("interface name=%s note=%s", device->name, note);
}

int kernel_follow_wanted(struct capture_kernel *kernel, char *error)
{
	CLEANUP(kernel_devices_done) struct kernel_devices devices = { 0 };
	int err = kernel_devices_read(&devices);
	int first = 0;
	int watched = 0;

	if (err)
		return err;
	(void)kernel_choose(&devices, kernel->interfaces); /* none at the moment: waited for */
	unwatch_gone(kernel, &devices);
	follow_renames(kernel, &devices);
	for (size_t i = 0; i < devices.count; i++) {
		const struct kernel_device *device = &devices.items[i];

		if (device->is_covered && !is_auto(kernel))
			note_covered(kernel, &devices, device);
		if (!device->is_chosen)
			continue;
		err = watch(kernel, device, first ? NULL : error);
		watched += !err;
		first = first ? first : err;
	}
	return watched ? watched : first;
}

int capture_kernel_set_interfaces(struct capture_kernel *kernel, const char *interfaces,
				  char *error)
{
	char *copy = strdup(interfaces);

	if (!copy)
		return -ENOMEM;
	free(kernel->interfaces);
	kernel->interfaces = copy;
	return kernel_follow_wanted(kernel, error);
}

/* ---- now and then ------------------------------------------------------------------------------
 */

/* Tells of others' programs and filters do not come unasked for all of them (a BPF link's end says
 * nothing): a look costs a dump of the devices. */
#define CHECK_NS  (2 * NS_PER_S)
#define FOLLOW_NS (30 * NS_PER_S) /* what failed is tried again */

static bool is_all_in_order(const struct capture_kernel *kernel)
{
	CLEANUP(kernel_devices_done) struct kernel_devices devices = { 0 };

	if (kernel_devices_read(&devices))
		return true; /* not known to be otherwise */
	for (int i = 0; i < IFACES_MAX; i++) {
		const struct kernel_device *device =
			find_device(&devices, kernel->links[i].ifindex);

		if (device && !kernel_is_in_order(kernel, i, device))
			return false;
	}
	return true;
}

/* Native XDP of interface @index goes, tc comes; the rows say why. */
static void give_up_xdp(struct capture_kernel *kernel, int index)
{
	struct kernel_link *link = &kernel->links[index];
	CLEANUP(kernel_devices_done) struct kernel_devices devices = { 0 };
	const struct kernel_device *device;

	if (kernel->mode == KERNEL_MODE_XDP) {
		log_warn("the gateway stopped answering under native XDP, kept as asked name=%s",
			 kernel->rows[index].name);
		return;
	}
	link->is_silent = true;
	device = kernel_devices_read(&devices) ? NULL : find_device(&devices, link->ifindex);
	if (device)
		(void)kernel_attach_device(kernel, index, device, NULL); /* logs and notes */
}

static void confirm_all(struct capture_kernel *kernel, uint64_t now_ns)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		struct kernel_link *link = &kernel->links[i];

		if (link->ifindex && link->confirm.until_ns &&
		    kernel_confirm_step(link->ifindex, &link->confirm, now_ns) == -ETIMEDOUT)
			give_up_xdp(kernel, i);
	}
}

void capture_kernel_tick(struct capture_kernel *kernel, uint64_t now_ns)
{
	confirm_all(kernel, now_ns);
	kernel_handover_tick(kernel, now_ns);
	if (now_ns < kernel->check_ns)
		return;
	kernel->check_ns = now_ns + CHECK_NS;
	if (now_ns < kernel->follow_ns && is_all_in_order(kernel))
		return;
	kernel->follow_ns = now_ns + FOLLOW_NS;
	(void)kernel_follow_wanted(kernel, NULL); /* what fails is in its row, and tried again */
}

int capture_kernel_netlink_fd(const struct capture_kernel *kernel)
{
	return kernel->notify;
}

int capture_kernel_follow(struct capture_kernel *kernel)
{
	int result;

	if (!kernel_notify_drain(kernel->notify))
		return 0;
	result = kernel_follow_wanted(kernel, NULL);
	if (result < 0)
		log_warn("following interfaces failed, tried again with the next change error=%s",
			 strerror(-result));
	return result < 0 ? result : 0;
}

/* ---- the first time ----------------------------------------------------------------------------
 */

/* Rows of an earlier loader: what it attached is ours, brought up to date or taken off. */
static void take_over(struct capture_kernel *kernel)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		kernel->links[i].xdp_fd = -1;
		if (!kernel->rows[i].is_used || !kernel->rows[i].ifindex)
			continue;
		kernel->links[i].ifindex = kernel->rows[i].ifindex;
		kernel->links[i].is_inherited = true;
	}
}

/* Asked before anything is changed: a wrong name must not end what an earlier run enforces. */
static int check_names(const struct capture_kernel *kernel, char *error)
{
	CLEANUP(kernel_devices_done) struct kernel_devices devices = { 0 };
	int err = kernel_devices_read(&devices);

	if (err) {
		(void)snprintf(error, KERNEL_ERROR_MAX, "cannot list interfaces: %s",
			       strerror(-err));
		return err;
	}
	/* Without a default route "auto" waits for one. */
	if (kernel_choose(&devices, kernel->interfaces) || is_auto(kernel))
		return 0;
	(void)snprintf(error, KERNEL_ERROR_MAX,
		       "no interface is named \"%.100s\": `ip link` lists them; set [Capture] "
		       "interfaces or -i",
		       kernel->interfaces);
	return -ENODEV;
}

int capture_kernel_attach(struct capture_kernel *kernel, char *error)
{
	int result = check_names(kernel, error);

	if (result)
		return result;
	take_over(kernel);
	result = kernel->maps.is_successor ? kernel_handover_begin(kernel) : 0;
	if (result) {
		(void)snprintf(error, KERNEL_ERROR_MAX,
			       "cannot find what an earlier version attached: %s",
			       strerror(-result));
		return result;
	}
	kernel->notify = kernel_notify_open(is_auto(kernel));
	if (kernel->notify < 0) {
		(void)snprintf(error, KERNEL_ERROR_MAX, "rtnetlink is refused: %s",
			       strerror(-kernel->notify));
		return kernel->notify;
	}
	result = kernel_follow_wanted(kernel, error);
	return result < 0 ? result : 0;
}
