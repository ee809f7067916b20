// The package once more at another path, as npm installs it for two programs that want different versions. The two
// have nothing in common: the system's loader takes another file for another library, with variables of its own.

import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Copies what an installed package consists of; where its ES module is. */
export function copyAddon(dir) {
  mkdirSync(dir);
  for (const name of ["dist", ...readdirSync(root).filter((name) => name.endsWith(".node"))]) {
    cpSync(join(root, name), join(dir, name), { recursive: true });
  }
  return join(dir, "dist", "index.mjs");
}
