#!/usr/bin/env bash
# `npm run fuzz [-- SECONDS]`: each fuzz target for so long, from seeds not used before; ten minutes unless told otherwise.
set -euo pipefail
cd "$(dirname "$0")/.."

export FUZZ_SECONDS="${1:-600}"
export FUZZ_FROM="${FUZZ_FROM:-$(date +%s)000000}"
printf 'fuzz: FUZZ_FROM=%s\n' "$FUZZ_FROM"
cargo test --quiet --locked -p refresh-session-mqtt --test fuzz -- --nocapture
