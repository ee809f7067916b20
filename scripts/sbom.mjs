// What is in a platform's package, as CycloneDX 1.6: the crates that are linked into the addon for this target, and what
// is bundled with the command line. `npm sbom` would list what the package is developed with, which nobody installs.
//
//   node scripts/sbom.mjs --target aarch64-unknown-linux-gnu > sbom.cdx.json
//
// The same sources give the same text: there is no time and no random number in it.

import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { keyOf, linkedCrates } from "./crates.mjs";
import { platforms, rootManifest } from "./platforms.mjs";

const read = (path) => readFileSync(new URL(`../${path}`, import.meta.url), "utf8");
const purl = (key) => `pkg:cargo/${key}`;

/** The bill of materials of a platform's package. */
export function billOf(platform) {
  const { addon, crates } = linkedCrates(platform.triple);
  const checksums = new Map(
    [...read("Cargo.lock").matchAll(/^name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"$/gm)].map(
      ([, name, version, checksum]) => [keyOf({ name, version }), checksum],
    ),
  );
  const own = `pkg:npm/${platform.name}@${rootManifest.version}`;
  const { version } = rootManifest;
  return {
    bomFormat: "CycloneDX",
    specVersion: "1.6",
    version: 1,
    metadata: { component: { type: "library", "bom-ref": own, name: platform.name, version, purl: own } },
    components: [
      ...crates.map((crate) => componentOf(crate, checksums.get(keyOf(crate)))),
      standardLibrary,
      commander(),
    ],
    dependencies: [
      { ref: own, dependsOn: addon.uses.map(purl) },
      ...crates.map((crate) => ({ ref: purl(keyOf(crate)), dependsOn: crate.uses.map(purl) })),
    ],
  };
}

function componentOf(crate, checksum) {
  const { name, version, license } = crate;
  const ref = purl(keyOf(crate));
  return {
    type: "library",
    "bom-ref": ref,
    name,
    version,
    purl: ref,
    ...(license === undefined ? {} : { licenses: [{ expression: license }] }),
    ...(checksum === undefined ? {} : { hashes: [{ alg: "SHA-256", content: checksum }] }),
  };
}

/** Linked into every addon, and in no lock file: its version is that of the compiler. */
const standardLibrary = {
  type: "library",
  "bom-ref": "rust-std",
  name: "std",
  description: "the Rust standard library",
  licenses: [{ expression: "MIT OR Apache-2.0" }],
};

function commander() {
  const { version, license } = JSON.parse(read("node_modules/commander/package.json"));
  const ref = `pkg:npm/commander@${version}`;
  return {
    type: "library",
    "bom-ref": ref,
    name: "commander",
    version,
    purl: ref,
    licenses: [{ expression: license }],
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({ options: { target: { type: "string", default: "x86_64-unknown-linux-gnu" } } });
  const platform = platforms.find(({ triple }) => triple === values.target);
  if (platform === undefined) throw new Error(`${values.target} is no target of package.json`);
  process.stdout.write(`${JSON.stringify(billOf(platform), null, 2)}\n`);
}
