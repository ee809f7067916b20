// Bundles the library into `dist/index.js` and the command line into `dist/cli.js`, each with everything it needs but
// the addon.

import { chmodSync, readFileSync } from "node:fs";
import { build } from "esbuild";

const commander = readFileSync("node_modules/commander/LICENSE", "utf8").trim();

const common = {
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  logLevel: "warning",
};

await build({ ...common, entryPoints: ["src/ts/index.ts"], outfile: "dist/index.js", allowOverwrite: true });
await build({
  ...common,
  entryPoints: ["src/cli/main.ts"],
  outfile: "dist/cli.js",
  footer: { js: `/* In here: commander\n\n${commander}\n*/` },
});
chmodSync("dist/cli.js", 0o755);
