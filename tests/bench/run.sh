#!/usr/bin/env bash
# Every figure of speed and memory beside its bar. Called by `make bench`; exit 1 when a bar is
# missed or a figure could not be had. usage: run.sh [PART...]
# parts: datapath wire rules service user replay flow store search history detect model export
# report feeds; all of them without
# SLUICE_BENCH_ROWS: of the history that is searched and reported, 10000000
# SLUICE_BENCH_SECONDS: how long the service's CPU and memory are watched, 60
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1

seconds=${SLUICE_BENCH_SECONDS:-60}
name=sluice-bench-$$
inside=$name-in outside=$name-out
folder='' missed=0 failed=0 skipped=0
filters=$(dirname "$(echo /usr/lib/*/bpf/xdpfilt_alw_all.o)") # where xdp-tools has its programs

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

# line: one row of the table.
line() {
	printf '%-52s %-48s %-44s %-21s %-19s %s\n' "$@"
}

# rows: lines of the table from stdin: what, figure, peer, ratio, bar, verdict; or, without a peer:
# what, bar, figure, verdict.
rows() {
	local what figure peer ratio bar verdict
	while IFS=$'\t' read -r what figure peer ratio bar verdict; do
		if [ -z "$bar" ]; then
			line "$what" "$peer" - - "$figure" "$ratio"
			verdict=$ratio
		else
			line "$what" "$figure" "$peer" "$ratio" "$bar" "$verdict"
		fi
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
	line "$1" - "$2" - - skip
	skipped=$((skipped + 1))
}

facts() {
	sed -n 's/^model name[^:]*: *//p' /proc/cpuinfo | sort | uniq -c | sed 's/^ */CPU: /; s/ / x /2'
	echo "kernel: $(uname -srm)"
	echo "load average: $(cut -d ' ' -f 1-3 /proc/loadavg)"
	echo "CPU time of 9 rounds, programs taking turns: ratios by their medians, times by the least, unless a line says otherwise"
	line what figure peer ratio bar ""
}

# has PROGRAM PACKAGE WHAT: or the row says what is missing.
has() {
	command -v "$1" >/dev/null && return 0
	skip "$3" "peer not installed: apt install $2"
	return 1
}

part_datapath() {
	if [ ! -e "$filters/xdpfilt_alw_all.o" ]; then
		skip "datapath beside xdp-filter" "peer not installed: apt install xdp-tools"
		return
	fi
	figures datapath build/bench/bench_datapath build/bpf/sluice.bpf.o build/bpf/vary.bpf.o \
		"$filters/xdpfilt_alw_all.o" "$filters/xdpfilt_alw_ip.o"
	figures "many flows" build/bench/bench_many_flows build/bpf/sluice.bpf.o build/bpf/vary.bpf.o \
		"$filters/xdpfilt_alw_all.o"
}

# join INSIDE OUTSIDE: in0 and out0, a pair; 198.51.100.2 is inside, senders are 198.18.0.0/15, to
# whom nothing goes back.
join() {
	ip netns add "$1" && ip netns add "$2" &&
		ip -n "$1" link add in0 type veth peer name out0 netns "$2" &&
		ip -n "$1" link set in0 address 02:00:00:00:00:01 &&
		ip -n "$1" addr add 198.51.100.2/24 dev in0 &&
		ip -n "$1" link set lo up && ip -n "$1" link set in0 up && ip -n "$2" link set out0 up &&
		ip -n "$1" route add blackhole 198.18.0.0/15 &&
		ip netns exec "$1" sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.in0.rp_filter=0 \
			net.ipv6.conf.all.disable_ipv6=1 &&
		ip netns exec "$2" sysctl -qw net.ipv6.conf.all.disable_ipv6=1 && # nothing of its own between
		ip netns exec "$1" ethtool -K in0 gro on # its receiver polls, also without a program
}

# An nftables set of 10,000 addresses and the 1,000 senders, at the ingress hook.
nft_ingress() {
	awk 'BEGIN {
		srand(7)
		print "table netdev bench {\nset listed {\ntype ipv4_addr\nelements = {"
		while (n < 10000) {
			a = 11 + int(rand() * 80) "." int(rand() * 256) "." int(rand() * 256) "." int(rand() * 256)
			if (!(a in seen)) { seen[a] = 1; n++; print a "," }
		}
		for (i = 0; i < 1000; i++) print "198.18." int(i / 256) "." i % 256 ","
		print "}\n}\nchain in {\ntype filter hook ingress device \"in0\" priority -500; policy accept;"
		print "ip saddr @listed counter drop\n}\n}" }' | ip netns exec "$inside" nft -f -
}

firewall() {
	printf 'table inet bench {\nchain in {\ntype filter hook prerouting priority -300;\nudp dport 9 counter drop\n}\n}\n' |
		ip netns exec "$inside" nft -f -
}

# In the real receive path: cost of a run, of a drop, and of counting in kernel and user space.
part_wire() {
	local peer=() ip=$filters/xdpfilt_alw_ip.o
	if ! join "$inside" "$outside"; then
		failed=$((failed + 1))
		return
	fi
	[ ! -e build/bpf/proto.bpf.o ] || peer=(build/bpf/proto.bpf.o)
	figures "in situ" build/bench/bench_wire cost "$inside" "$outside" build/bpf/vary.bpf.o \
		build/bpf/sluice.bpf.o "${peer[@]}"
	if has nft nftables "drop end to end" && [ -e "$ip" ] && nft_ingress; then
		figures "drop end to end" build/bench/bench_wire drop "$inside" "$outside" build/bpf/vary.bpf.o \
			build/bpf/sluice.bpf.o "$ip"
		ip netns exec "$inside" nft list table netdev bench | grep -q 'counter packets [1-9]' ||
			{ echo "drop end to end: nftables saw nothing" && failed=$((failed + 1)); }
		ip netns exec "$inside" nft delete table netdev bench
	fi
	if has softflowd softflowd "counting, kernel + user" && firewall; then
		figures counting unshare --mount --propagation slave sh -c \
			'umask 022; mkdir -p /run/sluice-bpf && mount -t bpf -o mode=0700 bpf /run/sluice-bpf &&
			exec /usr/bin/python3 tests/bench/counting.py "$@"' sh \
			build/sluice build/bench/bench_flood build/bpf/vary.bpf.o "$folder" "$inside" "$outside"
	fi
	ip netns del "$inside" && ip netns del "$outside"
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

# The service's own mounts and pins end with its mount namespace.
part_service() {
	if ! join_namespaces; then
		failed=$((failed + 1))
		return
	fi
	figures service unshare --mount --propagation slave ip netns exec "$inside" sh -c \
		'umask 022; mkdir -p /run/sluice-bpf && mount -t bpf -o mode=0700 bpf /run/sluice-bpf &&
		exec /usr/bin/python3 tests/bench/service.py "$@"' sh \
		build/sluice "$folder" in0 198.18.77.1 "$outside" 198.18.77.2 "$seconds"
	ip netns del "$inside" && ip netns del "$outside"
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

part_rules() { figures "a million entries" build/bench/bench_rules; }
part_user() { if has wrk wrk "the web side" && has gunicorn "gunicorn python3-flask" "the web side"; then
	figures "the web side" /usr/bin/python3 tests/bench/web.py build/sluice "$folder"
fi
figures "user-space datapath" build/bench/bench_user; }
part_replay() { figures replay /usr/bin/python3 tests/bench/replay.py build/sluice "$folder"; }
part_flow() { figures "flow table" flow; }
part_store() { figures store store; }
part_search() {
	has sqlite3 sqlite3 "searches of the history" || return
	mkdir -p "$folder/history"
	figures "searches of the history" /usr/bin/python3 tests/bench/search.py \
		build/bench/bench_search "$folder/history" "${SLUICE_BENCH_ROWS:-10000000}"
}
part_export() { figures "EVE lines" build/bench/bench_export "$folder"; }
part_report() {
	mkdir -p "$folder/reports"
	figures reports /usr/bin/python3 tests/bench/report_peer.py \
		build/bench/bench_report "$folder/reports" "${SLUICE_BENCH_ROWS:-10000000}"
}
# The same history under the running service, searched and drawn over the API.
part_history() {
	if ! join_namespaces; then
		failed=$((failed + 1))
		return
	fi
	mkdir -p "$folder/long"
	figures "history over the API" unshare --mount --propagation slave ip netns exec "$inside" sh -c \
		'umask 022; mkdir -p /run/sluice-bpf && mount -t bpf -o mode=0700 bpf /run/sluice-bpf &&
		exec /usr/bin/python3 tests/bench/history.py "$@"' sh \
		build/sluice build/bench/bench_search "$folder/long" "${SLUICE_BENCH_ROWS:-10000000}" in0 \
		198.18.77.1 "$outside"
	ip netns del "$inside" && ip netns del "$outside"
}
part_detect() { figures detectors build/bench/bench_detect; }
part_feeds() {
	figures feeds /usr/bin/python3 tests/bench/feeds.py build/sluice
}

part_model() {
	figures model build/bench/bench_model
	figures "model over time" build/bench/bench_watch ../shared/data/anomaly/darpa98_edges_d00_34.csv.gz
	figures "model beside scikit-learn" /usr/bin/python3 tests/bench/model.py build/sluice
}

parts=("$@")
[ $# -gt 0 ] || parts=(datapath wire rules service user replay flow store search history detect model export report feeds)
for part in "${parts[@]}"; do
	declare -F "part_$part" >/dev/null || { echo "no part is called $part" >&2; exit 2; }
done
tests/packages.sh bench || exit 1
if ! make -s -j"$(nproc)" -f tests/bench/build.mk bench-programs; then
	echo "make bench: the build failed"
	exit 1
fi
folder=$(mktemp -d /tmp/sluice-bench-XXXXXX)
chmod 0755 "$folder" # the service drops to another user and walks through it
facts
for part in "${parts[@]}"; do
	if [ "$(id -u)" != 0 ] && [[ " datapath wire rules service history feeds " == *" $part "* ]]; then
		skip "$part" "needs root"
	else
		"part_$part"
	fi
done
echo "$missed missed, $failed failed, $skipped skipped, $SECONDS s"
[ $((missed + failed)) = 0 ]
