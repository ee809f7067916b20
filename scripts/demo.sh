#!/usr/bin/env bash
# `npm run demo`: from a fresh clone to signed AWS calls, on the local testbed.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh cc openssl softhsm2-util pkcs11-tool
echo 'demo: building (the first time takes a few minutes)'
cargo build --quiet --locked --profile fast -p refresh-session-testbed
npm run --silent build
exec node scripts/demo.mjs target/fast/testbed
