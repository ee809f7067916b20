#!/usr/bin/env bash
# Sees to it that what the other scripts call is there: tools from the system, npm packages as locked.
# Usage: scripts/setup.sh NEEDED…   (a command, or the shared library of a package; of those in `package_of`)
set -euo pipefail
cd "$(dirname "$0")/.."

fail() { printf 'setup: %s\n' "$1" >&2; exit 1; }

package_of() {
  case "$1" in
    cc) echo build-essential ;;
    musl-gcc) echo musl-tools ;;
    openssl) echo openssl ;;
    faketime) echo faketime ;;
    gnutls-serv) echo gnutls-bin ;;
    mosquitto) echo mosquitto ;;
    mosquitto_pub) echo mosquitto-clients ;;
    libykcs11.so) echo ykcs11 ;;
    libopencryptoki.so | pkcsslotd) echo opencryptoki ;;
    libtpm2_pkcs11.so) echo libtpm2-pkcs11-1 ;;
    libtss2-tcti-swtpm.so.0) echo libtss2-tcti-swtpm0 ;;
    softhsm2-util) echo softhsm2 ;;
    p11-kit) echo p11-kit ;;
    p11-kit-client.so) echo p11-kit-modules ;;
    pkcs11-spy.so) echo opensc-pkcs11 ;;
    pkcs11-tool) echo opensc ;;
    swtpm) echo swtpm ;;
    tpm2_getrandom) echo tpm2-tools ;;
    *) fail "no Debian package is known for '$1'" ;;
  esac
}

command -v node >/dev/null || fail 'Node.js is missing: install version 20.19 or newer (https://nodejs.org).'
node -e 'const [a, b] = process.versions.node.split(".").map(Number); process.exit(a > 20 || (a === 20 && b >= 19) ? 0 : 1)' ||
  fail "Node.js $(node --version) is too old: 20.19 or newer is needed."
command -v cargo >/dev/null || fail 'The Rust toolchain is missing: install it with rustup (https://rustup.rs).'

present() {
  case "$1" in
    # Daemons. /usr/sbin is not in everybody's PATH.
    pkcsslotd | mosquitto) [ -x "/usr/sbin/$1" ] ;;
    *.so | *.so.0) compgen -G "/usr/lib/*/$1" >/dev/null || compgen -G "/usr/lib/*/pkcs11/$1" >/dev/null ;;
    *) command -v "$1" >/dev/null ;;
  esac
}

missing=()
for needed in "$@"; do
  present "$needed" || missing+=("$(package_of "$needed")")
done
if [ ${#missing[@]} -gt 0 ]; then
  install="apt-get install -y --no-install-recommends ${missing[*]}"
  command -v apt-get >/dev/null || fail "missing: ${missing[*]} (Debian names). Install them with your system's package tool."
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || fail "missing: ${missing[*]}. Not allowed to install them; run: sudo $install"
    as_root=(sudo -n)
  fi
  printf 'setup: installing %s\n' "${missing[*]}"
  "${as_root[@]}" apt-get update -qq >/dev/null || printf 'setup: apt-get update failed; trying with the lists at hand\n' >&2
  # shellcheck disable=SC2086
  DEBIAN_FRONTEND=noninteractive "${as_root[@]}" $install >/dev/null || fail "could not install ${missing[*]}; run: sudo $install"
fi

if [ ! -e node_modules/.package-lock.json ] || [ package-lock.json -nt node_modules/.package-lock.json ]; then
  echo 'setup: installing npm packages'
  # Versions are those of the lock file. Not `npm ci`: it insists on the optional packages of every other platform,
  # which not every registry mirror has.
  npm install --no-save --ignore-scripts --loglevel=error
fi
