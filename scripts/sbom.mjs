// What is in a platform's package, as CycloneDX 1.6: the crates that are linked into the addon for this target, and what
// is bundled with the command line. `npm sbom` would list what the package is developed with, which nobody installs.
//
//   node scripts/sbom.mjs --target aarch64-unknown-linux-gnu > sbom.cdx.json
//
// The same sources give the same text: there is no time and no random number in it.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { platforms, rootManifest } from "./platforms.mjs";

const { values } = parseArgs({ options: { target: { type: "string", default: "x86_64-unknown-linux-gnu" } } });
const platform = platforms.find(({ triple }) => triple === values.target);
if (platform === undefined) throw new Error(`${values.target} is no target of package.json`);

const args = ["metadata", "--locked", "--format-version", "1", "--filter-platform", values.target];
const metadata = JSON.parse(execFileSync("cargo", args, { encoding: "utf8", maxBuffer: 1 << 28 }));
const packages = new Map(metadata.packages.map((each) => [each.id, each]));
const nodes = new Map(metadata.resolve.nodes.map((node) => [node.id, node]));
const checksums = new Map(
  [
    ...readFileSync("Cargo.lock", "utf8").matchAll(
      /^name = "(.+)"\nversion = "(.+)"\nsource = .+\nchecksum = "(.+)"$/gm,
    ),
  ].map(([, name, version, checksum]) => [`${name}@${version}`, checksum]),
);

/** What is linked: dependencies of builds and tests are not, nor macros, but nobody minds one too many. */
function linked(id, seen = new Set()) {
  if (seen.has(id)) return seen;
  seen.add(id);
  for (const { pkg, dep_kinds } of nodes.get(id).deps)
    if (dep_kinds.some(({ kind }) => kind === null)) linked(pkg, seen);
  return seen;
}

const purl = ({ name, version }) => `pkg:cargo/${name}@${version}`;
const crates = [...linked(metadata.resolve.root)]
  .map((id) => packages.get(id))
  .sort((a, b) => (purl(a) < purl(b) ? -1 : 1));
const commander = JSON.parse(readFileSync("node_modules/commander/package.json", "utf8"));

const components = [
  ...crates
    .filter(({ id }) => id !== metadata.resolve.root)
    .map((crate) => {
      const checksum = checksums.get(`${crate.name}@${crate.version}`);
      return {
        type: "library",
        "bom-ref": purl(crate),
        name: crate.name,
        version: crate.version,
        purl: purl(crate),
        // Cargo allowed a slash for "or" before it took SPDX expressions.
        ...(crate.license ? { licenses: [{ expression: crate.license.replaceAll("/", " OR ") }] } : {}),
        ...(checksum === undefined ? {} : { hashes: [{ alg: "SHA-256", content: checksum }] }),
      };
    }),
  {
    type: "library",
    "bom-ref": `pkg:npm/commander@${commander.version}`,
    name: "commander",
    version: commander.version,
    purl: `pkg:npm/commander@${commander.version}`,
    licenses: [{ expression: commander.license }],
  },
];
const own = `pkg:npm/${platform.name}@${rootManifest.version}`;
const dependencies = [...crates].map((crate) => ({
  ref: crate.id === metadata.resolve.root ? own : purl(crate),
  dependsOn: nodes
    .get(crate.id)
    .deps.filter(({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null))
    .map(({ pkg }) => purl(packages.get(pkg)))
    .sort(),
}));

const bom = {
  bomFormat: "CycloneDX",
  specVersion: "1.6",
  version: 1,
  metadata: {
    component: { type: "library", "bom-ref": own, name: platform.name, version: rootManifest.version, purl: own },
  },
  components,
  dependencies,
};
process.stdout.write(`${JSON.stringify(bom, null, 2)}\n`);
