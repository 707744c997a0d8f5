#!/usr/bin/env bash
# Builds every fuzz target (libFuzzer, ASan, UBSan) and runs it on its saved corpus, then for SECONDS.
# usage: run.sh SECONDS   Last line: counts.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
seconds=${1:-10} passed=0 failed=0
# all at once, on every processor; what is not there then is built again below, by itself, and says why
mapfile -t targets < <(basename -s .c -a tests/fuzz/fuzz_*.c)
rm -f "${targets[@]/#/build/fuzz/}"
make -s -k -j"$(nproc)" FUZZ=1 "${targets[@]/#/build/fuzzing/fuzz/}" >build/fuzz-all.log 2>&1
for source in tests/fuzz/fuzz_*.c; do
	name=$(basename "$source" .c)
	if [ ! -x "build/fuzz/$name" ] && ! make -s "build/fuzz/$name" >"build/fuzz-$name.log" 2>&1; then
		echo "not ok $name does not build"
		tail -n 20 "build/fuzz-$name.log"
		failed=$((failed + 1))
		continue
	fi
	mkdir -p "build/fuzz/corpus/$name"
	if "build/fuzz/$name" -max_total_time="$seconds" -timeout=5 -rss_limit_mb=1024 -print_final_stats=1 \
		-artifact_prefix="build/fuzz/$name-" "build/fuzz/corpus/$name" "tests/fuzz/corpus/${name#fuzz_}" \
		>"build/fuzz-$name.log" 2>&1; then
		echo "ok $name $(grep -o 'number_of_executed_units: .*' "build/fuzz-$name.log")"
		passed=$((passed + 1))
	else
		echo "not ok $name"
		tail -n 30 "build/fuzz-$name.log"
		failed=$((failed + 1))
	fi
done
echo "$passed passed, $failed failed"
[ $failed = 0 ]
