// Which crates are linked into the addon of a target. The bill of materials and the licenses are made from this one list.

import { execFileSync } from "node:child_process";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const ofUse = ({ dep_kinds }) => dep_kinds.some(({ kind }) => kind === null);

/**
 * The addon's own package, and every crate below it, ours too, by name and version. What only builds and tests need is
 * not linked; macros are not either, but write code that is, and stay.
 */
export function linkedCrates(target) {
  const args = ["metadata", "--locked", "--format-version", "1", "--filter-platform", target];
  const said = execFileSync("cargo", args, { cwd: root, encoding: "utf8", maxBuffer: 1 << 28, stdio: quietly });
  const { packages, resolve } = JSON.parse(said);
  const packageOf = new Map(packages.map((each) => [each.id, each]));
  const nodeOf = new Map(resolve.nodes.map((node) => [node.id, node]));
  const found = new Map();
  const walk = (id) => {
    if (found.has(id)) return;
    const uses = nodeOf.get(id).deps.filter(ofUse);
    const { name, version, license, source, manifest_path } = packageOf.get(id);
    found.set(id, {
      name,
      version,
      // Cargo allowed a slash for "or" before it took SPDX expressions.
      license: license?.replaceAll(/\s*\/\s*/g, " OR "),
      ours: source === null,
      folder: dirname(manifest_path),
      uses: uses.map(({ pkg }) => keyOf(packageOf.get(pkg))).sort(),
    });
    for (const { pkg } of uses) walk(pkg);
  };
  walk(resolve.root);
  const [addon, ...others] = found.values();
  return { addon, crates: others.sort((a, b) => (keyOf(a) < keyOf(b) ? -1 : 1)) };
}

/** `name@version`, which names a crate in a lock file. */
export const keyOf = ({ name, version }) => `${name}@${version}`;

const quietly = ["ignore", "pipe", "pipe"];
