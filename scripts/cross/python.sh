#!/usr/bin/env bash
# The Python packages of `python.txt`, by checksum, into `.cache/cross/python`.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.cache/cross/python
list=scripts/cross/python.txt

fail() { printf 'cross: %s\n' "$1" >&2; exit 1; }

# Written last: what was cut short is made anew.
! cmp -s "$list" "$venv/.packages" || exit 0
command -v python3 >/dev/null || fail 'there is no python3'
printf 'cross: zig and cargo-zigbuild\n'
rm -rf "$venv"
mkdir -p "${venv%/*}"
python3 -m venv "$venv" || fail 'python3 cannot make a venv (Debian: python3-venv)'
"$venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --no-deps --only-binary :all: --require-hashes -r "$list" ||
  fail 'pip could not install zig and cargo-zigbuild'
cp "$list" "$venv/.packages"
