#!/usr/bin/env bash
# The packages as they are published, into .cache/pack; see scripts/pack.mjs for its flags. Builds nothing.
set -euo pipefail
cd "$(dirname "$0")/.."
exec node scripts/pack.mjs "$@"
