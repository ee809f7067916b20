// What must hold when every test of a file was about options: nothing was done with them.

import { existsSync, readFileSync } from "node:fs";
import { basename } from "node:path";

/** Where Linux lists the files mapped into this process: a module that was loaded is there. */
const MAPS = "/proc/self/maps";

/** Whether the testbed's PKCS#11 module is in this process; `undefined` where the system does not tell. */
export function moduleIsLoaded(bed) {
  return existsSync(MAPS) ? readFileSync(MAPS, "utf8").includes(basename(bed.tokens.module)) : undefined;
}

/** Asserts that neither network nor token was touched. */
export async function untouched(t, bed) {
  t.deepEqual(await bed.log(), []);
  t.is((await bed.control("GET", "/state")).openConnections, 0);
  t.not(moduleIsLoaded(bed), true);
}
