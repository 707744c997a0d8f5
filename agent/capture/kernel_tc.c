/*
 * tc: our filters on an interface's clsact hooks. One fixed place (priority 1, so that no other
 * filter's verdict comes before ours), replaced in place, known as ours by the program's name.
 */
#include <errno.h>
#include <linux/pkt_sched.h>
#include <string.h>

#include <bpf/libbpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_netlink.h"

#define TC_PRIORITY 1
#define TC_HANDLE   0x51 /* any number, as long as it never changes */

static uint32_t parent_of(bool is_egress)
{
	return TC_H_MAKE(TC_H_CLSACT, is_egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

/* 0 when our place is free or ours. */
static int check_owner(uint32_t ifindex, bool is_egress, struct kernel_filter *filter)
{
	int err = kernel_filter_find(ifindex, parent_of(is_egress), TC_PRIORITY, TC_HANDLE, filter);

	if (err)
		return err;
	if (filter->is_held && strncmp(filter->name, KERNEL_NAME "_", strlen(KERNEL_NAME "_")) != 0)
		return -EBUSY;
	return 0;
}

int kernel_tc_attach(uint32_t ifindex, bool is_egress, int prog_fd, bool *has_clsact)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook),
				    .ifindex = (int)ifindex,
				    .attach_point = is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS };
	struct bpf_tc_opts options = { .sz = sizeof(options),
				       .prog_fd = prog_fd,
				       .handle = TC_HANDLE,
				       .priority = TC_PRIORITY,
				       .flags = BPF_TC_F_REPLACE };
	struct kernel_filter filter;
	int err = bpf_tc_hook_create(&hook);

	if (!err)
		*has_clsact = true;
	else if (err != -EEXIST)
		return err;
	/* The old ingress qdisc takes an egress filter too, and runs it on what comes in. */
	if (kernel_has_clsact(ifindex) != 1)
		return -EBUSY;
	err = check_owner(ifindex, is_egress, &filter);
	if (err)
		return err;
	err = bpf_tc_attach(&hook, &options);
	/* Our priority is taken by a filter of another kind. */
	return err == -EINVAL || err == -EEXIST ? -EBUSY : err;
}

int kernel_tc_detach(uint32_t ifindex, bool is_egress)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook),
				    .ifindex = (int)ifindex,
				    .attach_point = is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS };
	struct bpf_tc_opts options = { .sz = sizeof(options),
				       .handle = TC_HANDLE,
				       .priority = TC_PRIORITY };
	struct kernel_filter filter;
	int err = check_owner(ifindex, is_egress, &filter);

	if (err == -ENOENT || (!err && !filter.is_held))
		return 0;
	return err ? err : bpf_tc_detach(&hook, &options);
}

void kernel_tc_remove_clsact(uint32_t ifindex)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook),
				    .ifindex = (int)ifindex,
				    .attach_point = BPF_TC_INGRESS | BPF_TC_EGRESS };
	struct kernel_filter in;
	struct kernel_filter out;

	if (kernel_filter_find(ifindex, parent_of(false), TC_PRIORITY, TC_HANDLE, &in) ||
	    kernel_filter_find(ifindex, parent_of(true), TC_PRIORITY, TC_HANDLE, &out))
		return;
	if (!in.count && !out.count)
		(void)bpf_tc_hook_destroy(&hook); /* an empty qdisc left behind does nothing */
}
