#!/usr/bin/env bash
# Before `make uninstall` removes the files: the service ends, and with it all enforcement.
set -euo pipefail
if [ -d /run/systemd/system ]; then
	systemctl disable --now sluice 2>/dev/null || true
fi
if mountpoint -q /run/sluice-bpf; then
	# the pins hold the programs: without them the links detach
	umount /run/sluice-bpf
	rmdir /run/sluice-bpf
fi
