// Rolls the public TypeScript surface up into one file, `index.d.ts`, which is committed: it is the API snapshot.
// With `--check` nothing is written and a difference is an error.

import { readFileSync, writeFileSync } from "node:fs";
import { generateDtsBundle } from "dts-bundle-generator";

const header = `// The public types of refresh-session. Generated from src/ts by \`npm run build:ts\`; a change here is a change of the API.

/// <reference lib="esnext.disposable" />

`;

const [bundle] = generateDtsBundle(
  [{ filePath: "src/ts/index.ts", output: { noBanner: true, sortNodes: true, exportReferencedTypes: false } }],
  { preferredConfigPath: "tsconfig.json" },
);
const current = header + bundle;

if (!process.argv.includes("--check")) {
  writeFileSync("index.d.ts", current);
} else if (readFileSync("index.d.ts", "utf8") !== current) {
  console.error("index.d.ts is not what src/ts declares: run `npm run build:ts`, look at the difference, commit it.");
  process.exitCode = 1;
} else {
  console.log("index.d.ts is current.");
}
