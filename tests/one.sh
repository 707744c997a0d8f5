#!/usr/bin/env bash
# One cmocka program into LOG-MODULE-NAME; a program that ends without a verdict has failed.
# usage: one.sh LOG PROGRAM
set -uo pipefail
text=$1-$(basename "$2")-$(basename "$(dirname "$2")")
if ! timeout 300 "$2" >"$text" 2>&1 && ! grep -q '\[  FAILED  \]' "$text"; then
	echo "[  FAILED  ] 1 test(s): $2 ended without a verdict" >>"$text"
fi
