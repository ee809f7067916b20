#!/usr/bin/env bash
# `npm run cross [-- [--fetch] TARGET…]`: the addon as it is released, for other machines than this one; every target of
# package.json unless told otherwise. Results are in `target/cross`, named as the loader looks for them, and checked by
# `scripts/floors.mjs` and `scripts/size.mjs`. Runs on x86-64 Debian, needs no root, and keeps what it downloads in
# `.cache/cross`: docs/cross.md. `--fetch` only downloads. Exits with 3 where something is not to be had.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=$PWD/.cache/cross
built=$PWD/target/cross
glibc_floor=2.17

fail() { printf 'cross: %s\n' "$1" >&2; exit 1; }
unavailable() { printf 'cross: %s\n' "$1" >&2; exit 3; }
timed() { local from=$SECONDS what=$1; shift; "$@"; printf 'cross: %s: %d s\n' "$what" $((SECONDS - from)); }

suffix_of() {
  case "$1" in
    aarch64-unknown-linux-gnu) echo linux-arm64-gnu ;;
    aarch64-unknown-linux-musl) echo linux-arm64-musl ;;
    armv7-unknown-linux-gnueabihf) echo linux-arm-gnueabihf ;;
    armv7-unknown-linux-musleabihf) echo linux-arm-musleabihf ;;
    x86_64-unknown-linux-gnu) echo linux-x64-gnu ;;
    x86_64-unknown-linux-musl) echo linux-x64-musl ;;
    *) fail "'$1' is none of the targets in package.json that this can build" ;;
  esac
}

# Debian's compiler with the standard libraries of all three architectures, driven by rustup's cargo.
rustc_wrapper() {
  cat > "$cache/rustc.new" << EOF
#!/bin/sh
LD_LIBRARY_PATH="$cache/rust/usr/lib/x86_64-linux-gnu:$cache/rust/usr/lib" exec "$cache/rust/usr/bin/rustc" --sysroot "$cache/rust/usr" "\$@"
EOF
  chmod +x "$cache/rustc.new"
  # Cargo builds everything anew for a compiler that has changed.
  if cmp -s "$cache/rustc.new" "$cache/rustc"; then rm "$cache/rustc.new"; else mv "$cache/rustc.new" "$cache/rustc"; fi
}

# Those of one C library together: the end of a build, when all of one is optimised at once, keeps one core busy.
compile() { # target…
  local zig target
  zig=$(echo "$cache"/python/lib/python3*/site-packages/ziglang/zig)
  local arguments=(--package refresh-session --lib --release --locked)
  local -x RUSTC=$cache/rustc CARGO_TARGET_DIR=$built CARGO_ZIGBUILD_ZIG_PATH=$zig
  # To the flags of every release, the folders that only this one has.
  local -x RUSTFLAGS="--remap-path-prefix=$cache/rust/usr/src=rust --remap-path-prefix=$PWD=refresh-session"
  local -x CARGO_ZIGBUILD_CACHE_DIR=$cache/zigbuild ZIG_GLOBAL_CACHE_DIR=$cache/zig ZIG_LOCAL_CACHE_DIR=$cache/zig
  case "$1" in
    *-musl*)
      # No distribution has a standard library for these; it is built here. Node dlopens us: nothing may be static.
      # In a folder of its own: build scripts look at this variable, and would run anew whenever it comes or goes.
      local -x RUSTC_BOOTSTRAP=1 CARGO_TARGET_DIR=$built/musl
      RUSTFLAGS+=' -C target-feature=-crt-static'
      arguments+=(-Z build-std=std,panic_unwind "${@/#/--target=}")
      ;;
    *) for target in "$@"; do arguments+=("--target=$target.$glibc_floor"); done ;;
  esac
  scripts/release-flags.sh "$cache/python/bin/cargo-zigbuild" zigbuild "${arguments[@]}"
}

build() { # target…
  local target result from=$built
  [[ $1 != *-musl* ]] || from=$built/musl
  compile "$@"
  for target in "$@"; do
    result=target/cross/refresh-session.$(suffix_of "$target").node
    # By another name first: a Node that has the old one loaded must not see it change.
    cp "$from/$target/release/librefresh_session.so" "$result.new"
    mv "$result.new" "$result"
    node scripts/floors.mjs "$result"
    node scripts/size.mjs --check "$result"
  done
}

[ "$(uname -sm)" = 'Linux x86_64' ] || unavailable 'this runs on x86-64 Linux only'
fetch=
[ "${1:-}" != --fetch ] || { fetch=1; shift; }
targets=("$@")
if [ ${#targets[@]} -eq 0 ]; then
  mapfile -t targets < <(node -p 'require("./package.json").napi.targets.filter((target) => target.includes("-linux-")).join("\n")')
fi
for target in "${targets[@]}"; do suffix_of "$target" >/dev/null; done

timed 'compiler and linker' scripts/cross/python.sh
timed 'standard libraries' scripts/cross/debian.sh rust
[ -z "$fetch" ] || exit 0
rustc_wrapper
for libc in gnu musl; do
  mapfile -t same < <(printf '%s\n' "${targets[@]}" | grep -- "-$libc")
  [ ${#same[@]} -eq 0 ] || timed "${same[*]}" build "${same[@]}"
done
