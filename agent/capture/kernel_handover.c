/*
 * From a version with maps of another layout to this one: its programs go on enforcing, from maps
 * that only they can read, while core fills ours with all rules. Then each program is replaced in
 * place, and only then the pins, so that a start after a crash at any moment does the same again.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/capture/kernel.h"
#include "agent/util/cleanup.h"
#include "agent/util/clock.h"
#include "agent/util/log.h"

/* A clean stop leaves its programs a lease of a minute, of which the load took some seconds. */
#define HANDOVER_NS (40 * NS_PER_S)

/* ---- what the earlier loader attached: its table of interfaces cannot be read ------------------
 */

static void inherit(struct capture_kernel *kernel, int index, const struct kernel_device *device,
		    enum attach_mode mode)
{
	struct kernel_row row = { .is_used = 1, .mode = (uint8_t)mode, .ifindex = device->ifindex };

	(void)snprintf(row.name, sizeof(row.name), "%s", device->name);
	kernel_rows_set(kernel, index, &row);
	kernel->links[index].ifindex = device->ifindex;
	kernel->links[index].is_inherited = true;
}

static bool is_inherited(const struct capture_kernel *kernel, uint32_t ifindex)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		if (kernel->links[i].ifindex == ifindex)
			return true;
	}
	return false;
}

/* Links keep the index they are pinned by. */
static void inherit_xdp(struct capture_kernel *kernel, const struct kernel_device *device)
{
	for (int i = 0; i < IFACES_MAX; i++) {
		if (kernel_xdp_pinned(kernel, i) == device->ifindex)
			inherit(kernel, i, device, ATTACH_XDP);
	}
}

static int inherit_tc(struct capture_kernel *kernel, const struct kernel_device *device)
{
	struct kernel_hook at = { device->ifindex, kernel->tc_handle, true };
	int index;

	if (is_inherited(kernel, device->ifindex) || !kernel_tc_is_attached(&at))
		return 0;
	index = kernel_rows_add(kernel, device->name);
	if (index < 0)
		return index;
	inherit(kernel, index, device, ATTACH_TC);
	return 0;
}

int kernel_handover_begin(struct capture_kernel *kernel)
{
	CLEANUP(kernel_devices_done) struct kernel_devices devices = { 0 };
	int err = kernel_devices_read(&devices);

	kernel->handover_ns = clock_monotonic_ns() + HANDOVER_NS;
	for (size_t i = 0; !err && i < devices.count; i++)
		inherit_xdp(kernel, &devices.items[i]);
	for (size_t i = 0; !err && i < devices.count; i++)
		err = inherit_tc(kernel, &devices.items[i]);
	if (!err)
		log_info("an earlier version with maps of another layout enforces until all rules "
			 "are in this one's");
	return err;
}

/* ---- the replacement ---------------------------------------------------------------------------
 */

bool kernel_handover_is_due(const struct capture_kernel *kernel, int index)
{
	return kernel->maps.is_successor && kernel->links[index].is_inherited;
}

void capture_kernel_filled(struct capture_kernel *kernel)
{
	int err;

	if (!kernel->maps.is_successor)
		return;
	err = kernel_panic_carry(kernel->pin_dir, kernel->maps.fd[KERNEL_CONTROL]);
	if (err && err != -ENOENT)
		log_warn("whether `panic` was ordered is not known error=%s", strerror(-err));
	kernel->maps.is_successor = false;
	(void)kernel_follow_wanted(kernel, NULL); /* what fails is in its row, and tried again */
	err = kernel_maps_pin(&kernel->maps, kernel->pin_dir);
	if (err)
		log_error("maps not pinned: the next start begins with empty ones error=%s",
			  strerror(-err));
	else
		kernel_programs_pin(kernel);
	log_info("the earlier version's programs are replaced");
}

void kernel_handover_tick(struct capture_kernel *kernel, uint64_t now_ns)
{
	if (!kernel->maps.is_successor || now_ns < kernel->handover_ns)
		return;
	log_warn("not all rules are in the maps, but the earlier version's may not enforce for "
		 "ever: replaced");
	capture_kernel_filled(kernel);
}
