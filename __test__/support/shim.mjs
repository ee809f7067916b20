// The module that breaks on purpose (`crates/pkcs11/tests/shim`), in front of SoftHSM. Unlike pkcs11-spy it counts right
// when several threads call it at once.

import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";

const built = fileURLToPath(new URL("../../target/debug/examples/libpkcs11_shim.so", import.meta.url));

/** A shim for one process: how it is told what to do, and what it was called. */
export function shimOf(bed) {
  if (!existsSync(built))
    throw new Error("the shim is missing: run `cargo build --examples -p refresh-session-pkcs11`");
  const dir = mkdtempSync(join(bed.dir, "shim-"));
  const log = join(dir, "calls");
  // Where the sources are others may be allowed to write; then it is not loaded.
  const library = join(dir, basename(built));
  copyFileSync(built, library);
  chmodSync(library, 0o755);
  return {
    library,
    env: { REFRESH_SESSION_PKCS11_TEST: dir, PKCS11SPY: bed.tokens.module, PKCS11SPY_OUTPUT: log },
    /** What it does from now on. */
    script(...words) {
      writeFileSync(join(dir, "new"), words.join(" "));
      // In one step: it is read at any moment.
      renameSync(join(dir, "new"), join(dir, "shim"));
    },
    count(name) {
      const lines = existsSync(log) ? readFileSync(log, "utf8").split("\n") : [];
      return lines.filter((line) => line === `0: ${name}`).length;
    },
  };
}
