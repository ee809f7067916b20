// The packages as they are published: the root package, and one for each platform whose binary is there.
//
//   node scripts/pack.mjs [--out .cache/pack] [--addons .] [--all] [--release]
//
// `--release` leaves in the folder what a release is: the tarballs, a bill of materials for each platform, checksums. Binaries are taken from `--addons`, or from `npm/<platform>/`; with `--all` a missing one is an error. The manifest in
// the repository has no `optionalDependencies`, or `npm install` in a checkout would ask for packages of a version that
// is not published yet; they are written here. A file that is not on the list below is an error, on either side.

import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { licensesOf } from "./licenses.mjs";
import { LICENSES_FILE, manifestOf, platforms, rootManifest } from "./platforms.mjs";
import { billOf } from "./sbom.mjs";

const root = fileURLToPath(new URL("..", import.meta.url));

/** The root package. npm adds nothing to it that is not here. */
export const ROOT_FILES = [
  "LICENSE",
  "README.md",
  "dist/cli.js",
  "dist/core.js",
  "dist/index.js",
  "dist/index.mjs",
  "dist/mqtt.js",
  "index.d.mts",
  "index.d.ts",
  "package.json",
];

/** Bytes that an installation may have, the JavaScript and the one addon that npm adds to it. */
export const INSTALLED_BAR = 5_000_000;

/** A platform package. */
export const platformFiles = ({ binary }) => ["LICENSE", "README.md", LICENSES_FILE, "package.json", binary];

/** Fields of package.json that speak to those who work on it. */
const OF_THE_REPOSITORY = ["private", "scripts", "devDependencies", "ava", "napi"];

/** The root package's manifest as it is published. */
export function publishedManifest() {
  const kept = Object.entries(rootManifest).filter(([field]) => !OF_THE_REPOSITORY.includes(field));
  const { version } = rootManifest;
  return {
    ...Object.fromEntries(kept),
    optionalDependencies: Object.fromEntries(platforms.map(({ name }) => [name, version])),
  };
}

/** Packs what there is; `out` is emptied before. */
export function pack({ out, addons = root, all = false }) {
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
  const stage = join(out, "stage");
  const packed = [];
  for (const platform of platforms) {
    const binary = [addons, join(root, platform.folder)].map((dir) => join(dir, platform.binary)).find(existsSync);
    if (binary === undefined) {
      if (all) throw new Error(`${platform.binary} is neither in ${addons} nor in ${platform.folder}`);
      continue;
    }
    refuseUnfit(binary, platform);
    const folder = join(stage, platform.name);
    write(folder, "package.json", manifestOf(platform));
    copy(join(root, platform.folder, "README.md"), join(folder, "README.md"));
    copy(join(root, "LICENSE"), join(folder, "LICENSE"));
    writeFileSync(join(folder, LICENSES_FILE), licensesOf(platform));
    copy(binary, join(folder, platform.binary));
    packed.push({ ...platform, ...npmPack(folder, out, platformFiles(platform)) });
  }
  const folder = join(stage, rootManifest.name);
  write(folder, "package.json", publishedManifest());
  for (const path of ROOT_FILES) if (path !== "package.json") copy(join(root, path), join(folder, path));
  return { root: { name: rootManifest.name, ...npmPack(folder, out, ROOT_FILES) }, platforms: packed };
}

/** What the loader would refuse is not packed. A file that is no ELF at all stands for one, in tests and rehearsals. */
function refuseUnfit(binary, { os, cpu }) {
  const require = createRequire(join(root, "dist/addon/"));
  const elf = require("./elf.js").readElf(binary, true);
  if (os !== "linux" || elf === undefined) return;
  if (!elf.whole) throw new Error(`${binary} is not a whole ELF file`);
  const arch = require("./platform.js").archOf(elf);
  if (arch !== cpu) throw new Error(`${binary} is for ${arch}, and its package for ${cpu}`);
}

/** Makes the folder what is attached to a release; `made` comes from `pack`. */
export function finish({ out, made }) {
  rmSync(join(out, "stage"), { recursive: true });
  for (const platform of made.platforms)
    writeFileSync(join(out, `${platform.triple}.cdx.json`), `${JSON.stringify(billOf(platform), null, 2)}\n`);
  const sums = readdirSync(out)
    .sort()
    .map(
      (name) =>
        `${createHash("sha256")
          .update(readFileSync(join(out, name)))
          .digest("hex")}  ${name}\n`,
    );
  writeFileSync(join(out, "SHA256SUMS"), sums.join(""));
}

function npmPack(folder, out, wanted) {
  const args = ["pack", folder, "--json", "--ignore-scripts", "--pack-destination", out];
  // A list until npm 11, by name from npm 12 on.
  const [{ filename, files, size, unpackedSize }] = Object.values(JSON.parse(execFileSync("npm", args, quietly)));
  const paths = files.map(({ path }) => path).sort();
  const sorted = [...wanted].sort();
  if (paths.join() !== sorted.join()) throw new Error(`${filename} holds ${paths}, and should hold ${sorted}`);
  return { folder, tarball: join(out, filename), files: paths, size, unpackedSize };
}

const quietly = { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"], maxBuffer: 1 << 26 };

function write(folder, name, manifest) {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, name), `${JSON.stringify(manifest, null, 2)}\n`);
}

function copy(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  copyFileSync(from, to);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { values } = parseArgs({
    options: {
      out: { type: "string", default: join(root, ".cache/pack") },
      addons: { type: "string", default: root },
      all: { type: "boolean", default: false },
      release: { type: "boolean", default: false },
    },
  });
  const made = pack({ ...values, out: resolve(values.out), addons: resolve(values.addons) });
  const megabytes = (bytes) => (bytes / 1e6).toFixed(3).padStart(7);
  console.log("MB packed  installed  in all  package");
  for (const { name, binary, size, unpackedSize } of [made.root, ...made.platforms]) {
    const inAll = binary === undefined ? 0 : unpackedSize + made.root.unpackedSize;
    const over = inAll > INSTALLED_BAR;
    const sum = binary === undefined ? " ".repeat(7) : megabytes(inAll);
    console.log(
      `  ${megabytes(size)}    ${megabytes(unpackedSize)} ${sum}  ${name}${over ? `: TOO LARGE, the bar is ${megabytes(INSTALLED_BAR).trim()}` : ""}`,
    );
    // Without `--all` it may be an addon of the inner loop.
    if (over && values.all) process.exitCode = 1;
  }
  const absent = platforms.filter(({ name }) => !made.platforms.some((packed) => packed.name === name));
  if (absent.length > 0) console.log(`no binary here for: ${absent.map(({ abi }) => abi).join(", ")}`);
  if (values.release) finish({ out: resolve(values.out), made });
  console.log(`in ${values.out}`);
}
