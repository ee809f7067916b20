#!/usr/bin/env bash
# Puts moto, a stand-in for AWS by others, into `.cache/moto` for `__test__/moto.test.mjs`. Without Python, its venv, or the
# package it says so and ends well: those tests are then skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

version=5.2.2
venv=.cache/moto

skip() { printf 'moto: %s; its tests are skipped\n' "$1"; rm -rf "$venv"; exit 0; }

# Written last: what was cut short is made anew.
[ "$(cat "$venv/version" 2>/dev/null)" != "$version" ] || exit 0
command -v python3 >/dev/null || skip 'there is no python3'
rm -rf "$venv"
python3 -m venv "$venv" 2>/dev/null >&2 || skip 'python3 cannot make a venv (Debian: python3-venv)'
printf 'moto: installing version %s\n' "$version"
timeout 300 "$venv/bin/pip" install --quiet --no-compile --disable-pip-version-check "moto[server]==$version" || skip 'pip could not install it'
printf '%s\n' "$version" > "$venv/version"
