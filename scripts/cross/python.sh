#!/usr/bin/env bash
# The Python packages of `python.txt`, by checksum, into `.cache/cross/python`. Exits with 3 where they are not to be had.
set -euo pipefail
cd "$(dirname "$0")/../.."

venv=.cache/cross/python
list=scripts/cross/python.txt

fail() { printf 'cross: %s\n' "$1" >&2; exit 1; }
unavailable() { printf 'cross: %s\n' "$1" >&2; exit 3; }

# Written last: what was cut short is made anew.
! cmp -s "$list" "$venv/.packages" || exit 0
command -v python3 >/dev/null || unavailable 'there is no python3'
printf 'cross: zig and cargo-zigbuild\n'
rm -rf "$venv"
mkdir -p "${venv%/*}"
python3 -m venv "$venv" || unavailable 'python3 cannot make a venv (Debian: python3-venv)'
said=$("$venv/bin/pip" install --quiet --no-compile --disable-pip-version-check --timeout 20 --retries 2 --no-deps \
  --only-binary :all: --require-hashes -r "$list" 2>&1) || {
  printf '%s\n' "$said" >&2
  [[ $said != *'DO NOT MATCH THE HASHES'* ]] || fail 'what pip was given is not what python.txt names'
  unavailable 'pip could not install zig and cargo-zigbuild'
}
cp "$list" "$venv/.packages"
