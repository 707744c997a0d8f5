/*
 * Native XDP by link. A link found pinned is brought up to date in place, one that its interface
 * left behind is replaced; a driver's refusal becomes a sentence with the remedy.
 */
#include <errno.h>
#include <linux/if_link.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <bpf/bpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_netlink.h"
#include "agent/util/cleanup.h"

#define NOTE_MAX     160 /* struct coverage_iface.note */
#define PIN_NAME_MAX 32

static void link_name(int index, char name[PIN_NAME_MAX])
{
	/* By index, not by name: a bpffs refuses dots (kernel/bpf/inode.c, bpf_lookup). */
	(void)snprintf(name, PIN_NAME_MAX, "xdp_%d", index);
}

static int pinned_link(const struct capture_kernel *kernel, int index, uint32_t *ifindex)
{
	char name[PIN_NAME_MAX];
	struct bpf_link_info info = { 0 };
	uint32_t len = sizeof(info);
	CLEANUP(close) int fd = -1;

	*ifindex = 0;
	if (!kernel->pin_dir)
		return -ENOENT;
	link_name(index, name);
	fd = kernel_pin_get(kernel->pin_dir, name);
	if (fd < 0)
		return fd;
	if (!bpf_obj_get_info_by_fd(fd, &info, &len) && info.type == BPF_LINK_TYPE_XDP)
		*ifindex = info.xdp.ifindex;
	return TAKE_FD(fd);
}

/* The link from the pin, when it still holds this device; else the pin goes. */
static int link_from_pin(const struct capture_kernel *kernel, int index, uint32_t ifindex)
{
	char name[PIN_NAME_MAX];
	uint32_t held;
	CLEANUP(close) int fd = pinned_link(kernel, index, &held);

	if (fd < 0 || held == ifindex)
		return fd < 0 ? fd : TAKE_FD(fd);
	link_name(index, name);
	(void)kernel_pin_remove(kernel->pin_dir, name); /* replaced by the next attachment */
	return -ENOENT;
}

static int link_new(const struct capture_kernel *kernel, int index, uint32_t ifindex)
{
	struct bpf_link_create_opts options = { .sz = sizeof(options),
						.flags = XDP_FLAGS_DRV_MODE };
	char name[PIN_NAME_MAX];
	CLEANUP(close)
	int fd = bpf_link_create(kernel->programs[KERNEL_INGRESS], (int)ifindex, BPF_XDP, &options);
	int err;

	if (fd < 0)
		return -errno;
	link_name(index, name);
	err = kernel_pin_put(kernel->pin_dir, name, fd);
	return err ? err : TAKE_FD(fd);
}

/* What frees the hook. The kernel refuses `ip link` where a BPF link holds it: whoever made that
 * has to let it go (net/core/dev.c, dev_xdp_attach: "Can't replace active BPF XDP link"). */
static void write_remedy(struct capture_kernel *kernel, const struct kernel_device *device,
			 const char *program, char *remedy)
{
	char reason[NOTE_MAX];

	if (!strcmp(program, "xdp_dispatcher"))
		(void)snprintf(remedy, NOTE_MAX, "xdp-loader unload %s --all", device->name);
	else if (kernel_xdp_ask(device, kernel->programs[KERNEL_INGRESS], reason, sizeof(reason)) &&
		 strstr(reason, "link"))
		(void)snprintf(remedy, NOTE_MAX,
			       "a BPF link; bpftool link names its process, or detaches it");
	else
		(void)snprintf(remedy, NOTE_MAX, "ip link set %s %s off", device->name,
			       device->has_xdp_generic ? "xdpgeneric" : "xdp");
}

/* Who holds the hook. Its name needs CAP_SYS_ADMIN, which the service keeps only to the start. */
static void note_holder(struct capture_kernel *kernel, const struct kernel_device *device,
			char *note)
{
	struct bpf_prog_info info = { 0 };
	uint32_t len = sizeof(info);
	char remedy[NOTE_MAX];
	CLEANUP(close) int fd = bpf_prog_get_fd_by_id(device->xdp_id);

	if (fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len))
		info.name[0] = '\0';
	write_remedy(kernel, device, info.name, remedy);
	(void)snprintf(note, NOTE_MAX, "XDP hook held by program %u%s%s%s: %.90s", device->xdp_id,
		       info.name[0] ? " (" : "", info.name, info.name[0] ? ")" : "", remedy);
}

static int refused(struct capture_kernel *kernel, int index, const struct kernel_device *device,
		   int err, char *note)
{
	char reason[NOTE_MAX];
	int fd;

	if (device->xdp_id) {
		note_holder(kernel, device, note);
		return -EBUSY;
	}
	if (!kernel_xdp_ask(device, kernel->programs[KERNEL_INGRESS], reason, sizeof(reason)) ||
	    !reason[0]) {
		(void)snprintf(note, NOTE_MAX, "no native XDP in the driver of %s (error %d)",
			       device->name, -err);
		return -EOPNOTSUPP;
	}
	if (kernel->fix_offloads && !kernel_offload_fix(device->name, reason)) {
		fd = link_new(kernel, index, device->ifindex);
		if (fd >= 0)
			return fd;
	}
	kernel_offload_note(device->name, reason, note, NOTE_MAX);
	return -EOPNOTSUPP;
}

/* The pinned link with today's program, or -ENOENT. ENOLINK of the update: the device went and
 * another one of the same number came. */
static int link_updated(struct capture_kernel *kernel, int index, uint32_t ifindex)
{
	CLEANUP(close) int fd = link_from_pin(kernel, index, ifindex);

	if (fd < 0)
		return fd;
	if (!bpf_link_update(fd, kernel->programs[KERNEL_INGRESS], NULL))
		return TAKE_FD(fd);
	kernel_xdp_detach(kernel, index);
	return -ENOENT;
}

int kernel_xdp_attach(struct capture_kernel *kernel, int index, const struct kernel_device *device,
		      char *note)
{
	struct kernel_link *link = &kernel->links[index];
	int fd;

	if (link->is_silent) {
		(void)snprintf(note, NOTE_MAX,
			       "the gateway stopped answering under native XDP of %s: tc",
			       device->name);
		return -EOPNOTSUPP;
	}
	if (device->no_l2) {
		(void)snprintf(note, NOTE_MAX, "%s has no Ethernet header: tc", device->name);
		return -EOPNOTSUPP;
	}
	fd = link_updated(kernel, index, device->ifindex);
	if (fd < 0) {
		/* only what is new to the driver can upset it */
		kernel_confirm_begin(device, &link->confirm);
		fd = link_new(kernel, index, device->ifindex);
	}
	if (fd < 0)
		fd = refused(kernel, index, device, fd, note);
	link->is_hook_busy = fd == -EBUSY;
	if (fd < 0) {
		link->confirm.until_ns = 0;
		return fd;
	}
	if (link->xdp_fd >= 0)
		(void)close(link->xdp_fd); /* of a device that went */
	link->xdp_fd = fd;
	return 0;
}

void kernel_xdp_detach(struct capture_kernel *kernel, int index)
{
	struct kernel_link *link = &kernel->links[index];
	char name[PIN_NAME_MAX];

	link_name(index, name);
	(void)kernel_pin_remove(kernel->pin_dir, name); /* what is left is taken up by its index */
	if (link->xdp_fd >= 0)
		(void)close(link->xdp_fd); /* the last reference detaches */
	link->xdp_fd = -1;
}

uint32_t kernel_xdp_pinned(const struct capture_kernel *kernel, int index)
{
	uint32_t ifindex;
	CLEANUP(close) int fd = pinned_link(kernel, index, &ifindex);

	return fd < 0 ? 0 : ifindex;
}
