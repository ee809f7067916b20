// Node exports its own OpenSSL to every library that is loaded into it. A PKCS#11 module that signs with a mix of that
// and the system's crashes sooner or later; the dynamic linker is asked which one it gets.

import { mkdtemp, readdir, readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import test from "ava";
import { start, systemModule } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";
import { tpmToken } from "./support/tokens/tpm.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.after.always(() => tb?.stop());

const isInstalled = (file) => {
  try {
    return systemModule(file) !== undefined;
  } catch {
    return false;
  }
};

for (const [name, module, prepare] of [
  ["SoftHSM", /^libsofthsm2/, async () => ({ options: tb.hsm("rsa2048") })],
  [
    "tpm2-pkcs11",
    /^libtpm2_pkcs11/,
    async (t) => {
      const tpm = await tpmToken(tb);
      t.teardown(() => tpm.stop());
      return { options: tpm.options(), env: tpm.env };
    },
  ],
  [
    "OpenSC",
    /^libopensc|^opensc-pkcs11/,
    async () => {
      const library = systemModule("opensc-pkcs11.so", "opensc-pkcs11");
      // Without a card reader: it is bound when it is loaded.
      return { options: tb.hsm("ec256", {}, { library }), expected: 1 };
    },
  ],
  // These load other modules themselves.
  [
    "SoftHSM behind p11-kit's proxy",
    /^libsofthsm2/,
    async (t) => {
      // The proxy knows this one too, and need not look for a real TPM.
      const tpm = await tpmToken(tb);
      t.teardown(() => tpm.stop());
      const library = systemModule("p11-kit-proxy.so", "libp11-kit0");
      return { options: tb.hsm("rsa2048", {}, { library }), env: tpm.env };
    },
  ],
  ...["libopencryptoki.so"].filter(isInstalled).map((library) => [
    "opencryptoki",
    /^libpkcs11_sw/,
    // Without its daemon.
    async () => ({ options: tb.hsm("ec256", {}, { library: systemModule(library) }), expected: 1 }),
  ]),
]) {
  test(`${name} and its OpenSSL use each other's symbols, never Node's`, async (t) => {
    const dir = await mkdtemp(join(tb.dir, "symbols-"));
    const { options, env = {}, expected = 0 } = await prepare(t);
    const debug = { LD_DEBUG: "bindings", LD_DEBUG_OUTPUT: join(dir, "bindings") };
    const ended = await start("fetch.mjs", { options, ending: "close" }, { env: { ...env, ...debug } }).ended;
    t.is(ended.code, expected, ended.stderr);

    /** How often which library uses OpenSSL's symbols of which. */
    const uses = {};
    for (const file of await readdir(dir)) {
      const text = await readFile(join(dir, file), "utf8");
      for (const [, from, to] of text.matchAll(
        /binding file (\S+) \[0\] to (\S+) \[0\]: \w+ symbol `(?:ASN1|BIO|BN|CRYPTO|EC|ECDSA|ERR|EVP|OPENSSL|PEM|RSA|X509)_/g,
      )) {
        // Node uses its own, as it should.
        if (from === process.execPath || basename(from) === "node") continue;
        const use = `${basename(from)} → ${basename(to)}`;
        uses[use] = (uses[use] ?? 0) + 1;
      }
    }
    t.log(uses);
    const all = Object.keys(uses).map((use) => use.split(" → "));
    t.true(all.some(([from]) => module.test(from)));
    t.true(all.some(([from]) => from.startsWith("libcrypto")));
    t.deepEqual(
      all.filter(([, to]) => !to.startsWith("libcrypto")),
      [],
    );
  });
}
