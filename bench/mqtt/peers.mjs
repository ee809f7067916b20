// Where bench/peers.sh has put the libraries of others.

import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The folder's own path for `createRequire`. */
export const peers = fileURLToPath(new URL("../../.cache/peers/index.js", import.meta.url));

export const isInstalled = (name) => existsSync(new URL(`../../.cache/peers/node_modules/${name}`, import.meta.url));
