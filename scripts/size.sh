#!/usr/bin/env bash
# What is in the release addon, by section and by crate (docs/size.md). Builds it with symbols, some minutes; the addon is left alone.
set -euo pipefail
cd "$(dirname "$0")/.."
export CARGO_PROFILE_RELEASE_STRIP=none
scripts/release-flags.sh cargo build --quiet --locked --release --lib
built="${CARGO_TARGET_DIR:-target}/release/librefresh_session.so"
stripped="$(mktemp)"
trap 'rm -f "$stripped"' EXIT
strip -o "$stripped" "$built"
node scripts/size.mjs "$built" "$stripped"
