#!/usr/bin/env bash
# Runs a command under Debian 12's own kernel (6.1) in QEMU's emulation: no KVM, no network, boots in seconds.
#
# usage: run61.sh [-t SECONDS] [-d DIR] [-b PROGRAM]... -- COMMAND
#   -d DIR      copied to /test, the working directory of COMMAND; programs in it take their libraries along
#   -b PROGRAM  a program of this host to take along, found by name on PATH
#   COMMAND     run by dash as root, with /proc /sys /sys/fs/bpf /dev mounted, lo up, veth and clsact modules loaded
# The exit status is COMMAND's, its output is printed; 69: no such kernel package, 70: no answer in time.
# The kernel package is fetched once with apt into ${RUN61_CACHE:-build/kernel61}.
set -euo pipefail

limit=80 dir="" programs=(ip tc dash)

usage() {
	sed -n '2,9p' "$0" >&2
	exit 2
}

# fetch CACHE: the kernel and its modules, unpacked; into place at once, so that a broken download leaves nothing.
fetch() {
	local package new=$1.new
	package=$(apt-cache depends linux-image-cloud-amd64 | awk '/Depends: linux-image/ { print $2; exit }')
	if [ -z "$package" ]; then
		echo "run61: apt knows no linux-image-cloud-amd64 (apt-get update?)" >&2
		exit 69
	fi
	rm -rf "$new"
	mkdir -p "$new"
	# apt's own user cannot write here; it says so and fetches all the same
	(cd "$new" && apt-get download -qq "$package" 2>download.log && dpkg -x "$package"_*.deb .) || {
		cat "$new/download.log" >&2
		exit 69
	}
	rm -f "$new/$package"_*.deb
	rm -rf "$1"
	mv "$new" "$1"
}

# take_libraries FILE: what the loader of this host would map for it.
take_libraries() {
	local library
	{ ldd "$1" 2>/dev/null || true; } | { grep -o '/[^ )]*' || true; } | while read -r library; do
		[ -e "$root$library" ] && continue
		mkdir -p "$root$(dirname "$library")"
		cp -L "$library" "$root$library"
	done
}

take_program() {
	local program
	program=$(readlink -f "$(PATH=$PATH:/usr/sbin:/sbin command -v "$1")")
	cp "$program" "$root/sbin/$(basename "$1")"
	take_libraries "$program"
}

# fill_root: the files of the initrd.
fill_root() {
	local file module
	mkdir -p "$root"/{bin,sbin,proc,sys,dev,tmp,run,etc,test,modules}
	cp "$(command -v busybox)" "$root/bin/busybox"
	for file in "${programs[@]}"; do take_program "$file"; done
	for module in drivers/net/veth net/sched/sch_ingress net/sched/cls_bpf net/sched/act_bpf; do
		find "$cache"/lib/modules -path "*/kernel/$module.ko*" -exec cp {} "$root/modules/" \;
	done
	[ -z "$dir" ] || cp -a "$dir"/. "$root/test/"
	find "$root/test" -type f -perm -u+x | while read -r file; do take_libraries "$file"; done
	printf 'root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n' >"$root/etc/passwd"
	printf 'root:x:0:\nnogroup:x:65534:\n' >"$root/etc/group"
	printf '%s\n' "$*" >"$root/command"
	cat >"$root/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox mkdir -p /usr/bin && /bin/busybox --install -s /usr/bin
export PATH=/sbin:/bin:/usr/bin HOME=/tmp
mount -t proc p /proc; mount -t sysfs s /sys; mount -t devtmpfs d /dev; mount -t tmpfs t /tmp; mount -t tmpfs r /run
mount -t bpf b /sys/fs/bpf; mkdir -p /var && ln -sf /run /var/run
for m in /modules/*.ko; do insmod "$m"; done
ip link set lo up
cd /test; echo "RUN61-BEGIN"; dash /command; echo "RUN61-EXIT $?"
poweroff -f
INIT
	chmod 755 "$root" "$root/init" "$root/test"
	ln -sf ../sbin/dash "$root/bin/sh"
}

while [ $# -gt 0 ]; do
	case $1 in
	-t) limit=$2 && shift 2 ;;
	-d) dir=$2 && shift 2 ;;
	-b) programs+=("$2") && shift 2 ;;
	--) shift && break ;;
	*) usage ;;
	esac
done
[ $# -gt 0 ] || usage

cache=${RUN61_CACHE:-build/kernel61}
mkdir -p "$(dirname "$cache")"
cache=$(cd "$(dirname "$cache")" && pwd)/$(basename "$cache")
compgen -G "$cache/boot/vmlinuz-*" >/dev/null || fetch "$cache"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
root=$work/root console=$work/console
mkdir "$root"
fill_root "$@"
(cd "$root" && find . | cpio -o -H newc --quiet | gzip -1) >"$work/initrd"
timeout "$limit" qemu-system-x86_64 -M q35 -cpu max -m 1024 -smp 2 -display none -serial file:"$console" -no-reboot \
	-kernel "$(compgen -G "$cache/boot/vmlinuz-*" | head -n 1)" -initrd "$work/initrd" \
	-append "console=ttyS0 panic=-1 quiet" >"$work/qemu" 2>&1 || true # what counts is the guest's word
tr -d '\r' <"$console" | awk '/^RUN61-EXIT/ { exit } p; /^RUN61-BEGIN/ { p = 1 }'
status=$(tr -d '\r' <"$console" | awk '/^RUN61-EXIT/ { print $2; exit }')
if [ -z "$status" ]; then
	echo "run61: no answer in $limit s; the last lines:" >&2
	tail -n 5 "$console" "$work/qemu" >&2
	status=70
fi
exit "$status"
