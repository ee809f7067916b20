#!/usr/bin/env bash
# A release without anybody noticing: checks, packs, publishes to a registry on loopback that is gone afterwards, installs
# from it, and makes what is attached.
# Builds nothing; platforms without a binary get an empty file in its place, unless --all is given.
# Usage: scripts/release-dry-run.sh [--tag v1.2.3] [--date 2026-11-21] [--addons DIR] [--all]
set -euo pipefail
cd "$(dirname "$0")/.."
node scripts/platforms.mjs --check
exec node scripts/release-dry-run.mjs "$@"
