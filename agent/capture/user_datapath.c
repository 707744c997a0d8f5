/*
 * The datapath of bpf/ compiled for this process: the same text that clang builds for the kernel.
 */
#define SLUICE_USER 1
#include "bpf/steps.h"

_Static_assert(sizeof(struct name_text) <= sizeof(((struct usermaps *)0)->name_text),
	       "room for it");

bool user_datapath_run(const struct user_frame *frame, uint8_t direction)
{
	/* two calls: the direction is a constant in each, as in the kernel's programs */
	return direction == ABI_INGRESS ? packet_judge(frame, HOOK_USER, ABI_INGRESS) == PACKET_PASS
					: packet_judge(frame, HOOK_USER, ABI_EGRESS) == PACKET_PASS;
}
