// Bundles the command line into one file, `dist/cli.js`, with everything it needs but the addon.

import { chmodSync, readFileSync } from "node:fs";
import { build } from "esbuild";

const { version } = JSON.parse(readFileSync("package.json", "utf8"));
const license = readFileSync("node_modules/commander/LICENSE", "utf8").trim();

await build({
  entryPoints: ["src/cli/main.ts"],
  outfile: "dist/cli.js",
  bundle: true,
  platform: "node",
  target: "node20.19",
  format: "cjs",
  define: { VERSION: JSON.stringify(version) },
  footer: { js: `/* In here: commander\n\n${license}\n*/` },
  logLevel: "warning",
});
chmodSync("dist/cli.js", 0o755);
