/*
 * Attaching is confirmed: some drivers take native XDP and carry nothing afterwards. A gateway that
 * answered before is asked again; when it stays silent the loader falls back to tc.
 */
#include <errno.h>
#include <linux/neighbour.h>

#include "agent/capture/kernel.h"
#include "agent/util/clock.h"

#define CONFIRM_NS (10 * NS_PER_S)
/* The kernel asks three times, a second apart (RFC 4861 10), then gives up: ask it again. */
#define PROBE_NS (3 * NS_PER_S)

void kernel_confirm_begin(const struct kernel_device *device, struct kernel_confirm *confirm)
{
	uint64_t now_ns = clock_monotonic_ns();

	*confirm = (struct kernel_confirm){ .gateway = device->gateway };
	if (!device->gateway.family ||
	    kernel_neighbour_get(device->ifindex, &device->gateway, &confirm->known))
		return;
	/* one that never answered, or needs no answer, proves nothing by its silence */
	if (!(confirm->known.state & (NUD_REACHABLE | NUD_STALE | NUD_DELAY | NUD_PROBE)) ||
	    !confirm->known.mac_len)
		return;
	confirm->until_ns = now_ns + CONFIRM_NS;
	confirm->probe_ns = now_ns;
}

int kernel_confirm_step(uint32_t ifindex, struct kernel_confirm *confirm, uint64_t now_ns)
{
	struct kernel_neighbour now;
	bool was_asked = confirm->probe_ns > confirm->until_ns - CONFIRM_NS;

	if (!confirm->until_ns)
		return 1;
	/* The question itself puts an end to REACHABLE: only an answer brings it back. */
	if (was_asked && !kernel_neighbour_get(ifindex, &confirm->gateway, &now) &&
	    now.state & NUD_REACHABLE) {
		confirm->until_ns = 0;
		return 1;
	}
	if (now_ns >= confirm->until_ns) {
		confirm->until_ns = 0;
		return -ETIMEDOUT;
	}
	if (now_ns >= confirm->probe_ns) {
		/* refused while the device is down: asked again all the same */
		(void)kernel_neighbour_probe(ifindex, &confirm->gateway, &confirm->known);
		confirm->probe_ns = now_ns + PROBE_NS;
	}
	return 0;
}
