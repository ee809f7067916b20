#!/usr/bin/env bash
# Puts the bundlers that `__test__/bundlers.test.mjs` tries, beside esbuild, into `.cache/bundlers`. Where npm cannot
# get them it says so and ends well: those tests are then skipped.
set -euo pipefail
cd "$(dirname "$0")/.."

wanted='webpack@5.112.2 rollup@4.68.7 @rollup/plugin-commonjs@29.0.3 @rollup/plugin-node-resolve@16.0.3 postject@1.0.0-alpha.6'
dir=.cache/bundlers

# Written last: what was cut short is made anew.
[ "$(cat "$dir/wanted" 2>/dev/null)" != "$wanted" ] || exit 0
rm -rf "$dir"
mkdir -p "$dir"
printf '{ "private": true }\n' >"$dir/package.json"
echo 'bundlers: installing webpack and rollup'
# shellcheck disable=SC2086
if ! timeout 300 npm install --prefix "$dir" --ignore-scripts --loglevel=error $wanted; then
  echo 'bundlers: npm could not install them; their tests are skipped'
  rm -rf "$dir"
  exit 0
fi
printf '%s\n' "$wanted" >"$dir/wanted"
