/*
 * tc: our filters on an interface's clsact hooks. One fixed place: priority 1, so that no other
 * filter's verdict comes before ours, and a handle of this instance's own, replaced in place. Two
 * instances on one interface both see every packet, for a program that passes lets the next decide.
 */
#include <errno.h>
#include <linux/pkt_sched.h>
#include <string.h>
#include <unistd.h>

#include <bpf/libbpf.h>

#include "agent/capture/kernel.h"
#include "agent/capture/kernel_netlink.h"

#define TC_PRIORITY 1

/* 28 bits of FNV-1a (draft-eastlake-fnv), never 0; whoever has no pins of its own goes by its id.
 */
uint32_t kernel_tc_handle(const char *pin_dir)
{
	uint32_t hash = 2166136261U;

	if (!pin_dir)
		return (uint32_t)getpid();
	for (; *pin_dir; pin_dir++)
		hash = (hash ^ (uint8_t)*pin_dir) * 16777619U;
	return (hash >> 4) | 1;
}

static uint32_t parent_of(bool is_egress)
{
	return TC_H_MAKE(TC_H_CLSACT, is_egress ? TC_H_MIN_EGRESS : TC_H_MIN_INGRESS);
}

/* 0 when our place is free or ours. */
static int check_owner(const struct kernel_hook *at, struct kernel_filter *filter)
{
	int err = kernel_filter_find(at->ifindex, parent_of(at->is_egress), TC_PRIORITY, at->handle,
				     filter);

	if (err)
		return err;
	if (filter->is_held && strncmp(filter->name, KERNEL_NAME "_", strlen(KERNEL_NAME "_")) != 0)
		return -EBUSY;
	return 0;
}

int kernel_tc_attach(const struct kernel_hook *at, int prog_fd, bool *has_clsact)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook),
				    .ifindex = (int)at->ifindex,
				    .attach_point =
					    at->is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS };
	struct bpf_tc_opts options = { .sz = sizeof(options),
				       .prog_fd = prog_fd,
				       .handle = at->handle,
				       .priority = TC_PRIORITY,
				       .flags = BPF_TC_F_REPLACE };
	struct kernel_filter filter;
	int err = bpf_tc_hook_create(&hook);

	if (!err)
		*has_clsact = true;
	else if (err != -EEXIST)
		return err;
	/* The old ingress qdisc takes an egress filter too, and runs it on what comes in. */
	if (kernel_has_clsact(at->ifindex) != 1)
		return -EBUSY;
	err = check_owner(at, &filter);
	if (err)
		return err;
	err = bpf_tc_attach(&hook, &options);
	/* Our priority is taken by a filter of another kind. */
	return err == -EINVAL || err == -EEXIST ? -EBUSY : err;
}

bool kernel_tc_is_attached(const struct kernel_hook *at)
{
	struct kernel_filter filter;

	return !check_owner(at, &filter) && filter.is_held;
}

int kernel_tc_detach(const struct kernel_hook *at)
{
	struct bpf_tc_hook hook = { .sz = sizeof(hook),
				    .ifindex = (int)at->ifindex,
				    .attach_point =
					    at->is_egress ? BPF_TC_EGRESS : BPF_TC_INGRESS };
	struct bpf_tc_opts options = { .sz = sizeof(options),
				       .handle = at->handle,
				       .priority = TC_PRIORITY };
	struct kernel_filter filter;
	int err = check_owner(at, &filter);

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

	if (kernel_filter_find(ifindex, parent_of(false), TC_PRIORITY, 1, &in) ||
	    kernel_filter_find(ifindex, parent_of(true), TC_PRIORITY, 1, &out))
		return;
	if (!in.count && !out.count)
		(void)bpf_tc_hook_destroy(&hook); /* an empty qdisc left behind does nothing */
}
