#!/usr/bin/env bash
# `npm test`: everything CI runs.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh cc openssl softhsm2-util pkcs11-tool
exec node scripts/test.mjs
