#!/usr/bin/env bash
# `npm run demo`: from a fresh clone to signed AWS calls, on the local testbed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh cc openssl softhsm2-util pkcs11-tool
echo 'demo: building (two minutes the first time)'
mkdir -p target
build() {
  cargo build --quiet --locked --profile fast -p refresh-session-testbed && npm run --silent build
}
build > target/demo-build.log 2>&1 || { cat target/demo-build.log >&2; exit 1; }
exec node scripts/demo.mjs target/fast/testbed
