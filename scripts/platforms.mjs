// The platform packages: one folder under `npm/` for each target of package.json's `napi` block, with a manifest and a
// README. `node scripts/platforms.mjs` writes them, with `--check` a difference is an error. napi's own generator leaves
// `libc` out for 32-bit ARM, and npm then installs both binaries.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));

/** What npm and Node.js call the parts of a target triple. `tested`: on what its binary is run. */
const TARGETS = {
  "aarch64-unknown-linux-gnu": linux("arm64", "gnu", "arm64", "glibc", "qemu, by `scripts/qemu.sh`"),
  "aarch64-unknown-linux-musl": linux("arm64", "musl", "arm64", "musl"),
  "armv7-unknown-linux-gnueabihf": linux("arm", "gnueabihf", "arm", "glibc", "qemu, by `scripts/qemu.sh`"),
  "armv7-unknown-linux-musleabihf": linux("arm", "musleabihf", "arm", "musl"),
  "x86_64-unknown-linux-gnu": linux("x64", "gnu", "x64", "glibc", "the machine itself, by `npm test`"),
  "x86_64-unknown-linux-musl": linux("x64", "musl", "x64", "musl"),
  "aarch64-apple-darwin": { abi: "darwin-arm64", os: "darwin", cpu: "arm64" },
  "x86_64-apple-darwin": { abi: "darwin-x64", os: "darwin", cpu: "x64" },
  "aarch64-pc-windows-msvc": { abi: "win32-arm64-msvc", os: "win32", cpu: "arm64" },
  "x86_64-pc-windows-msvc": { abi: "win32-x64-msvc", os: "win32", cpu: "x64" },
};

function linux(arch, abi, cpu, libc, tested) {
  return { abi: `linux-${arch}-${abi}`, os: "linux", cpu, libc, tested };
}

/** The manifest of the root package, as it is in the repository. */
export const rootManifest = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));

/** The platform packages, in the order of package.json. */
export const platforms = rootManifest.napi.targets.map((triple) => {
  const target = TARGETS[triple];
  if (target === undefined) throw new Error(`scripts/platforms.mjs does not know the target ${triple} of package.json`);
  const binary = `${rootManifest.napi.binaryName}.${target.abi}.node`;
  return { ...target, triple, binary, name: `${rootManifest.name}-${target.abi}`, folder: join("npm", target.abi) };
});

/** The licenses of what is linked in, beside the binary: `scripts/licenses.mjs` makes it when a package is packed. */
export const LICENSES_FILE = "THIRD-PARTY-LICENSES.txt";

/** What `npm/<abi>/package.json` says. */
export function manifestOf({ name, triple, binary, os, cpu, libc }) {
  const { version, license, engines, repository } = rootManifest;
  return {
    name,
    version,
    description: `The native addon of ${rootManifest.name} for ${triple}`,
    license,
    repository,
    main: binary,
    files: [binary, LICENSES_FILE],
    engines,
    os: [os],
    cpu: [cpu],
    ...(libc === undefined ? {} : { libc: [libc] }),
    // Yarn's Plug'n'Play would keep it in an archive, which the system's loader does not read.
    preferUnplugged: true,
  };
}

function readmeOf({ name, triple, tested }) {
  const run = tested === undefined ? "It is built by the release and untested here." : `Its tests run on ${tested}.`;
  return `# ${name}

The native addon of [${rootManifest.name}](https://www.npmjs.com/package/${rootManifest.name}) for \`${triple}\`. npm installs it with
\`${rootManifest.name}\`, where it fits; nobody needs to name it.

${run} What runs where: docs/platforms.md in the repository.
`;
}

/** Every file under `npm/`, by its path. */
function files() {
  return new Map(
    platforms.flatMap((platform) => [
      [join(platform.folder, "package.json"), `${JSON.stringify(manifestOf(platform), null, 2)}\n`],
      [join(platform.folder, "README.md"), readmeOf(platform)],
    ]),
  );
}

function check() {
  const wanted = files();
  const there = readdirSync(join(root, "npm"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".node"))
    .map((entry) => join(entry.parentPath, entry.name).slice(root.length));
  const wrong = [
    ...there.filter((path) => !wanted.has(path)),
    ...[...wanted].filter(([path, text]) => !there.includes(path) || readFileSync(join(root, path), "utf8") !== text),
  ];
  const paths = wrong.map((entry) => (Array.isArray(entry) ? entry[0] : entry));
  if (paths.length === 0) return console.log("npm/ is current.");
  console.error(`Not what package.json makes of it: ${paths.join(", ")}. Run \`node scripts/platforms.mjs\`.`);
  process.exitCode = 1;
}

function write() {
  rmSync(join(root, "npm"), { recursive: true, force: true });
  for (const [path, text] of files()) {
    mkdirSync(join(root, path, ".."), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (process.argv.includes("--check")) check();
  else write();
}
