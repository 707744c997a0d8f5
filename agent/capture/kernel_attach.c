/*
 * One interface: which programs it gets, in which order, and what its row says about it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_netlink.h"
#include "agent/util/log.h"

#define NOTE_MAX 160 /* struct kernel_row.note */

/* The ingress side: XDP where it can be had, else tc. Leaves exactly one of them attached. */
static int attach_ingress(struct capture_kernel *kernel, int index,
			  const struct kernel_device *device, struct kernel_row *row)
{
	struct kernel_link *link = &kernel->links[index];
	bool has_clsact = false;
	int err = -EOPNOTSUPP;

	row->note[0] = '\0';
	if (kernel->mode == KERNEL_MODE_TC)
		kernel_xdp_detach(kernel, index);
	else
		err = kernel_xdp_attach(kernel, index, device, row->note);
	if (!err) {
		row->mode = ATTACH_XDP;
		/* What an earlier run in tc mode left would count every packet twice. */
		(void)kernel_tc_detach(device->ifindex, false);
		link->has_tc_ingress = false;
		return 0;
	}
	if (kernel->mode == KERNEL_MODE_XDP)
		return err;
	err = kernel_tc_attach(device->ifindex, false, kernel->ingress_tc, &has_clsact);
	row->has_clsact |= has_clsact;
	if (err)
		return err;
	link->has_tc_ingress = true;
	row->mode = ATTACH_TC;
	return 0;
}

/* One sentence for the row, and with its interface for whoever started us. */
static void say_failed(const struct kernel_device *device, int err, char note[NOTE_MAX],
		       char *error)
{
	if (!note[0] && err == -EBUSY)
		(void)snprintf(note, NOTE_MAX,
			       "priority 1 of the clsact hook is taken: see `tc filter show dev %s "
			       "ingress` and egress, `tc qdisc show dev %s`",
			       device->name, device->name);
	else if (!note[0])
		(void)snprintf(note, NOTE_MAX, "cannot attach: %s", strerror(-err));
	if (error)
		(void)snprintf(error, KERNEL_ERROR_MAX, "%s: %s", device->name, note);
}

static int attach_both(struct capture_kernel *kernel, int index, const struct kernel_device *device,
		       struct kernel_row *row)
{
	struct kernel_link *link = &kernel->links[index];
	bool has_clsact = false;
	int err = attach_ingress(kernel, index, device, row);

	if (err)
		return err;
	err = kernel_tc_attach(device->ifindex, true, kernel->egress, &has_clsact);
	row->has_clsact |= has_clsact;
	link->has_tc_egress = !err;
	return err;
}

int kernel_attach_device(struct capture_kernel *kernel, int index,
			 const struct kernel_device *device, char *error)
{
	struct kernel_link *link = &kernel->links[index];
	struct kernel_row row = kernel->rows[index];
	int err = kernel_ifaces_set(kernel->maps.fd[KERNEL_IFACES], device->ifindex, (uint8_t)index,
				    device->no_l2);

	/* The datapath knows the interface before its first packet comes. */
	if (!err)
		err = attach_both(kernel, index, device, &row);
	(void)snprintf(row.name, sizeof(row.name), "%s", device->name);
	row.ifindex = device->ifindex;
	link->ifindex = device->ifindex;
	link->is_inherited = false;
	if (err) {
		say_failed(device, err, row.note, error);
		if (strcmp(kernel->rows[index].note, row.note))
			log_warn("interface not watched name=%s reason=%s", row.name, row.note);
		kernel_rows_set(kernel, index, &row);
		kernel_detach_device(kernel, index);
		return err;
	}
	kernel_rows_set(kernel, index, &row);
	log_info("interface watched name=%s mode=%s index=%d", row.name,
		 row.mode == ATTACH_XDP ? "xdp" : "tc", index);
	if (row.note[0])
		log_warn("interface name=%s note=%s", row.name, row.note);
	return 0;
}

void kernel_detach_device(struct capture_kernel *kernel, int index)
{
	struct kernel_link *link = &kernel->links[index];
	struct kernel_row row = kernel->rows[index];

	kernel_xdp_detach(kernel, index);
	if (link->ifindex) {
		/* A device that is gone took its filters along. */
		(void)kernel_tc_detach(link->ifindex, false);
		(void)kernel_tc_detach(link->ifindex, true);
		if (row.has_clsact)
			kernel_tc_remove_clsact(link->ifindex);
		/* Last: until here packets of it are counted under its index. */
		(void)kernel_ifaces_remove(kernel->maps.fd[KERNEL_IFACES], link->ifindex);
	}
	memset(link, 0, sizeof(*link));
	link->xdp_fd = -1;
	row.ifindex = 0;
	row.mode = ATTACH_NONE;
	row.has_clsact = 0;
	kernel_rows_set(kernel, index, &row);
}
