#!/usr/bin/env bash
# `npm test`: everything CI runs.
set -euo pipefail
cd "$(dirname "$0")/.."

scripts/setup.sh cc openssl faketime gnutls-serv musl-gcc softhsm2-util pkcs11-tool pkcs11-spy.so p11-kit p11-kit-client.so \
  swtpm tpm2_getrandom libtpm2_pkcs11.so libtss2-tcti-swtpm.so.0 pkcsslotd libopencryptoki.so libykcs11.so mosquitto \
  mosquitto_pub
scripts/moto.sh
scripts/bundlers.sh
exec node scripts/test.mjs
