// Publishes what scripts/pack.mjs packed: platform packages first, the root package last, so that at no moment npm can
// find a root package whose platforms are missing. What is there already, the same to the byte, is left: a release that
// failed half-way is run once more. The registry is npm's own unless `npm config` says otherwise.
//
//   node scripts/publish.mjs [--dir .cache/pack] [--registry URL] [--provenance] [--tag latest]

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { platforms, rootManifest } from "./platforms.mjs";

const { values } = parseArgs({
  options: {
    dir: { type: "string", default: ".cache/pack" },
    registry: { type: "string" },
    provenance: { type: "boolean", default: false },
    tag: { type: "string", default: "latest" },
  },
});
const { version } = rootManifest;
const where = values.registry === undefined ? [] : [`--registry=${values.registry}`];
const packages = [...platforms.map(({ name }) => name), rootManifest.name].map((name) => ({
  name,
  tarball: join(values.dir, `${name}-${version}.tgz`),
}));

const absent = packages.filter(({ tarball }) => !existsSync(tarball));
if (absent.length > 0)
  throw new Error(`not packed: ${absent.map(({ name }) => name).join(", ")}; nothing was published`);

for (const { name, tarball } of packages) {
  const there = published(name);
  const integrity = `sha512-${createHash("sha512").update(readFileSync(tarball)).digest("base64")}`;
  if (there === integrity) {
    console.log(`${name} ${version} is there`);
  } else if (there !== undefined) {
    throw new Error(`${name} ${version} is published with other contents: raise the version`);
  } else {
    const flags = [
      "--access=public",
      "--ignore-scripts",
      `--tag=${values.tag}`,
      ...(values.provenance ? ["--provenance"] : []),
    ];
    execFileSync("npm", ["publish", tarball, ...flags, ...where], { stdio: ["ignore", "ignore", "inherit"] });
    console.log(`${name} ${version} is published`);
  }
}

/** The integrity of this version in the registry; nothing if it is not there. */
function published(name) {
  try {
    const args = ["view", `${name}@${version}`, "dist.integrity", "--json", ...where];
    const said = execFileSync("npm", args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    // A list from npm 12 on.
    return said === "" ? undefined : [JSON.parse(said)].flat()[0];
  } catch (failure) {
    if (/E404/.test(`${failure.stdout}${failure.stderr}`)) return undefined;
    throw failure;
  }
}
