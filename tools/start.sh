#!/usr/bin/env bash
# `make run`: the service on the default-route interfaces when this user may and the kernel can,
# else the demo, and says which. Arguments go to sluice.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
as_root=()
if [ "$(id -u)" != 0 ] && command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
	as_root=(sudo)
fi
if [ "$(id -u)" = 0 ] || [ ${#as_root[@]} -gt 0 ]; then
	"${as_root[@]}" build/sluice run "$@"
	status=$?
	# 69: this kernel cannot; 77: not allowed after all
	[ $status = 69 ] || [ $status = 77 ] || exit $status
	echo "make run: capturing is not possible here, so this is the demo"
else
	echo "make run: not root and no sudo without a password, so this is the demo;" \
		"\`sudo make run\` captures real traffic"
fi
exec build/sluice demo "$@"
