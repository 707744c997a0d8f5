#!/bin/sh
# Run by dash in the virtual machine. Prints sections "== NAME" that test_debian_kernel.py judges; decides nothing itself.
# Here: sluice, sluice.bpf.o, test_datapath and test_names, in the working directory.

section() {
	echo "== $1"
}

# until_true SECONDS COMMAND...: ask again ten times a second.
until_true() {
	left=$(($1 * 10))
	shift
	while ! "$@"; do
		left=$((left - 1))
		[ $left -gt 0 ] || return 1
		sleep 0.1
	done
}

serves() {
	grep -qs '^listening on' /run/out
}

children() {
	cat /proc/"$service"/task/"$service"/children
}

two_children() {
	[ "$(children | wc -w)" = 2 ]
}

# pings COUNT: what the other namespace gets back.
pings() {
	ip netns exec B ping -c "$1" -W 1 198.18.61.1 | grep 'packets transmitted'
}

# ask WORDS...: one command of the program to the running service, its JSON.
ask() {
	section "$1 $2 $3"
	./sluice "$@" -o json --state /run/state
	echo
}

# settled: the counters stood still for longer than the second in which they are read.
settled() {
	was=$now
	now=$(./sluice coverage -o json --state /run/state)
	[ "$now" = "$was" ] || { sleep 1.2 && false; }
}

section kernel
uname -r

{ ./test_datapath sluice.bpf.o >/run/datapath && ./test_names sluice.bpf.o >/run/names; } 2>/run/tables & # on CPU 0, beside the service
tables=$!

ip netns add A && ip netns add B
ip link add va netns A type veth peer name vb netns B
ip -n A addr add 198.18.61.1/24 dev va && ip -n B addr add 198.18.61.2/24 dev vb
for one in A B; do
	ip netns exec $one sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 # no packets but ours
	ip -n $one link set lo up
done
ip -n A link set va up && ip -n B link set vb up

ip netns exec A ./sluice run -i va --listen 127.0.0.1:0 --state /run/state >/run/out 2>/run/err &
service=$!
section started
until_true 60 serves && until_true 5 two_children && echo yes
for pid in $service $(children); do
	section "role $pid"
	grep -E '^(Uid|NoNewPrivs|Seccomp|Cap[A-Z][a-z]*):' /proc/"$pid"/status
done
section "ping before"
pings 3
now="" && until_true 10 settled
ask coverage
ask block add 198.18.61.2
section "ping blocked"
pings 3
now="" && until_true 10 settled
ask coverage
ask block list
wait $tables
section "datapath"
cat /run/datapath /run/tables
section "names"
cat /run/names
section "log"
cat /run/out /run/err
section "stop"
kill $service
wait $service
echo $?
