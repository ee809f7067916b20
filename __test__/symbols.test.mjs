// Node exports its own OpenSSL to every library that is loaded into it. A PKCS#11 module that signs with a mix of that
// and the system's crashes sooner or later; the dynamic linker is asked which one it gets.

import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import test from "ava";
import { start } from "./children/run.mjs";
import { startTestbed } from "./support/testbed.mjs";

let tb;
test.before(async () => {
  tb = await startTestbed({ tokens: true });
});
test.after.always(() => tb?.stop());

test("the module and its OpenSSL use each other's symbols, never Node's", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "refresh-session-symbols-"));
  const env = { LD_DEBUG: "bindings", LD_DEBUG_OUTPUT: join(dir, "bindings") };
  const { code, stderr } = await start("fetch.mjs", { options: tb.hsm("rsa2048"), ending: "close" }, { env }).ended;
  t.is(code, 0, stderr);

  /** Where the symbols of the module and of its OpenSSL come from. */
  const targets = new Set();
  for (const file of await readdir(dir)) {
    const text = await readFile(join(dir, file), "utf8");
    for (const [, from, to] of text.matchAll(
      /binding file (\S+) \[0\] to (\S+) \[0\]: \w+ symbol `(?:EVP|BN|RSA|EC|OPENSSL)_/g,
    )) {
      if (/libcrypto|libsofthsm2/.test(from)) targets.add(basename(to));
    }
  }
  await rm(dir, { recursive: true });
  const libraries = [...targets];
  t.true(
    libraries.some((library) => library.startsWith("libcrypto")),
    `bindings seen: ${libraries}`,
  );
  t.deepEqual(
    libraries.filter((library) => !library.startsWith("libcrypto")),
    [],
  );
});
