/*
 * The entry programs. Each is the same list of steps (bpf/steps.h) at another hook. With its
 * default rodata and whatever sizes it is loaded with, the object counts and enforces by itself.
 */
#include "bpf/steps.h"

#include <linux/pkt_cls.h>

char _license[] SEC("license") = "GPL";

SEC("xdp.frags")
int sluice_ingress(struct xdp_md *ctx)
{
	enum packet_verdict verdict = packet_judge(ctx, HOOK_XDP, ABI_INGRESS);

	if (UNLIKELY(verdict == PACKET_ANSWER))
		return XDP_TX;
	return verdict == PACKET_PASS ? XDP_PASS : XDP_DROP;
}

/* An answer goes back where its query came from: out of the device, or up into this host. */
HOT int tc_verdict(struct __sk_buff *ctx, enum packet_verdict verdict, const __u64 way)
{
	if (UNLIKELY(verdict == PACKET_ANSWER))
		return (int)bpf_redirect(ctx->ifindex, way);
	return verdict == PACKET_PASS ? TC_ACT_UNSPEC : TC_ACT_SHOT;
}

/* Where native XDP cannot be had. UNSPEC lets other filters of the hook have their say. */
SEC("tc")
int sluice_ingress_tc(struct __sk_buff *ctx)
{
	return tc_verdict(ctx, packet_judge(ctx, HOOK_TC, ABI_INGRESS), 0);
}

SEC("tc")
int sluice_egress(struct __sk_buff *ctx)
{
	return tc_verdict(ctx, packet_judge(ctx, HOOK_TC, ABI_EGRESS), BPF_F_INGRESS);
}

/* For core, by test run, which needs no rights: what the jiffies of slots and events mean. */
SEC("syscall")
int sluice_clock(struct clock_sample *sample)
{
	sample->jiffies = bpf_jiffies64();
	sample->mono_ns = bpf_ktime_get_ns();
	sample->boot_ns = bpf_ktime_get_boot_ns();
	return 0;
}
