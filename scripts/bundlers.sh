#!/usr/bin/env bash
# Puts the bundlers that __test__/bundlers.test.mjs tries, beside esbuild, into an ignored folder; once.
set -euo pipefail
cd "$(dirname "$0")/.."
wanted='webpack@5.112.2 rollup@4.68.7 @rollup/plugin-commonjs@29.0.3 @rollup/plugin-node-resolve@16.0.3 postject@1.0.0-alpha.6'
dir=.cache/bundlers
if [ "$(cat "$dir/wanted" 2>/dev/null)" != "$wanted" ]; then
  echo 'bundlers: installing webpack and rollup'
  mkdir -p "$dir"
  echo '{ "private": true }' >"$dir/package.json"
  # shellcheck disable=SC2086
  npm install --prefix "$dir" --ignore-scripts --loglevel=error $wanted
  echo "$wanted" >"$dir/wanted"
fi
