#!/usr/bin/env bash
# Installs with apt what is missing for a purpose, saying so first. usage: packages.sh run|test|lint|bench
set -euo pipefail

build="gcc libc6-dev make clang llvm libbpf-dev libelf-dev zlib1g-dev libsqlite3-dev libsodium-dev
libmicrohttpd-dev libgnutls28-dev libjson-c-dev libinih-dev libcap-ng-dev libseccomp-dev linux-libc-dev
libpcap-dev libjs-dygraphs libhpdf-dev libmaxminddb-dev fonts-dejavu-core libcurl4-gnutls-dev libcurl3-gnutls ca-certificates"
tests="libcmocka-dev libclang-rt-14-dev python3 python3-cryptography python3-pytest python3-pytest-xdist
python3-selenium python3-scapy python3-jsonschema chromium chromium-driver iproute2 iputils-ping tshark tcpdump nmap nftables iperf3 curl bind9-dnsutils dnsmasq-base openssl procps util-linux
qemu-system-x86 busybox-static cpio dash ethtool sqlite3 groff-base poppler-utils qpdf zbar-tools
dnsmasq-base isc-dhcp-client rsyslog rsyslog-gnutls pmacct nfdump prometheus"
lint="clang-format clang-tidy cppcheck shellcheck python3"

case ${1:-} in
run) wanted=$build ;;
test) wanted="$build $tests clang-format shellcheck" ;;
lint) wanted="$build libcmocka-dev $lint" ;;
bench) wanted="$build python3 python3-sklearn python3-pandas iproute2 procps util-linux ethtool xdp-tools nftables softflowd wrk gunicorn python3-flask
	python3-reportlab python3-matplotlib poppler-utils sqlite3 clickhouse-server clickhouse-client" ;;
*)
	echo "usage: packages.sh run|test|lint|bench" >&2
	exit 2
	;;
esac

missing=()
for package in $wanted; do
	status=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)
	[ "$status" = installed ] || missing+=("$package")
done
[ ${#missing[@]} -gt 0 ] || exit 0

as_root=()
if [ "$(id -u)" != 0 ]; then
	if ! command -v sudo >/dev/null; then
		echo "missing packages, and neither root nor sudo to install them: ${missing[*]}" >&2
		exit 77
	fi
	as_root=(sudo)
fi
echo "installing with apt: ${missing[*]}"
export DEBIAN_FRONTEND=noninteractive
"${as_root[@]}" apt-get update -qq
"${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null
