#!/usr/bin/env bash
# `make lint`: the quick checks and the analyzers; every warning is an error.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
failed=0
tests/lint/quick.sh || failed=1

flags=(-std=gnu11 -D_GNU_SOURCE '-DSLUICE_VERSION="lint"' -I.)
mapfile -t sources < <(find agent tools -name '*.c' | sort)

# Left out: memleak takes CLEANUP(), the cleanup attribute, for a leak (LeakSanitizer's, make SAN=1
# test); system headers and the depth of its check are remarks about cppcheck, not about the code.
echo "cppcheck"
cppcheck --quiet --std=c11 --enable=warning,performance,portability --inline-suppr --error-exitcode=1 \
	--suppress=memleak --suppress=missingIncludeSystem --suppress=normalCheckLevelMaxBranches \
	--include=tests/lint/loops.h "${flags[@]:1}" -j "$(nproc)" agent tools tests/unit tests/fuzz || failed=1

echo "gcc -fanalyzer"
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 1 gcc "${flags[@]}" -O1 -Wall -Wextra -Werror \
	-fanalyzer -c -o /dev/null || failed=1

echo "clang-tidy" # one file a run: version 14 sees uninitialized va_lists from the second file on
printf '%s\n' "${sources[@]}" | xargs -P "$(nproc)" -n 1 sh -c \
	'clang-tidy --quiet "$@" -- -std=gnu11 -D_GNU_SOURCE "-DSLUICE_VERSION=\"lint\"" -I. 2>/dev/null' tidy || failed=1

[ $failed = 0 ] && echo "lint: no findings"
exit $failed
