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

/* What is in the way on the clsact hooks, and how to see it. */
static void note_tc(const char *name, uint32_t ifindex, int err, char note[NOTE_MAX])
{
	if (err == -EBUSY && !kernel_has_clsact(ifindex))
		(void)snprintf(
			note, NOTE_MAX,
			"an ingress qdisc is in the way of clsact: tc qdisc del dev %s ingress",
			name);
	else if (err == -EBUSY)
		(void)snprintf(note, NOTE_MAX,
			       "tc priority 1 is held by another filter: tc filter show dev %s "
			       "ingress (and egress)",
			       name);
	else
		(void)snprintf(note, NOTE_MAX, "tc refuses the program: %s", strerror(-err));
}

static int detach_tc(const struct capture_kernel *kernel, uint32_t ifindex, bool is_egress)
{
	const struct kernel_hook at = { ifindex, kernel->tc_handle, is_egress };

	return kernel_tc_detach(&at);
}

static int attach_tc(struct capture_kernel *kernel, bool is_egress, struct kernel_row *row,
		     char note[NOTE_MAX])
{
	const struct kernel_hook at = { row->ifindex, kernel->tc_handle, is_egress };
	bool has_clsact = false;
	int err = kernel_tc_attach(
		&at, kernel->programs[is_egress ? KERNEL_EGRESS : KERNEL_INGRESS_TC], &has_clsact);

	row->has_clsact |= has_clsact;
	if (err)
		note_tc(row->name, row->ifindex, err, note);
	return err;
}

/* The ingress side: XDP where it can be had, else tc. The other one goes only when this one is
 * there: a packet in between may be counted twice, but none passes unasked. */
static int attach_ingress(struct capture_kernel *kernel, int index,
			  const struct kernel_device *device, struct kernel_row *row)
{
	int err = -EOPNOTSUPP;

	if (kernel->mode != KERNEL_MODE_TC)
		err = kernel_xdp_attach(kernel, index, device, row->note);
	if (!err) {
		row->mode = ATTACH_XDP;
		return detach_tc(kernel, device->ifindex, false);
	}
	if (kernel->mode == KERNEL_MODE_XDP)
		return err;
	err = attach_tc(kernel, false, row, row->note);
	if (err)
		return err;
	row->mode = ATTACH_TC;
	kernel_xdp_detach(kernel, index);
	return 0;
}

static int attach_both(struct capture_kernel *kernel, int index, const struct kernel_device *device,
		       struct kernel_row *row)
{
	char note[NOTE_MAX];
	int err = attach_ingress(kernel, index, device, row);

	if (err)
		return err;
	err = attach_tc(kernel, true, row, note);
	if (!err)
		return 0;
	/* What comes in by XDP is counted and stopped all the same. */
	(void)snprintf(row->note, sizeof(row->note), "%s%.132s",
		       row->mode == ATTACH_XDP ? "leaving packets not seen: " : "", note);
	return row->mode == ATTACH_XDP ? 0 : err;
}

/* The datapath knows the interface before its first packet comes. */
static int register_and_attach(struct capture_kernel *kernel, int index,
			       const struct kernel_device *device, struct kernel_row *row)
{
	int err = kernel_ifaces_set(kernel->maps.fd[KERNEL_IFACES], device->ifindex, (uint8_t)index,
				    device->no_l2);

	if (!err)
		err = attach_both(kernel, index, device, row);
	if (err && !row->note[0])
		(void)snprintf(row->note, sizeof(row->note), "cannot attach: %s", strerror(-err));
	return err;
}

/* Only a flag set here is taken back: somebody else's stays. */
static void set_promisc(const struct capture_kernel *kernel, const struct kernel_device *device,
			struct kernel_row *row)
{
	int err = 0;

	if (kernel->promisc && !device->is_promisc)
		err = kernel_promisc_set(device->ifindex, true);
	else if (!kernel->promisc && row->is_promisc)
		err = kernel_promisc_set(device->ifindex, false);
	if (err)
		log_warn("promiscuous mode not changed name=%s error=%s", row->name,
			 strerror(-err));
	else if (kernel->promisc && !device->is_promisc)
		row->is_promisc = 1;
	else if (!kernel->promisc)
		row->is_promisc = 0;
}

bool kernel_is_in_order(const struct capture_kernel *kernel, int index,
			const struct kernel_device *device)
{
	const struct kernel_link *link = &kernel->links[index];
	const struct kernel_row *row = &kernel->rows[index];
	struct kernel_hook at = { device->ifindex, kernel->tc_handle, true };

	if (link->is_inherited || !kernel_tc_is_attached(&at))
		return false;
	if (row->mode == ATTACH_XDP)
		return device->xdp_id == kernel->ingress_id;
	at.is_egress = false;
	if (!kernel_tc_is_attached(&at))
		return false;
	if (kernel->mode == KERNEL_MODE_TC)
		return true;
	return !(link->is_hook_busy && !device->xdp_id) && link->mtu == device->mtu;
}

int kernel_attach_device(struct capture_kernel *kernel, int index,
			 const struct kernel_device *device, char *error)
{
	struct kernel_link *link = &kernel->links[index];
	const struct kernel_row before = kernel->rows[index];
	struct kernel_row row = before;
	int err;

	(void)snprintf(row.name, sizeof(row.name), "%s", device->name);
	row.ifindex = device->ifindex;
	row.note[0] = '\0';
	err = register_and_attach(kernel, index, device, &row);
	link->ifindex = device->ifindex;
	link->mtu = device->mtu;
	link->is_inherited = false;
	set_promisc(kernel, device, &row);
	kernel_rows_set(kernel, index, &row);
	if (err) {
		if (error)
			(void)snprintf(error, KERNEL_ERROR_MAX, "%s: %s", row.name, row.note);
		/* It is tried again with every change of a link: say it once. */
		if (strcmp(before.note, row.note) != 0)
			log_warn("interface not watched name=%s reason=%s", row.name, row.note);
		kernel_detach_device(kernel, index);
		return err;
	}
	log_info("interface watched name=%s mode=%s index=%d", row.name,
		 row.mode == ATTACH_XDP ? "xdp" : "tc", index);
	if (row.note[0])
		log_warn("interface name=%s note=%s", row.name, row.note);
	return 0;
}

void kernel_promisc_end(struct capture_kernel *kernel, int index)
{
	struct kernel_row row = kernel->rows[index];

	if (!row.is_promisc)
		return;
	(void)kernel_promisc_set(kernel->links[index].ifindex, false); /* a device that is gone */
	row.is_promisc = 0;
	kernel_rows_set(kernel, index, &row);
}

void kernel_detach_device(struct capture_kernel *kernel, int index)
{
	struct kernel_link *link = &kernel->links[index];
	struct kernel_row row;

	kernel_promisc_end(kernel, index);
	row = kernel->rows[index];
	kernel_xdp_detach(kernel, index);
	if (link->ifindex) {
		/* A device that is gone took its filters along. */
		(void)detach_tc(kernel, link->ifindex, false);
		(void)detach_tc(kernel, link->ifindex, true);
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
