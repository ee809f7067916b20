/**
 * What is installed beside this package and found when the program runs: the addon, the SDK's own providers. Not by the
 * `require` of a module: bundlers would look for it when they build.
 */

import { createRequire } from "node:module";

/** `require`, from where this file is: in a bundle, from where the bundle is. */
export const beside = createRequire(__filename);
