#!/usr/bin/env bash
# Every figure of speed and memory beside its bar. Called by `make bench`; exit 1 when a bar is
# missed or a figure could not be had. usage: run.sh [SECONDS of the CPU and memory figure, 60]
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

seconds=${1:-60}
name=sluice-bench-$$
inside=$name-in outside=$name-out
folder='' missed=0 failed=0 skipped=0
peer=$(echo /usr/lib/*/bpf/xdpfilt_alw_all.o)

# shellcheck disable=SC2317 # called by the trap
clean() {
	local space pids
	for space in "$inside" "$outside"; do
		pids=$(ip netns pids "$space" 2>/dev/null)
		# shellcheck disable=SC2086 # a list
		[ -z "$pids" ] || kill -KILL $pids 2>/dev/null
		ip netns del "$space" 2>/dev/null
	done
	[ -z "$folder" ] || rm -rf "$folder"
}
trap clean EXIT
trap 'exit 1' INT TERM

# rows: figure, bar, measured, verdict from stdin, as lines of the table.
rows() {
	local figure bar measured verdict
	while IFS=$'\t' read -r figure bar measured verdict; do
		printf '%-50s %-20s %-4s %s\n' "$figure" "$bar" "$verdict" "$measured"
		[ "$verdict" != MISS ] || missed=$((missed + 1))
	done
}

# figures NAME COMMAND...: its rows; a failed command says why, a missed bar only MISS.
figures() {
	local what=$1 before=$missed status
	shift
	rows < <("$@" 2>"$folder/stderr"; echo $? >"$folder/status")
	status=$(cat "$folder/status")
	if [ "$status" != 0 ] && { [ "$missed" = "$before" ] || [ -s "$folder/stderr" ]; }; then
		echo "$what: failed with status $status"
		tail -n 20 "$folder/stderr"
		[ ! -s "$folder/sluice.log" ] || tail -n 10 "$folder/sluice.log"
		failed=$((failed + 1))
	fi
}

skip() {
	printf '%-50s %-20s skip %s\n' "$1" - "$2"
	skipped=$((skipped + 1))
}

facts() {
	sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | sort | uniq -c | sed 's/^ */CPU: /; s/ / x /2'
	echo "kernel: $(uname -srm)"
	echo "load average: $(cut -d ' ' -f 1-3 /proc/loadavg)"
	echo "CPU time and medians of 9 rounds, programs taking turns, unless a line says otherwise"
	printf '%-50s %-20s %-4s %s\n' figure bar "" measured
}

datapath() {
	if [ "$(id -u)" != 0 ]; then
		skip "datapath beside xdp-filter" "needs root"
	elif [ ! -e "$peer" ]; then
		skip "datapath beside xdp-filter" "package xdp-tools has no xdpfilt_alw_all.o"
	else
		figures datapath build/bench/bench_datapath build/bpf/sluice.bpf.o "$peer"
	fi
}

join_namespaces() {
	ip netns add "$inside" && ip netns add "$outside" &&
		ip -n "$inside" link add in0 type veth peer name out0 netns "$outside" &&
		ip -n "$inside" addr add 198.18.77.1/24 dev in0 &&
		ip -n "$outside" addr add 198.18.77.2/24 dev out0 &&
		ip -n "$inside" link set lo up &&
		ip -n "$inside" link set in0 up &&
		ip -n "$outside" link set out0 up
}

rules() {
	if [ "$(id -u)" != 0 ]; then
		skip "a million entries" "needs root"
	else
		figures "a million entries" build/bench/bench_rules
	fi
}

# The service's own mounts and pins end with its mount namespace.
service() {
	if [ "$(id -u)" != 0 ]; then
		skip "service: start, page, block, CPU, memory" "needs root"
		return
	fi
	if ! join_namespaces; then
		failed=$((failed + 1))
		return
	fi
	figures service unshare --mount --propagation slave ip netns exec "$inside" sh -c \
		'umask 022; mkdir -p /run/sluice-bpf && mount -t bpf -o mode=0700 bpf /run/sluice-bpf &&
		exec /usr/bin/python3 tests/bench/service.py "$@"' sh \
		build/sluice "$folder" in0 198.18.77.1 "$outside" 198.18.77.2 "$seconds"
}

# What bench_store says, with its own bars, as rows.
store() {
	local status
	build/bench/bench_store >"$folder/store"
	status=$?
	sed -n 's/^store ingestion: [0-9]* rows, //p' "$folder/store" | awk -v status=$status '{
		print "store ingestion, one run\t>= 100k rows/s\t" $0 "\t" (status ? "MISS" : "ok") }'
	sed -n 's/^store series: \(.*\) over.*, \(.*\): \([0-9.]* ms\)$/store series, \1, \2\t-\t\3\t-/p' "$folder/store"
	return $status
}

# The rounds of bench_flow: a figure's values by name, then its middle and least.
flow() {
	local round
	for round in 1 2 3 4 5 6 7 8 9; do
		build/bench/bench_flow >"$folder/flow.$round" || return 1
	done
	awk '/^--/ { what = $2 == "with" ? " and detectors" : ""; clients = $(NF - 1) }
		/^add_(new|known)/ { print "flow delta" what ", " $1 ", " clients " hosts\t" $2 }' \
		"$folder"/flow.? | sort -t "$(printf '\t')" -k 1,1 -k 2,2n |
		awk -F '\t' '{ sub(/add_/, "", $1); sub(/_flow_delta/, " flow", $1) }
			$1 != last { last = $1; n = 0; least = $2 }
			++n == 5 { print $1 "\t-\tns a delta, 100,000 flows, median (min): " $2 " (" least ")\t-" }'
}

tests/packages.sh bench || exit 1
if ! make -s -j"$(nproc)" -f tests/bench/build.mk bench-programs; then
	echo "make bench: the build failed"
	exit 1
fi
folder=$(mktemp -d /tmp/sluice-bench-XXXXXX)
chmod 0755 "$folder" # the service drops to another user and walks through it
facts
datapath
rules
service
figures "user-space datapath" build/bench/bench_user
figures "flow table" flow
figures store store
echo "$missed missed, $failed failed, $skipped skipped, $SECONDS s"
[ $((missed + failed)) = 0 ]
