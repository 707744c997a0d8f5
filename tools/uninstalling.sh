#!/usr/bin/env bash
# Before `make uninstall` removes the files: the service ends, and with it all enforcement.
set -euo pipefail
if [ -d /run/systemd/system ]; then
	systemctl disable --now sluice 2>/dev/null || true
fi
# filters live as long as their qdisc: take ours out by name
for path in /sys/class/net/*; do
	device=${path##*/}
	for hook in ingress egress; do
		tc filter show dev "$device" "$hook" 2>/dev/null |
			sed -n 's/.* handle \(0x[0-9a-f]*\) sluice_.*/\1/p' |
			while read -r handle; do
				tc filter del dev "$device" "$hook" pref 1 handle "$handle" bpf
			done
	done
done
if mountpoint -q /run/sluice-bpf; then
	# the pins hold the programs: without them the links detach
	umount /run/sluice-bpf
	rmdir /run/sluice-bpf
fi
