#!/usr/bin/env bash
# After `make install`: the user, the folders and the unit, where systemd is there.
set -euo pipefail
if command -v systemd-sysusers >/dev/null; then
	systemd-sysusers sluice.conf
	systemd-tmpfiles --create sluice.conf
else
	getent passwd sluice >/dev/null ||
		useradd --system --home-dir /var/lib/sluice --shell /usr/sbin/nologin sluice
	install -d -m 0700 -o sluice -g sluice /var/lib/sluice
fi
if [ -d /run/systemd/system ]; then
	systemctl daemon-reload
	echo "start it now and at every boot: systemctl enable --now sluice"
else
	echo "installed; start it with: sluice run"
fi
