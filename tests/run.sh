#!/usr/bin/env bash
# Every test, stage by stage; the last line is "N passed, N failed[, N skipped]". Called by `make test`.
# usage: run.sh [STAGE...]   stages: unit sanitized threads bpf replay lint fuzz kernel61 net web; units is the first two,
# beside is net, lint, fuzz and kernel61, side by side (default: all but threads)
# With CI=true a skipped kernel, namespace or browser test counts as failed.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

passed=0 failed=0 skipped=0
log=build/test-log
mkdir -p "$log"
jobs=$(nproc)

# note STAGE PASSED FAILED SKIPPED: add to the sums; say it.
note() {
	passed=$((passed + $2)) failed=$((failed + $3)) skipped=$((skipped + $4))
	printf '%-10s %5d passed %3d failed %3d skipped  (%d s)\n' "$1" "$2" "$3" "$4" $((SECONDS - began))
}

# fail STAGE WHY FILE: one failure that is no test's own, with the end of its output.
fail() {
	echo "$1: $2"
	tail -n 40 "$3"
	note "$1" 0 1 0
}

# unit_build NAME [MAKE VARIABLE...]: the cmocka programs of a build; its status in a file.
unit_build() {
	local name=$1
	shift
	make -s -j"$jobs" "$@" unit >"$log/$name-build" 2>&1
	echo $? >"$log/$name.status"
}

# unit_run OUT NAME: every program that unit_build left; several at once, as many of them mostly wait.
unit_run() {
	[ "$(cat "$log/$2.status")" = 0 ] || return
	rm -f "$log/$2"-test_*
	find "$1/unit" -type f -name 'test_*' -perm -u+x | sort |
		xargs -P $((jobs * 2)) -I{} tests/one.sh "$log/$2" {}
}

# unit_note NAME: what unit_build and unit_run left.
unit_note() {
	local name=$1 p=0 f=0 s=0 text
	if [ "$(cat "$log/$name.status")" != 0 ]; then
		fail "$name" "the build failed" "$log/$name-build"
		return
	fi
	for text in "$log/$name"-test_*; do
		if grep -q '\[  FAILED  \] [1-9]' "$text"; then
			echo "--- $text"
			tail -n 40 "$text"
		fi
		p=$((p + $(sum '\[  PASSED  \] \([0-9]*\) test.*' "$text")))
		f=$((f + $(sum '\[  FAILED  \] \([0-9]*\) test.*' "$text")))
		s=$((s + $(sum '\[  SKIPPED \] \([0-9]*\) test.*' "$text")))
	done
	note "$name" "$p" "$f" "$s"
}

# unit OUT NAME [MAKE VARIABLE...]
unit() {
	local out=$1 name=$2
	shift 2
	unit_build "$name" "$@"
	unit_run "$out" "$name"
	unit_note "$name"
}

# sum PATTERN FILE: the numbers that the pattern's group catches, added up.
sum() {
	sed -n "s/.*$1/\\1/p" "$2" | awk '{ n += $1 } END { print n + 0 }'
}

# counted_run NAME COMMAND...: a program whose last line is "N passed, N failed[, N skipped]".
counted_run() {
	local name=$1
	shift
	timeout 1500 "$@" >"$log/$name" 2>&1
}

# counted_note NAME: what counted_run left.
counted_note() {
	local name=$1 last p f s
	last=$(grep -E '^[0-9]+ passed, [0-9]+ failed' "$log/$name" | tail -n 1)
	if [ -z "$last" ]; then
		fail "$name" "no verdict" "$log/$name"
		return
	fi
	read -r p _ f _ s _ <<<"${last//,/} "
	[ "$f" = 0 ] || grep -E '^not ok|FAIL|Error' "$log/$name" | head -n 40
	note "$name" "$p" "$f" "${s:-0}"
}

# counted NAME COMMAND...
counted() {
	counted_run "$@"
	counted_note "$1"
}

# counted_by WORD FILE: "7" of pytest's closing "7 passed, 1 failed in 9 s".
counted_by() {
	tail -n 1 "$2" | grep -oE "[0-9]+ $1" | grep -oE '[0-9]+' | head -n 1
}

# pytest_run NAME SECONDS ARGUMENT...: what it says and its status, in files.
pytest_run() {
	local name=$1 seconds=$2
	shift 2
	timeout "$seconds" /usr/bin/python3 -m pytest -q -p no:cacheprovider --tb=short -rs "$@" >"$log/$name" 2>&1
	echo $? >"$log/$name.status"
}

# pytest_note NAME
pytest_note() {
	local p f s e
	p=$(counted_by passed "$log/$1")
	f=$(counted_by failed "$log/$1")
	e=$(counted_by error "$log/$1")
	s=$(counted_by skipped "$log/$1")
	f=$((${f:-0} + ${e:-0}))
	if [ "$(cat "$log/$1.status")" != 0 ]; then
		tail -n 80 "$log/$1"
		[ "$f" -gt 0 ] || f=1
	fi
	if [ "${CI:-}" = true ] && [ "${s:-0}" -gt 0 ]; then
		echo "$1: a skipped test is a failure under CI=true"
		grep -E '^SKIPPED' "$log/$1"
		f=$((f + s)) s=0
	fi
	note "$1" "${p:-0}" "$f" "${s:-0}"
}

# pytests NAME FOLDER SECONDS
pytests() {
	pytest_run "$1" "$3" "$2"
	pytest_note "$1"
}

stage_unit() { unit build unit; }
stage_sanitized() { unit build/san sanitized SAN=1; }
# Programs that mostly wait, beside a build that computes and gives way to them.
stage_units() {
	unit_build unit
	unit_run build unit &
	(renice -n 15 -p "$BASHPID" >/dev/null && unit_build sanitized SAN=1)
	wait $!
	unit_note unit
	unit_run build/san sanitized
	unit_note sanitized
}
stage_threads() { unit build/tsan threads TSAN=1; }
stage_bpf() {
	if ! make -s -j"$jobs" bpf-tests >"$log/bpf-build" 2>&1; then
		fail bpf "the build failed" "$log/bpf-build"
		return
	fi
	if [ "$(id -u)" = 0 ]; then
		counted bpf build/bpf/test_datapath build/bpf/sluice.bpf.o
		counted bpf-block build/bpf/test_block build/bpf/sluice.bpf.o
		counted bpf-names build/bpf/test_names build/bpf/sluice.bpf.o
	elif [ "${CI:-}" = true ]; then
		fail bpf "needs root" /dev/null
	else
		note bpf 0 0 1
	fi
}
stage_lint() { counted lint tests/lint/quick.sh; }
stage_fuzz() { counted fuzz tests/fuzz/run.sh 3; }
stage_kernel61() { pytests kernel61 tests/kernel61 600; }
stage_replay() {
	pytest_run replay 600 -n "$jobs" --dist loadfile tests/replay
	pytest_note replay
}
# What needs the mock beside what needs the program.
stage_web() {
	local file with_mock=() with_program=()
	for file in tests/web/test_*.py; do
		if grep -q 'from program import' "$file"; then
			with_program+=("$file")
		else
			with_mock+=("$file")
		fi
	done
	pytest_run web-1 1200 -m "not alone" "${with_program[@]}" &
	pytest_run web-2 1200 -m "not alone" "${with_mock[@]}"
	wait $!
	pytest_note web-1
	pytest_note web-2
	# what times a browser, with nothing beside it
	pytest_run web-alone 300 -m alone tests/web
	pytest_note web-alone
}
# Four files at a time: most of their time is waiting.
stage_net() {
	pytest_run net 1500 -n 4 --dist loadfile tests/net
	pytest_note net
}
# net waits and hardly computes; lint, fuzz and kernel61 compute and are in no hurry.
stage_beside() {
	{
		renice -n 15 -p "$BASHPID" >/dev/null
		counted_run lint tests/lint/quick.sh
		counted_run fuzz tests/fuzz/run.sh 3
		pytest_run kernel61 1200 tests/kernel61
	} &
	stage_net
	wait $!
	counted_note lint
	counted_note fuzz
	pytest_note kernel61
}

[ $# -gt 0 ] || set -- units bpf replay web beside
began=$SECONDS
if ! make -s -j"$jobs" all >"$log/build" 2>&1; then
	fail build "sluice does not build" "$log/build"
else
	for stage in "$@"; do
		began=$SECONDS
		"stage_$stage"
	done
fi
if [ $skipped -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ $failed = 0 ]
