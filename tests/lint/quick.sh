#!/usr/bin/env bash
# The lint that `make test` has time for: house rules, headers, layout, shell. Last line: counts.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
passed=0 failed=0

# check NAME COMMAND...: prints the findings of a failing check.
check() {
	local name=$1 text
	shift
	if text=$("$@" 2>&1); then
		echo "ok $name"
		passed=$((passed + 1))
	else
		echo "not ok $name"
		head -n 60 <<<"$text"
		failed=$((failed + 1))
	fi
}

sources() { find agent bpf include tools tests -name '*.[ch]' -not -path '*/corpus/*' | sort; }

format() { sources | xargs clang-format --dry-run --Werror; }

# Each header compiles alone, and twice.
headers() {
	local bad=0 header
	for header in $(find agent include -name '*.h' | sort); do
		printf '#include "%s"\n#include "%s"\nint header_is_complete;\n' "$header" "$header" |
			gcc -std=gnu11 -D_GNU_SOURCE -I. -Wall -Wextra -Werror -fsyntax-only -x c - ||
			{ echo "$header does not compile alone and twice"; bad=1; }
	done
	return $bad
}

shell() { find .ci/run systemd tests tools \( -name '*.sh' -o -path .ci/run \) -exec shellcheck {} +; }

check house /usr/bin/python3 tests/lint/house.py --objects build/obj
check headers headers
check format format
check shell shell
echo "$passed passed, $failed failed"
[ $failed = 0 ]
