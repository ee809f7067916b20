#!/usr/bin/env bash
# Runs a command, such as `napi build --release`, with the flags of a release that Cargo.toml has no place for.
#
# * Frame pointers: without them the unwind tables of x64 tell where the frame is after every push and pop, 3 % of the addon. ARM has
#   them anyway. Profilers like them.
# * No path of the machine that built it in messages of panics.
set -euo pipefail
flags="-C force-frame-pointers=yes"
for registry in "${CARGO_HOME:-$HOME/.cargo}"/registry/src/*; do
  flags+=" --remap-path-prefix=$registry/="
done
RUSTFLAGS="${RUSTFLAGS:+$RUSTFLAGS }$flags" exec "$@"
